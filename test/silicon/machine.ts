/** Our side of the comparison: one vCPU in 64-bit mode at CPL 3, with the pages of the harness at the same linear addresses. */
import "../setup.ts";
import { CpuModel } from "../../src/cpu/helpers/index.ts";
import { CS, DS, ES, FLAG, FS, GS, RAM_BASE, SS, STATE, XMM_STRIDE } from "../../src/cpu/layout.ts";
import { CR0, CR4, EFER } from "../../src/cpu/state.ts";
import "../../src/jit/interpreter/generate.ts";
import type { TierMode } from "../../src/jit/region/engine.ts";
import { validateRegion } from "../../src/jit/region/validate.ts";
import { Vcpu } from "../../src/jit/vcpu.ts";
import type { CodeSegment } from "./host.ts";
import { AREA, CODE, CODE_FILL, type Case, DATA, initialFpr, initialUpper, initialXmm, type Outcome, VECTOR_TIMEOUT } from "./format.ts";

const RAM_SIZE = 1 << 20;
/** Physical. */
const AT = { pml4: 0x1000, pdpt: 0x2000, dataDirectory: 0x3000, dataTable: 0x4000, codeTable: 0x5000, tss: 0x6000, data: 0x10000, code: 0x20000 } as const;
const PRESENT_USER = 5n, WRITABLE = 2n, NO_EXECUTE = 1n << 63n;
const TSS_PAGE = 500;
/** Any case ends long before. */
const BUDGET = 20_000;

/** Everything that has a lifter may run, whatever the model advertises: this tests semantics, not CPUID. */
class EverythingModel extends CpuModel {
  override has(): boolean {
    return true;
  }
}

export class Machine {
  readonly vcpu: Vcpu;
  private readonly data: number;
  private readonly code: number;
  private readonly pool64: BigUint64Array;
  private readonly data64: BigUint64Array;
  /** What memory holds if nothing writes; compared as words, which is faster than as bigints. */
  private readonly expected: Uint8Array;
  private readonly expected32: Int32Array;
  private readonly data32: Int32Array;
  private runs = 0;
  /** Instructions of the last case. */
  retired = 0;

  /** `slice`: instructions of each call of Vcpu.run. Regions are compiled at once, and checked. `model`: for the vendor's sake. */
  constructor(private readonly pool: Uint8Array, everyForm = false, tier: TierMode = "0", private readonly slice = BUDGET, model = "x86-64-v2", private readonly codeSegment: CodeSegment | null = null) {
    const pages = (RAM_BASE + RAM_SIZE) / 65536;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.vcpu = new Vcpu({
      memory, ramSize: RAM_SIZE, holes: [], model: new EverythingModel(model), profile: everyForm ? "forms" : null, tier, validate: validateRegion,
      env: {
        portRead: () => 0, portWrite: () => undefined, mmioRead: () => 0xffffffff, mmioWrite: () => undefined,
        interruptPending: () => false, acknowledgeInterrupt: () => 0x20, apic: null, timestamp: () => 0n, tscKhz: 1_000_000, entropy: () => undefined,
      },
    });
    this.data = RAM_BASE + AT.data;
    this.code = RAM_BASE + AT.code;
    this.pool64 = new BigUint64Array(pool.slice().buffer);
    this.expected = pool.slice();
    this.expected32 = new Int32Array(this.expected.buffer);
    this.data32 = new Int32Array(memory.buffer, this.data, AREA / 4);
    this.data64 = new BigUint64Array(memory.buffer, this.data, AREA / 8);
    this.enterUserMode();
    const { u8 } = this.vcpu.state;
    u8.set(pool, this.data);
    for (let i = 0; i < AREA; i++) u8[this.code + i] = CODE_FILL[i & 1];
  }

  private enterUserMode(): void {
    const s = this.vcpu.state;
    const w64 = (paddr: number, v: bigint): void => void (s.u64[(RAM_BASE + paddr) >> 3] = v);
    const table = PRESENT_USER | WRITABLE;
    w64(AT.pml4, BigInt(AT.pdpt) | table);
    w64(AT.pdpt, BigInt(AT.dataDirectory) | table);
    w64(AT.dataDirectory + (DATA >> 21) * 8, BigInt(AT.dataTable) | table);
    w64(AT.dataDirectory + (CODE >> 21) * 8, BigInt(AT.codeTable) | table);
    for (let i = 0; i < AREA / 4096; i++) {
      w64(AT.dataTable + 8 * i, BigInt(AT.data + 4096 * i) | PRESENT_USER | WRITABLE | NO_EXECUTE);
      w64(AT.codeTable + 8 * i, BigInt(AT.code + 4096 * i) | PRESENT_USER);
    }
    // The TSS, for the kernel only: the processor looks for an I/O permission bitmap.
    w64(AT.dataTable + 8 * TSS_PAGE, BigInt(AT.tss) | 3n);
    this.vcpu.reset();
    s.cr3 = BigInt(AT.pml4);
    s.cr4 = CR4.PAE | CR4.PGE | CR4.OSFXSR | CR4.OSXMMEXCPT | CR4.OSXSAVE;
    s.xcr0 = 7n;
    s.efer = EFER.LME | EFER.LMA | EFER.SCE | EFER.NXE;
    s.cr0 = CR0.PE | CR0.PG | CR0.ET | CR0.WP | CR0.NE | CR0.MP | CR0.AM;
    // No IDT: every fault ends as a triple fault, which changes nothing, and mmu.fault keeps what it was.
    s.idtr.limit = 0;
    Object.assign(s.tr, { selector: 0x40, base: BigInt(DATA + TSS_PAGE * 4096), limit: 0x67, attr: 0x8b });
    s.u8[RAM_BASE + AT.tss + 0x66] = 0xff; // no I/O permission bitmap
    s.setCpl(3);
    // The selectors that Linux gives a 64-bit process; the harness loads DS and ES for its 32-bit code.
    for (const seg of [SS, ES, DS]) s.setSegment(seg, 0x2b, 0n, 0xffffffff, 0xc0f3);
    for (const seg of [FS, GS]) s.setSegment(seg, 0, 0n, 0, 0);
    this.setMode(64);
    this.vcpu.mmu.flushAll();
  }

