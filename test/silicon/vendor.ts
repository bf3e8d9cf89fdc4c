/**
 * Where the vendors' processors differ, and how a comparison with one of them allows for it. Ours does what AMD's do, whatever vendor a model
 * names (system calls and x87 pointers apart, which follow the model); on an AMD host nothing here applies. Each rule changes our result to
 * what the other vendor's processor would have given, or where that is open takes over the real one's within bounds; all else is compared as ever.
 */
import { readFileSync } from "node:fs";
import { decode, DECODE_OK, Insn } from "../../src/cpu/decode/decoder.ts";
import { SEG_CS } from "../../src/cpu/decode/insn.ts";
import { ISA, type IsaEntry } from "../../src/cpu/isa/isa.ts";
import { ARITH_FLAGS } from "../../src/cpu/layout.ts";
import { liftName } from "../../src/cpu/lift/form.ts";
import type { Cell } from "../../tools/instructions/space.ts";
import { AREA, type Case, CODE, DATA, initialFpr, initialUpper, initialWord, initialXmm, type Outcome } from "./format.ts";

export type Vendor = "amd" | "intel" | "other";

const VENDORS: readonly (readonly [RegExp, Vendor])[] = [[/AuthenticAMD|\bAMD\b/, "amd"], [/GenuineIntel|\bIntel\b/, "intel"]];

/** By CPUID's vendor string or a processor's name. */
export function vendorOf(text: string): Vendor {
  return VENDORS.find(([pattern]) => pattern.test(text))?.[1] ?? "other";
}

/** Of the CPU this runs on, as Linux names it. */
export function hostVendor(): Vendor {
  try {
    return vendorOf(/^vendor_id\s*:\s*(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "");
  } catch {
    return "other";
  }
}

/** XMM0-15 and the upper halves of YMM0-15. */
export interface VectorRegisters {
  readonly xmm: Uint8Array;
  readonly upper: Uint8Array;
}

const insn = new Insn();

/** One instruction that stands alone, executed by both. */
interface Executed {
  readonly c: Case;
  readonly pool: Uint8Array;
  readonly real: Outcome;
  /** What the rules change. */
  readonly ours: Outcome;
  readonly entry: IsaEntry;
  readonly lift: string;
  readonly insn: Insn;
  /** RIP before it; offset in its code segment. */
  readonly start: bigint;
}

interface Rule {
  readonly vendor: Vendor;
  /** The manual's section, or "measured". */
  readonly source: string;
  /** What that vendor's processors do, and AMD's and ours do not. */
  readonly text: string;
  readonly adapt: (x: Executed) => void;
}

const low32 = (v: bigint): bigint => v & 0xffffffffn;
const faulted = (o: Outcome, start: bigint): boolean => (o.vector === 13 || o.vector === 14) && o.rip === start;
const canonical = (v: bigint): boolean => BigInt.asUintN(64, BigInt.asIntN(48, v)) === v;
const SEGMENTS: Readonly<Record<string, number>> = { ES: 0x2b, CS: 0x23, SS: 0x2b, DS: 0x2b, FS: 0, GS: 0 };
const isPushSegment = (entry: IsaEntry): boolean => entry.lift === "push" && SEGMENTS[entry.operands[0]?.fixed ?? ""] !== undefined;
/** F3, REX.B and 90. */
const isPauseOrXchg = (i: Insn, code: Uint8Array): boolean => i.rep === 0xf3 && (i.rex & 1) !== 0 && i.length > 2 && code[i.length - 1] === 0x90 && liftName(ISA[i.entry]) === "xchg" && i.modrm < 0;
const DOT = /^v?dpp[sd]$/;
const STRING = /^(movs|cmps|stos|lods|scas|ins|outs)$/;

/** Changes bytes of the outcome's memory. */
function put(x: Executed, address: bigint, bytes: readonly number[]): void {
  bytes.forEach((byte, i) => {
    const offset = Number(address) - DATA + i;
    if (offset < 0 || offset >= AREA) return;
    const word = offset & ~7, shift = BigInt(8 * (offset & 7)), before = initialWord(x.c, x.pool, word);
    const value = ((x.ours.memory.get(word) ?? before) & ~(0xffn << shift)) | (BigInt(byte) << shift);
    if (value === before) x.ours.memory.delete(word);
    else x.ours.memory.set(word, value);
  });
}
const littleEndian = (v: bigint, bytes: number): number[] => Array.from({ length: bytes }, (_, i) => Number((v >> BigInt(8 * i)) & 255n));
/** Bytes as they were before. */
function initial(x: Executed, address: bigint, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => {
    const offset = Number(address) - DATA + i;
    return offset < 0 || offset >= AREA ? 0 : Number((initialWord(x.c, x.pool, offset & ~7) >> BigInt(8 * (offset & 7))) & 255n);
  });
}

