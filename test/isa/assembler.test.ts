/** The assembler against GNU as for every table entry, the round trip through the decoder, and whole programs. */
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.ts";
import { DECODE_OK, decode, Insn } from "../../src/cpu/decode/decoder.ts";
import { disassemble } from "../../src/cpu/decode/disassembler.ts";
import { assemble, assembleProgram } from "../../src/cpu/isa/assembler.ts";
import { ISA } from "../../src/cpu/isa/isa.ts";
import { assembleReference, HAVE_BINUTILS, normalise, objdumpRaw } from "./binutils.ts";
import { type AsmCase, casesFor } from "./cases.ts";

const MODES = [64, 32, 16] as const;

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join(" ");
}

/** What GNU as cannot write, though the manual has it. */
const REJECTED_BY_GAS: readonly RegExp[] = [
  /^movsxd r\d+w,/, /^movsxd \w\w,/, // MOVSXD r16,r/m16
  /^xbegin[wd] /, /^salc$/, /^bswap (?:[a-ds][xpi]|bp|r\d+w)$/,
  /^(?:call|jmp|l[sfg]s) .*TBYTE PTR/, // m16:64
  /^(?:call|jmp) 0x10:0x12345678$/, // in 16-bit code
];

/** GNU as drops a REX.W that changes nothing, or takes the text for something else. */
const DIFFERENT_IN_GAS: readonly RegExp[] = [/^mov r\w+,[c-gs]s$/, /^(?:sldt|str) r\w+$/, /^jmp[wd] \$/];

/** Two entries with the same text: the shorter encoding wins, as in GNU as. */
const SAME_TEXT: readonly RegExp[] = [/^v?movq .*QWORD PTR/, /^v?movq (?:xmm|mm)\d+,(?:xmm|mm)\d+/, /^(?:call|jmp) DWORD PTR/, /^f(?:add|mul|subr?|divr?) st\(0\),st$/, /^fstp st\(\d\)$/];

