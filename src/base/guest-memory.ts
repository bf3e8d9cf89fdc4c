/** Guest RAM as a bus-mastering device sees it: direct views for bulk copies, and word by word. */

export interface GuestMemory {
  /**
   * RAM from physical address 0, little-endian; the three views show the same bytes. Not every byte is RAM (the VGA window and
   * the ROM area are not): ask `isRam` first.
   */
  readonly bytes: Uint8Array;
  readonly words: Uint16Array;
  readonly longs: Uint32Array;
  /** Whether [address, address + length) is RAM throughout; its bytes are there to be read from then on. `address` may be any number. */
  isRam(address: number, length: number): boolean;
  /** Before a write through a view, in the same turn: a snapshot may still want what stands there. */
  willWrite(address: number, length: number): void;
  /** Tells that a device has written [address, address + length): decoded code there is dropped. Call it after each write. */
  wrote(address: number, length: number): void;
}

/** Guest-physical memory as a controller sees it that copies through buffers of its own: reads outside memory give all ones. */
export interface DmaMemory {
  /** `paddr` is an exact integer below 2^52. */
  read(paddr: number, into: Uint8Array): void;
  write(paddr: number, from: Uint8Array): void;
}
