/** The drives of a machine, as a configuration names them. */
import type { BlockBackend } from "../base/block.ts";

export interface Drive {
  readonly interface: "ide" | "floppy";
  readonly media: "disk" | "cdrom";
  /** IDE: 0 primary master to 3 secondary slave. Floppy: 0 is A:, 1 is B:. */
  readonly index: number;
  /** What it says of itself, up to 20 ASCII characters; default: a number of ours. */
  readonly serial?: string | null;
  /** Null: a drive without a disk in it. */
  readonly backend: BlockBackend | null;
}

/** What is tried, in order: QEMU's letters of -boot. */
export type BootDevice = "a" | "c" | "d";
