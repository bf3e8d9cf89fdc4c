/** What DR7 arms: breakpoints on execution, data and ports, decoded from the debug registers. SDM 3B §17.2. */
import type { PortTap } from "./debug-tap.ts";
import { RETURNS_RESUME, STATE } from "./layout.ts";
import { CR4, type CpuState } from "./state.ts";

/** DR7.R/Wn. */
const KIND = { execution: 0, write: 1, port: 2, access: 3 } as const;
/** DR7.LENn to bytes: 10b is 8 (SDM 3B §17.2.4). */
const LENGTHS = [1, 2, 8, 4] as const;

interface Range {
  /** DR6 bit. */
  readonly bit: number;
  readonly first: bigint;
  /** Inclusive. */
  readonly last: bigint;
}
interface DataRange extends Range {
  readonly writesOnly: boolean;
}

const M64 = (1n << 64n) - 1n;
const linear = (lo: number, hi: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);

export class Breakpoints {
  execution: readonly Range[] = [];
  data: readonly DataRange[] = [];
  ports: readonly Range[] = [];
  /** A debugger's, beside the guest's own. */
  portTap: PortTap | null = null;

  constructor(private readonly state: CpuState) {}

  /** Reads the debug registers anew. */
  update(): void {
    const { state } = this;
    const execution: Range[] = [];
    const data: DataRange[] = [];
    const ports: Range[] = [];
    const dr7 = Number(state.dr[7]);
    for (let n = 0; n < 4; n++) {
      if (!((dr7 >> (2 * n)) & 3)) continue;
      const kind = (dr7 >> (16 + 4 * n)) & 3;
      const length = BigInt(LENGTHS[(dr7 >> (18 + 4 * n)) & 3]);
      const address = state.dr[n] & M64;
      // Low bits that the length covers are ignored.
      const first = kind === KIND.execution ? address : address & ~(length - 1n);
      const range = { bit: 1 << n, first, last: first + length - 1n };
      if (kind === KIND.execution) execution.push(range);
      else if (kind === KIND.port) {
        if (state.cr4 & CR4.DE) ports.push(range);
      } else data.push({ ...range, writesOnly: kind === KIND.write });
    }
    this.execution = execution;
    if (execution.length > 0) state.i32[STATE.returns >> 2] |= RETURNS_RESUME;
    else state.i32[STATE.returns >> 2] &= ~RETURNS_RESUME;
    this.data = data;
    this.ports = ports;
  }

  /** DR6 bits of the execution breakpoints at hi:lo. */
  executionAt(lo: number, hi: number): number {
    const at = linear(lo, hi);
    return this.execution.reduce((bits, r) => (r.first === at ? bits | r.bit : bits), 0);
  }

  /** Whether some data breakpoint lies in a page that hi:lo..+size-1 touches: such pages never enter the TLB. */
  watchesPage(lo: number, hi: number, size: number): boolean {
    const from = linear(lo & ~0xfff, hi);
    const to = (linear(lo, hi) + BigInt(size - 1)) | 0xfffn;
    return this.data.some((r) => r.last >= from && r.first <= to);
  }

  /** An access of `size` bytes at hi:lo happens: notes what it hits; the trap comes when the instruction has ended. */
  dataAccess(lo: number, hi: number, size: number, write: boolean): void {
    const from = linear(lo, hi);
    this.hit(this.data.filter((r) => write || !r.writesOnly), from, from + BigInt(size - 1));
  }

  portAccess(port: number, width: number): void {
    this.hit(this.ports, BigInt(port), BigInt(port + width - 1));
  }

  private hit(ranges: readonly Range[], from: bigint, to: bigint): void {
    const { state } = this;
    for (const r of ranges) {
      if (r.last < from || r.first > to) continue;
      state.pendingDebug |= r.bit;
      state.attention = true;
      state.i32[STATE.limit >> 2] = 0;
    }
  }
}
