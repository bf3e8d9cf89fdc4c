/**
 * What the lifters of system calls do without a helper, against the helpers themselves, which the manual and other tests vouch for: the same
 * registers, flags, segments and mode, from random states, in both tiers.
 */
import { describe, expect, it, vi } from "vitest";
import { CpuModel } from "../../src/cpu/helpers/index.ts";
import { CS, DS, ES, FAST_MSR, FLAG, FS, GS, RAM_BASE, SHADOW_NONE, SHADOW_STI, SS, STATE, STATUS } from "../../src/cpu/layout.ts";
import { ATTR, CR0, CR4, EFER, type CpuState } from "../../src/cpu/state.ts";
import { Random } from "../fuzz/random.ts";
import { CODE, Rig, TABLE } from "./rig.ts";

const TARGET = 0x14000n;
const USER_CS = 0x23;
const KERNEL_STACK = 0x68000n;

/** Everything that the instructions below may change, by name. */
function state(s: CpuState): Record<string, unknown> {
  const words = (name: "cpl" | "fetchKey" | "tlbBase" | "kernelTlbBase" | "fpuGate" | "shadow" | "shadowCast"): number => s.i32[STATE[name] >> 2];
  return {
    rip: s.rip, registers: Array.from({ length: 16 }, (_, i) => s.reg(i)), flags: s.flags(), cpl: words("cpl"), fetchKey: words("fetchKey"), tlbBase: words("tlbBase"),
    kernelTlbBase: words("kernelTlbBase"), gate: words("fpuGate"), shadow: words("shadow"), cast: words("shadowCast"), spMask: s.u64[STATE.spMask >> 3],
    selectors: [...s.selector], attributes: [...s.attr], limits: [...s.limit], msr: [...s.fastMsr], gs: s.segBase(GS),
    caches: [CS, SS].map((n) => Array.from({ length: 4 }, (_, i) => s.u64[(STATE.seg + n * 32 >> 3) + i])),
  };
}

interface Start {
  readonly cpl: 0 | 3;
  readonly flags: number;
  readonly smap: boolean;
  readonly seed: number;
}

/** Random registers and MSRs, about to execute the first instruction. */
function prepare(rig: Rig, { cpl, flags, smap, seed }: Start): void {
  const s = rig.vcpu.state;
  const random = new Random(seed);
  for (let i = 0; i < 16; i++) s.setReg(i, (BigInt(random.u32()) << 32n) | BigInt(random.u32()));
  // Under SMAP the kernel's stack must not be the user's.
  s.setReg(4, cpl === 3 ? 0x70000n : KERNEL_STACK);
  s.setReg(1, TARGET);
  s.setReg(11, BigInt(random.u32() & ~(FLAG.TF | FLAG.AC)) & 0xffffffffn);
  s.fastMsr[FAST_MSR.STAR] = BigInt(random.u32()) << 32n;
  s.fastMsr[FAST_MSR.LSTAR] = TARGET;
  s.fastMsr[FAST_MSR.FMASK] = BigInt(random.u32());
  s.fastMsr[FAST_MSR.KERNEL_GS_BASE] = BigInt(random.u32()) << 10n;
  s.setSegBase(GS, BigInt(random.u32()));
  s.cr0 |= CR0.AM;
  s.cr4 = smap ? s.cr4 | CR4.SMAP : s.cr4 & ~CR4.SMAP;
  s.efer |= EFER.SCE;
  const dpl = cpl === 3 ? ATTR.DPL : 0;
  s.setSegment(CS, cpl === 3 ? USER_CS : 8, 0n, 0xffffffff, 0xa09b | dpl);
  s.setSegment(SS, cpl === 3 ? USER_CS + 8 : 0x10, 0n, 0xffffffff, 0xc093 | dpl);
  s.setCpl(cpl);
  s.setFlags(flags | 2);
  s.setShadow(SHADOW_STI);
  s.shadowCast = 0;
  s.rip = BigInt(CODE);
  s.updateMode();
  rig.vcpu.mmu.flushAll();
}

const GDT = 0x9000;
/** At DPL 0 and 3, code and data: selectors 0x10, 0x18, 0x23, 0x2b. */
const GDT_ENTRIES = [0n, 0n, 0x00af9b000000ffffn, 0x00cf93000000ffffn, 0x00affb000000ffffn, 0x00cff3000000ffffn];