describe("assembler", () => {
  describe.skipIf(!HAVE_BINUTILS).each(MODES)("against GNU as, %i-bit code", (mode) => {
    it("gives the same instruction, never longer, for every entry", () => {
      const SLOT = 32;
      const cases: AsmCase[] = ISA.flatMap((e) => casesFor(e, mode, 3));
      const reference = assembleReference(cases.map((c) => c.text), mode, SLOT);
      const unexpected = [...reference.rejected].filter(([i]) => !REJECTED_BY_GAS.some((r) => r.test(cases[i].text))).map(([i, m]) => `${cases[i].text}: ${m}`);
      expect(unexpected).toEqual([]);
      const mine = new Uint8Array(reference.accepted.length * SLOT).fill(0x90);
      reference.accepted.forEach((i, k) => mine.set(assemble(cases[i].text, { mode, address: k * SLOT }), k * SLOT));
      const ours = new Map(objdumpRaw(mine, mode).map((l) => [Number(l.address), l]));
      const theirs = new Map(objdumpRaw(reference.bytes, mode).map((l) => [Number(l.address), l]));
      const wrong: string[] = [];
      let equalBytes = 0;
      reference.accepted.forEach((i, k) => {
        const a = ours.get(k * SLOT), b = theirs.get(k * SLOT), { text } = cases[i];
        if (!a || !b) { wrong.push(`${text}: no line`); return; }
        if (hexOf(a.bytes) === hexOf(b.bytes)) equalBytes++;
        else if (DIFFERENT_IN_GAS.some((r) => r.test(text))) return;
        else if (normalise(a.text) !== normalise(b.text)) wrong.push(`${text}: as "${b.text}" ${hexOf(b.bytes)}, ours "${a.text}" ${hexOf(a.bytes)}`);
        else if (a.bytes.length > b.bytes.length) wrong.push(`${text}: as ${hexOf(b.bytes)}, ours is longer: ${hexOf(a.bytes)}`);
      });
      console.info(`GNU as, ${mode}-bit: ${reference.accepted.length} cases compared, ${equalBytes} byte for byte, ${reference.rejected.size} that as cannot write`);
      expect(wrong.slice(0, 20)).toEqual([]);
    });
  });

  it.each(MODES)("round trip: every entry decodes to the same semantics, %i-bit code", (mode) => {
    const insn = new Insn();
    const wrong: string[] = [];
    const ADDRESS = 0x4000n;
    for (const { entry, text } of ISA.flatMap((e) => casesFor(e, mode, 2))) {
      const bytes = assemble(text, { mode, address: ADDRESS });
      const status = decode(bytes, 0, bytes.length, mode, insn);
      if (status !== DECODE_OK || insn.length !== bytes.length) { wrong.push(`${text}: status ${status}, ${hexOf(bytes)}`); continue; }
      const back = ISA[insn.entry];
      if (SAME_TEXT.some((r) => r.test(text))) continue;
      if (back.lift !== entry.lift || back.mnemonic !== entry.mnemonic) wrong.push(`${text}: ${entry.source} became ${back.source}`);
      const again = assemble(disassemble(insn, bytes, ADDRESS), { mode, address: ADDRESS });
      if (hexOf(again) !== hexOf(bytes)) wrong.push(`${text}: ${hexOf(bytes)}, then "${disassemble(insn, bytes, ADDRESS)}" ${hexOf(again)}`);
    }
    expect(wrong.slice(0, 20)).toEqual([]);
  });

  it("has an encoding that decodes to each entry itself", () => {
    // Entries that only a duplicate encoding reaches are decoded from the first byte pattern that the table line names.
    const insn = new Insn();
    const missed: string[] = [];
    for (const e of ISA) {
      if (e.vex) continue; // the opcode-space test decodes every VEX encoding
      const mode = e.i64 ? 32 : 64;
      const prefix = e.prefix === "66" ? [0x66] : e.prefix === "F3" ? [0xf3] : e.prefix === "F2" ? [0xf2] : [];
      const rex = e.w === 1 ? [0x48] : [];
      const escape = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]][e.map];
      // /r: the SDM's first operands, register 0 with 3, except where a more specific line owns that pattern.
      const modrms = !e.hasModrm ? [[]] : Array.from({ length: 128 }, (_, i) => i).map((i) => [
        (e.modKind === "mem" ? 0 : 0xc0) | ((e.regField < 0 ? i >> 3 & 7 : e.regField) << 3) | (e.rmField < 0 ? i & 7 : e.rmField)]);
      const memoryToo = e.modKind === "any" && e.hasModrm ? modrms.map(([m]) => [m & 0x3f]) : [];
      const hit = [...modrms, ...memoryToo].some((m) => {
        const bytes = Uint8Array.from([...prefix, ...rex, ...escape, e.opcode, ...m, ...new Array<number>(12).fill(0)]);
        return decode(bytes, 0, bytes.length, mode, insn) === DECODE_OK && insn.entry === e.id;
      });
      if (!hit && !(e.mnemonic === "XCHG" && e.plusR)) missed.push(e.source);
    }
    expect(missed).toEqual([]);
  });

  it("assembles a boot sector as GNU as does", () => {
    // Expected bytes: GNU as 2.40 of the same program (.code16, .intel_syntax noprefix), offsets 0x7c00 higher.
    const { bytes, symbols } = assembleProgram(`
      org 0x7c00
      PORT equ 0x3f8
      start:
        cli
        xor ax, ax
        mov ds, ax        ; comment
        mov si, message
      .next:
        lodsb
        test al, al
        jz .done
        mov dx, PORT
        out dx, al
        jmp .next
      .done:
        hlt
        jmp short .done
      message: db "Hi", 0
        dw message
        dw $-start
        times 510-($-$$) db 0
        dw 0xaa55
    `, { mode: 16 });
    expect(bytes.length).toBe(512);
    expect(hexOf(bytes.subarray(0, 29))).toBe("fa 31 c0 8e d8 be 16 7c ac 84 c0 74 06 ba f8 03 ee eb f5 f4 eb fd 48 69 00 16 7c 1b 00");
    expect([bytes[510], bytes[511]]).toEqual([0x55, 0xaa]);
    expect(symbols.get("message")).toBe(0x7c16n);
  });

  it("lengthens branches only where the target is far", () => {
    const { bytes } = assembleProgram("a: jmp b\n times 200 nop\nb: jmp a\n jz b\n", { mode: 32 });
    expect(hexOf(bytes.subarray(0, 5))).toBe("e9 c8 00 00 00");
    expect(hexOf(bytes.subarray(205))).toBe("e9 2e ff ff ff 74 f9");
  });

  it("switches modes inside a program", () => {
    const { bytes } = assembleProgram("bits 16\n jmp dword 0x8:x\nbits 32\nx: mov eax, cr0\nbits 64\n mov rax, 0x123456789\n", { mode: 16, origin: 0x1000 });
    expect(hexOf(bytes)).toBe("66 ea 08 10 00 00 08 00 0f 20 c0 48 b8 89 67 45 23 01 00 00 00");
  });

  it.each<[string, 16 | 32 | 64, string]>([
    // Expected bytes: GNU as 2.40.
    ["jmp [bx]", 16, "ff 27"], ["jmp far [bx]", 16, "ff 2f"], ["call FWORD PTR [rax]", 64, "ff 18"], ["push QWORD PTR [rax]", 64, "ff 30"],
    ["push [rax]", 64, "ff 30"], ["retf", 64, "cb"], ["retfq", 64, "48 cb"], ["iretq", 64, "48 cf"], ["pushfq", 64, "9c"], ["pushfw", 64, "66 9c"],
    ["iretd", 16, "66 cf"], ["pushd 5", 16, "66 6a 05"], ["rep movsb", 64, "f3 a4"], ["stosq", 64, "48 ab"], ["repne scasb", 32, "f2 ae"],
    ["lock xadd [rbx], rcx", 64, "f0 48 0f c1 0b"], ["mov ds, ax", 32, "8e d8"], ["cmpltsd xmm1, xmm2", 64, "f2 0f c2 ca 01"],
    ["mov rax, 0x1", 64, "48 c7 c0 01 00 00 00"], ["movabs rax, 0x1", 64, "48 b8 01 00 00 00 00 00 00 00"], ["lgdt [0x7c00]", 16, "0f 01 16 00 7c"],
    ["mov eax, [rbp]", 64, "8b 45 00"], ["mov eax, [ebx+esi*4-4]", 64, "67 8b 44 b3 fc"], ["mov ax, es:[di+2]", 16, "26 8b 45 02"],
    ["mov [esp], eax", 16, "67 66 89 04 24"], ["in al, dx", 32, "ec"], ["out 0x80, al", 32, "e6 80"], ["enter 16, 0", 32, "c8 10 00 00"],
  ])("%s in %i-bit code", (text, mode, expected) => {
    expect(hexOf(assemble(text, { mode }))).toBe(expected);
  });

  it.each([
    ["nop\nfoo eax", "line 2: unknown instruction foo"],
    ["mov eax, missing", "line 1: unknown symbol missing"],
    ["\n\nadd [eax], 1", "line 3: the size of the memory operand of add is not known: write byte, word, dword or qword"],
    ["mov ax, ebx", "line 1: no encoding of mov takes these operands"],
    ["lock mov [eax], eax", "line 1: no encoding of mov takes these operands"],
    ["a: nop\na: nop", "line 2: symbol a is defined twice"],
    ["db 300", "line 1: 300 does not fit in 1 bytes"],
  ])("reports a mistake in %j with its line", (source, message) => {
    expect(() => assembleProgram(source, { mode: 32 })).toThrow(new UserError(message));
  });
});
