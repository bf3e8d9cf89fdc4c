/**
 * Random bytes in random modes: builds a vCPU, runs a case, and gives its whole state back. `runCase` is the hook for
 * comparing two ways to execute (slices, tiers): the same case must end in the same state.
 */
import type { CpuEnvironment } from "../../src/cpu/env.ts";
import { CpuModel } from "../../src/cpu/helpers/index.ts";
import { saveSystem } from "../../src/cpu/helpers/persistence.ts";
import { CS, DS, ES, FS, GS, RAM_BASE, SS, STATE, XMM_STRIDE } from "../../src/cpu/layout.ts";
import { CR0, CR4, EFER } from "../../src/cpu/state.ts";
import "../../src/jit/interpreter/generate.ts";
import type { TierMode } from "../../src/jit/region/engine.ts";
import { validateRegion } from "../../src/jit/region/validate.ts";
import { type RunStop, Vcpu } from "../../src/jit/vcpu.ts";
import { Random } from "./random.ts";

export const RAM_SIZE = 1 << 20;
/** Physical. Code and data come after the tables; the last page of RAM, the hole and what is above have code, too. */
const AT = { idt: 0x1000, gdt: 0x2000, ldt: 0x2800, tss: 0x3000, tables: 0x8000, code: 0x10000 } as const;
const HOLE = { first: 0xa0, end: 0xc0 };

const MODES = ["real", "protected16", "protected32", "user32", "v86", "pae", "paged32", "long", "user64", "compatibility", "la57"] as const;
export type FuzzMode = (typeof MODES)[number];

export interface FuzzCase {
  readonly seed: number;
  readonly mode: FuzzMode;
  /** Instructions to retire at most. */
  readonly budget: number;
}

export const caseOf = (seed: number): FuzzCase => {
  const r = new Random(seed);
  return { seed, mode: r.pick(MODES), budget: r.pick([20, 60, 60, 200]) };
};

export interface FuzzOutcome {
  /** "fault-loop": faults whose handlers' first instruction faults, without end; how far it got depends on the calls of `run`. */
  readonly stop: RunStop | "fault-loop";
  readonly retired: number;
  /** Registers and RAM, comparable as text. */
  readonly state: string;
  readonly ram: number;
}

export interface FuzzOptions {
  /** Instructions of each call of `run`; the case's budget in one piece when it is not given. */
  readonly slice?: number;
}

/** Everything that has a lifter may run. */
class EverythingModel extends CpuModel {
  override has(): boolean {
    return true;
  }
}

export class FuzzMachine {
  readonly vcpu: Vcpu;
  private readonly environment = { random: new Random(0), interrupts: false, ticks: 0n };
  private readonly ram32: Int32Array;
  /** Code that is likely to do something: prefixes, system opcodes. */
  private static readonly LIKELY = [0x0f, 0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e, 0x65, 0x48, 0x4f, 0xcd, 0xcf, 0x9c, 0x9d, 0x8e, 0xff, 0xea, 0x9a, 0xcb, 0xe4, 0xee, 0xa4, 0x6c, 0xdd, 0xd9, 0xc8, 0x62, 0xf4, 0xfb, 0x17];

  /** `tier` as VcpuOptions have it. */
  constructor(model?: string, tier: TierMode = "0") {
    const pages = (RAM_BASE + RAM_SIZE) / 65536;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.vcpu = new Vcpu({
      memory, ramSize: RAM_SIZE, holes: [HOLE], env: this.env(), model: model === undefined ? new EverythingModel("x86-64-v2") : new CpuModel(model), tier, validate: validateRegion,
    });
    this.ram32 = new Int32Array(memory.buffer, RAM_BASE, RAM_SIZE / 4);
  }

  private env(): CpuEnvironment {
    const e = this.environment;
    const value = (width: number): number => (width === 4 ? e.random.u32() : e.random.u32() & ((1 << (8 * width)) - 1));
    return {
      apic: null,
      portRead: (_port, width) => value(width),
      portWrite: () => undefined,
      // What is fetched twice must be the same twice.
      mmioRead: (paddr, width) => {
        const v = Math.imul(paddr | 0, 0x9e3779b1) >>> 0;
        return width === 4 ? v : v & ((1 << (8 * width)) - 1);
      },
      mmioWrite: () => undefined,
      interruptPending: () => e.interrupts,
      acknowledgeInterrupt: () => e.random.u32() & 0xff,
      timestamp: () => e.ticks++,
      tscKhz: 1_000_000,
      entropy: (bytes) => void bytes.forEach((_, i) => (bytes[i] = e.random.u32() & 0xff)),
    };
  }

