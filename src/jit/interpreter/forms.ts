/** From decoded instructions to forms, and the list of all forms that the instruction table gives rise to. */
import { Insn } from "../../cpu/decode/insn.ts";
import { getOperand, Operand, operandCount } from "../../cpu/decode/operands.ts";
import { ISA, type IsaEntry } from "../../cpu/isa/isa.ts";
import { CS, FS } from "../../cpu/layout.ts";
import { type EaKind, type Form, formKey, liftName, type OperandForm, type RegKind } from "../../cpu/lift/form.ts";
import { LIFTERS } from "../../cpu/lift/index.ts";
import { USES_ADDRESS_SIZE } from "../../cpu/lift/registry.ts";

const scratch = new Operand();

const REG_KIND: Record<Operand["cls"], RegKind> = {
  gpr8: "gpr", gpr8h: "gpr", gpr16: "gpr", gpr32: "gpr", gpr64: "gpr", seg: "seg", cr: "cr", dr: "dr", mmx: "mmx", xmm: "xmm", ymm: "xmm", st: "st",
};

/** Operand sizes that follow the instruction's operand size, or leave it as information of its own. */
const FOLLOWS_OPERAND_SIZE = new Set(["v", "z", "y", "p", "a", "s", "", "bs", "at"]);
const FOLLOWS_FIXED = new Set(["rAX", "eAX", "aAX"]);

function opSizeMatters(entry: IsaEntry): boolean {
  if (entry.operands.length === 0) return true;
  return entry.operands.some((o) => (o.fixed !== undefined ? FOLLOWS_FIXED.has(o.fixed) : FOLLOWS_OPERAND_SIZE.has(o.size)));
}

/** It names a segment that is none of those which are flat in flat code. */
export const inOtherSegments = (insn: Insn): boolean => insn.seg === CS || insn.seg >= FS;
/** Flat as far as this instruction goes. */
export const isFlat = (insn: Insn): boolean => insn.flat && !inOtherSegments(insn);
/** Jumps by a displacement, which in flat code are those of 64-bit code: lifters as the table names them. */
const JUMPS = new Set(["jmp", "jcc", "jcxz", "loop", "loope", "loopne"]);

/** The generic form of a decoded instruction. */
export function formOf(insn: Insn): Form {
  const entry = ISA[insn.entry];
  const name = liftName(entry);
  const stateful = LIFTERS[name]?.stateful === true;
  const operands: OperandForm[] = [];
  const n = operandCount(insn);
  for (let i = 0; i < n; i++) {
    getOperand(insn, i, scratch);
    const reg = scratch.kind === "reg" ? REG_KIND[scratch.cls] : null;
    const kind = entry.operands[i].fixed === "1" ? "one" : scratch.kind === "none" ? "imm" : scratch.kind;
    // Immediates stand in the record extended to 64 bits: their width is that of what they meet.
    const width = kind === "imm" || kind === "rel" || kind === "one" ? (operands[0]?.width ?? 0) : scratch.width;
    operands.push({ kind, width, reg });
  }
  const flat = isFlat(insn);
  const jump = flat && insn.opSize === 32 && operands[0]?.kind === "rel" && JUMPS.has(entry.lift);
  return {
    entry, operands,
    opSize: jump ? 64 : (stateful || opSizeMatters(entry) ? insn.opSize : 32) as 16 | 32 | 64,
    addrSize: (USES_ADDRESS_SIZE.has(name) ? insn.addrSize : 0) as 0 | 16 | 32 | 64,
    rep: entry.rep === "none" ? 0 : entry.rep === "rep" ? (insn.rep ? 0xf3 : 0) : insn.rep,
    mode: stateful ? (insn.mode === 64 || jump ? "64" : flat ? "flat" : "legacy") : null,
    ea: "generic",
  };
}

/** Number of distinct answers that formOf can give for one entry; see variantOf. */
export const VARIANTS = 256;

/** Packs what formOf depends on besides the entry. */
export function variantOf(insn: Insn): number {
  // Legacy code has no operands of 64 bits.
  const op = (insn.opSize >> 5) | (isFlat(insn) ? 2 : 0);
  const memory = insn.modrm >= 0 && insn.mod !== 3 ? 4 : 0;
  const long = insn.mode === 64 ? 8 : 0;
  const rep = insn.rep === 0 ? 0 : insn.rep === 0xf3 ? 16 : 32;
  return op | memory | long | rep | ((insn.addrSize >> 5) << 6);
}

/** Every generic form of the table, each once; those of VEX entries, which late.ts makes on demand, only if asked for. */
export function allForms(vex = false): Form[] {
  const seen = new Map<string, Form>();
  const insn = new Insn();
  for (const entry of ISA) {
    if (entry.vex && !vex) continue;
    const name = liftName(entry);
    const addrSizes = USES_ADDRESS_SIZE.has(name) ? [16, 32, 64] : [64];
    const reps = entry.rep === "none" ? [0] : [0, 0xf3, 0xf2];
    for (const [mode, flat] of [[64, false], [32, false], [32, true]] as const) {
      if ((mode === 64 && entry.i64) || (mode === 32 && entry.o64)) continue;
      insn.flat = flat;
      for (const opSize of mode === 64 ? [16, 32, 64] : [16, 32]) {
        for (const mod of entry.hasModrm ? (entry.modKind === "reg" ? [3] : entry.modKind === "mem" ? [0] : [0, 3]) : [3]) {
          for (const addrSize of addrSizes) {
            if ((mode === 64) === (addrSize === 16) && addrSizes.length > 1 && addrSize !== 32) continue;
            for (const rep of reps) {
              Object.assign(insn, { entry: entry.id, mode, opSize, addrSize, rep, mod, modrm: entry.hasModrm ? mod << 6 : -1 });
              insn.rex = mode === 64 ? 0x40 : 0;
              insn.vexL = entry.l === 1 ? 1 : 0;
              const form = formOf(insn);
              const key = formKey(form);
              if (!seen.has(key)) seen.set(key, form);
            }
          }
        }
      }
    }
  }
  return [...seen.values()];
}

const SPECIALISED: readonly EaKind[] = ["bd", "sib", "rip", "seg"];
const SPECIALISED_FLAT: readonly EaKind[] = ["bd32", "sib32"];

/** The same form for each way to compute its address, when it has a memory operand. */
export function specialisations(form: Form): Form[] {
  if (form.mode === "legacy" || form.addrSize !== 0 || !form.operands.some((o) => o.kind === "mem")) return [];
  const kinds = form.mode === "64" ? SPECIALISED : form.mode === "flat" ? SPECIALISED_FLAT : [...SPECIALISED, ...SPECIALISED_FLAT];
  return kinds.map((ea) => ({ ...form, ea }));
}
