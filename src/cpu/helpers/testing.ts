/** For tests only: one vCPU over a small RAM, with the tables of each mode laid out. */
import type { CpuEnvironment, LocalApicPort } from "../env.ts";
import { CS, DS, ES, RAM_BASE, SS, STATE } from "../layout.ts";
import { Mmu } from "../mmu/mmu.ts";
import { PhysicalMemory } from "../mmu/physical.ts";
import { CR0, CR4, CpuState, EFER } from "../state.ts";
import { CpuModel, type CpuHelpers, createCpuHelpers } from "./index.ts";

export const RAM_SIZE = 4 << 20;

/** Where the rig keeps things, physical = linear. */
export const AT = { idt: 0x1000, gdt: 0x2000, tss: 0x3000, ldt: 0x3800, pml4: 0x10000, pdpt: 0x11000, pd: 0x12000, code: 0x20000, stack0: 0x31000, stack3: 0x41000, ist: 0x51000, data: 0x60000 } as const;

/** Selectors of the rig's GDT. */
export const SEL = {
  code0: 0x08, data0: 0x10, code3: 0x1b, data3: 0x23, code64: 0x28, user64: 0x33, tss: 0x38, gate: 0x48, conforming: 0x58, absent: 0x60, code16: 0x68, data16: 0x70, ldt: 0x78, executeOnly: 0x88, code1: 0x91, data1: 0x99,
} as const;

/** A descriptor from base, limit field and attributes in the form of CpuState.attr. */
export function descriptor(base: number, limit: number, attr: number): [number, number] {
  return [(limit & 0xffff) | (base << 16), ((base >>> 16) & 0xff) | ((attr & 0xf0ff) << 8) | (limit & 0xf0000) | (base & 0xff000000)];
}
/** A gate's first two words. */
export function gate(selector: number, offset: number, attr: number, low = 0): [number, number] {
  return [(selector << 16) | (offset & 0xffff), (offset & 0xffff0000) | (attr << 8) | low];
}

export class Rig {
  readonly state = new CpuState({ buffer: new ArrayBuffer(RAM_BASE + RAM_SIZE) });
  readonly ports: [number, number, number][] = [];
  pendingInterrupt = false;
  tsc = 1000n;
  readonly unimplemented: number[] = [];
  readonly mmu: Mmu;
  readonly cpu: CpuHelpers;
  readonly model: CpuModel;
  private readonly view: DataView;

  constructor(model = "x86-64-v2", apic: LocalApicPort | null = null) {
    const env: CpuEnvironment = {
      portRead: (port, width) => (this.ports.push([port, width, -1]), 0x12345678 & (width === 4 ? -1 : width === 2 ? 0xffff : 0xff)),
      portWrite: (port, width, value) => void this.ports.push([port, width, value]),
      mmioRead: () => 0xffffffff,
      mmioWrite: () => undefined,
      interruptPending: () => this.pendingInterrupt,
      acknowledgeInterrupt: () => 0x20,
      apic,
      timestamp: () => this.tsc,
      tscKhz: 1000000,
      entropy: (bytes) => void bytes.fill(0xa5),
    };
    this.view = new DataView(this.state.memory.buffer, RAM_BASE, RAM_SIZE);
    this.mmu = new Mmu(this.state, new PhysicalMemory(this.state, RAM_SIZE, [], env));
    this.model = new CpuModel(model);
    this.cpu = createCpuHelpers({ state: this.state, mmu: this.mmu, env, model: this.model, countUnimplemented: (id) => this.unimplemented.push(id) });
    this.state.setReg(2, 0n);
  }

  get h(): CpuHelpers["helpers"] {
    return this.cpu.helpers;
  }
  get fault(): [number, number] {
    return [this.mmu.fault.vector, this.mmu.fault.errorCode];
  }
  w16(at: number, v: number): void {
    this.view.setUint16(at, v, true);
  }
  w32(at: number, ...values: number[]): void {
    values.forEach((v, i) => this.view.setUint32(at + 4 * i, v >>> 0, true));
  }
  w64(at: number, ...values: bigint[]): void {
    values.forEach((v, i) => this.view.setBigUint64(at + 8 * i, BigInt.asUintN(64, v), true));
  }
  r8(at: number): number {
    return this.view.getUint8(at);
  }
  r16(at: number, count: number): number[] {
    return Array.from({ length: count }, (_, i) => this.view.getUint16(at + 2 * i, true));
  }
  r32(at: number, count: number): number[] {
    return Array.from({ length: count }, (_, i) => this.view.getUint32(at + 4 * i, true));
  }
  r64(at: number, count: number): bigint[] {
    return Array.from({ length: count }, (_, i) => this.view.getBigUint64(at + 8 * i, true));
  }
  ret(n: number): bigint {
    return this.state.u64[(STATE.ret >> 3) + n];
  }
  /** EAX, EDX for RDMSR and the like. */
  setEdxEax(v: bigint): void {
    this.state.setReg32(0, Number(v & 0xffffffffn) | 0);
    this.state.setReg32(2, Number((v >> 32n) & 0xffffffffn) | 0);
  }

