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

/**
 * Where message-signalled interrupts go: a doubleword written to the interrupt address range FEEx_xxxxh (SDM 3A §11.11). A machine
 * without a local APIC has none.
 */
export interface MsiSink {
  /** `address` below 2^52, `data` 32 bits, both as the guest has programmed them. */
  write(address: number, data: number): void;
}
