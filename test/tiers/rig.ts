/** A bare vCPU in 64-bit mode at CPL 0 for programs of some lines: small page tables, and several linear pages for some physical ones. */
import { createHash } from "node:crypto";
import { CpuModel } from "../../src/cpu/helpers/index.ts";
import { assembleProgram } from "../../src/cpu/isa/assembler.ts";
import { CS, DS, ES, FS, GS, RAM_BASE, SS } from "../../src/cpu/layout.ts";
import { CR0, CR4, EFER } from "../../src/cpu/state.ts";
import "../../src/jit/interpreter/generate.ts";
import { validateRegion } from "../../src/jit/region/validate.ts";
import { Vcpu, type VcpuOptions } from "../../src/jit/vcpu.ts";

const RAM_SIZE = 1 << 20;
/** Physical. TABLE maps the first 2 MiB: a program changes PTE n at TABLE + 8 n. */
export const TABLE = 0x4000;
/** Where programs begin, and the linear page that shows their first page, too. */
export const CODE = 0x10000;
export const ALIAS = 0x80000;
const STACK = 0x70000;

export class Rig {
  readonly vcpu: Vcpu;

  constructor(source: string, options: Partial<VcpuOptions> = {}) {
    const pages = (RAM_BASE + RAM_SIZE) / 65536;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.vcpu = new Vcpu({
      memory, ramSize: RAM_SIZE, holes: [], model: new CpuModel("x86-64-v2"), validate: validateRegion,
      env: {
        portRead: () => 0, portWrite: () => undefined, mmioRead: () => 0xffffffff, mmioWrite: () => undefined,
        interruptPending: () => false, acknowledgeInterrupt: () => 0x20, apic: null, timestamp: () => 0n, tscKhz: 1_000_000, entropy: () => undefined,
      },
      ...options,
    });
    const s = this.vcpu.state;
    this.vcpu.reset();
    const w64 = (paddr: number, v: number): void => void (s.u64[(RAM_BASE + paddr) >> 3] = BigInt(v));
    w64(0x1000, 0x2003);
    w64(0x2000, 0x3003);
    w64(0x3000, TABLE | 3);
    for (let i = 0; i < 256; i++) w64(TABLE + 8 * i, (i << 12) | 3);
    w64(TABLE + 8 * (ALIAS >> 12), CODE | 3);
    s.cr3 = 0x1000n;
    s.cr4 = CR4.PAE | CR4.PGE | CR4.OSFXSR;
    s.efer = EFER.LME | EFER.LMA;
    s.cr0 = CR0.PE | CR0.PG | CR0.ET | CR0.WP | CR0.NE;
    s.idtr.limit = 0;
    for (const seg of [SS, ES, DS, FS, GS]) s.setSegment(seg, 0x10, 0n, 0xffffffff, 0xc093);
    s.setSegment(CS, 0x08, 0n, 0xffffffff, 0xa09b);
    s.setCpl(0);
    s.updateMode();
    this.vcpu.mmu.flushAll();
    s.setReg(4, BigInt(STACK));
    s.rip = BigInt(CODE);
    s.u8.set(assembleProgram(source, { mode: 64, origin: CODE }).bytes, RAM_BASE + CODE);
  }

  /** Sets bits of an entry of the page tables. The TLBs want flushing. */
  orTable(paddr: number, bits: bigint): void {
    this.vcpu.state.u64[(RAM_BASE + paddr) >> 3] |= bits;
  }

  /** Runs to HLT, in slices; throws where it ends otherwise. */
  run(slice = 1_000_000, most = 1_000_000): this {
    const { vcpu } = this;
    for (let stop = vcpu.run(slice); stop !== "halted"; stop = vcpu.run(slice)) {
      if (stop !== "budget" || vcpu.retired > most) throw new Error(`${stop} after ${vcpu.retired} instructions at 0x${vcpu.state.rip.toString(16)}, vector ${vcpu.mmu.fault.vector}`);
    }
    return this;
  }

  /** All that a program can have changed. */
  get result(): Record<string, unknown> {
    const { state, retired } = this.vcpu;
    const registers = Array.from({ length: 16 }, (_, i) => state.reg(i).toString(16)).join(" ");
    return { rip: state.rip.toString(16), registers, flags: state.flags(), retired, ram: createHash("sha256").update(state.u8.subarray(RAM_BASE, RAM_BASE + RAM_SIZE)).digest("hex") };
  }
}