  private setMode(mode: 32 | 64): void {
    const code = this.codeSegment;
    if (code !== null) this.vcpu.state.setSegment(CS, 7, BigInt(CODE), code.limit, code.bits === 32 ? 0x40fb : 0x00fb);
    else if (mode === 64) this.vcpu.state.setSegment(CS, 0x33, 0n, 0xffffffff, 0xa0fb);
    else this.vcpu.state.setSegment(CS, 0x23, 0n, 0xffffffff, 0xc0fb);
    this.vcpu.state.updateMode();
  }

  run(c: Case): Outcome {
    const { vcpu, data, code, expected } = this;
    const { state, mmu } = vcpu;
    const { u8, i32, u32, u64 } = state;
    // Mostly with warm TLBs.
    if (++this.runs % 64 === 0) mmu.flushAll();
    vcpu.cache.flush();
    this.setMode(c.mode ?? 64);
    u8.set(c.code, code + c.codeOffset);
    for (const p of c.patches) {
      u8.set(p.bytes, data + p.offset);
      expected.set(p.bytes, p.offset);
    }
    for (let i = 0; i < 16; i++) u64[(STATE.gpr >> 3) + i] = c.gpr[i];
    state.setFlags(c.flags | FLAG.IF);
    state.rip = BigInt(CODE + c.codeOffset);
    state.cr2 = 0n;
    i32[STATE.mxcsr >> 2] = c.mxcsr;
    const xmm = initialXmm(c, this.pool);
    const upper = initialUpper(c, this.pool);
    for (let i = 0; i < 16; i++) {
      u8.set(xmm.subarray(16 * i, 16 * i + 16), STATE.xmm + i * XMM_STRIDE);
      u8.set(upper.subarray(16 * i, 16 * i + 16), STATE.xmm + i * XMM_STRIDE + 16);
    }
    const fpr = initialFpr(c, this.pool);
    // The harness counts from the top of the stack, the state block does not.
    const top = (c.fsw >> 11) & 7;
    for (let i = 0; i < 8; i++) u8.set(fpr.subarray(16 * i, 16 * i + 16), STATE.fpr + 16 * ((top + i) & 7));
    i32[STATE.fpuCw >> 2] = c.fcw;
    i32[STATE.fpuSw >> 2] = c.fsw & ~0x3800;
    i32[STATE.fpuTop >> 2] = top;
    let tags = 0;
    for (let i = 0; i < 8; i++) if (!((c.ftw >> i) & 1)) tags |= 3 << (2 * i);
    i32[STATE.fpuTag >> 2] = tags;

    const from = vcpu.retired;
    let stop = vcpu.run(this.slice);
    while (stop === "budget" && vcpu.retired - from < BUDGET && this.slice < BUDGET) stop = vcpu.run(this.slice);
    this.retired = vcpu.retired - from;
    const fault = stop === "triple-fault";
    const out: Outcome = {
      vector: fault ? mmu.fault.vector : VECTOR_TIMEOUT, error: fault && [12, 13, 14].includes(mmu.fault.vector) ? mmu.fault.errorCode : 0,
      rip: state.rip - BigInt(this.codeSegment === null ? 0 : CODE), cr2: fault && mmu.fault.vector === 14 ? state.cr2 : 0n, flags: state.flags(), mxcsr: i32[STATE.mxcsr >> 2] & 0xffff,
      fcw: i32[STATE.fpuCw >> 2], fsw: i32[STATE.fpuSw >> 2] | (i32[STATE.fpuTop >> 2] << 11), ftw: 0,
      gpr: u64.slice(STATE.gpr >> 3, (STATE.gpr >> 3) + 16), xmm, upper, fpr, memory: new Map(),
    };
    for (let i = 0; i < 8; i++) if (((u32[STATE.fpuTag >> 2] >> (2 * i)) & 3) !== 3) out.ftw |= 1 << i;
    for (let i = 0; i < 8; i++) {
      const at = STATE.fpr + 16 * ((i32[STATE.fpuTop >> 2] + i) & 7);
      fpr.set(u8.subarray(at, at + 16), 16 * i);
    }
    for (let i = 0; i < 16; i++) {
      const at = STATE.xmm + i * XMM_STRIDE;
      xmm.set(u8.subarray(at, at + 16), 16 * i);
      upper.set(u8.subarray(at + 16, at + 32), 16 * i);
    }
    for (let i = 0; i < AREA / 8; i++) {
      if (this.data32[2 * i] === this.expected32[2 * i] && this.data32[2 * i + 1] === this.expected32[2 * i + 1]) continue;
      out.memory.set(8 * i, this.data64[i]);
      this.data64[i] = this.pool64[i];
    }
    for (const p of c.patches) {
      const original = this.pool.subarray(p.offset, p.offset + p.bytes.length);
      u8.set(original, data + p.offset);
      expected.set(original, p.offset);
    }
    for (let i = 0; i < c.code.length; i++) u8[code + c.codeOffset + i] = CODE_FILL[(c.codeOffset + i) & 1];
    return out;
  }
}