/** A frame for IRETQ and a GDT for it: most are plain returns, to either level; some have one thing that is not. */
function prepareReturn(rig: Rig, seed: number): void {
  const s = rig.vcpu.state;
  const random = new Random(seed + 1000);
  const w64 = (paddr: number, v: bigint): void => void (s.u64[(RAM_BASE + paddr) >> 3] = v);
  const outer = random.u32() % 2 === 0;
  s.setReg(4, KERNEL_STACK - 0x100n);
  s.gdtr.base = BigInt(GDT);
  s.gdtr.limit = 8 * GDT_ENTRIES.length - 1;
  GDT_ENTRIES.forEach((entry, i) => w64(GDT + 8 * i, entry));
  const frame = { rip: TARGET, cs: outer ? 0x23n : 0x10n, flags: BigInt(random.u32() & ~(FLAG.TF | (outer ? FLAG.AC : 0)) | 2) & 0xffffffffn, rsp: (BigInt(random.u32()) << 32n) | BigInt(random.u32()), ss: outer ? 0x2bn : random.u32() % 2 === 0 ? 0x18n : 0n };
  s.setFlags(s.flags() & ~FLAG.NT);
  s.nmiBlocked = false;
  for (const seg of [ES, DS, FS, GS]) {
    if (random.u32() % 2 === 0) s.setSegment(seg, 0, 0n, 0, 0);
    else s.setSegment(seg, 0x2b, 0n, 0xffffffff, 0xc0f3);
  }
  const odd = [
    () => { frame.flags |= BigInt(FLAG.TF); },
    () => { frame.flags |= BigInt(FLAG.AC); },
    () => { frame.rip = 0x0000_8000_0000_0000n; },
    () => { frame.rip = 0xffff_8000_0000_0000n; },
    () => { frame.ss = outer ? 0x18n : 8n; },
    () => { frame.ss = outer ? 3n : 1n; },
    () => { frame.ss = 0n; },
    () => { frame.cs = 0n; },
    () => { frame.cs |= 4n; },
    () => { frame.cs = 0x11n; frame.ss = 0x19n; },
    () => { frame.cs |= 0x30n; },
    () => { s.gdtr.limit = Number(frame.cs) & ~7; },
    () => { w64(GDT + (Number(frame.cs) & ~7), 0x00cf9b000000ffffn); },
    () => { w64(GDT + (Number(frame.cs) & ~7), GDT_ENTRIES[Number(frame.cs) >> 3] & ~(1n << 40n)); },
    () => { w64(GDT + (Number(frame.ss) & ~7), GDT_ENTRIES[Number(frame.ss) >> 3] & ~(1n << 47n)); },
    () => { w64(GDT + (Number(frame.ss) & ~7), GDT_ENTRIES[Number(frame.ss) >> 3] | 1n << 52n); },
    () => { s.setFlags(s.flags() | FLAG.NT); },
    () => { s.nmiBlocked = true; },
    () => { s.setSegment(DS, 0x18, 0n, 0xffffffff, 0xc093); },
    () => { s.setSegment(GS, 0x18, 0n, 0xffffffff, 0xc0d3); },
    () => { s.setReg(4, KERNEL_STACK - 0x10n); },
  ];
  if (random.u32() % 3 === 0) odd[random.u32() % odd.length]();
  const at = Number(s.reg(4));
  [frame.rip, frame.cs, frame.flags, frame.rsp, frame.ss].forEach((v, i) => w64(at + 8 * i, v));
}

const GDT_ENTRIES_32 = [0n, 0n, 0x00cf9b000000ffffn, 0x00cf93000000ffffn, 0x00cffb000000ffffn, 0x00cff3000000ffffn];

/** 32-bit code in flat segments, in compatibility mode. */
function prepareFlat(rig: Rig): void {
  const s = rig.vcpu.state;
  const dpl = s.cpl === 3 ? ATTR.DPL : 0;
  s.setSegment(CS, s.cpl === 3 ? 0x23 : 0x10, 0n, 0xffffffff, 0xc09b | dpl);
  for (const seg of [SS, ES, DS]) s.setSegment(seg, s.cpl === 3 ? 0x2b : 0x18, 0n, 0xffffffff, 0xc093 | dpl);
  for (const n of [4, 5]) s.setReg(n, BigInt.asUintN(32, s.reg(n)));
  s.updateMode();
}

