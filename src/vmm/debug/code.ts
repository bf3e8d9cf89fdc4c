/** Code and stack with names: disassembly around an address, the words on the stack. */
import { DECODE_OK, decode, Insn } from "../../cpu/decode/decoder.ts";
import { disassemble } from "../../cpu/decode/disassembler.ts";
import { ISA } from "../../cpu/isa/isa.ts";
import { CS, SS, STATE } from "../../cpu/layout.ts";
import { liftName } from "../../cpu/lift/form.ts";
import { physicalOf } from "../../cpu/mmu/inspect.ts";
import type { Machine } from "../machine/machine.ts";
import type { CodeLine, StackLine } from "./api.ts";
import { readBytes, readMemory } from "./memory.ts";
import type { SymbolTable } from "./symbols.ts";

const LONGEST = 15;
/** Lines before the asked-for address, where the decode cache knows where instructions begin. */
const BEFORE = 4;

export interface Instruction {
  readonly address: bigint;
  readonly length: number;
  /** The lifter's name: `call`, `ret`, `movs`, … */
  readonly name: string;
  /** 0, F2h or F3h. */
  readonly rep: number;
}

/** The instruction at a linear address in the present code size, or null. */
export function instructionAt(machine: Machine, address: bigint): Instruction | null {
  const bytes = readBytes(machine, "linear", address, LONGEST);
  const insn = new Insn();
  if (decode(bytes, 0, bytes.length, machine.vcpu.state.codeBits, insn) !== DECODE_OK) return null;
  return { address, length: insn.length, name: liftName(ISA[insn.entry]), rep: insn.rep };
}

/** The last instructions before `address` that were decoded, where they lead up to it without a gap. */
function earlier(machine: Machine, address: bigint): bigint[] {
  const { cache, state, phys } = machine.vcpu;
  const physical = physicalOf(state, phys, address);
  if (physical < 0) return [];
  const offset = physical % 4096;
  const page = address - BigInt(offset);
  const starts = new Set(cache.decodedOffsets(Math.floor(physical / 4096), state.codeBits).filter((o) => o < offset));
  const chain: bigint[] = [];
  let next = offset;
  for (let o = offset - 1; o >= Math.max(0, next - LONGEST) && chain.length < BEFORE; o--) {
    if (!starts.has(o)) continue;
    const insn = instructionAt(machine, page + BigInt(o));
    if (insn === null || o + insn.length !== next) continue;
    chain.unshift(insn.address);
    next = o;
  }
  return chain;
}

/** From `address` (null: RIP) on, with some lines before it. */
export function codeAround(machine: Machine, symbols: SymbolTable, address: bigint | null, lines: number): CodeLine[] {
  const { state } = machine.vcpu;
  const { rip, codeBits } = state;
  const start = address ?? rip;
  const before = earlier(machine, start);
  const bytes = readBytes(machine, "linear", start, lines * LONGEST);
  const out = before.map((at) => line(machine, symbols, at, readBytes(machine, "linear", at, LONGEST), rip));
  const insn = new Insn();
  for (let at = 0; out.length < lines; ) {
    const here = bytes.subarray(at, at + LONGEST);
    if (here.length === 0) {
      if (at === 0) out.push({ address: start, symbol: symbols.describe(start), first: false, bytes: "", text: "(not mapped)", here: start === rip });
      break;
    }
    const shown = line(machine, symbols, start + BigInt(at), here, rip);
    out.push(shown);
    at += decode(here, 0, here.length, codeBits, insn) === DECODE_OK ? insn.length : 1;
  }
  return out;
}

function line(machine: Machine, symbols: SymbolTable, at: bigint, bytes: Uint8Array, rip: bigint): CodeLine {
  const { state } = machine.vcpu;
  const insn = new Insn();
  const ok = decode(bytes, 0, bytes.length, state.codeBits, insn) === DECODE_OK;
  const base = state.mode64 ? 0n : state.segBase(CS);
  const length = ok ? insn.length : 1;
  let text = ok ? disassemble(insn, bytes, at - base) : "(bad)";
  if (ok && insn.ripRelative !== 0) {
    const target = BigInt.asUintN(64, at + BigInt(length) + BigInt(insn.disp));
    text += named(symbols, target, ` # 0x${target.toString(16)}`);
  } else {
    const target = /\b0x([0-9a-f]{5,16})$/.exec(text);
    if (target !== null) text += named(symbols, BigInt(`0x${target[1]}`) + base, "");
  }
  const symbol = symbols.describe(at);
  const raw = [...bytes.subarray(0, length)].map((b) => b.toString(16).padStart(2, "0")).join(" ");
  return { address: at, symbol, first: symbol !== "" && !symbol.includes("+0x"), bytes: raw, text, here: at === rip };
}

function named(symbols: SymbolTable, target: bigint, otherwise: string): string {
  const name = symbols.describe(target);
  return name === "" ? otherwise : ` <${name}>`;
}

export function stackAt(machine: Machine, symbols: SymbolTable, lines: number): StackLine[] {
  const { state } = machine.vcpu;
  const size = state.codeBits / 8;
  const mask = state.u64[STATE.spMask >> 3];
  const top = (state.reg(4) & mask) + (state.mode64 ? 0n : state.segBase(SS));
  const bytes = readMemory(machine, "linear", top, lines * size);
  return Array.from({ length: lines }, (_, i) => {
    const part = bytes.subarray(i * size, (i + 1) * size);
    const value = part.includes(-1) ? null : part.reduceRight((v, b) => (v << 8n) | BigInt(b), 0n);
    return { address: BigInt.asUintN(64, top + BigInt(i * size)), value, symbol: value === null ? "" : symbols.describe(value) };
  });
}