/** Both lanes hold a quiet NaN: ours becomes the real one. */
export function adaptDotProduct(lift: string, destination: number, real: VectorRegisters, ours: VectorRegisters): void {
  const bytes = lift.endsWith("s") ? 4 : 8;
  const quiet = (v: Uint8Array, from: number): boolean => {
    const top = v[from + bytes - 1] & 0x7f, next = v[from + bytes - 2];
    return top === 0x7f && (bytes === 4 ? next >= 0xc0 : next >= 0xf8);
  };
  for (const [theirs, mine] of [[real.xmm, ours.xmm], [real.upper, ours.upper]] as const) {
    for (let from = 16 * destination; from < 16 * destination + 16; from += bytes) {
      if (quiet(theirs, from) && quiet(mine, from)) mine.set(theirs.subarray(from, from + bytes), from);
    }
  }
}

export interface Gather {
  /** Bytes of an element, of data as of the mask. */
  readonly element: number;
  /** Bytes of the destination. */
  readonly data: number;
  /** By VEX.L: as much of the mask's register is looked at, even if there are fewer elements. */
  readonly vector: number;
  readonly destination: number;
  readonly mask: number;
}

/** What a gather's lift name and operands say. */
export function gatherOf(entry: IsaEntry, destination: number, mask: number): Gather | null {
  const match = /^vgather([dq])p([sd])$/.exec(entry.lift);
  if (match === null) return null;
  const vector = entry.l === 1 ? 32 : 16;
  return { element: match[2] === "s" ? 4 : 8, vector, data: match[1] === "q" && match[2] === "s" ? 16 : vector, destination, mask };
}

/**
 * Our result of a gather that faulted becomes one that spread the mask elements' sign bits and cleared the mask's upper half first, and
 * with the first element loaded the destination's.
 */
export function adaptGather(g: Gather, before: VectorRegisters, ours: VectorRegisters): void {
  const element = (v: VectorRegisters, from: number): Uint8Array => {
    const at = 16 * g.mask + (from & 15);
    return (from < 16 ? v.xmm : v.upper).subarray(at, at + g.element);
  };
  const selected = (v: VectorRegisters, from: number): boolean => (element(v, from)[g.element - 1] & 0x80) !== 0;
  let loaded = false;
  for (let from = 0; from < g.vector; from += g.element) {
    const now = selected(ours, from);
    loaded ||= from < g.data && selected(before, from) && !now;
    element(ours, from).fill(now ? 0xff : 0);
  }
  if (g.vector === 32) return;
  ours.upper.fill(0, 16 * g.mask, 16 * g.mask + 16);
  if (loaded) ours.upper.fill(0, 16 * g.destination, 16 * g.destination + 16);
}

