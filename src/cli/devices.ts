/** The drives and devices that the command line asks for, over the host's files. */
import { UserError } from "../base/errors.ts";
import type { BlockBackend } from "../base/block.ts";
import type { Drive } from "../vmm/drives.ts";
import type { FileTree } from "../vmm/files/tree.ts";
import "../vmm/machine/cards.ts";
import "../vmm/machine/drives.ts";
import type { DeviceSet } from "../vmm/machine/fitting.ts";
import type { DriveOption } from "./drives.ts";
import { openHostDisk, writeRaw, type HostDisk } from "./host-file.ts";
import { HostTree } from "./host-tree.ts";
import type { CliOptions } from "./options.ts";

export interface Devices {
  readonly drives: readonly Drive[];
  readonly devices: DeviceSet;
  /** Flushes disk images and closes them. */
  close(): void;
}

async function open(drive: DriveOption, snapshotAll: boolean, replay: boolean, opened: HostDisk[]): Promise<BlockBackend> {
  const snapshot = !drive.readOnly && (drive.snapshot || snapshotAll);
  const disk = await openHostDisk(drive.file, { format: drive.format, readOnly: drive.readOnly, snapshot, overlay: drive.overlay, scratch: replay });
  opened.push(disk);
  if (disk.disk.readOnly && !drive.readOnly) throw new UserError(`disk: '${drive.file}' is a qcow2 image, which cannot be written: add overlay=FILE, readonly=on or -snapshot`);
  return disk.disk;
}

/** Writes the one drive of the command line, with its overlay, to a raw image. Throws UserError. */
export async function saveDisk({ drives, snapshot }: Pick<CliOptions, "drives" | "snapshot">, path: string): Promise<void> {
  if (drives.length !== 1) throw new UserError(`--save-disk: ${drives.length === 0 ? "there is no drive" : "more than one drive is given"}`);
  const opened: HostDisk[] = [];
  try {
    await writeRaw(await open({ ...drives[0], readOnly: true }, snapshot, false, opened), path);
  } finally {
    for (const disk of opened) disk.close();
  }
}
/** What stands for a shared folder: the host's, watched, or what a recording has of it. */
export type MakeTree = (index: number, path: string, readOnly: boolean) => FileTree;
export const hostTree: MakeTree = (_index, path, readOnly) => new HostTree(path, readOnly);

/** Throws UserError for files that cannot be used. */
export async function makeDevices({ drives, devices, snapshot, replay }: CliOptions, tree: MakeTree = hostTree): Promise<Devices> {
  const opened: HostDisk[] = [];
  const close = (): void => {
    for (const disk of opened.splice(0)) disk.close();
  };
  try {
    const placed: Drive[] = [];
    for (const drive of drives) {
      const { interface: kind, media, index } = drive;
      if (kind === "ide" || kind === "floppy") placed.push({ interface: kind, media, index, serial: drive.serial, backend: await open(drive, snapshot, replay !== null, opened) });
    }
    const disks = [];
    for (const disk of devices.disks) {
      const { serial, queues, packed } = disk;
      disks.push({ backend: await open(disk, snapshot, replay !== null, opened), queues, packed, ...(serial === null ? {} : { serial }) });
    }
    return {
      drives: placed,
      devices: {
        disks,
        shares: devices.shares.map(({ path, tag, readOnly }, index) => ({ tag, tree: tree(index, path, readOnly) })),
        nics: devices.nics,
        rng: devices.rng,
        balloon: devices.balloon,
      },
      close,
    };
  } catch (e) {
    close();
    throw e;
  }
}
