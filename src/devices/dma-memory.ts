/** Guest-physical memory as a bus master sees it: DMA controllers copy through it, and reads outside RAM give all ones. */
export interface DmaMemory {
  /** `paddr` is an exact integer below 2^52. */
  read(paddr: number, into: Uint8Array): void;
  write(paddr: number, from: Uint8Array): void;
}
