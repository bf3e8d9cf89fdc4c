/** Firmware images, and what firmware asks the machine through fw_cfg and CMOS RAM. */
import { UserError } from "../../base/errors.ts";
import { FW_CFG, littleEndian, type FirmwareConfig } from "../../devices/fw-cfg.ts";
import type { BootDevice, Drive } from "../drives.ts";
import { acpiFiles, type AcpiTables } from "./acpi-loader.ts";
import { E820_RAM, E820_RESERVED } from "./plan.ts";

const KIB = 1024;
const MAX_BYTES = 16 * 1024 * KIB;
/** What of an image is seen below 1 MiB. */
export const LOW_ROM_BYTES = 128 * KIB;

/** Throws UserError for what cannot be a firmware image: it stands at the top of 4 GiB and ends with the reset vector. */
export function checkFirmware(image: Uint8Array): void {
  const { length } = image;
  if (length === 0) throw new UserError("bios: the file is empty");
  if (length % (64 * KIB) !== 0 || length > MAX_BYTES) {
    throw new UserError(`bios: the file has ${length} bytes: a firmware image has a multiple of 64 KiB, at most ${MAX_BYTES / KIB / KIB} MiB`);
  }
  if (image.subarray(length - 16).every((b) => b === 0 || b === 0xff)) throw new UserError("bios: the file ends without a reset vector: it is no firmware image");
}

/** Throws UserError for what is no option ROM (PCI Firmware 3.0 §5.1: AA55h, then its length in units of 512 bytes). */
function checkOptionRom(rom: Uint8Array): void {
  const fault = rom[0] !== 0x55 || rom[1] !== 0xaa ? "does not begin with 55 AA" : rom[2] * 512 > rom.length || rom[2] === 0 ? "is shorter than it says" : null;
  if (fault !== null) throw new UserError(`the VGA BIOS is no option ROM: it ${fault}`);
}

export interface FirmwareSettings {
  readonly memoryBytes: number;
  readonly drives: readonly Drive[];
  readonly order: readonly BootDevice[];
  readonly menu: boolean;
  /** Port of a serial console for SeaBIOS, where there is no screen, or null. */
  readonly serialConsole: number | null;
  /** For firmware to place and link, or null. */
  readonly acpi: AcpiTables | null;
  /** Run by the firmware before anything is shown; null: it has its own, or there is no screen. */
  readonly videoRom: Uint8Array | null;
}

/** The path of a drive as firmware names it in "bootorder" (IEEE 1275, QEMU's form). */
function path(drive: Drive): string {
  if (drive.interface === "floppy") return `/pci@i0cf8/isa@1/fdc@03f0/floppy@${drive.index}`;
  return `/pci@i0cf8/ide@1,1/drive@${drive.index >> 1}/disk@${drive.index & 1}`;
}

const LETTER = (d: Drive): BootDevice => (d.interface === "floppy" ? "a" : d.media === "cdrom" ? "d" : "c");

/** Drives in the order in which they are tried. */
export function bootDrives(drives: readonly Drive[], order: readonly BootDevice[]): readonly Drive[] {
  return order.flatMap((letter) => drives.filter((d) => LETTER(d) === letter).sort((a, b) => a.index - b.index));
}

export function fillFirmwareConfig(config: FirmwareConfig, settings: FirmwareSettings): void {
  const { memoryBytes } = settings;
  config.setInt(FW_CFG.ramSize, 8, memoryBytes);
  config.setInt(FW_CFG.noGraphic, 2, settings.serialConsole !== null ? 1 : 0);
  config.setInt(FW_CFG.cpus, 2, 1);
  config.setInt(FW_CFG.maxCpus, 2, 1);
  config.setInt(FW_CFG.bootMenu, 2, settings.menu ? 1 : 0);
  config.set(FW_CFG.uuid, new Uint8Array(16));
  const e820: number[] = [];
  // As QEMU's: RAM from 0, holes left out; the firmware reserves what it keeps.
  for (const [start, size, type] of [[0, memoryBytes, E820_RAM], [0xfffc_0000, 0x4_0000, E820_RESERVED]] as const) {
    e820.push(...littleEndian(8, start), ...littleEndian(8, size), ...littleEndian(4, type));
  }
  config.addFile("etc/e820", Uint8Array.from(e820));
  const paths = bootDrives(settings.drives, settings.order).map(path);
  config.addFile("bootorder", text(`${paths.join("\n")}\0`));
  config.addFile("etc/boot-fail-wait", littleEndian(4, 0xffff_ffff));
  if (settings.acpi !== null) for (const [name, bytes] of acpiFiles(settings.acpi)) config.addFile(name, bytes);
  if (settings.videoRom !== null) {
    checkOptionRom(settings.videoRom);
    // By the function that it belongs to: the ROM looks for its framebuffer there.
    config.addFile("pci1234,1111.rom", settings.videoRom);
  }
  if (settings.serialConsole !== null) config.addFile("etc/sercon-port", littleEndian(8, settings.serialConsole));
}

const text = (s: string): Uint8Array => Uint8Array.from(s, (ch) => ch.charCodeAt(0));
