/** Turns the text lines of the ISA tables into entries. The line format: see `parseTable`. */
import { InternalError } from "../../base/errors.ts";
import type { FixedOperand, IsaEntry, ModKind, OperandCode, OperandSize, OperandSpec, PrefixClass } from "./types.ts";

/** Condition suffixes in encoding order with their synonyms (SDM Vol. 1 App. B.1). */
export const CONDITIONS: readonly (readonly string[])[] = [
  ["O"], ["NO"], ["B", "C", "NAE"], ["AE", "NB", "NC"], ["E", "Z"], ["NE", "NZ"], ["BE", "NA"], ["A", "NBE"],
  ["S"], ["NS"], ["P", "PE"], ["NP", "PO"], ["L", "NGE"], ["GE", "NL"], ["LE", "NG"], ["G", "NLE"],
];

const FIXED: ReadonlySet<string> = new Set<FixedOperand>([
  "AL", "CL", "AX", "DX", "rAX", "eAX", "1",
  "ES", "CS", "SS", "DS", "FS", "GS", "ST0", "XMM0", "mBX",
]);
const SIZES: ReadonlySet<string> = new Set<OperandSize>([
  "", "b", "bs", "w", "d", "q", "v", "z", "y", "p", "s", "a", "t",
  "dq", "qq", "x", "ps", "pd", "ss", "sd", "pi", "pt", "at",
]);
const CODES = "ABCDEGHIJLMNOPQRSTUVWXYZ";
/** Operand codes that need a ModRM byte. */
const MODRM_CODES = "CDEGMNPQRSUVW";

function parseOperand(text: string, line: string): OperandSpec {
  if (FIXED.has(text)) return { code: "fixed", size: "", fixed: text as FixedOperand };
  if (text === "STi") return { code: "ST", size: "t" };
  const code = text.charAt(0), size = text.slice(1);
  if (!CODES.includes(code) || !SIZES.has(size)) throw new InternalError(`ISA table: operand ${text} in: ${line}`);
  return { code: code as OperandCode, size: size as OperandSize };
}

interface Encoding {
  prefix: PrefixClass;
  map: number;
  opcode: number;
  plusR: boolean;
  plusCc: boolean;
  hasModrm: boolean;
  regField: number;
  modKind: ModKind;
  rmField: number;
  vex: boolean;
  w: number;
  l: number;
  /** `128/256`: the line stands for two entries, one for each VEX.L. */
  bothL: boolean;
}

const HEX_BYTE = /^[0-9A-F]{2}$/;

function parseVexHead(head: string, enc: Encoding, line: string): void {
  enc.vex = true;
  enc.prefix = "NP";
  for (const part of head.split(".").slice(1)) {
    switch (part) {
      case "128": case "L0": case "LZ": enc.l = 0; break;
      case "256": case "L1": enc.l = 1; break;
      case "128/256": enc.bothL = true; break;
      case "LIG": case "WIG": break;
      case "NP": enc.prefix = "NP"; break;
      case "66": enc.prefix = "66"; break;
      case "F3": enc.prefix = "F3"; break;
      case "F2": enc.prefix = "F2"; break;
      case "0F": enc.map = 1; break;
      case "0F38": enc.map = 2; break;
      case "0F3A": enc.map = 3; break;
      case "W0": enc.w = 0; break;
      case "W1": enc.w = 1; break;
      default: throw new InternalError(`ISA table: VEX part ${part} in: ${line}`);
    }
  }
}

function parseEncoding(text: string, line: string): Encoding {
  const enc: Encoding = {
    prefix: "none", map: 0, opcode: -1, plusR: false, plusCc: false, hasModrm: false,
    regField: -1, modKind: "any", rmField: -1, vex: false, w: -1, l: -1, bothL: false,
  };
  const tokens = text.split(/\s+/);
  let i = 0;
  const first = tokens[0];
  if (first.startsWith("VEX.")) {
    parseVexHead(first, enc, line);
    i = 1;
  } else if (first === "NP" || first === "NFx" || ((first === "66" || first === "F3" || first === "F2") && tokens.length > 1)) {
    enc.prefix = first as PrefixClass;
    i = 1;
  }
  if (!enc.vex && tokens[i] === "0F" && i + 1 < tokens.length) {
    i++;
    enc.map = 1;
    if (tokens[i] === "38") { enc.map = 2; i++; } else if (tokens[i] === "3A") { enc.map = 3; i++; }
  }
  for (; i < tokens.length; i++) {
    const token = tokens[i];
    const bare = token.replace(/\+(r|cc)$/, "");
    if (HEX_BYTE.test(bare) && enc.opcode < 0) {
      enc.opcode = parseInt(bare, 16);
      enc.plusR = token.endsWith("+r");
      enc.plusCc = token.endsWith("+cc");
    } else if (HEX_BYTE.test(token)) { // an exact ModRM byte
      const modrm = parseInt(token, 16);
      if (modrm < 0xc0) throw new InternalError(`ISA table: ModRM byte ${token} in: ${line}`);
      enc.hasModrm = true;
      enc.modKind = "reg";
      enc.regField = (modrm >> 3) & 7;
      enc.rmField = modrm & 7;
    } else {
      const m = /^(!?11:)?\/([0-7r])$/.exec(token);
      if (!m) throw new InternalError(`ISA table: opcode part ${token} in: ${line}`);
      enc.hasModrm = true;
      enc.modKind = m[1] === undefined ? "any" : m[1] === "11:" ? "reg" : "mem";
      enc.regField = m[2] === "r" ? -1 : Number(m[2]);
    }
  }
  if (enc.opcode < 0) throw new InternalError(`ISA table: no opcode in: ${line}`);
  return enc;
}

