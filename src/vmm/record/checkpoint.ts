/** Hashes of a machine between two instructions: cheap enough to be taken all along a run. */
import type { Machine } from "../machine/machine.ts";
import { encodeSections } from "../state-codec.ts";
import { bytesHash, memoryHasher } from "./memory-hash.ts";

/** Instructions between hashes of the processor. */
export const LIGHT_EVERY = 20_000_000;
/** Instructions between hashes of memory and all devices, when not asked otherwise. */
export const FULL_EVERY = 500_000_000;

export class Checkpoints {
  private readonly hash: (start: number, end: number) => bigint;

  constructor(private readonly machine: Machine) {
    this.hash = memoryHasher(machine.memory);
  }

  /** The processor's registers, and the time. */
  light(): bigint {
    const { ns } = this.machine.position;
    return bytesHash(encodeSections([this.machine.saveProcessor(), { name: "time", version: 1, fields: { ns } }]));
  }

  /** Everything. */
  full(): bigint {
    const { machine } = this;
    const sections = bytesHash(encodeSections(machine.save()));
    const [start, end] = machine.guestMemoryRange;
    return this.hash(start, end) ^ sections;
  }
}
