/** Writes instruction records (layout.ts, REC) from decoded instructions. */
import { InternalError } from "../../base/errors.ts";
import type { Insn } from "../../cpu/decode/insn.ts";
import { getOperand, Operand, operandCount } from "../../cpu/decode/operands.ts";
import { ISA, type IsaEntry } from "../../cpu/isa/isa.ts";
import { CS, DS, FS, GS, REC, RECORD_SIZE, SEG_STRIDE, STATE, XMM_STRIDE } from "../../cpu/layout.ts";
import { EA, type EaKind, type Form, formKey, liftName } from "../../cpu/lift/form.ts";
import { formOf, isFlat, VARIANTS, variantOf } from "./forms.ts";
import { PSEUDO, type InterpreterModule } from "./handlers.ts";

const KINDS: readonly EaKind[] = ["generic", "bd", "sib", "rip", "seg", "bd32", "sib32"];
const K_GENERIC = 0, K_BD = 1, K_SIB = 2, K_RIP = 3, K_SEG = 4, K_BD32 = 5, K_SIB32 = 6;

/** Features that change an encoding's meaning instead of making it undefined (SDM Vol. 2: TZCNT, LZCNT, prefetches). */
const FALLBACK: Readonly<Record<string, string>> = { tzcnt: "bsf", lzcnt: "bsr" };
const ALWAYS = new Set(["base", "prfchw", "cldemote", "wbnoinvd"]);

/** Base instructions that came with a processor later than the 486, by the CPUID bit that came with them. */
const REQUIRES: Readonly<Record<string, string>> = {
  rdtsc: "tsc", rdmsr: "msr", wrmsr: "msr", rdpmc: "cmov", syscall: "syscall", sysret: "syscall",
  fcomi: "cmov", fcomip: "cmov", fucomi: "cmov", fucomip: "cmov",
};
function featureOf(entry: IsaEntry): string {
  const name = liftName(entry);
  // Of the no-operations only the one-byte form is as old.
  return name === "nop" && entry.hasModrm ? "cmov" : REQUIRES[name] ?? entry.feature;
}

const segAddress = (n: number): number => STATE.seg + n * SEG_STRIDE;

/** What ends a run of records: the next instruction is not the following one, or modes may change. */
const ENDS_RUN = new Set([
  "jmp", "call", "ret", "jmpf", "callf", "retf", "iret", "syscall", "sysret", "sysenter", "sysexit", "int", "int3", "int1", "ud0", "ud1", "ud2",
  "hlt", "mov_to_cr", "rsm",
]);

export class RecordWriter {
  /** For each entry and variant: 1 + index into `handlers`, 0 not looked up yet, -1 undefined under the CPU model. */
  private readonly byVariant: Int32Array;
  /** Handler numbers, KINDS.length for each form. */
  private readonly handlers: number[] = [];
  private readonly formIndex = new Map<string, number>();
  /** Superinstruction by first * 65536 + second handler, and back to the first. */
  private readonly fused = new Map<number, number>();
  private readonly plain: number[] = [];
  private readonly endsRun: Uint8Array;
  private readonly operand = new Operand();
  private readonly u8: Uint8Array;
  private readonly u16: Uint16Array;
  private readonly i32: Int32Array;

  constructor(
    private readonly module: Pick<InterpreterModule, "handlers" | "pairs">,
    memory: { readonly buffer: ArrayBuffer | SharedArrayBuffer },
    private readonly hasFeature: (feature: string) => boolean,
    /** Makes the handler of a form that the module has none for (late.ts). */
    private readonly late: (form: Form) => number,
  ) {
    this.u8 = new Uint8Array(memory.buffer);
    this.u16 = new Uint16Array(memory.buffer);
    this.i32 = new Int32Array(memory.buffer);
    this.byVariant = new Int32Array(ISA.length * VARIANTS);
    for (const [a, b, both] of module.pairs) {
      this.fused.set(a * 65536 + b, both);
      this.plain[both] = a;
    }
    this.endsRun = Uint8Array.from(ISA, (e) => (ENDS_RUN.has(liftName(e)) ? 1 : 0));
  }

  /** Whether sequential decoding stops after this instruction. */
  ends(insn: Insn): boolean {
    return this.endsRun[insn.entry] !== 0;
  }