/** A frame for IRETD, as for IRETQ. */
function prepareReturnFlat(rig: Rig, seed: number): void {
  const s = rig.vcpu.state;
  const random = new Random(seed + 2000);
  const w64 = (paddr: number, v: bigint): void => void (s.u64[(RAM_BASE + paddr) >> 3] = v);
  const outer = random.u32() % 2 === 0;
  prepareFlat(rig);
  s.setReg(4, KERNEL_STACK - 0x100n);
  s.gdtr.base = BigInt(GDT);
  s.gdtr.limit = 8 * GDT_ENTRIES_32.length - 1;
  GDT_ENTRIES_32.forEach((entry, i) => w64(GDT + 8 * i, entry));
  const frame = { eip: Number(TARGET), cs: outer ? 0x23 : 0x10, flags: (random.u32() & ~(FLAG.TF | FLAG.VM | (outer ? FLAG.AC : 0)) | 2) >>> 0, esp: random.u32(), ss: outer ? 0x2b : random.u32() };
  s.setFlags(s.flags() & ~FLAG.NT);
  s.nmiBlocked = false;
  for (const seg of [ES, DS, FS, GS]) if (outer || random.u32() % 2 === 0) s.setSegment(seg, 0x2b, 0n, 0xffffffff, 0xc0f3);
  const odd = [
    () => { frame.flags |= FLAG.TF; },
    () => { frame.flags |= FLAG.AC; },
    () => { frame.flags |= FLAG.VM; },
    () => { frame.ss = outer ? 0x18 : 8; },
    () => { frame.ss = 3; },
    () => { frame.ss = 0; },
    () => { frame.cs = 0; },
    () => { frame.cs |= 4; },
    () => { frame.cs = 0x11; },
    () => { frame.cs |= 0x30; },
    () => { frame.cs += 0x10000; },
    () => { s.gdtr.limit = frame.cs & ~7; },
    () => { w64(GDT + (frame.cs & 0xfff8), 0x00af9b000000ffffn); },
    () => { w64(GDT + (frame.cs & 0xfff8), 0x008f9b000000ffffn); },
    () => { w64(GDT + (frame.cs & 0xfff8), GDT_ENTRIES_32[frame.cs >> 3] & ~(1n << 40n)); },
    () => { if (outer) w64(GDT + (frame.ss & 0xfff8), GDT_ENTRIES_32[5] & ~(1n << 47n)); },
    () => { if (outer) w64(GDT + (frame.ss & 0xfff8), GDT_ENTRIES_32[5] & ~(1n << 54n)); },
    () => { s.setFlags(s.flags() | FLAG.NT); },
    () => { s.nmiBlocked = true; },
    () => { s.setSegment(DS, 0x18, 0n, 0xffffffff, 0xc093); },
    () => { s.setSegment(GS, 0x18, 0n, 0xffffffff, 0xc0d3); },
    // The stack's page ends within the frame: the next one is the user's.
    () => { s.setReg(4, KERNEL_STACK - 12n); },
    () => { s.setReg(4, KERNEL_STACK - 8n); },
  ];
  if (random.u32() % 3 === 0) odd[random.u32() % odd.length]();
  const at = Number(s.reg(4));
  [frame.eip, frame.cs, frame.flags, frame.esp, frame.ss].forEach((v, i) => void (s.u32[(RAM_BASE + at + 4 * i) >> 2] = v));
  s.updateMode();
}

function rigOf(source: string, tier: "0" | "1"): Rig {
  const rig = new Rig(source, { tier, model: new CpuModel("max") });
  // Pages are the user's, for the sake of CPL 3.
  for (const at of [0x1000, 0x2000, 0x3000]) rig.orTable(at, 4n);
  for (let i = 0; i < 256; i++) if (i + 1 !== Number(KERNEL_STACK >> 12n) && i !== GDT >> 12) rig.orTable(TABLE + 8 * i, 4n);
  return rig;
}

/** The state after the first instruction, or the fault that it raises. */
function after(rig: Rig): Record<string, unknown> {
  const { vcpu } = rig;
  const before = vcpu.retired;
  const delivery = vi.spyOn(vcpu.cpu.interrupts, "deliverHere");
  // Decoding and compiling may take an entry each.
  while (vcpu.retired === before) {
    const stop = vcpu.run(1);
    // There is no IDT: more faults come of the first.
    if (delivery.mock.calls.length > 0) {
      const [vector, errorCode] = delivery.mock.calls[0];
      delivery.mockRestore();
      return { vector, errorCode };
    }
    expect(stop).toBe("budget");
  }
  delivery.mockRestore();
  expect(vcpu.retired).toBe(before + 1);
  return state(vcpu.state);
}

const cases: [name: string, source: string, length: number, cpl: readonly (0 | 3)[], helper: (rig: Rig, next: bigint) => unknown, more?: (rig: Rig, seed: number) => void][] = [
  ["SYSCALL", "syscall", 2, [0, 3], (rig, next) => rig.vcpu.cpu.helpers.syscall(next)],
  ["SYSRET", "db 0x48, 0x0f, 0x07", 3, [0], (rig) => rig.vcpu.cpu.helpers.sysret(64)],
  ["IRETQ", "iretq", 2, [0], (rig, next) => rig.vcpu.cpu.helpers.iret(64, next), prepareReturn],
  ["IRETD of flat code", "db 0xcf", 1, [0], (rig, next) => rig.vcpu.cpu.helpers.iret(32, next), prepareReturnFlat],
  ["PUSHFD of flat code", "db 0x9c", 1, [0, 3], (rig) => rig.vcpu.cpu.helpers.pushf(32), prepareFlat],
  ["SWAPGS", "swapgs", 3, [0], (rig) => rig.vcpu.cpu.helpers.swapgs()],
  ["CLI", "cli", 1, [0], (rig) => rig.vcpu.cpu.helpers.cli()],
  ["STI", "sti", 1, [0], (rig) => rig.vcpu.cpu.helpers.sti()],
  ["STAC", "stac", 3, [0], (rig, next) => rig.vcpu.cpu.helpers.stac(next)],
  ["CLAC", "clac", 3, [0], (rig, next) => rig.vcpu.cpu.helpers.clac(next)],
  ["PUSHFQ", "pushfq", 1, [0, 3], (rig) => rig.vcpu.cpu.helpers.pushf(64)],
];

