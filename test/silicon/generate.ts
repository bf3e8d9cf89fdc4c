/**
 * Test cases made from the instruction table: every form that runs in user mode, with all kinds of operands,
 * boundary values, faulting addresses; alone or in sequences. Deterministic by seed.
 */
import { DECODE_OK, decode, Insn } from "../../src/cpu/decode/decoder.ts";
import { ISA, type IsaEntry } from "../../src/cpu/isa/isa.ts";
import { sizeInBits } from "../../src/cpu/isa/sizes.ts";
import { ARITH_FLAGS, FLAG } from "../../src/cpu/layout.ts";
import { liftName } from "../../src/cpu/lift/form.ts";
import {
  type Address, bytesOf, Draft, GIVE_UP, GiveUp, makeAddress, makeAddress16, MASK64, pickAddress, RAX, RBP, RBX, RCX, RDI, RDX, RSI, RSP,
} from "./draft.ts";
import { flagEffect } from "./flags.ts";
import { AREA, CODE, type Case, DATA } from "./format.ts";
import { addVex } from "./generate-vex.ts";
import { interesting, Prng, SLOT_KINDS } from "./pool.ts";
import { ALONE, BRANCHES, COMMON, exclusion, isBranch, type Mode, type Shape, shapesOf, STRINGS } from "./scope.ts";
import { standsAlone, type Vendor } from "./vendor.ts";

const STACK_SIZE: Record<string, number> = { push: 8, pushf: 8, call: 8 };
const scratch = new Insn();
const NO_PREFIX_LIFTS = new Set(["jcc", ...BRANCHES]);

