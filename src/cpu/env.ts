/** What the CPU asks of the world around it. The VMM implements it; cpu/ imports no device. */

export type IoWidth = 1 | 2 | 4;

export interface CpuEnvironment {
  /** Port input; `width` in bytes; the result is zero-extended. */
  portRead(port: number, width: IoWidth): number;
  portWrite(port: number, width: IoWidth, value: number): void;
  /** A physical address outside RAM. Unclaimed reads give all ones (unsigned). 8-byte accesses arrive as two of 4. */
  mmioRead(paddr: number, width: IoWidth): number;
  mmioWrite(paddr: number, width: IoWidth, value: number): void;
  /** Whether the interrupt controller asserts INTR. */
  interruptPending(): boolean;
  /** Interrupt acknowledge cycle: the vector. Called only while interruptPending(). */
  acknowledgeInterrupt(): number;
  /** Time-stamp counter in ticks of `tscKhz`, at the present instruction. */
  timestamp(): bigint;
  /** TSC frequency in kHz, reported through CPUID 0x15/0x16. */
  readonly tscKhz: number;
  /** Fills from the recorded entropy door (RDRAND, RDSEED). */
  entropy(bytes: Uint8Array): void;
}
