/** Decoder and disassembler against objdump: real code, and random bytes in all three modes. */
import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { DECODE_OK, DECODE_UNDEFINED, decode, Insn } from "../../src/cpu/decode/decoder.ts";
import { disassemble } from "../../src/cpu/decode/disassembler.ts";
import { ISA } from "../../src/cpu/isa/isa.ts";
import { PSEUDO_OPS } from "../../src/cpu/isa/pseudo.ts";
import { HAVE_BINUTILS, normalise, objdumpFile, objdumpRaw, textSection } from "./binutils.ts";
import { Random } from "./cases.ts";

const FILES = ["/bin/bash", "/lib/x86_64-linux-gnu/libc.so.6", "/usr/bin/perl", "/lib/x86_64-linux-gnu/libm.so.6", "/lib/x86_64-linux-gnu/libcrypto.so.3"];
const LIMIT = Number(process.env["ISA_TEST_LIMIT"] ?? 30_000);
const SLOTS = Number(process.env["ISA_TEST_RANDOM"] ?? 20_000);

/** Every mnemonic the table can print, with size suffixes. */
const NAMES = new Set(ISA.flatMap((e) => [...e.names, ...[...e.suffixes].map((s) => e.mnemonic + s)]).map((n) => n.toLowerCase()));

const PSEUDO = new Set(PSEUDO_OPS.map((p) => p.name.toLowerCase()));

