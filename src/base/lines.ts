/** Narrow capabilities that connect components. Edge and level interrupts are different types on purpose. */

/** A level-triggered line: stays asserted until the device lowers it. */
export interface LevelLine {
  set(asserted: boolean): void;
}

/** An edge-triggered line: each `pulse` is one edge. */
export interface EdgeLine {
  pulse(): void;
}

/** Where a device puts bytes that leave the machine (serial output, debug port). */
export interface ByteSink {
  write(byte: number): void;
}

/** The recorded door for randomness. */
export interface EntropySource {
  fill(bytes: Uint8Array): void;
}

/** The recorded door for the date: seconds since 1970-01-01 UTC at machine start. */
export interface WallClock {
  epochSecondsAtStart(): number;
}