  private lookUp(insn: Insn): number {
    const entry = ISA[insn.entry];
    let form: Form = formOf(insn);
    const feature = featureOf(entry);
    if (!ALWAYS.has(feature) && !this.hasFeature(feature)) {
      const name = FALLBACK[liftName(entry)];
      const other = name === undefined ? undefined : ISA.find((e) => liftName(e) === name && e.opcode === entry.opcode);
      if (other === undefined) return -1;
      form = { ...form, entry: other };
    }
    const key = formKey(form);
    let index = this.formIndex.get(key);
    if (index === undefined) {
      const byKind = this.module.handlers.get(key);
      const generic = byKind?.generic ?? this.late(form);
      index = this.handlers.length;
      for (const k of KINDS) this.handlers.push(byKind?.[k] ?? generic);
      this.formIndex.set(key, index);
    }
    return index + 1;
  }

  /** Joins the records from `from` to `to` (exclusive) two by two where there is a handler for both. */
  fuse(from: number, to: number): void {
    const { u16 } = this;
    for (let at = from; at + RECORD_SIZE < to; at += RECORD_SIZE) {
      const both = this.fused.get(u16[at >> 1] * 65536 + u16[(at + RECORD_SIZE) >> 1]);
      if (both !== undefined) u16[at >> 1] = both;
    }
  }

  /** Undoes that for the record at `at`: the one after it is about to change. */
  unfuse(at: number): void {
    const first = this.plain[this.u16[at >> 1]];
    if (first !== undefined) this.u16[at >> 1] = first;
  }

  /** A record that raises `vector` when executed. */
  writeRaise(at: number, ip: number, length: number, vector: number): void {
    this.u16[(at + REC.handler) >> 1] = PSEUDO.raise;
    this.u16[(at + REC.ip) >> 1] = ip;
    this.u16[(at + REC.next) >> 1] = ip + length;
    this.i32[(at + REC.imm) >> 2] = vector;
  }

  /** Goes on at the record in the slot at `slot` (offset `ip` of the page). */
  writeGoto(at: number, ip: number, slot: number): void {
    this.u16[(at + REC.handler) >> 1] = PSEUDO.goto;
    this.u16[(at + REC.ip) >> 1] = ip;
    this.i32[(at + REC.detour) >> 2] = slot;
  }

  /** Enters region `index` of the table; the instruction's own record is `own`. */
  writeRegion(at: number, ip: number, index: number, own: number): void {
    this.u16[(at + REC.handler) >> 1] = PSEUDO.region;
    this.u16[(at + REC.ip) >> 1] = ip;
    this.i32[(at + REC.region) >> 2] = index;
    this.i32[(at + REC.link) >> 2] = own;
  }

  /** Writes a copy of the record at `from`, as it is by itself. What follows the instruction on its page has its slot at `next`. */
  writeCopy(at: number, from: number, slots: number): void {
    this.u8.copyWithin(at, from, from + RECORD_SIZE);
    this.unfuse(at);
    const next = this.u16[(from + REC.next) >> 1];
    if (next < 4096) this.writeGoto(at + RECORD_SIZE, next, slots + next * 4);
    else this.writeLookup(at + RECORD_SIZE, next);
  }

  /** Whether the CPU model has the instruction as it decodes; what it lacks, or takes for another, is left to records. */
  supports(insn: Insn): boolean {
    const entry = ISA[insn.entry];
    return ALWAYS.has(entry.feature) || this.hasFeature(entry.feature);
  }

  /** Goes on at offset `ip`, through the fetch TLB. */
  writeLookup(at: number, ip: number): void {
    this.u16[(at + REC.handler) >> 1] = PSEUDO.lookup;
    this.u16[(at + REC.ip) >> 1] = ip;
  }

  /** Stands before an instruction that crosses into physical page `ppn`. */
  writeCross(at: number, ip: number, ppn: number): void {
    this.u16[(at + REC.handler) >> 1] = PSEUDO.cross;
    this.u16[(at + REC.ip) >> 1] = ip;
    this.i32[(at + REC.imm) >> 2] = ppn;
  }