/** Adds one instruction to the draft; throws GiveUp when the dice do not fit together. */
function addInstruction(d: Draft, shape: Shape, sequence: boolean, last: boolean): void {
  const { r } = d;
  const { entry, mod } = shape;
  let { opSize } = shape;
  const lift = liftName(entry);
  if (entry.vex) {
    if (!sequence) implied(d, entry, lift.replace(/^v/, ""), opSize, d.mode, 0, opSize);
    addVex(d, shape, sequence);
    return;
  }
  const branch = isBranch(entry);
  if (branch && !last) throw GIVE_UP;

  // --- Prefixes
  const long = d.mode === 64;
  const otherAddress = !long && !sequence && ((lift === "lea" && r.chance(0.3)) || (["loop", "loope", "loopne", "jcxz"].includes(lift) && r.chance(0.3))
    || ((STRINGS.has(lift) || lift === "xlat") && r.chance(0.2)));
  const address32 = long && !sequence && r.chance((branch && entry.lift !== "jmp" && entry.lift !== "call") || STRINGS.has(lift) ? 0.3 : mod === "mem" || lift === "xlat" || lift.startsWith("maskmov") || entry.operands.some((o) => o.code === "O") ? 0.12 : 0.02) && !(branch && entry.lift === "ret");
  const prefixes: number[] = [];
  let w = opSize === 64 && !entry.d64 && !entry.f64 ? 1 : 0;
  if (entry.w === 1) w = 1;
  if (opSize === 16 && !(entry.operands.length > 0 && entry.prefix === "66")) prefixes.push(0x66);
  if (address32 || otherAddress) prefixes.push(0x67);
  const repeatable = entry.rep !== "none" && r.chance(0.6);
  let rep = 0;
  if (entry.prefix === "F3") rep = 0xf3;
  else if (entry.prefix === "F2") rep = 0xf2;
  else if (entry.prefix === "66") prefixes.push(0x66);
  else if (repeatable) rep = r.chance(0.5) ? 0xf3 : 0xf2;
  if (rep === 0xf2 && entry.rep === "rep" && !r.chance(0.2)) rep = 0xf3;
  const lockable = entry.lock && mod === "mem";
  // LOCK MOV CR0 means CR8 at AMD.
  if (lockable ? r.chance(0.25) : !entry.modIgnored && r.chance(0.003)) prefixes.push(0xf0);
  if (r.chance(0.03) && !NO_PREFIX_LIFTS.has(entry.lift)) prefixes.push(r.pick([0x26, 0x2e, 0x36, 0x3e]));
  if (rep === 0 && entry.prefix === "none" && entry.map === 0 && entry.rep === "none" && !branch && r.chance(0.01)) prefixes.push(r.pick([0xf2, 0xf3]));
  if (rep !== 0) prefixes.push(rep);
  for (let i = prefixes.length - 1; i > 0; i--) {
    const k = r.below(i + 1);
    [prefixes[i], prefixes[k]] = [prefixes[k], prefixes[i]];
  }
  // REX.W where the size does not ask for it.
  if (w === 0 && entry.w < 0 && opSize !== 16 && (entry.f64 || entry.d64) && r.chance(0.05) && !branch) w = 1;
  if (!long) w = 0;

  const context = { mode: d.mode, opSize: entry.f64 && long ? 64 : opSize, addrSize: long ? (address32 ? 32 : 64) : otherAddress ? 16 : 32, vexL: 0 };
  if (w === 1) opSize = context.opSize = 64;

  // --- Registers that the instruction implies
  if (!sequence) implied(d, entry, lift, opSize, context.addrSize, rep, context.opSize);

  // --- Operands
  let reg = entry.regField >= 0 ? entry.regField : 0;
  let rm = 0;
  let rex = 0;
  let opreg = 0;
  const tail: number[] = [];
  let memory: Address | null = null;
  let target = 0;
  let needRex = false;
  const registers: { num: number; bits: number; operand: number }[] = [];
  const general = (): number => {
    for (;;) {
      const n = r.below(d.registers);
      // A byte register 4 to 7 is part of one of the first four in 32-bit code.
      if (!((d.reserved >> n) & 1)) return n;
    }
  };
  const byteRegister = (bits: number, n: number): number => {
    // 4 to 7 mean AH to BH unless a REX prefix stands before the instruction.
    if (long && bits === 8 && n >= 4 && n < 8 && r.chance(0.5)) needRex = true;
    return n;
  };
  let memoryBytes = 0;
  entry.operands.forEach((o, i) => {
    const bits = sizeInBits(o.size, context);
    switch (o.code) {
      case "G": reg = byteRegister(bits, general()); registers.push({ num: reg, bits, operand: i }); break;
      case "V": reg = r.below(d.registers); break;
      case "P": reg = r.below(8); d.useMmx = true; break;
      case "S": reg = r.pick([0, 1, 2, 3, 4, 5]); break;
      case "N": rm = r.below(8); d.useMmx = true; break;
      case "U": rm = r.below(d.registers); break;
      case "R": rm = byteRegister(bits, general()); registers.push({ num: rm, bits, operand: i }); break;
      case "Z": opreg = byteRegister(bits, general()); registers.push({ num: opreg, bits, operand: i }); break;
      case "E":
        if (mod === "reg") {
          rm = byteRegister(bits, general());
          registers.push({ num: rm, bits, operand: i });
        } else memoryBytes = bits / 8;
        break;
      case "Q":
        if (mod === "reg") rm = r.below(8);
        else memoryBytes = bits / 8;
        d.useMmx = true;
        break;
      case "W":
        if (mod === "reg") rm = r.below(d.registers);
        else memoryBytes = bits / 8;
        break;
      case "M": memoryBytes = bits / 8; break;
      default: break;
    }
  });
  if (entry.rmField >= 0) rm = entry.rmField;
  d.usesMxcsr ||= entry.operands.some((o) => "VWU".includes(o.code));
  if (lift === "emms") d.useMmx = true;

  const bit = ["bt", "bts", "btr", "btc"].includes(lift);
  if (mod === "mem") {
    const vector = entry.operands.some((o) => "VW".includes(o.code)) && memoryBytes === 16;
    target = pickAddress(r, memoryBytes, vector || lift === "cmpxchg16b" ? 16 : 1);
    // SHA with a misaligned operand: #GP at Intel, none at AMD.
    if (entry.feature === "sha") {
      if (target < 0) throw GIVE_UP;
      target &= ~15;
    }
    if (sequence && (target < DATA || target + memoryBytes > DATA + AREA)) target = DATA + r.below(AREA - memoryBytes);
    if (sequence && vector) target &= ~15;
    if (bit && registers.length > 0) {
      if (sequence) throw GIVE_UP;
      const index = registers[0];
      // Mostly inside the area.
      if (d.gpr[index.num] === undefined && !r.chance(0.1)) {
        const room = index.bits === 16 ? 32768 : (AREA - 16) * 4;
        if (target >= DATA && target < DATA + AREA) target = DATA + AREA / 2 - 8;
        d.pinLow(index.num, index.bits, BigInt(r.below(2 * room) - room));
      }
    }
    if (lift === "lea" || lift === "nop" || lift.startsWith("prefetch")) {
      if (r.chance(0.5)) target = DATA + r.below(AREA);
    }
    memory = otherAddress ? makeAddress16(r) : makeAddress(d, target, address32, sequence);
    rm = memory.modrm & 7;
    rex |= memory.rex;
  } else rex |= (rm >> 3) & 1;

  // --- Values that make it interesting
  for (const x of registers) {
    if (!sequence && !branch) d.value(x.num);
  }
  const codeTarget = (): bigint => (r.chance(0.9) ? BigInt(CODE + 2 * r.below(AREA / 2 - 8)) : r.chance(0.6) ? BigInt(r.pick([DATA, CODE + AREA, CODE - 2, 0x1000])) : long ? 0x123456789abcn : 0x12345678n);
  if (branch && entry.hasModrm) {
    if (mod === "reg") d.pin(rm, codeTarget());
    else if (target >= 0) d.write(target, long ? 8 : 4, codeTarget());
  }
  if (lift === "cmpxchg" && !sequence && r.chance(0.5)) {
    const bits = registers[registers.length - 1].bits;
    if (mod === "mem") {
      if (target >= DATA && d.gpr[RAX] === undefined) d.pinLow(RAX, bits, d.read(target, bits / 8));
    } else if (bits > 8 && d.gpr[RAX] !== undefined && rm !== RAX) d.gpr[rm] = d.gpr[RAX];
  }
  if ((lift === "cmpxchg8b" || lift === "cmpxchg16b") && target >= DATA && r.chance(0.6)) {
    const half = lift === "cmpxchg8b" ? 32 : 64;
    d.pinLow(RAX, half, d.read(target, half / 8));
    d.pinLow(RDX, half, d.read(target + half / 8, half / 8));
  }
  if (lift === "ldmxcsr") {
    if (target < DATA || target + 4 > DATA + AREA) throw GIVE_UP;
    d.write(target, 4, r.chance(0.15) ? BigInt(r.u32() | 0x1f80) : 0x1f80n | BigInt(r.below(4) << 13) | BigInt(r.below(64)));
  }
  if ((lift === "div" || lift === "idiv") && r.chance(0.7)) {
    // A dividend that fits the divisor most of the time.
    const bits = sizeInBits(entry.operands[0].size, context);
    if (bits === 8) {
      if (d.gpr[RAX] === undefined) d.pinLow(RAX, 16, BigInt(r.below(1 << r.below(17)) * (lift === "idiv" && r.chance(0.5) ? -1 : 1)));
    } else if (d.gpr[RDX] === undefined) {
      const sign = lift === "idiv" && ((d.value(RAX) >> BigInt(bits - 1)) & 1n) === 1n;
      d.pinLow(RDX, bits, r.chance(0.6) ? (sign ? -1n : 0n) : BigInt(r.below(256)) - (lift === "idiv" ? 128n : 0n));
    }
  }

  // --- Immediates and displacements
  let count: number | null = null;
  let branchField = 0;
  const width = entry.operands[0] === undefined ? opSize : sizeInBits(entry.operands[0].size, context) || opSize;
  entry.operands.forEach((o, i) => {
    if (o.code === "I") {
      let bytes = o.size === "b" || o.size === "bs" ? 1 : o.size === "w" ? 2 : o.size === "v" ? context.opSize / 8 : Math.min(4, context.opSize / 8);
      if (o.size === "z" && context.opSize !== 16) bytes = 4;
      let v = interesting(r);
      if (bytes === 1 && i > 0) {
        count = Number(v & 255n);
        if ((lift === "shld" || lift === "shrd") && width === 16 && (count & 31) > 16) v = BigInt((count &= 15));
      }
      if (lift === "enter") v = o.size === "w" ? BigInt(r.below(r.chance(0.9) ? 512 : 65536)) : BigInt(r.chance(0.6) ? 0 : r.below(40));
      if (lift === "ret") v = BigInt(r.below(r.chance(0.9) ? 256 : 65536));
      tail.push(...bytesOf(v, bytes));
    } else if (o.code === "J") {
      const bytes = o.size === "b" ? 1 : !long && opSize === 16 ? 2 : 4;
      branchField = bytes;
      tail.push(...bytesOf(0n, bytes));
    } else if (o.code === "O") {
      const at = pickAddress(r, sizeInBits(o.size, context) / 8, 1);
      tail.push(...bytesOf(at < 0 ? 0x8000000000000000n : BigInt(at), address32 || !long ? 4 : 8));
    } else if (o.fixed === "1") count = 1;
    else if (o.fixed === "CL" && (lift === "shld" || lift === "shrd") && width === 16) {
      if (sequence) throw GIVE_UP;
      if (d.gpr[RCX] === undefined) d.pinLow(RCX, 8, BigInt(r.below(17) | (r.below(8) << 5)));
      else if ((d.value(RCX) & 31n) > 16n) throw GIVE_UP;
    }
  });
  if (entry.operands.some((o) => o.fixed === "CL") && !sequence) {
    if (d.gpr[RCX] === undefined) d.pinLow(RCX, 8, BigInt(r.chance(0.6) ? r.below(width + 2) : r.below(256)));
    count = Number(d.value(RCX) & 255n);
    // The count may be changed by the operand itself only after it is read.
  }

  // --- Flags: nothing reads what is undefined.
  const effect = flagEffect(lift, width, count);
  if ((effect.reads & d.undefinedNow) !== 0) throw GIVE_UP;

  // --- Bytes
  if (entry.plusR) rex |= (opreg >> 3) & 1;
  if (entry.hasModrm && entry.regField < 0) rex |= (reg >> 3) << 2;
  if (w) rex |= 8;
  // Bits that change nothing: REX.R and X where no register stands, B of an MMX register.
  let rexByte = rex !== 0 || needRex || (long && r.chance(0.08)) ? 0x40 | rex : 0;
  if (!long && rexByte !== 0) throw GIVE_UP;
  if (rexByte !== 0 && entry.operands.every((o) => !"VGSCD".includes(o.code)) && entry.regField < 0 && entry.hasModrm && r.chance(0.2)) rexByte |= 4;
  const map = entry.map === 0 ? [] : entry.map === 1 ? [0x0f] : entry.map === 2 ? [0x0f, 0x38] : [0x0f, 0x3a];
  const start = d.code.length;
  const bytes = [...prefixes, ...(rexByte === 0 ? [] : [rexByte]), ...map, entry.opcode + (entry.plusR ? opreg & 7 : 0)];
  if (entry.hasModrm) {
    const mode = memory === null ? 0xc0 : memory.modrm & 0xc0;
    bytes.push(mode | ((reg & 7) << 3) | (memory === null ? rm & 7 : memory.modrm & 7));
    if (memory !== null) {
      const field = bytes.length;
      bytes.push(...memory.tail);
      if (memory.relative !== null) {
        const end = CODE + d.codeOffset + start + bytes.length + tail.length;
        bytesOf(BigInt(memory.relative.target - end), 4).forEach((b, i) => (bytes[field + i] = b));
      }
    }
  }
  bytes.push(...tail);
  if (branchField !== 0) {
    const end = d.codeOffset + start + bytes.length;
    const to = branchField === 1 ? (end + r.below(230) - 110) & ~1 : r.chance(0.9) ? r.below(AREA - 8) & ~1 : AREA + r.below(8) * 2;
    bytesOf(BigInt(to - end), branchField).forEach((b, i) => (bytes[bytes.length - branchField + i] = b));
    // Never back into the case.
    if (to > d.codeOffset - 2 && to < end + 2) throw GIVE_UP;
  }
  if (bytes.length > 15 || start + bytes.length > 100) throw GIVE_UP;
  const check = Uint8Array.from(bytes);
  const status = decode(check, 0, check.length, d.mode, scratch);
  const locked = prefixes.includes(0xf0) && !lockable;
  if (!locked && (status !== DECODE_OK || scratch.entry !== entry.id || scratch.length !== bytes.length)) throw GIVE_UP;
  if (sequence && !locked && standsAlone(d.vendor, scratch, check)) throw GIVE_UP;
  d.code.push(...bytes);
  d.branches ||= branch;
  d.undefinedNow = (d.undefinedNow & ~effect.defines) | effect.undefines;
  d.undefinedEver |= d.undefinedNow;
}