  runCase(c: FuzzCase, options: FuzzOptions = {}): FuzzOutcome {
    const { vcpu } = this;
    const start = vcpu.retired;
    this.prepare(c);
    let stop: FuzzOutcome["stop"] = "budget";
    const end = start + c.budget;
    for (let calls = 0; vcpu.retired < end && stop === "budget" && calls < 4 * c.budget; calls++) {
      const before = vcpu.retired;
      stop = vcpu.run(Math.min(options.slice ?? c.budget, end - vcpu.retired));
      // Only a loop of faults ends a call early.
      if (stop === "budget" && vcpu.retired < Math.min(end, before + (options.slice ?? c.budget))) stop = "fault-loop";
    }
    const system = saveSystem(vcpu.state);
    const state = JSON.stringify(system, (_, v: unknown) => (typeof v === "bigint" ? v.toString(16) : v instanceof Uint8Array ? Buffer.from(v).toString("hex") : v));
    let ram = 0;
    for (const w of this.ram32) ram = (Math.imul(ram, 31) + w) | 0;
    return { stop, retired: vcpu.retired - start, state, ram };
  }

  // --- Preparation -----------------------------------------------------------------------------------------------------

  private prepare(c: FuzzCase): void {
    const { vcpu } = this;
    const r = new Random(c.seed ^ 0x5bd1e995);
    const { state } = vcpu;
    this.ram32.fill(0);
    vcpu.reset();
    this.environment.random = new Random(c.seed);
    this.environment.interrupts = r.chance(0.2);
    this.environment.ticks = 0n;
    this.tables(r, c.mode);
    this.enter(r, c.mode);
    const code = this.codeAddress(r);
    this.fillCode(r, code);
    for (let n = 0; n < 16; n++) state.setReg(n, r.address(state.mode64));
    state.setReg(4, BigInt(0x30000 + (r.u32() & 0xfff)));
    state.setFlags((r.u32() & (c.mode === "v86" ? 0x3f7fd5 : 0x3d7fd5)) | (c.mode === "v86" ? 0x20000 : 0) | 2);
    if (c.mode !== "v86" || r.chance(0.5)) state.setFlags(state.flags() & ~(r.chance(0.8) ? 0x100 : 0));
    state.rip = (state.mode64 ? 0n : state.segBase(CS)) + BigInt(code - (state.mode64 ? 0 : Number(state.segBase(CS))));
    const u8 = state.u8;
    for (let i = 0; i < 16 * XMM_STRIDE; i++) u8[STATE.xmm + i] = r.u32() & 0xff;
    for (let i = 0; i < 8; i++) {
      for (let k = 0; k < 10; k++) u8[STATE.fpr + 16 * i + k] = r.u32() & 0xff;
    }
    state.i32[STATE.fpuTag >> 2] = r.u32() & 0xffff;
    state.i32[STATE.fpuCw >> 2] = r.chance(0.7) ? 0x37f : (r.u32() & 0x1f3f) | 0x40;
    state.i32[STATE.fpuTop >> 2] = r.u32() & 7;
    if (r.chance(0.15)) {
      for (let n = 0; n < 4; n++) state.dr[n] = BigInt(r.pick([code + (r.u32() & 63), AT.code + (r.u32() & 0xffff), 0x30000 + (r.u32() & 0xfff), r.u32()]));
      state.dr[7] = BigInt((r.u32() & 0xffff03ff) >>> 0) | 0x400n;
      state.debugChanged = state.attention = true;
    }
    state.updateMode();
    vcpu.mmu.flushAll();
  }

  /** In the middle, at the end of RAM, before the hole, inside it, above RAM. */
  private codeAddress(r: Random): number {
    const near = r.u32() & 31;
    return r.pick([AT.code + (r.u32() & 0xfff), AT.code + 0x1000 - near, AT.code + 0x800, RAM_SIZE - near, HOLE.first * 4096 - near, HOLE.first * 4096 + near, RAM_SIZE + near, 0xff00 + near * 8, 0x20000 - near]);
  }

  private fillCode(r: Random, code: number): void {
    const { u8 } = this.vcpu.state;
    const likely = r.chance(0.6);
    for (let i = 0; i < 512; i++) {
      const at = code + i;
      if (at >= RAM_SIZE) break;
      u8[RAM_BASE + at] = likely && r.chance(0.4) ? r.pick(FuzzMachine.LIKELY) : r.u32() & 0xff;
    }
    // Where handlers, gates and wild jumps lead.
    for (let page = 0; page < 6; page++) {
      const at = AT.code + page * 0x1000 + (r.u32() & 0xf00);
      for (let i = 0; i < 256; i++) u8[RAM_BASE + at + i] = r.u32() & 0xff;
    }
  }