  realMode(): this {
    const s = this.state;
    for (const seg of [ES, DS, SS]) s.setSegment(seg, 0, 0n, 0xffff, 0x93);
    s.setSegment(CS, 0x1000, 0x10000n, 0xffff, 0x93);
    s.idtr.base = 0n;
    s.idtr.limit = 0x3ff;
    s.rip = 0x10100n;
    s.setReg(4, 0x8000n);
    s.setFlags(2);
    s.updateMode();
    return this;
  }

  private table(): void {
    const put = (selector: number, [lo, hi]: [number, number]): void => this.w32(AT.gdt + (selector & ~7), lo, hi);
    put(SEL.code0, descriptor(0, 0xfffff, 0xc09b));
    put(SEL.data0, descriptor(0, 0xfffff, 0xc093));
    put(SEL.code3, descriptor(0, 0xfffff, 0xc0fb));
    put(SEL.data3, descriptor(0, 0xfffff, 0xc0f3));
    put(SEL.code64, descriptor(0, 0xfffff, 0xa09b));
    put(SEL.user64, descriptor(0, 0xfffff, 0xa0fb));
    put(SEL.conforming, descriptor(0, 0xfffff, 0xc09e));
    put(SEL.absent, descriptor(0, 0xfffff, 0xc013));
    put(SEL.code16, descriptor(0x20000, 0xffff, 0x009b));
    put(SEL.data16, descriptor(0x30000, 0xffff, 0x0093));
    put(SEL.executeOnly, descriptor(0, 0xfffff, 0xc099));
    put(SEL.code1, descriptor(0, 0xfffff, 0xc0bb));
    put(SEL.data1, descriptor(0, 0xfffff, 0xc0b3));
    this.state.gdtr.base = BigInt(AT.gdt);
    this.state.gdtr.limit = 0x9f;
    this.state.idtr.base = BigInt(AT.idt);
  }

  /** Ring 0 or 3 of 32-bit protected mode, flat, no paging. */
  protectedMode(cpl: 0 | 3 = 0): this {
    const s = this.state;
    this.table();
    s.cr0 = CR0.PE | CR0.ET;
    s.idtr.limit = 0x7ff;
    Object.assign(s.tr, { selector: SEL.tss, base: BigInt(AT.tss), limit: 0x67, attr: 0x8b });
    this.w32(AT.tss + 4, AT.stack0, SEL.data0);
    const [cs, ds] = cpl === 0 ? [SEL.code0, SEL.data0] : [SEL.code3, SEL.data3];
    s.setCpl(cpl);
    s.setSegment(CS, cs, 0n, 0xffffffff, cpl ? 0xc0fb : 0xc09b);
    for (const seg of [ES, DS, SS]) s.setSegment(seg, ds, 0n, 0xffffffff, cpl ? 0xc0f3 : 0xc093);
    s.rip = BigInt(AT.code);
    s.setReg(4, BigInt(cpl ? AT.stack3 : AT.stack0 - 0x100));
    s.setFlags(2);
    s.updateMode();
    this.mmu.flushAll();
    return this;
  }

  /** Ring 0 or 3 of 64-bit mode: 4 MiB identity-mapped for everyone by 2 MiB pages, and again at -2 GiB. */
  longMode(cpl: 0 | 3 = 0): this {
    const s = this.state;
    this.table();
    this.w64(AT.pml4, BigInt(AT.pdpt) | 7n);
    this.w64(AT.pml4 + 511 * 8, BigInt(AT.pdpt) | 7n);
    this.w64(AT.pdpt, BigInt(AT.pd) | 7n);
    this.w64(AT.pdpt + 510 * 8, BigInt(AT.pd) | 7n);
    this.w64(AT.pd, 0xe7n, 0x200000n | 0xe7n);
    s.cr3 = BigInt(AT.pml4);
    s.cr4 = CR4.PAE | CR4.PGE | CR4.OSFXSR;
    s.efer = EFER.LME | EFER.LMA | EFER.SCE | EFER.NXE;
    s.cr0 = CR0.PE | CR0.PG | CR0.ET | CR0.WP | 0;
    s.idtr.limit = 0xfff;
    Object.assign(s.tr, { selector: SEL.tss, base: BigInt(AT.tss), limit: 0x67, attr: 0x8b });
    this.w64(AT.tss + 4, BigInt(AT.stack0));
    this.w64(AT.tss + 0x24, BigInt(AT.ist + 8));
    s.setCpl(cpl);
    s.setSegment(CS, cpl ? SEL.user64 : SEL.code64, 0n, 0xffffffff, cpl ? 0xa0fb : 0xa09b);
    s.setSegment(SS, cpl ? SEL.data3 : SEL.data0, 0n, 0xffffffff, cpl ? 0xc0f3 : 0xc093);
    for (const seg of [ES, DS]) s.setSegment(seg, 0, 0n, 0, 0);
    s.rip = BigInt(AT.code);
    s.setReg(4, BigInt(cpl ? AT.stack3 : AT.stack0 - 0x100));
    s.setFlags(2);
    s.updateMode();
    this.mmu.flushAll();
    return this;
  }

  /** Enters a gate into the IDT of the present mode. */
  idt(vector: number, selector: number, offset: number, attr = 0x8e, ist = 0): void {
    const size = this.state.longMode ? 16 : 8;
    this.w32(AT.idt + vector * size, ...gate(selector, offset, attr, ist));
    if (size === 16) this.w32(AT.idt + vector * 16 + 8, offset < 0 ? -1 : 0, 0);
  }
}