/** Pins what the instruction uses without naming it. */
function implied(d: Draft, entry: IsaEntry, lift: string, opSize: number, bits: number, rep: number, effective: number): void {
  const { r } = d;
  if (STRINGS.has(lift)) {
    const size = effective === 64 && (lift === "ins" || lift === "outs") ? 4 : (entry.operands.some((o) => o.size === "b") ? 8 : effective) / 8;
    const count = rep === 0 ? r.u64() : BigInt(r.chance(0.1) ? r.below(1200) : r.below(24));
    if (rep !== 0) d.pinLow(RCX, bits, count);
    const span = rep === 0 ? size : Number(count) * size;
    const place = (): bigint => {
      if (r.chance(0.12)) return BigInt(pickAddress(r, size, 1));
      const room = Math.max(0, AREA - span - size);
      const start = r.below(room + 1) & (r.chance(0.5) ? -8 : -1);
      return BigInt(DATA + start + (d.down && rep !== 0 ? Math.max(0, span - size) : 0));
    };
    const from = place();
    // Overlapping copies, equal strings.
    const to = r.chance(0.3) ? from + BigInt(r.below(40) - 20) : place();
    if (["movs", "cmps", "lods", "outs"].includes(lift)) d.pinLow(RSI, bits, from);
    if (["movs", "cmps", "stos", "scas", "ins"].includes(lift)) d.pinLow(RDI, bits, to);
    if (lift === "cmps" && r.chance(0.6)) d.write(Number(to), Math.min(64, span), d.read(Number(from), Math.min(64, span)));
    if (lift === "scas" && r.chance(0.5)) d.pinLow(RAX, size * 8, d.read(Number(to) + size * r.below(8) * (d.down ? -1 : 1), size));
  }
  if (lift === "xlat") {
    const index = BigInt(r.below(256));
    d.pinLow(RAX, 8, index);
    const at = pickAddress(r, 1, 1);
    d.pinLow(RBX, bits, (at < 0 ? 0x8000000000000000n : BigInt(at)) - index);
  }
  if (lift === "maskmovq" || lift === "maskmovdqu") d.pinLow(RDI, bits, BigInt(DATA + r.below(AREA - 16)));
  if (["loop", "loope", "loopne", "jcxz"].includes(lift)) {
    d.pinLow(RCX, bits, r.pick([0n, 1n, 2n, 1n << 32n, 0xffffffffn, interesting(r)]));
    if (bits === 64 && r.chance(0.3)) d.gpr[RCX] = r.pick([1n << 32n, (1n << 32n) | 1n, 1n << 16n]);
  }
  if (["pcmpestrm", "pcmpestri"].includes(lift)) {
    for (const n of [RAX, RDX]) d.pinLow(n, opSize === 64 ? 64 : 32, r.chance(0.8) ? BigInt(r.below(40) - 20) : interesting(r));
  }
  if (lift === "aam" || lift === "aad") d.value(RAX);
  const stack = ["push", "pop", "pushf", "popf", "call", "ret", "enter", "leave", "pusha", "popa"];
  if (!stack.includes(lift)) return;
  const slot = d.mode / 8;
  const size = lift === "pusha" || lift === "popa" ? 8 * opSize / 8 : STACK_SIZE[lift] ?? slot;
  let at = r.chance(0.85) ? DATA + 1024 + (r.below(AREA - 2048) & (r.chance(0.7) ? -8 : -1)) : pickAddress(r, size, 1);
  if (lift === "popf" && (at < DATA || at + 8 > DATA + AREA)) at = DATA + 64;
  if (at < 0 && d.mode === 32) at = DATA + AREA - 4;
  // AMD's POPA leaves the registers changed that it popped before a fault.
  if (lift === "popa" && at > DATA + AREA - size && at < DATA + AREA) at = DATA + AREA - size;
  if (lift === "popa" && at > DATA - size && at < DATA) at = DATA;
  const pointer = at < 0 ? 0x8000000000000000n : BigInt(at);
  if (lift === "leave") {
    d.pin(RBP, pointer);
    return;
  }
  d.pin(RSP, pointer);
  if (lift === "popf") {
    // Linux's signal frames carry neither NT nor ID, and TF and AC would disturb the harness.
    const kept = FLAG.CF | FLAG.PF | FLAG.AF | FLAG.ZF | FLAG.SF | FLAG.OF | FLAG.DF | FLAG.IF | FLAG.IOPL | 2 | 8 | 32 | 0x8000;
    d.write(at, 8, BigInt(r.u32() & kept) | (r.u64() << 32n & MASK64));
  }
  if (lift === "ret") {
    if (at >= DATA && at + slot <= DATA + AREA) d.write(at, slot, BigInt(r.chance(0.9) ? CODE + 2 * r.below(AREA / 2 - 8) : DATA + r.below(99)));
  }
  if (lift === "enter") d.pin(RBP, BigInt(DATA + 512 + (r.below(AREA - 1024) & -8)));
}