  private w32(paddr: number, v: number): void {
    this.ram32[paddr >> 2] = v;
  }

  /** Descriptors, gates, TSS and page tables: mostly sound ones, some random. */
  private tables(r: Random, mode: FuzzMode): void {
    const long = mode === "long" || mode === "user64" || mode === "compatibility" || mode === "la57";
    const descriptors = [
      [0, 0], [0xffff, 0x00cf9b00], [0xffff, 0x00cf9300], [0xffff, 0x00cffb00], [0xffff, 0x00cff300], [0xffff, 0x00af9b00], [0xffff, 0x00affb00],
      [0x10000ffff & -1, 0x00009b01], [0xffff, 0x00009302], [0x30000067, 0x00008900], [0, 0], [0x34000067, 0x00008900], [0x3800002b, 0x00008100],
      [(0x08 << 16) | 0, 0x0001ec02], [0x28000000 | 0xff, 0x00008200], [0x58 << 16, 0x0000e500], [0xfff, 0x0040f700], [0xffff, 0x00cf9f00],
    ];
    descriptors.forEach(([lo, hi], i) => {
      this.w32(AT.gdt + 8 * i, lo);
      this.w32(AT.gdt + 8 * i + 4, hi);
    });
    for (let i = 0; i < 4; i++) {
      const at = AT.gdt + 8 * r.int(32);
      this.w32(at, r.u32());
      this.w32(at + 4, r.u32());
    }
    const size = long ? 16 : 8;
    for (let v = 0; v < 256; v++) {
      const at = AT.idt + v * size;
      if (mode === "real") this.w32(v * 4, r.chance(0.9) ? (0x1000 << 16) | (r.u32() & 0x5fff) : r.u32());
      if (at + size > AT.gdt) continue;
      const handler = AT.code + (r.u32() & 0x5fff);
      const type = r.pick([0x8e, 0x8e, 0xee, 0xef, 0x8f, long ? 0x8e : 0x85, long ? 0xee : 0xe6]);
      const selector = type === 0x85 ? 0x58 : long ? 0x28 : 0x08;
      this.w32(at, r.chance(0.95) ? (selector << 16) | (handler & 0xffff) : r.u32());
      this.w32(at + 4, r.chance(0.95) ? (handler & 0xffff0000) | (type << 8) : r.u32());
    }
    // Three TSSs with a stack for each ring, and one that is a task.
    for (const tss of [AT.tss, AT.tss + 0x400]) {
      for (let ring = 0; ring < 3; ring++) {
        this.w32(AT.tss + 4 + 8 * ring, 0x38000 + ring * 0x1000);
        this.w32(tss + 8 + 8 * ring, long ? 0 : 0x10);
      }
      this.w32(tss + 0x64, r.chance(0.8) ? 0x680000 : r.u32());
    }
    const task = AT.tss + 0x400;
    for (let i = 0; i < 26; i++) if (r.chance(0.3)) this.w32(task + 4 * i, r.u32());
    this.w32(task + 0x20, AT.code + (r.u32() & 0x3fff));
    this.w32(task + 0x38, 0x3c000);
    [0x10, 0x08, 0x10, 0x10].forEach((s, i) => this.w32(task + 0x48 + 4 * i, r.chance(0.9) ? s : r.u32() & 0xff));
    this.pageTables(r, mode, long);
  }

  private pageTables(r: Random, mode: FuzzMode, long: boolean): void {
    const noise = (): number => (r.chance(0.97) ? 7 : r.u32() & 0xfff);
    const t = AT.tables;
    if (mode === "paged32" || mode === "v86" || mode === "user32" || mode === "protected32") {
      this.w32(t, (t + 0x1000) | 7);
      for (let i = 0; i < 512; i++) this.w32(t + 0x1000 + 4 * i, (i << 12) | noise());
      for (let i = 1; i < 1024; i++) if (r.chance(0.02)) this.w32(t + 4 * i, r.u32());
      return;
    }
    // PAE and long: t PML5, +1000 PML4, +2000 PDPT, +3000 directory, +4000 table.
    this.w32(t, (t + 0x1000) | 7);
    this.w32(t + 0x1000, (t + 0x2000) | 7);
    if (long) this.w32(t + 0x1000 + 511 * 8, (t + 0x2000) | 7);
    this.w32(t + 0x2000, (t + 0x3000) | (long ? 7 : 1));
    this.w32(t + 0x3000, (t + 0x4000) | 7);
    this.w32(t + 0x3008, 0x00000000 | 0xe7);
    for (let i = 0; i < 512; i++) this.w32(t + 0x4000 + 8 * i, (i << 12) | noise());
    for (let i = 0; i < 8; i++) {
      const at = t + 0x3000 + 8 * (2 + r.int(500));
      this.w32(at, r.u32());
      this.w32(at + 4, r.u32() & 0x800000ff);
    }
  }