  /** Writes the record of `insn`, which stands at offset `ip` of a page whose slot table is at `slots`. */
  write(at: number, insn: Insn, ip: number, slots: number): void {
    const variant = insn.entry * VARIANTS + variantOf(insn);
    let found = this.byVariant[variant];
    if (found === 0) found = this.byVariant[variant] = this.lookUp(insn);
    if (found < 0) {
      this.writeRaise(at, ip, insn.length, 6);
      return;
    }
    const { u16, i32, u8, operand } = this;
    const h = at >> 1;
    const w = at >> 2;
    const next = ip + insn.length;
    u16[h + 1] = ip;
    u16[h + 2] = next;
    let kind = K_GENERIC;
    const n = operandCount(insn);
    i32[w + (REC.imm >> 2)] = insn.immLo;
    i32[w + (REC.imm2 >> 2)] = insn.immHi;
    // For instructions that address memory without naming it (MASKMOVQ); others overwrite it.
    u16[h + (REC.seg >> 1)] = insn.mode !== 64 ? segAddress(insn.seg >= 0 ? insn.seg : DS)
      : insn.seg === FS || insn.seg === GS ? segAddress(insn.seg) : STATE.zero;
    for (let i = 0; i < n; i++) {
      getOperand(insn, i, operand);
      switch (operand.kind) {
        case "reg":
          u16[h + ((i < 3 ? REC.reg0 + 2 * i : REC.reg3) >> 1)] = this.registerAddress(operand);
          if (operand.cls === "cr" || operand.cls === "dr" || operand.cls === "seg" || ISA[insn.entry].operands[i].code === "ST") i32[w + (REC.imm2 >> 2)] = operand.num;
          break;
        case "mem":
          kind = this.memory(at, insn, next);
          break;
        case "rel": {
          // Legacy forms take the displacement itself; it is also a 32-bit immediate there.
          if (insn.mode !== 64 && !(isFlat(insn) && insn.opSize === 32)) break;
          const target = (next + insn.immLo) | 0;
          i32[w + (REC.target >> 2)] = target;
          i32[w + (REC.link >> 2)] = target >= 0 && target < 4096 ? slots + target * 4 : 0;
          i32[w + (REC.chain >> 2)] = 0;
          break;
        }
        case "far":
          i32[w + (REC.imm2 >> 2)] = operand.selector;
          break;
        case "imm":
          if (insn.imm2 !== 0) i32[w + (REC.imm2 >> 2)] = insn.imm2;
          break;
        case "none":
          break;
      }
    }
    u16[h] = this.handlers[found - 1 + kind];
    if (n === 4 && ISA[insn.entry].operands[3].code === "T") i32[w + (REC.imm2 >> 2)] = insn.imm2;
    if (u8[at] === 0 && u16[h] === 0) throw new InternalError("record without a handler");
  }

  private registerAddress(o: Operand): number {
    switch (o.cls) {
      case "gpr8h": return STATE.gpr + o.num * 8 + 1;
      case "gpr8": case "gpr16": case "gpr32": case "gpr64": return STATE.gpr + o.num * 8;
      case "xmm": case "ymm": return STATE.xmm + o.num * XMM_STRIDE;
      case "seg": return STATE.selector + o.num * 2;
      case "mmx": return STATE.fpr + o.num * 16;
      // Stack positions and control registers are numbers, not addresses: lifters take them from imm2.
      case "st": case "cr": case "dr": return STATE.zero;
    }
  }

  /** Fills the address fields from `operand` and picks the EA kind. */
  private memory(at: number, insn: Insn, next: number): number {
    const { u16, i32, u8, operand: o } = this;
    const h = at >> 1;
    const w = at >> 2;
    const base = o.base < 0 ? STATE.zero : STATE.gpr + o.base * 8;
    const index = o.index < 0 ? STATE.zero : STATE.gpr + o.index * 8;
    u16[h + (REC.base >> 1)] = base;
    u16[h + (REC.index >> 1)] = index;
    u8[at + REC.scale] = o.scale;
    if (insn.mode !== 64) {
      u16[h + (REC.seg >> 1)] = segAddress(o.seg);
      u8[at + REC.ea] = insn.addrSize === 16 ? EA.legacy16 : EA.legacy32;
      i32[w + (REC.disp >> 2)] = o.disp;
      if (!insn.flat || insn.addrSize === 16 || o.seg >= FS || o.seg === CS) return K_GENERIC;
      return o.index < 0 ? K_BD32 : K_SIB32;
    }
    // Only FS and GS have a base in 64-bit mode.
    const segment = o.seg === FS || o.seg === GS ? segAddress(o.seg) : STATE.zero;
    u16[h + (REC.seg >> 1)] = segment;
    if (insn.modrm < 0 && o.base < 0) {
      // moffs: the whole 64-bit offset.
      u8[at + REC.ea] = EA.moffs;
      i32[w + (REC.imm >> 2)] = o.disp;
      i32[w + (REC.imm >> 2) + 1] = insn.addrSize === 64 ? o.dispHi : 0;
      return K_GENERIC;
    }
    const long = insn.addrSize === 64;
    i32[w + (REC.disp >> 2)] = o.ripRelative ? next + o.disp : o.disp;
    if (o.ripRelative) {
      u8[at + REC.ea] = long ? EA.rip : EA.rip32;
      return long && segment === STATE.zero && next + o.disp === ((next + o.disp) | 0) ? K_RIP : K_GENERIC;
    }
    u8[at + REC.ea] = long ? EA.full : EA.full32;
    if (!long) return K_GENERIC;
    if (segment !== STATE.zero) return K_SEG;
    return o.index < 0 ? K_BD : K_SIB;
  }
}