export interface GeneratorOptions {
  readonly seed: number;
  /** Share of cases in 32-bit compatibility mode. */
  readonly legacy?: number;
  readonly pool: Uint8Array;
  /** Flags of the host CPU; null: assume everything. */
  readonly hostFlags: ReadonlySet<string> | null;
  /** Of the host CPU. */
  readonly vendor?: Vendor;
  /** Only entries for which it is true. */
  readonly only?: (entry: IsaEntry) => boolean;
  /** Share of multi-instruction cases. */
  readonly sequences?: number;
  /** What the instruction does not use has fixed values, so that recorded cases pack well. */
  readonly compact?: boolean;
  /** Shape to begin with. */
  readonly firstTurn?: number;
}

interface Pick {
  readonly shapes: readonly Shape[];
  readonly chained: readonly Shape[];
  readonly common: readonly Shape[];
  readonly conditional: readonly Shape[];
  turn: number;
}

export class Generator {
  private readonly picks: Readonly<Record<Mode, Pick>>;
  private readonly r: Prng;

  constructor(private readonly options: GeneratorOptions) {
    this.r = new Prng(options.seed);
    this.picks = { 32: this.makePick(32), 64: this.makePick(64) };
  }

  private makePick(mode: Mode): Pick {
    const { options } = this;
    const entries = ISA.filter((e) => exclusion(e, options.hostFlags, mode) === null && (options.only?.(e) ?? true));
    // Strings have more forms in a shape than others, by address size and REP prefix.
    const shapes = entries.flatMap((e) => (STRINGS.has(liftName(e)) ? [1, 2, 3] : [1]).flatMap(() => shapesOf(e, mode)));
    const chained = shapes.filter((s) => !isBranch(s.entry) && !ALONE.has(liftName(s.entry)));
    return {
      shapes, chained,
      common: chained.filter((s) => COMMON.has(liftName(s.entry)) && s.opSize !== 16),
      conditional: shapes.filter((s) => s.entry.lift === "jcc" || (s.entry.lift === "jmp" && !s.entry.hasModrm)),
      turn: options.firstTurn ?? 0,
    };
  }

