/** What the CPU asks of the world around it. The VMM implements it; cpu/ imports no device. */

export type IoWidth = 1 | 2 | 4;

/** The local APIC as the core sees it, besides its page in memory. */
export interface LocalApicPort {
  /** CPUID.1:EDX.APIC. */
  readonly present: boolean;
  /** IA32_APIC_BASE and the x2APIC registers, 800h to 8FFh; null: #GP(0). */
  readMsr(n: number): bigint | null;
  /** False: #GP(0). */
  writeMsr(n: number, value: bigint): boolean;
  /** CR8, 0 to 15. */
  taskPriority: number;
  /** IA32_TSC_DEADLINE in ticks of `timestamp()`; 0: disarmed. */
  deadline: bigint;
}

export interface CpuEnvironment {
  /** Port input; `width` in bytes; the result is zero-extended. */
  portRead(port: number, width: IoWidth): number;
  portWrite(port: number, width: IoWidth, value: number): void;
  /** A physical address outside RAM. Unclaimed reads give all ones (unsigned). 8-byte accesses arrive as two of 4. */
  mmioRead(paddr: number, width: IoWidth): number;
  mmioWrite(paddr: number, width: IoWidth, value: number): void;
  /** Whether the interrupt controller asserts INTR. When that becomes so, the environment calls Vcpu.kick. */
  interruptPending(): boolean;
  /** Interrupt acknowledge cycle: the vector. Called only while interruptPending(). */
  acknowledgeInterrupt(): number;
  /** Null: the processor has none, and interruptPending() is the INTR pin. */
  readonly apic: LocalApicPort | null;
  /** Time-stamp counter in ticks of `tscKhz`, at the present instruction. */
  timestamp(): bigint;
  /** TSC frequency in kHz, reported through CPUID 0x15/0x16. */
  readonly tscKhz: number;
  /** Fills from the recorded entropy door (RDRAND, RDSEED). */
  entropy(bytes: Uint8Array): void;
}