describe.each(cases)("%s", (_name, source, length, cpls, helper, more) => {
  it.each(["0", "1"] as const)("does in tier %s what its helper does", (tier) => {
    const random = new Random(length + source.length);
    // A region of the one instruction: what follows is tier 0's.
    const [ours, reference] = [rigOf(`${source}\nhlt`, tier), rigOf(source, "0")];
    const some = FLAG.CF | FLAG.PF | FLAG.AF | FLAG.ZF | FLAG.SF | FLAG.IF | FLAG.DF | FLAG.OF | FLAG.IOPL | FLAG.NT | FLAG.ID;
    for (let n = 0; n < (more === undefined ? 60 : 400); n++) {
      const cpl = cpls[n % cpls.length];
      const options = { cpl, flags: random.u32() & (cpl === 3 ? some : some | FLAG.AC), smap: n % 3 !== 0, seed: n };
      prepare(ours, options);
      more?.(ours, n);
      const done = after(ours);
      prepare(reference, options);
      more?.(reference, n);
      const { state: s } = reference.vcpu;
      // As `run` has it when the instruction is executed.
      s.i32[STATE.icount >> 2] = 1;
      const status = helper(reference, BigInt(CODE + length));
      s.i32[STATE.icount >> 2] = 0;
      if (s.rip === BigInt(CODE)) s.rip += BigInt(length);
      if (s.shadowCast !== 1) s.setShadow(SHADOW_NONE);
      s.shadowCast = 0;
      const { vector, errorCode } = reference.vcpu.mmu.fault;
      expect(done, `${source} from ${JSON.stringify(options)}`).toEqual(status === STATUS.fault ? { vector, errorCode } : state(s));
    }
    // Compiled code has done it, too.
    if (tier === "1") expect(ours.vcpu.retiredInRegions).toBeGreaterThan(15);
  });
});

it("a call that comes back in another mode does not go on in its caller's code", () => {
  // The callee leaves with AC set: the caller's code, compiled for AC clear, must not touch user pages with its own TLB.
  const source = `
    mov ecx, 300
  again:
    call toggle
    mov rax, [0x60000]
    call toggle
    dec ecx
    jnz again
    hlt
  toggle:
    pushfq
    pop rdx
    test edx, 0x40000
    jnz clear
    stac
    ret
  clear:
    clac
    ret
  `;
  const results = (["0", "1", "auto"] as const).map((tier) => {
    const rig = new Rig(source, { tier, model: new CpuModel("max"), ...(tier === "auto" ? { threshold: 20 } : {}) });
    const s = rig.vcpu.state;
    s.cr4 |= CR4.SMAP;
    for (const at of [0x1000, 0x2000, 0x3000]) rig.orTable(at, 4n);
    rig.orTable(0x4000 + 8 * 0x60, 4n);
    s.updateMode();
    rig.vcpu.mmu.flushAll();
    return rig.run(5_000, 100_000).result;
  });
  expect(results[1]).toEqual(results[0]);
  expect(results[2]).toEqual(results[0]);
});

it("interrupts that STI lets in come after one more instruction, as through the helper", () => {
  // INTR is asserted while IF is clear.
  let pending = false;
  const delivered: bigint[] = [];
  const rig = new Rig("mov al, 1\nout 0x80, al\nsti\nnop\nnop\nhlt", {
    env: {
      portRead: () => 0, portWrite: () => {
        pending = true;
        rig.vcpu.kick();
      },
      mmioRead: () => 0, mmioWrite: () => undefined, interruptPending: () => pending,
      acknowledgeInterrupt: () => {
        delivered.push(rig.vcpu.state.rip);
        pending = false;
        return 0x20;
      },
      apic: null, timestamp: () => 0n, tscKhz: 1_000_000, entropy: () => undefined,
    },
  });
  // There is no IDT: the delivery ends in a shutdown.
  expect(rig.vcpu.run(100)).toBe("triple-fault");
  expect(delivered).toEqual([BigInt(CODE + 2 + 2 + 1 + 1)]);
  expect(rig.vcpu.state.attr[CS] & ATTR.L).toBeTruthy();
});