  private enter(r: Random, mode: FuzzMode): void {
    const s = this.vcpu.state;
    const cpl = mode === "user32" || mode === "user64" || mode === "v86" ? 3 : mode === "real" ? 0 : r.pick([0, 0, 0, 3, 1]);
    s.gdtr.base = BigInt(AT.gdt);
    s.gdtr.limit = 32 * 8 - 1;
    Object.assign(s.tr, { selector: 0x48, base: BigInt(AT.tss), limit: 0x3ff, attr: 0x8b });
    if (mode === "real") {
      for (const n of [ES, SS, DS, FS, GS]) s.setSegment(n, 0, 0n, 0xffff, 0x93);
      s.setSegment(SS, 0x3000, 0x30000n, 0xffff, 0x93);
      const base = r.pick([0, 0x10000, 0xf000, 0xffff0]);
      s.setSegment(CS, base >> 4, BigInt(base), 0xffff, 0x93);
      s.idtr.base = 0n;
      s.cr0 = CR0.ET;
      s.cr4 = CR4.OSFXSR;
      s.a20 = r.chance(0.5);
      s.updateMode();
      return;
    }
    s.idtr.base = BigInt(AT.idt);
    s.idtr.limit = 0xfff;
    s.a20 = true;
    const protection = cpl << 5;
    const attr = { code: 0xc09b | protection, data: 0xc093 | protection };
    const paged = mode !== "protected16";
    s.cr0 = CR0.PE | CR0.ET | CR0.NE | (paged ? CR0.PG | CR0.WP : 0) | (r.chance(0.2) ? CR0.AM : 0) | (r.chance(0.1) ? CR0.TS : 0);
    s.cr4 = CR4.OSFXSR | CR4.OSXMMEXCPT | CR4.PGE | (r.chance(0.7) ? CR4.OSXSAVE : 0) | (r.chance(0.3) ? CR4.VME | CR4.PVI : 0) | (r.chance(0.2) ? CR4.SMAP | CR4.SMEP : 0) | (r.chance(0.5) ? CR4.DE : 0);
    s.cr3 = BigInt(AT.tables);
    switch (mode) {
      case "v86":
        for (const n of [ES, CS, SS, DS, FS, GS]) s.setSegment(n, 0x1000, 0x10000n, 0xffff, 0xf3);
        s.setSegment(SS, 0x3000, 0x30000n, 0xffff, 0xf3);
        s.setFlags(0x20002);
        break;
      case "long": case "user64": case "compatibility": case "la57": {
        s.cr4 |= CR4.PAE | (mode === "la57" ? CR4.LA57 : 0) | (r.chance(0.3) ? CR4.PCIDE : 0) | (r.chance(0.5) ? CR4.FSGSBASE : 0);
        if (mode !== "la57") s.cr3 = BigInt(AT.tables + 0x1000);
        s.efer = EFER.LME | EFER.LMA | EFER.SCE | EFER.NXE;
        const wide = mode !== "compatibility";
        s.setSegment(CS, wide ? 0x28 | cpl : 0x08 | cpl, 0n, 0xffffffff, (wide ? 0xa09b : 0xc09b) | protection);
        for (const n of [ES, SS, DS, FS, GS]) s.setSegment(n, 0x10 | cpl, 0n, 0xffffffff, attr.data);
        break;
      }
      default: {
        if (mode === "pae") {
          s.cr4 |= CR4.PAE;
          s.cr3 = BigInt(AT.tables + 0x2000);
          for (let i = 0; i < 8; i++) s.pdptes[i] = this.ram32[(AT.tables + 0x2000 + 4 * i) >> 2];
        }
        const big = mode === "protected16" ? 0x4000 : 0;
        s.setSegment(CS, 0x08 | cpl, 0n, 0xffffffff, attr.code & ~big);
        for (const n of [ES, SS, DS, FS, GS]) s.setSegment(n, 0x10 | cpl, 0n, r.chance(0.9) ? 0xffffffff : 0x2ffff, attr.data & ~big);
      }
    }
    s.setCpl(cpl);
    s.updateMode();
  }
}
