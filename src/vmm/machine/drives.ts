/** The drives that a user asks for: IDE disks and CD-ROMs, floppy drives with their controller. */
import { FloppyController } from "../../devices/floppy/fdc.ts";
import { floppyFormat } from "../../devices/floppy/format.ts";
import { AtaDisk } from "../../devices/ide/ata-disk.ts";
import { AtapiCdrom } from "../../devices/ide/atapi-cdrom.ts";
import { provideDrives } from "./bays.ts";

/** CMOS: a drive for disks of 1.44 MB, which an empty one and one with an unusual disk are. */
const TYPE_1440K = 4;

provideDrives({
  ide({ media, backend, serial, index }) {
    const name = serial ?? `TV${String(index + 1).padStart(5, "0")}`;
    if (media === "cdrom") return (host) => new AtapiCdrom(host, backend, name);
    return backend === null ? null : (host) => new AtaDisk(host, backend, name);
  },
  floppyController: (scheduler, irq, dma, drives) => new FloppyController(scheduler, irq, dma, drives),
  floppyType: ({ backend }) => (backend === null ? null : floppyFormat(backend.sectors)?.driveType) ?? TYPE_1440K,
});
