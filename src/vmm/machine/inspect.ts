/** Showing a machine to a person: registers in the layout of QEMU's `info registers`, and code around RIP. */
import { DECODE_OK, decode, Insn } from "../../cpu/decode/decoder.ts";
import { disassemble } from "../../cpu/decode/disassembler.ts";
import { CS } from "../../cpu/layout.ts";
import type { CpuState } from "../../cpu/state.ts";
import type { Vcpu } from "../../jit/vcpu.ts";

const hex = (v: bigint | number, digits: number): string => BigInt.asUintN(64, BigInt(v)).toString(16).padStart(digits, "0");

export function registerDump(s: CpuState): string[] {
  const names = ["RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "RSP"];
  const order = [0, 3, 1, 2, 6, 7, 5, 4];
  const lines: string[] = [];
  for (let i = 0; i < 8; i += 4) lines.push(order.slice(i, i + 4).map((r, k) => `${names[i + k]}=${hex(s.reg(r), 16)}`).join(" "));
  for (let i = 8; i < 16; i += 4) lines.push([0, 1, 2, 3].map((k) => `R${String(i + k).padEnd(2)}=${hex(s.reg(i + k), 16)}`).join(" "));
  const f = s.flags();
  const letter = (bit: number, c: string): string => (f & bit ? c : "-");
  const flags = letter(0x400, "D") + letter(0x800, "O") + letter(0x80, "S") + letter(0x40, "Z") + letter(0x10, "A") + letter(4, "P") + letter(1, "C");
  lines.push(`RIP=${hex(s.rip, 16)} RFL=${hex(f >>> 0, 8)} [${flags}] CPL=${s.cpl} HLT=${s.halted ? 1 : 0}`);
  ["ES", "CS", "SS", "DS", "FS", "GS"].forEach((name, n) => {
    lines.push(`${name} =${hex(s.selector[n], 4)} ${hex(s.segBase(n), 16)} ${hex(s.limit[n], 8)} ${hex(s.attr[n], 4)}`);
  });
  lines.push(`LDT=${hex(s.ldtr.selector, 4)} ${hex(s.ldtr.base, 16)} ${hex(s.ldtr.limit >>> 0, 8)} ${hex(s.ldtr.attr, 4)}`);
  lines.push(`TR =${hex(s.tr.selector, 4)} ${hex(s.tr.base, 16)} ${hex(s.tr.limit >>> 0, 8)} ${hex(s.tr.attr, 4)}`);
  lines.push(`GDT=     ${hex(s.gdtr.base, 16)} ${hex(s.gdtr.limit >>> 0, 8)}`);
  lines.push(`IDT=     ${hex(s.idtr.base, 16)} ${hex(s.idtr.limit >>> 0, 8)}`);
  lines.push(`CR0=${hex(s.cr0 >>> 0, 8)} CR2=${hex(s.cr2, 16)} CR3=${hex(s.cr3, 16)} CR4=${hex(s.cr4 >>> 0, 8)} EFER=${hex(s.efer >>> 0, 16)}`);
  return lines;
}

/** Instructions shown before and after RIP. */
const BEFORE = 8;
const AFTER = 4;

/** The last instructions before RIP that were decoded, the one at RIP (marked `=>`), and some that follow. */
export function disassembleAround(vcpu: Vcpu): string[] {
  const { state } = vcpu;
  const rip = state.rip;
  const starts = [...earlier(vcpu, rip), rip];
  const lines = starts.map((at) => line(vcpu, at, at === rip)).filter((l) => l !== null);
  const insn = new Insn();
  let at = rip;
  for (let i = 0; i < AFTER; i++) {
    const bytes = peek(vcpu, at);
    if (decode(bytes, 0, bytes.length, state.codeBits, insn) !== DECODE_OK) break;
    at += BigInt(insn.length);
    const text = line(vcpu, at, false);
    if (text === null) break;
    lines.push(text);
  }
  return lines;
}

function peek(vcpu: Vcpu, at: bigint): Uint8Array {
  const bytes: number[] = [];
  for (let i = 0n; i < 15n; i++) {
    const b = vcpu.mmu.peek(at + i);
    if (b === null) break;
    bytes.push(b);
  }
  return Uint8Array.from(bytes);
}

/** Starts of the decoded instructions that lead up to `rip` inside its page. */
function earlier(vcpu: Vcpu, rip: bigint): bigint[] {
  const physical = vcpu.mmu.physicalPage(rip);
  if (physical === null) return [];
  const offset = Number(rip & 4095n);
  const page = rip - BigInt(offset);
  return vcpu.cache.decodedOffsets(physical, vcpu.state.codeBits).filter((o) => o < offset).slice(-BEFORE).map((o) => page + BigInt(o));
}

function line(vcpu: Vcpu, at: bigint, here: boolean): string | null {
  const bytes = peek(vcpu, at);
  if (bytes.length === 0) return here ? `=> ${hex(at, 16)}: (not mapped)` : null;
  const insn = new Insn();
  const ok = decode(bytes, 0, bytes.length, vcpu.state.codeBits, insn) === DECODE_OK;
  const length = ok ? insn.length : 1;
  const text = ok ? disassemble(insn, bytes, at - (vcpu.state.mode64 ? 0n : vcpu.state.segBase(CS))) : "(bad)";
  const raw = [...bytes.subarray(0, length)].map((b) => hex(b, 2)).join(" ");
  return `${here ? "=>" : "  "} ${hex(at, 16)}: ${raw.padEnd(30)} ${text}`;
}

