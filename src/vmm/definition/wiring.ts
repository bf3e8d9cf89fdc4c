/** From a definition to what a machine is built of. The one place: page, command and embedding go through here. */
import type { BlockBackend } from "../../base/block.ts";
import { UserError } from "../../base/errors.ts";
import { DETERMINISTIC_EPOCH_SECONDS, type KernelImages, type MachineConfig } from "../config.ts";
import type { BootDevice, Drive } from "../drives.ts";
import type { FileTree } from "../files/tree.ts";
import type { DeviceSet } from "../machine/fitting.ts";
import type { ImageFormat } from "../storage/open-image.ts";
import type { DiskDefinition, FileSource, MachineDefinition } from "./definition.ts";

/** A drive of a definition. */
export interface DriveSpec {
  /** Kind and place in the definition: `disk0`, `cdrom1`, `floppy0`. */
  readonly id: string;
  readonly kind: "disk" | "cdrom" | "floppy";
  /** Null: nothing is in it. */
  readonly image: FileSource | { readonly blank: number } | null;
  /** Null: what the image looks like. */
  readonly format: ImageFormat | null;
  readonly writes: DiskDefinition["writes"];
}

export function drivesOf({ disks, cdroms, floppies }: Pick<MachineDefinition, "disks" | "cdroms" | "floppies">): readonly DriveSpec[] {
  return [
    ...disks.map(({ image, format, writes }, i): DriveSpec => ({ id: `disk${i}`, kind: "disk", image, format, writes })),
    ...cdroms.map(({ image }, i): DriveSpec => ({ id: `cdrom${i}`, kind: "cdrom", image, format: "raw", writes: "none" })),
    ...floppies.map(({ image, writes }, i): DriveSpec => ({ id: `floppy${i}`, kind: "floppy", image, format: "raw", writes })),
  ];
}

const LETTERS: Readonly<Record<string, BootDevice>> = { floppy: "a", disk: "c", cdrom: "d" };

/** What the host has opened for a machine. */
export interface MachineResources {
  /** By drive id; drives that are empty are absent. */
  readonly drives: ReadonlyMap<string, BlockBackend>;
  /** By mount tag. */
  readonly folders: ReadonlyMap<string, FileTree>;
}

/** Seconds since 1970 that the guest's clock starts from. */
export const epochOf = (definition: MachineDefinition, nowMs: number): number => (definition.deterministic ? DETERMINISTIC_EPOCH_SECONDS : Math.floor(nowMs / 1000));

export function machineConfig(definition: MachineDefinition, boot: KernelImages, epochSeconds: number): MachineConfig {
  const { cpu, memory, deterministic, devices, reboot, display, console: { ports } } = definition;
  return {
    memoryMib: memory, cpu: cpu.model, boot, deterministic, debugExit: devices.debugExit, epochSeconds, noReboot: !reboot, vga: display, serialPorts: Math.max(1, ports), tier: cpu.tier,
  };
}

export interface WiredOptions {
  readonly drives: readonly Drive[];
  readonly devices: DeviceSet;
  readonly bootOrder: readonly BootDevice[];
  readonly bootMenu: boolean;
  /** Of one core. */
  readonly share: number;
}

function macBytes(text: string | null): Uint8Array | null {
  return text === null ? null : Uint8Array.from(text.split(/[:-]/), (x) => parseInt(x, 16));
}

/** The options of a `Runner`. */
export function machineOptions(definition: MachineDefinition, { drives, folders }: MachineResources): WiredOptions {
  const { disks, cdroms, floppies, sharedFolders, network, devices, boot, cpu } = definition;
  const backend = (id: string): BlockBackend => {
    const found = drives.get(id);
    if (found === undefined) throw new UserError(`${id}: there is no disk in this drive`);
    return found;
  };
  const onIde: Drive[] = disks.flatMap((d, i) => (d.bus === "ide" ? [{ interface: "ide", media: "disk", index: d.slot ?? 0, serial: d.serial, backend: backend(`disk${i}`) }] : []));
  return {
    drives: [
      ...onIde,
      ...cdroms.map((d, i): Drive => ({ interface: "ide", media: "cdrom", index: d.slot ?? 0, backend: drives.get(`cdrom${i}`) ?? null })),
      ...floppies.map((_d, i): Drive => ({ interface: "floppy", media: "disk", index: i, backend: drives.get(`floppy${i}`) ?? null })),
    ],
    devices: {
      disks: disks.flatMap((d, i) => (d.bus === "virtio" ? [{ backend: backend(`disk${i}`), queues: d.queues, packed: d.packed, ...(d.serial === null ? {} : { serial: d.serial }) }] : [])),
      shares: sharedFolders.map(({ tag }) => {
        const tree = folders.get(tag);
        if (tree === undefined) throw new UserError(`shared folder '${tag}': it has not been opened`);
        return { tag, tree };
      }),
      nics: network.map(({ mac, packed }) => ({ mac: macBytes(mac), packed })),
      rng: devices.rng,
      balloon: devices.balloon,
    },
    bootOrder: "firmware" in boot ? boot.order.map((d) => LETTERS[d]) : ["c", "d", "a"],
    bootMenu: "firmware" in boot && boot.menu,
    share: cpu.share,
  };
}

/** The default guest's kernel has virtio's drivers as modules, in an initrd of their own. */
export function needsModules({ disks, sharedFolders, network, devices }: MachineDefinition): boolean {
  return disks.length > 0 || sharedFolders.length > 0 || network.length > 0 || devices.rng !== null || devices.balloon !== null;
}