  /** The next case. Goes through all shapes in turn. */
  next(): Case {
    for (let tries = 0; ; tries++) {
      const mode: Mode = this.r.chance(this.options.legacy ?? 0.25) ? 32 : 64;
      const pick = this.picks[mode];
      if (pick.shapes.length === 0) continue;
      try {
        if (this.r.chance(this.options.sequences ?? 0.2) && pick.chained.length > 0) return this.sequence(mode, pick);
        return this.single(mode, pick);
      } catch (e) {
        if (!(e instanceof GiveUp)) throw e;
        // A shape that never works out must not hold up the rest.
        if (tries > 200) {
          pick.turn++;
          tries = 0;
        }
      }
    }
  }

  private place(): number {
    const k = this.r.below(20);
    if (k < 16) return 0x400 + this.r.below(0x400);
    if (k < 19) return 0x1000 - 1 - this.r.below(12);
    return 0x1800;
  }

  private single(mode: Mode, pick: Pick): Case {
    const shape = pick.shapes[pick.turn % pick.shapes.length];
    const d = new Draft(this.r, this.options.pool, this.place(), mode, this.options.vendor);
    addInstruction(d, shape, false, true);
    pick.turn++;
    return this.finish(d, shape.entry.id);
  }

  private sequence(mode: Mode, pick: Pick): Case {
    const { r } = this;
    const d = new Draft(r, this.options.pool, this.place(), mode, this.options.vendor);
    // In 32-bit code one that no instruction writes without naming it.
    const base = mode === 64 ? 8 + r.below(8) : RBP;
    d.reserved = (1 << base) | (1 << RSP);
    d.pin(base, BigInt(DATA + r.below(AREA)));
    d.pin(RSP, BigInt(DATA + 256 + (r.below(AREA - 512) & (r.chance(0.8) ? -8 : -1))));
    const shapes = pick.common.length > 0 && r.chance(0.5) ? pick.common : pick.chained;
    let first = -1;
    for (let n = 3 + r.below(8), tries = 0; n > 0 && tries < 60; tries++) {
      const shape = r.pick(shapes);
      try {
        addInstruction(d, shape, true, false);
        if (first < 0) first = shape.entry.id;
        n--;
      } catch (e) {
        if (!(e instanceof GiveUp)) throw e;
      }
    }
    if (first < 0) throw GIVE_UP;
    if (pick.conditional.length > 0 && r.chance(0.4)) {
      try {
        addInstruction(d, r.pick(pick.conditional), true, true);
      } catch (e) {
        if (!(e instanceof GiveUp)) throw e;
      }
    }
    return this.finish(d, first);
  }