export const RULES = {
  pushSegment: {
    vendor: "intel", source: 'SDM Vol. 2 "PUSH"', text: "PUSH of a segment register with a 32-bit operand writes 16 bits; the slot's upper half stays",
    adapt: (x) => {
      if (!isPushSegment(x.entry) || x.insn.opSize !== 32) return;
      const slot = low32(x.c.gpr[4] - 4n);
      if (x.ours.vector === 14 && x.ours.rip === x.start && x.ours.cr2 >= slot + 2n && x.ours.cr2 < slot + 4n) {
        // Only what is not written lies on the page that is not there.
        Object.assign(x.ours, { vector: 6, error: 0, cr2: 0n, rip: x.start + BigInt(x.insn.length) });
        x.ours.gpr[4] = slot;
        put(x, slot, littleEndian(BigInt(SEGMENTS[x.entry.operands[0].fixed ?? ""]), 2));
      } else if (!faulted(x.ours, x.start)) put(x, slot + 2n, initial(x, slot + 2n, 2));
    },
  },
  pauseWithRexB: {
    vendor: "intel", source: "measured", text: "F3 90 with REX.B is PAUSE, not XCHG with r8 under a prefix that means nothing",
    adapt: (x) => {
      if (isPauseOrXchg(x.insn, x.c.code)) for (const r of [0, 8]) x.ours.gpr[r] = x.c.gpr[r];
    },
  },
  callAtLimit: {
    vendor: "intel", source: "measured", text: "a near CALL to a target beyond CS's limit, or not canonical, has already written the return address when it faults; RSP is as before",
    adapt: (x) => {
      if (x.lift !== "call" || x.ours.vector !== 13 || x.ours.rip !== x.start || x.real.vector !== 13) return;
      const bytes = x.insn.opSize / 8;
      const slot = x.insn.mode === 64 ? x.c.gpr[4] - BigInt(bytes) : low32(x.c.gpr[4] - BigInt(bytes));
      put(x, slot, littleEndian(x.start + BigInt(x.insn.length), bytes));
    },
  },
  repeatedZeroExtension: {
    vendor: "intel", source: "measured",
    text: "a repeated string instruction with 32-bit addresses in 64-bit code may clear bits 63:32 of RCX, RSI and RDI although it repeats nothing",
    adapt: (x) => {
      if (!STRING.test(x.lift) || x.insn.rep === 0 || x.insn.mode !== 64 || x.insn.addrSize !== 32) return;
      for (const r of [1, 6, 7]) if (x.ours.gpr[r] === x.c.gpr[r] && x.real.gpr[r] === low32(x.ours.gpr[r])) x.ours.gpr[r] = x.real.gpr[r];
    },
  },
  repeatedFlags: {
    vendor: "intel", source: 'SDM Vol. 2 "REP/REPE/REPZ/REPNE/REPNZ"', text: "CMPS and SCAS under a repeat prefix leave the flags as they were before when an element faults",
    adapt: (x) => {
      if ((x.lift !== "cmps" && x.lift !== "scas") || x.insn.rep === 0 || !faulted(x.ours, x.start)) return;
      x.ours.flags = (x.ours.flags & ~ARITH_FLAGS) | (x.c.flags & ARITH_FLAGS);
    },
  },
  compareOrder: {
    vendor: "intel", source: "measured", text: "CMPS reads the element at rDI first: where both fault, its fault is reported",
    adapt: (x) => {
      if (x.lift !== "cmps" || !faulted(x.ours, x.start) || !faulted(x.real, x.start)) return;
      const bytes = x.entry.operands.some((o) => o.size === "b") ? 1n : BigInt(x.insn.opSize / 8);
      const place = (register: number): bigint => BigInt.asUintN(x.insn.addrSize, x.ours.gpr[register]);
      const within = (o: Outcome, from: bigint): boolean => o.vector === 14 && (o.cr2 === from || (o.cr2 > from && o.cr2 < from + bytes && (o.cr2 & 0xfffn) === 0n));
      const outside = (o: Outcome, from: bigint): boolean => o.vector === 13 && !(canonical(from) && canonical(from + bytes - 1n));
      const first = place(6), second = place(7);
      if (!(within(x.ours, first) || outside(x.ours, first)) || !(within(x.real, second) || outside(x.real, second))) return;
      Object.assign(x.ours, { vector: x.real.vector, error: x.real.vector === 14 ? 4 : 0, cr2: x.real.cr2 });
    },
  },
  boundOrder: {
    vendor: "intel", source: "measured", text: "BOUND with an index below the lower bound raises #BR without reading the upper one",
    adapt: (x) => {
      const { ours, insn: i } = x;
      if (x.lift !== "bound" || ours.vector !== 14 || ours.rip !== x.start || x.real.vector !== 5) return;
      const register = (n: number): bigint => (n < 0 ? 0n : x.c.gpr[n]);
      const lower = BigInt.asUintN(i.addrSize, register(i.base) + (register(i.index) << BigInt(i.scale)) + BigInt(i.disp));
      const bytes = i.opSize / 8;
      if (lower < BigInt(DATA) || lower + BigInt(bytes) > ours.cr2) return;
      const bound = initial(x, lower, bytes).reduceRight((v, byte) => (v << 8n) | BigInt(byte), 0n);
      if (BigInt.asIntN(i.opSize, x.c.gpr[i.reg]) < BigInt.asIntN(i.opSize, bound)) Object.assign(ours, { vector: 5, error: 0, cr2: 0n });
    },
  },
  wrapAtFourGigabytes: {
    vendor: "intel", source: "SDM Vol. 3A §5.3",
    text: "an access that wraps at 4 GiB in a segment with a limit of FFFFFFFFh may go on past the limit check (to #PF here) instead of faulting there",
    adapt: (x) => {
      const { ours, real } = x;
      if (x.insn.mode === 64 || (ours.vector !== 13 && ours.vector !== 12) || ours.error !== 0 || ours.rip !== x.start || real.vector !== 14) return;
      if (real.cr2 <= 0xffffffffn - 32n || real.cr2 > 0xffffffffn || (real.error !== 4 && real.error !== 6)) return;
      Object.assign(ours, { vector: 14, error: real.error, cr2: real.cr2 });
    },
  },
  emptyMask: {
    vendor: "intel", source: 'SDM Vol. 2 "MASKMOVQ", "MASKMOVDQU": implementation dependent', text: "a byte-masked store with an empty mask still faults where its segment cannot be written",
    adapt: (x) => {
      const { ours, real, insn: i } = x;
      if (!/^v?maskmov(q|dqu)$/.test(x.lift) || ours.rip !== x.start + BigInt(i.length) || real.vector !== 13 || i.mode === 64 || i.seg !== SEG_CS) return;
      const mask = x.lift === "maskmovq" ? initialFpr(x.c, x.pool).subarray(16 * i.rm, 16 * i.rm + 8) : initialXmm(x.c, x.pool).subarray(16 * i.rm, 16 * i.rm + 16);
      if (mask.every((byte) => byte < 0x80)) Object.assign(ours, { vector: 13, error: 0, cr2: 0n, rip: x.start });
    },
  },
  maskedStore: {
    vendor: "intel", source: "measured", text: "CR2 after a masked vector store is the address of an element's last byte, not of the first byte that is not there",
    adapt: (x) => {
      const { ours, real } = x;
      if (!/^vp?maskmov(ps|pd|d|q)$/.test(x.lift) || x.entry.operands[0].code !== "M" || ours.vector !== 14 || real.vector !== 14) return;
      if (real.cr2 > ours.cr2 && real.cr2 < ours.cr2 + 32n && real.cr2 >> 12n === ours.cr2 >> 12n) ours.cr2 = real.cr2;
    },
  },
  gatherFault: {
    vendor: "intel", source: 'SDM Vol. 2 "VGATHERDPS", operation',
    text: "a gather spreads the sign bits of its mask's elements and clears the upper halves before its first access, so that this is seen when one faults",
    adapt: (x) => {
      const g = gatherOf(x.entry, x.insn.reg, x.insn.vvvv);
      if (g !== null && faulted(x.ours, x.start) && faulted(x.real, x.start)) adaptGather(g, { xmm: initialXmm(x.c, x.pool), upper: initialUpper(x.c, x.pool) }, x.ours);
    },
  },
  dotProductNan: {
    vendor: "intel", source: 'SDM Vol. 2 "DPPS", "DPPD": implementation dependent', text: "another of the NaNs that meet in DPPS or DPPD reaches a destination element",
    adapt: (x) => {
      if (DOT.test(x.lift)) adaptDotProduct(x.lift, x.insn.reg, x.real, x.ours);
    },
  },
} as const satisfies Readonly<Record<string, Rule>>;

