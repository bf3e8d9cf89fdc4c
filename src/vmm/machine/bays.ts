/** Where drives on the IDE channels and the floppy controller fit, and the door to their code (drives.ts): a machine without them does without it. */
import type { BlockBackend } from "../../base/block.ts";
import type { Scheduler } from "../../base/clock.ts";
import { InternalError } from "../../base/errors.ts";
import type { LevelLine } from "../../base/lines.ts";
import type { DmaChannel } from "../../devices/dma/isa-dma.ts";
import type { FloppyController } from "../../devices/floppy/fdc.ts";
import type { MakeDrive } from "../../devices/ide/channel.ts";
import type { Drive } from "../drives.ts";

export interface DriveFactory {
  /** The IDE drive of a configuration; null: a disk that is not there. */
  ide(drive: Drive): MakeDrive | null;
  floppyController(scheduler: Scheduler, irq: LevelLine, dma: DmaChannel, drives: readonly (BlockBackend | null)[]): FloppyController;
  /** Type for the CMOS's byte 10h. */
  floppyType(drive: Drive): number;
}

let provided: DriveFactory | null = null;

/** Called by drives.ts when it is loaded. */
export function provideDrives(factory: DriveFactory): void {
  provided = factory;
}

/** Whoever asks for drives has loaded drives.ts before. */
export function driveFactory(): DriveFactory {
  if (provided === null) throw new InternalError("src/vmm/machine/drives.ts is not loaded");
  return provided;
}