function threeNames(text: string): readonly [string, string, string] {
  const n = text.split("/");
  const last = n[n.length - 1];
  return [n[0], n[1] ?? last, n[2] ?? last];
}

const FLAGS: ReadonlySet<string> = new Set(["lock", "i64", "o64", "d64", "f64", "rep", "repz", "cpl0", "byaddr", "suffix", "suffixwd", "W0", "W1"]);

/**
 * Line format: `MNEMONIC operands | opcode | attributes`; `#` begins a comment.
 *
 * - The mnemonic may be a list by operand size 16/32/64 (`CBW/CWDE/CDQE`); `byaddr` makes it by address size.
 * - Opcode: a mandatory prefix `NP`, `NFx`, `66`, `F3`, `F2` or a `VEX.` head, the map's escape bytes, the opcode byte
 *   (`+r` register in its low bits, `+cc` sixteen condition codes), then `/r`, `/0`..`/7` with an optional `11:` or
 *   `!11:`, or an exact ModRM byte. `VEX.128/256` stands for two entries; a feature `avx/avx2` then names each one's.
 * - Attributes: `lock i64 o64 d64 f64 rep repz cpl0 byaddr suffix suffixwd W0 W1`, `lift=NAME`, `aka=NAME,NAME`, `bare=B/W/D/Q` (names
 *   that stand for the instruction without operands), and one other word: the CPUID feature.
 */
export function parseTable(text: string, out: IsaEntry[]): void {
  for (const raw of text.split("\n")) {
    const line = raw.replace(/#.*$/, "").trim();
    if (line !== "") parseLine(line, out);
  }
}

function parseLine(line: string, out: IsaEntry[]): void {
  const fields = line.split("|").map((f) => f.trim());
  if (fields.length < 2 || fields.length > 3) throw new InternalError(`ISA table: fields in: ${line}`);
  const space = fields[0].indexOf(" ");
  const mnemonic = space < 0 ? fields[0] : fields[0].slice(0, space);
  const operandText = space < 0 ? "" : fields[0].slice(space + 1).trim();
  const operands = operandText === "" ? [] : operandText.split(",").map((o) => parseOperand(o.trim(), line));
  const enc = parseEncoding(fields[1], line);
  const flags = new Set<string>();
  let lift: string | undefined, feature = "base";
  let aliases: readonly string[] = [], bareNames: readonly string[] = [];
  for (const word of (fields[2] ?? "").split(/\s+/)) {
    if (word === "") continue;
    if (FLAGS.has(word)) flags.add(word);
    else if (word.startsWith("lift=")) lift = word.slice(5);
    else if (word.startsWith("aka=")) aliases = word.slice(4).split(",");
    else if (word.startsWith("bare=")) bareNames = word.slice(5).split("/");
    else if (/^[a-z][a-z0-9_]*(\/[a-z][a-z0-9_]*)?$/.test(word) && feature === "base") feature = word;
    else throw new InternalError(`ISA table: attribute ${word} in: ${line}`);
  }
  const hasModrm = enc.hasModrm || operands.some((o) => o.code !== "fixed" && o.code !== "ST" && MODRM_CODES.includes(o.code));
  if (hasModrm && !enc.hasModrm) throw new InternalError(`ISA table: operands need /r in: ${line}`);
  if (operands.some((o) => o.code === "M") && enc.modKind === "any") enc.modKind = "mem";
  const control = operands.some((o) => o.code === "C" || o.code === "D");
  if (!control && operands.some((o) => "NRU".includes(o.code) || o.code === "ST") && enc.modKind === "any") enc.modKind = "reg";
  const count = enc.plusCc ? 16 : enc.bothL ? 2 : 1;
  for (let i = 0; i < count; i++) {
    const cc = enc.plusCc ? i : 0;
    const forms = enc.plusCc ? CONDITIONS[cc] : [""];
    const name = enc.plusCc ? mnemonic.replace(/cc$/, forms[0]) : mnemonic;
    const names = threeNames(name);
    out.push({
      id: out.length,
      mnemonic: names[0],
      names,
      namesBy: flags.has("byaddr") ? "addr" : "op",
      aliases: enc.plusCc ? forms.slice(1).map((f) => mnemonic.replace(/cc$/, f)) : aliases,
      bareNames,
      suffixes: flags.has("suffix") ? "WDQ" : flags.has("suffixwd") ? "WD" : "",
      lift: lift ?? (enc.plusCc ? mnemonic.toLowerCase() : names[0].toLowerCase()),
      operands,
      map: enc.map,
      opcode: enc.opcode + cc,
      prefix: enc.prefix,
      plusR: enc.plusR,
      hasModrm,
      regField: enc.regField,
      modKind: enc.modKind,
      rmField: enc.rmField,
      modIgnored: control,
      vex: enc.vex,
      w: flags.has("W0") ? 0 : flags.has("W1") ? 1 : enc.w,
      l: enc.bothL ? i : enc.l,
      lock: flags.has("lock"),
      i64: flags.has("i64"),
      o64: flags.has("o64"),
      d64: flags.has("d64"),
      f64: flags.has("f64"),
      rep: flags.has("repz") ? "repz" : flags.has("rep") ? "rep" : "none",
      cpl0: flags.has("cpl0"),
      feature: feature.split("/")[enc.bothL ? i : 0] ?? feature.split("/")[0],
      source: line,
    });
  }
}
