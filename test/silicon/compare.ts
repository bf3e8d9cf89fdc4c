/** Compares our result of a case with the real CPU's, by rule. */
import { disassemble } from "../../src/cpu/decode/disassembler.ts";
import { decode, DECODE_OK, Insn } from "../../src/cpu/decode/decoder.ts";
import { ARITH_FLAGS, FLAG } from "../../src/cpu/layout.ts";
import { CODE, type Case, DATA, type Outcome } from "./format.ts";

const COMPARED_FLAGS = ARITH_FLAGS | FLAG.DF | FLAG.AC;
const hex = (v: bigint | number): string => `0x${v.toString(16)}`;
const NAMES = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];

/** Bits of the error code that mean something to compare. Linux reports kernel addresses as present whatever they are. */
function errorCode(o: Outcome): number {
  return o.vector === 14 && o.cr2 >= 1n << 47n ? o.error & ~1 : o.error;
}

/** What differs, as text; empty when nothing does. */
export function differences(c: Case, real: Outcome, ours: Outcome): string[] {
  const out: string[] = [];
  const note = (name: string, r: bigint | number, o: bigint | number): void => {
    if (r !== o) out.push(`${name}: real ${hex(r)}, ours ${hex(o)}`);
  };
  note("vector", real.vector, ours.vector);
  note("error code", errorCode(real), errorCode(ours));
  note("rip", real.rip, ours.rip);
  note("cr2", real.cr2, ours.cr2);
  const mask = COMPARED_FLAGS & ~c.undefinedFlags;
  note("flags", real.flags & mask, ours.flags & mask);
  // MXCSR's exception flags are not compared yet.
  note("mxcsr", real.mxcsr & ~0x3f, ours.mxcsr & ~0x3f);
  // The upper halves are undefined after 32-bit code.
  if (c.mode !== 32) for (let i = 0; i < 16; i++) note(NAMES[i], real.gpr[i], ours.gpr[i]);
  else for (let i = 0; i < 8; i++) note(NAMES[i], real.gpr[i] & 0xffffffffn, ours.gpr[i] & 0xffffffffn);
  const vector = (name: string, a: Uint8Array, b: Uint8Array, stride: number, bytes: number): void => {
    for (let i = 0; i * stride < a.length; i++) {
      let same = true;
      for (let k = 0; k < bytes; k++) if (a[stride * i + k] !== b[stride * i + k]) same = false;
      if (same) continue;
      const text = (v: Uint8Array): string => Array.from(v.subarray(stride * i, stride * i + bytes).slice().reverse(), (x) => x.toString(16).padStart(2, "0")).join("");
      out.push(`${name}${i}: real ${text(a)}, ours ${text(b)}`);
    }
  };
  vector("xmm", real.xmm, ours.xmm, 16, 16);
  vector("upper", real.upper, ours.upper, 16, 16);
  if (c.useFpu !== 0) {
    vector("mm", real.fpr, ours.fpr, 16, 10);
    note("x87 tags", real.ftw, ours.ftw);
    note("x87 status", real.fsw, ours.fsw);
  }
  for (const at of new Set([...real.memory.keys(), ...ours.memory.keys()])) {
    const r = real.memory.get(at), o = ours.memory.get(at);
    if (r !== o) out.push(`memory ${hex(DATA + at)}: real ${r === undefined ? "unchanged" : hex(r)}, ours ${o === undefined ? "unchanged" : hex(o)}`);
  }
  return out;
}

const insn = new Insn();

export function describeCase(c: Case): string {
  const lines: string[] = [];
  for (let at = 0; at < c.code.length;) {
    const ok = decode(c.code, at, c.code.length, c.mode ?? 64, insn) === DECODE_OK;
    const bytes = Array.from(c.code.subarray(at, at + Math.max(1, insn.length)), (b) => b.toString(16).padStart(2, "0")).join(" ");
    const address = CODE + c.codeOffset + at;
    lines.push(`${hex(address)}: ${bytes.padEnd(36)} ${ok ? disassemble(insn, c.code, BigInt(address)) : "?"}`);
    at += Math.max(1, insn.length);
  }
  const registers = Array.from(c.gpr, (v, i) => `${NAMES[i]}=${hex(v)}`);
  return `${lines.join("\n")}\n  ${registers.slice(0, 8).join(" ")}\n  ${registers.slice(8).join(" ")}\n  flags=${hex(c.flags)} undefined=${hex(c.undefinedFlags)} mxcsr=${hex(c.mxcsr)}`;
}