  private finish(d: Draft, entry: number): Case {
    const { r } = this;
    const gpr = new BigUint64Array(16);
    const compact = this.options.compact === true;
    for (let i = 0; i < 16; i++) gpr[i] = (d.mode === 32 ? 0xffffffffn : MASK64) & (d.gpr[i] ?? (compact ? 0xf1e2d3c4b5a69788n - BigInt(i) * 0x1111111111111111n & MASK64 : interesting(r)));
    let { codeOffset } = d;
    const code = [...d.code];
    // At the very end of the code area nothing follows; the address changes, so only what does not depend on it.
    if (codeOffset === 0x1800 && !d.branches && !usesRip(d)) codeOffset = AREA - code.length;
    else code.push(0x0f, 0x0b);
    return {
      code: Uint8Array.from(code), codeOffset, undefinedFlags: d.undefinedEver,
      flags: (r.u32() & ARITH_FLAGS) | (d.down ? FLAG.DF : 0), mxcsr: this.mxcsr(d), gpr,
      xmm: compact && !d.usesMxcsr ? Uint16Array.from({ length: 16 }, (_, i) => 16 * i) : d.xmm,
      fpr: Uint16Array.from({ length: 8 }, (_, i) => compact && !d.useMmx ? 16 * i : (r.below(AREA / 64) * 4 + r.pick([SLOT_KINDS.integer, SLOT_KINDS.bytes, SLOT_KINDS.single])) * 16),
      fcw: 0x37f, fsw: 0, ftw: d.useMmx ? 0xff : 0, useFpu: d.useMmx ? 1 : 0, mode: d.mode, entry, patches: d.patches,
    };
  }

  private mxcsr(d: Draft): number {
    if (!d.usesMxcsr || !this.r.chance(0.2)) return 0x1f80;
    return 0x1f80 | (this.r.below(4) << 13) | (this.r.chance(0.2) ? this.r.pick([0x8000, 0x40, 0x8040]) : 0);
  }
}

/** Whether any instruction has an operand relative to RIP. */
function usesRip(d: Draft): boolean {
  const bytes = Uint8Array.from(d.code);
  for (let at = 0; at < bytes.length; at += Math.max(1, scratch.length)) {
    if (decode(bytes, at, bytes.length, d.mode, scratch) === DECODE_OK && scratch.ripRelative) return true;
  }
  return false;
}