export type RuleName = keyof typeof RULES;

/**
 * Applies the rules of the host's vendor to our result of a case that differs; answers those that changed something. `mode` is that of the code
 * if the case does not say, and `base` its segment's.
 */
export function adapt(vendor: Vendor, c: Case, pool: Uint8Array, real: Outcome, ours: Outcome, mode: 16 | 32 | 64 = c.mode ?? 64, base = 0): RuleName[] {
  const rules = Object.entries(RULES).filter(([, rule]) => rule.vendor === vendor) as [RuleName, Rule][];
  if (rules.length === 0 || decode(c.code, 0, c.code.length, mode, insn) !== DECODE_OK || insn.length + 2 < c.code.length) return [];
  const entry = ISA[insn.entry];
  const x: Executed = { c, pool, real, ours, entry, lift: liftName(entry), insn, start: BigInt(CODE + c.codeOffset - base) };
  const state = (): string => [ours.vector, ours.error, ours.rip, ours.cr2, ours.flags, ours.gpr, ours.xmm, ours.upper, [...ours.memory].join(";")].join("|");
  const used: RuleName[] = [];
  let before = state();
  for (const [name, rule] of rules) {
    rule.adapt(x);
    const after = state();
    if (after !== before) used.push(name);
    before = after;
  }
  return used;
}

/** What must stand alone on such a host: whatever read its result would differ, too. `i` was decoded from `code`. */
export function standsAlone(vendor: Vendor, i: Insn, code: Uint8Array): boolean {
  const entry = ISA[i.entry];
  return vendor === "intel" && (DOT.test(liftName(entry)) || (isPushSegment(entry) && i.opSize === 32) || isPauseOrXchg(i, code));
}

/**
 * VEX encodings that raise #UD on AMD's processors and ours, and not on Intel's: W1 of VPINSRD outside 64-bit mode, where it is ignored (SDM
 * Vol. 2 "PINSRB/PINSRD/PINSRQ", note 2), and CLWB behind VEX.66, whatever the other fields say (measured).
 */
export function definesVex(vendor: Vendor, c: Cell): boolean {
  if (vendor !== "intel" || !c.vex || c.prefix !== 1) return false;
  if (c.map === 3) return c.opcode === 0x22 && c.mode === 32 && c.w === 1 && c.l === 0;
  return c.map === 1 && c.opcode === 0xae && c.modrm < 0xc0 && ((c.modrm >> 3) & 7) === 6;
}