function inTable(text: string): boolean {
  const word = text.replace(/^(?:lock|rep|repz|repnz) /, "").split(" ")[0];
  return NAMES.has(word) || /^movabs$/.test(word) || PSEUDO.has(word);
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

describe.skipIf(!HAVE_BINUTILS)("objdump", () => {
  it("agrees on the distinct encodings of real programs", () => {
    const insn = new Insn();
    const seen = new Set<string>();
    const wrong: string[] = [];
    for (const file of FILES.filter(existsSync)) {
      const section = textSection(file);
      const chunk = 0x40000; // part by part, so that no more is disassembled than is used
      const share = LIMIT / 2;
      const stopAt = Math.min(LIMIT, seen.size + share);
      for (let at = section.start; at < section.start + section.size && seen.size < stopAt; at += chunk) {
        // objdump can begin in the middle of an instruction, and ends a chunk there: the first lines are dropped, the last is cut.
        const lines = objdumpFile(file, at, Math.min(at + chunk, section.start + section.size)).slice(at === section.start ? 0 : 64, -2);
        for (const line of lines) {
          const key = hexOf(line.bytes);
          if (seen.has(key) || seen.size >= stopAt) continue;
          const text = normalise(line.text);
          if (line.bytes[0] === 0x9b && line.bytes.length > 1) continue; // objdump joins FWAIT with the next instruction
          if (/^rex|^\.byte/.test(text)) continue; // an instruction that the chunk cut off
          if (!inTable(text)) { // AVX and the like: must be undefined here
            if (decode(line.bytes, 0, line.bytes.length, 64, insn) !== DECODE_UNDEFINED) wrong.push(`${key}: "${text}" must be undefined`);
            continue;
          }
          seen.add(key);
          const status = decode(line.bytes, 0, line.bytes.length, 64, insn);
          const ours = status === DECODE_OK ? disassemble(insn, line.bytes, line.address) : `status ${status}`;
          if (ours !== text || insn.length !== line.bytes.length) wrong.push(`${key}: objdump "${text}", ours "${ours}" (${insn.length})`);
        }
      }
    }
    console.info(`objdump: ${seen.size} distinct encodings of real code compared`);
    expect(wrong.slice(0, 20)).toEqual([]);
    expect(seen.size).toBeGreaterThan(1000);
  });

  /** Whether a VEX prefix has a prefix before it that it does not allow. */
  function beforeVex(bytes: readonly number[], mode: number): boolean {
    const legacy = (b: number): boolean => [0x66, 0xf2, 0xf3, 0xf0].includes(b) || (mode === 64 && b >= 0x40 && b < 0x50);
    const at = bytes.findIndex((b) => !legacy(b) && ![0x67, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65].includes(b));
    return (bytes[at] === 0xc4 || bytes[at] === 0xc5) && (mode === 64 || bytes[at + 1] >= 0xc0) && bytes.slice(0, at).some(legacy);
  }

  /** Why we may differ from objdump, which shows what an assembler could have meant rather than what a CPU executes. */
  function explained(ref: string, raw: string, ours: string, bytes: Uint8Array, mode: number, insn: Insn, refLength: number): string | undefined {
    const first = [...bytes.subarray(0, insn.length + 2)];
    if (/^(?:(?:repn?z|lock|data16|[c-gs]s|addr32) )*rex(?:\.\w+)?$/.test(raw.trim())) return "objdump prints a REX without effect alone";
    if (ours === "(bad)" || /^nop /.test(ours)) {
      if (!inTable(ref) && ref !== "(bad)") return "instruction set extension that is not in the table";
    }
    if (ours === "(bad)" && beforeVex(first, mode)) return "66, F2, F3, LOCK or REX before VEX (SDM Vol. 2 §2.3.2, §2.3.3)";
    if (ours === "(bad)" && /^v(?:zero|ldmxcsr|stmxcsr)/.test(ref)) return "VEX.pp must be 00 (SDM Vol. 2, VZEROUPPER, LDMXCSR)";
    if (ours === "(bad)" && /^v(?:aes|pclmul).*ymm/.test(ref)) return "instruction set extension that is not in the table";
    if (ours === "(bad)" && /\bzmm|\{(?:k|z|r[nduz])/.test(ref)) return "AVX-512 (EVEX)";
    if (/^vmovmskp[sd] r/.test(ref) && /^vmovmskp[sd] e/.test(ours)) return "objdump widens the general register with W";
    if (/^vmovs[sd] ymm/.test(ref)) return "objdump shows VEX.L of an instruction that ignores it";
    if (ours === "(bad)") {
      if (/\block\b/.test(raw)) return "LOCK is not allowed there (SDM Vol. 2, LOCK)";
      if (/^mov (?:\w+,)?[cdt]r(?:\d+)/.test(ref)) return "control or debug register does not exist (SDM Vol. 2, MOV CR/DR)";
      if (/^mov (?:cs,|\?,|.*,\?)/.test(ref)) return "segment register does not exist or is CS (SDM Vol. 2, MOV)";
      if (/^(?:syscall|sysret|swapgs|(?:rd|wr)[fg]sbase)/.test(ref) && mode !== 64) return "exists in 64-bit mode only (SDM Vol. 2, SYSCALL, SWAPGS, RDFSBASE)";
      const entry = ISA.find((e) => e.names.some((n) => n.toLowerCase() === ref.split(" ")[0]) && (e.prefix === "NP" || e.prefix === "NFx"));
      if (entry && /\b(?:repn?z|data16|data32)\b/.test(raw)) return "prefix is not allowed (NP, SDM Vol. 2 §3.1.1.2)";
      if (entry && first.some((b) => b === 0x66 || b === 0xf2 || b === 0xf3)) return "prefix is not allowed (NP, SDM Vol. 2 §3.1.1.2)";
    }
    if (ref === "(bad)") {
      if (/^[lms]fence$/.test(ours)) return "ModRM.rm is ignored (SDM Vol. 2, MFENCE)";
      if (/^nop /.test(ours)) return "reserved NOP (SDM Vol. 2 App. A, Table A-3)";
      if (/^(?:fcomp?|fxch|fstp) st\(\d\)$/.test(ours) || ours === "salc") return "undocumented, but every CPU executes it";
      if (/^(?:bs[fr]|wbinvd|rd(?:rand|seed)|cmpxchg8b|cmpxchg16b|swapgs|rdtscp|vmrun|vmmcall|vmload|vmsave|stgi|clgi|skinit|invlpga|cldemote|prefetch\w*)\b/.test(ours)) return "no mandatory prefix in the manual: F2/F3/66 are ignored";
    }
    if (/^(?:l[fgs]s|call|jmp) .*TBYTE/.test(ours)) return "m16:64 with REX.W (SDM Vol. 2, LSS)";
    if (insn.opSize === 64 && first.includes(0x66) && (ours === "nop" || /^movsxd /.test(ours) || ref.replace(/^(\w+)w /, "$1 ") === ours)) return "REX.W goes before 66 (SDM Vol. 2 §2.2.1.2)";
    if (insn.opSize === 64 && /^(?:p?movmsk\w+|pextrw) [er]/.test(ours) && ref === ours.replace(/ (?:e|(?=r\d))(\w+?)d?,/, (_, a: string) => ` ${/^r/.test(a) ? "" : "r"}${a},`)) return "REX.W changes nothing: the result is zero-extended";
    if (/^mov(?:dq2q|q2dq)\b/.test(ours) && /^mov(?:dq2q|q2dq)\b/.test(ref)) return "objdump names the MMX register as XMM with 66";
    if (first.includes(0x9b) && ours === "fwait") return "objdump joins FWAIT with the next instruction";
    if (/\bpause$/.test(ref) && /^xchg r8\w?,/.test(ours)) return "REX.B makes it XCHG (SDM Vol. 2, XCHG)";
    if (/^(?:rd|wr)[fg]sbase /.test(ours) && first.includes(0x66)) return "66 does not change a size that is 32 or 64 (SDM Vol. 2, RDFSBASE)";
    if (/\bnotrack\b/.test(raw) && ours.replace("ds:", "") === ref) return "objdump shows DS as NOTRACK";
    if (/[re]iz\*/.test(raw)) return "objdump shows an index that is not there";
    const target = /^(\S+) (0x[0-9a-f]+)$/.exec(ref), mine = /^(\S+) (0x[0-9a-f]+)$/.exec(ours);
    if (target && mine && target[1] === mine[1] && insn.opSize === 16 && insn.length === refLength &&
      (BigInt(target[2]) & 0xffffn) === BigInt(mine[2])) return "IP wraps at 16 bits; objdump keeps the segment of the listing";
    return undefined;
  }

  it.each([64, 32, 16] as const)("agrees on random bytes, %i-bit code", (mode) => {
    const SLOT = 32; // an instruction starts at each slot; the second half of the slot is NOPs
    const r = new Random(Number(process.env["ISA_TEST_SEED"] ?? 0x5eed) + mode);
    const bytes = new Uint8Array(SLOTS * SLOT).fill(0x90);
    for (let slot = 0; slot < SLOTS; slot++) {
      let p = slot * SLOT;
      const end = p + 16;
      switch (r.next(8)) {
        case 0: bytes[p++] = 0x66; break;
        case 1: bytes[p++] = 0x66; bytes[p++] = r.pick([0xf2, 0xf3]); break;
        case 2: bytes[p++] = r.pick([0xf2, 0xf3]); break;
        case 3: bytes[p++] = r.pick([0xf0, 0x67, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65]); break;
        default: break;
      }
      if (mode === 64 && r.next(3) === 0) bytes[p++] = 0x40 + r.next(16);
      switch (r.next(7)) {
        case 4: { // VEX, mostly of maps that exist
          bytes[p++] = r.next(2) === 0 ? 0xc5 : 0xc4;
          if (bytes[p - 1] === 0xc4) bytes[p++] = (r.next(8) << 5) | (r.next(20) === 0 ? r.next(32) : 1 + r.next(3));
          bytes[p++] = r.next(2) === 0 ? 0x78 | r.next(8) | (r.next(2) << 7) : r.next(256);
          break;
        }
        case 0: case 1: bytes[p++] = 0x0f; break;
        case 2: bytes[p++] = 0x0f; bytes[p++] = r.pick([0x38, 0x3a]); break;
        case 3: bytes[p++] = 0xd8 + r.next(8); break;
        default: break;
      }
      while (p < end) bytes[p++] = r.next(256);
    }
    const reference = new Map(objdumpRaw(bytes, mode).map((l) => [Number(l.address), l]));
    const insn = new Insn();
    const wrong: string[] = [];
    const reasons = new Map<string, number>();
    let same = 0;
    for (let slot = 0; slot < SLOTS; slot++) {
      const at = slot * SLOT;
      const line = reference.get(at);
      expect(line).toBeDefined();
      if (!line) continue;
      const ref = line.text.includes("(bad)") ? "(bad)" : normalise(line.text);
      const status = decode(bytes, at, bytes.length, mode, insn);
      const ours = status === DECODE_OK ? normalise(disassemble(insn, bytes, BigInt(at))) : "(bad)";
      if (ours === ref && (ours === "(bad)" || insn.length === line.bytes.length)) {
        same++;
        continue;
      }
      const why = explained(ref, line.text, ours, bytes.subarray(at, at + 16), mode, insn, line.bytes.length);
      if (why === undefined) wrong.push(`${hexOf(bytes.subarray(at, at + 16))}: objdump "${line.text}" (${line.bytes.length}), ours "${ours}" (${insn.length})`);
      else reasons.set(why, (reasons.get(why) ?? 0) + 1);
    }
    console.info(`objdump, ${mode}-bit: ${same} of ${SLOTS} equal; explained: ${[...reasons].map(([k, n]) => `${n} ${k}`).join("; ")}`);
    expect(wrong.slice(0, 20)).toEqual([]);
  });
});
