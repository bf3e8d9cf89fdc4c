/** The decoder's record and status: rules that no disassembly shows. Expected values are from the SDM, cited per case. */
import { describe, expect, it } from "vitest";
import { DECODE_OK, DECODE_TOO_LONG, DECODE_TRUNCATED, DECODE_UNDEFINED, decode, Insn } from "../../src/cpu/decode/decoder.ts";
import { getOperand, Operand, operandCount } from "../../src/cpu/decode/operands.ts";
import { ISA } from "../../src/cpu/isa/isa.ts";

type Mode = 16 | 32 | 64;

function run(hex: string, mode: Mode = 64): { status: number; insn: Insn; mnemonic: string } {
  const bytes = Uint8Array.from(hex.split(" "), (h) => parseInt(h, 16));
  const insn = new Insn();
  const status = decode(bytes, 0, bytes.length, mode, insn);
  return { status, insn, mnemonic: insn.entry < 0 ? "" : ISA[insn.entry].mnemonic };
}

describe("decoder status", () => {
  it("is TRUNCATED for every proper beginning of an instruction, and never reads past the limit", () => {
    const bytes = Uint8Array.from([0x66, 0x48, 0x81, 0x84, 0xc8, 1, 2, 3, 4, 5, 6, 7, 8]); // ADD qword [rax+rcx*8+disp32], imm32
    const insn = new Insn();
    for (let limit = 0; limit < bytes.length; limit++) expect(decode(bytes, 0, limit, 64, insn)).toBe(DECODE_TRUNCATED);
    expect(decode(bytes, 0, bytes.length, 64, insn)).toBe(DECODE_OK);
    expect(insn.length).toBe(13);
  });

  it("is TOO_LONG beyond 15 bytes (SDM Vol. 2 §2.3.11)", () => {
    expect(run([...new Array<string>(14).fill("66"), "90"].join(" ")).status).toBe(DECODE_OK);
    expect(run([...new Array<string>(15).fill("66"), "90"].join(" ")).status).toBe(DECODE_TOO_LONG);
    expect(run([...new Array<string>(9).fill("2e"), "81 05 00 00 00 00 01 00 00 00"].join(" ")).status).toBe(DECODE_TOO_LONG);
    expect(run(new Array<string>(14).fill("66").join(" ")).status).toBe(DECODE_TRUNCATED);
  });

  it.each<[string, Mode, string]>([
    ["f0 01 c0", 64, "LOCK with a register destination"],
    ["f0 8b 00", 64, "LOCK on MOV"],
    ["f0 03 00", 64, "LOCK where memory is the source"],
    ["f0 39 00", 64, "LOCK on CMP"],
    ["06", 64, "PUSH ES in 64-bit mode"],
    ["0f 05", 32, "SYSCALL outside 64-bit mode"],
    ["8e c8", 64, "MOV to CS"],
    ["8c f0", 64, "MOV from segment register 6"],
    ["0f 20 c8", 64, "CR1"],
    ["44 0f 21 c0", 64, "DR8"],
    ["0f 0f c0 b4", 64, "3DNow!"],
    ["66 c5 f8 77", 64, "66 before VEX (SDM Vol. 2 §2.3.2)"],
    ["c5 f9 77", 64, "VZEROUPPER with VEX.pp"], ["c5 f0 28 c1", 64, "VMOVAPS with VEX.vvvv"], ["66 c5 f8 58 c1", 64, "66 before VEX"],
    ["f3 c5 f8 58 c1", 32, "F3 before VEX"], ["48 c5 f8 58 c1", 64, "REX before VEX"], ["c4 e2 71 92 0c 10", 64, "gather with its destination as mask"],
    ["c4 e2 61 92 08", 64, "gather without SIB"], ["c4 e3 f1 22 c0 00", 32, "VPINSRQ"],
    ["62 f1 7c 48 58 c0", 64, "EVEX"],
    ["f2 0f 28 c0", 64, "F2 before MOVAPS"],
    ["0f b8 c0", 64, "POPCNT without F3"],
    ["8d c0", 64, "LEA with a register"],
    ["c4 c0", 32, "LES with a register is VEX; map 0"],
  ])("%s is UNDEFINED in %i-bit code: %s", (hex, mode) => {
    expect(run(`${hex} 00 00 00 00`, mode).status).toBe(DECODE_UNDEFINED);
  });
});

describe("decoder record", () => {
  it.each<[string, Mode, string, Partial<Insn>]>([
    // Prefixes: SDM Vol. 2 §2.1.1, §2.2.1.
    ["48 66 89 c8", 64, "MOV", { opSize: 16, rex: 0, length: 4 }], // REX not directly before the opcode
    ["66 48 89 c8", 64, "MOV", { opSize: 64, rex: 0x48 }],
    ["f3 f2 0f 10 c1", 64, "MOVSD", { rep: 0 }], // the last of F2 and F3
    ["f2 f3 66 0f 10 c1", 64, "MOVSS", { rep: 0 }], // F3 before 66
    ["66 f3 0f b8 c1", 64, "POPCNT", { opSize: 16, rep: 0 }],
    ["66 f2 0f 38 f1 c1", 64, "CRC32", { opSize: 16, rep: 0 }],
    ["66 0f 6e c1", 64, "MOVD", { opSize: 32 }],
    ["f3 a4", 64, "MOVS", { rep: 0xf3, opSize: 32 }],
    ["2e 65 26 8b 00", 64, "MOV", { seg: 5, defaultSeg: 3 }],
    ["2e 8b 00", 64, "MOV", { seg: -1 }],
    ["65 2e 8b 00", 32, "MOV", { seg: 1 }],
    ["f0 0f c1 18", 64, "XADD", { lock: 1 }],
    // Operand size: SDM Vol. 1 Table 3-4; near branches in 64-bit mode ignore 66.
    ["66 e8 01 00 00 00", 64, "CALL", { opSize: 64, immLo: 1, length: 6 }],
    ["66 e8 01 00", 32, "CALL", { opSize: 16, length: 4 }],
    ["66 50", 64, "PUSH", { opSize: 16 }],
    ["50", 64, "PUSH", { opSize: 64 }],
    ["66 48 0f c8", 64, "BSWAP", { opSize: 64 }],
    ["66 b8 78 56 34 12", 16, "MOV", { opSize: 32, immLo: 0x12345678 }],
    ["0f 20 00", 64, "MOV", { mod: 3, length: 3, opSize: 64 }], // mod ignored
    // Addressing: SDM Vol. 2 Tables 2-1 to 2-3, §2.2.1.6.
    ["8b 05 10 00 00 00", 64, "MOV", { ripRelative: 1, base: -1, disp: 16 }],
    ["8b 05 10 00 00 00", 32, "MOV", { ripRelative: 0, base: -1, disp: 16 }],
    ["8b 04 25 00 00 00 80", 64, "MOV", { base: -1, index: -1, disp: -0x80000000, dispHi: -1, ripRelative: 0 }],
    ["8b 45 00", 64, "MOV", { base: 5, defaultSeg: 2, disp: 0 }],
    ["41 8b 45 00", 64, "MOV", { base: 13, defaultSeg: 3 }],
    ["8b 04 24", 64, "MOV", { base: 4, index: -1, defaultSeg: 2 }],
    ["42 8b 04 20", 64, "MOV", { base: 0, index: 12, scale: 0 }],
    ["8b 44 4d fe", 64, "MOV", { base: 5, index: 1, scale: 1, disp: -2, dispHi: -1, defaultSeg: 2 }],
    ["67 8b 00", 64, "MOV", { addrSize: 32 }],
    ["8b 42 f0", 16, "MOV", { base: 5, index: 6, disp: -16, defaultSeg: 2 }],
    ["8b 0e 00 80", 16, "MOV", { base: -1, index: -1, disp: -32768, addrSize: 16 }],
    ["67 8b 04 58", 16, "MOV", { base: 0, index: 3, scale: 1, addrSize: 32 }],
    // Immediates.
    ["83 c0 ff", 64, "ADD", { immLo: -1, immHi: -1 }],
    ["c1 e0 ff", 64, "SHL", { immLo: 255, immHi: 0 }],
    ["48 c7 c0 00 00 00 80", 64, "MOV", { immLo: -0x80000000, immHi: -1 }],
    ["48 b8 01 00 00 00 02 00 00 00", 64, "MOV", { immLo: 1, immHi: 2 }],
    ["48 a1 01 00 00 00 02 00 00 00", 64, "MOV", { disp: 1, dispHi: 2, length: 10 }],
    ["67 a1 01 00 00 80", 64, "MOV", { disp: -0x7fffffff, dispHi: 0, length: 6 }],
    ["c8 34 12 05", 64, "ENTER", { immLo: 0x1234, imm2: 5, opSize: 64 }],
    ["ea 78 56 34 12 08 00", 32, "JMP", { immLo: 0x12345678, imm2: 8 }],
    ["c2 ff ff", 64, "RET", { immLo: 0xffff, immHi: 0 }],
    // Opcodes that change with the mode or with prefixes.
    ["90", 64, "NOP", {}], ["f3 90", 64, "PAUSE", { rep: 0 }], ["41 90", 64, "XCHG", { opreg: 8 }], ["48 90", 64, "NOP", {}],
    ["63 c8", 64, "MOVSXD", {}], ["63 c8", 32, "ARPL", {}],
    ["c4 00", 32, "LES", {}], ["c4 e2 70 f2 c2", 64, "ANDN", { vvvv: 1 }], ["c4 e2 f0 f2 c2", 64, "ANDN", { vvvv: 1, opSize: 64 }],
    ["f3 0f 1e fa", 64, "ENDBR64", {}], ["f3 0f 1e fb", 64, "ENDBR32", {}], ["0f 1e fa", 64, "NOP", {}],
    ["0f c7 08", 64, "CMPXCHG8B", {}], ["48 0f c7 08", 64, "CMPXCHG16B", {}],
    ["0f 01 d0", 64, "XGETBV", {}], ["0f 01 c1", 64, "VMCALL", {}], ["0f 01 d9", 64, "VMMCALL", {}], ["0f 01 f8", 64, "SWAPGS", {}],
    ["0f 01 f8", 64, "SWAPGS", {}], ["0f ae e8", 64, "LFENCE", {}], ["0f ae 28", 64, "XRSTOR", {}], ["f3 0f ae c0", 64, "RDFSBASE", {}],
    ["f1", 64, "INT1", {}], ["d6", 32, "SALC", {}], ["0f ff c0", 64, "UD0", {}], ["0f b9 c0", 64, "UD1", {}],
  ])("%s in %i-bit code is %s", (hex, mode, mnemonic, fields) => {
    const r = run(hex, mode);
    expect(r.status).toBe(DECODE_OK);
    expect(r.mnemonic).toBe(mnemonic);
    expect(r.insn).toMatchObject({ ...fields, length: hex.split(" ").length });
  });

  it("leaves nothing of the previous instruction in the record", () => {
    const long = Uint8Array.from([0xf0, 0x65, 0x4f, 0x81, 0x84, 0xc8, 1, 2, 3, 4, 5, 6, 7, 8]);
    const short = Uint8Array.from([0xc3]);
    const reused = new Insn(), fresh = new Insn();
    decode(long, 0, long.length, 64, reused);
    expect(reused.lock).toBe(1);
    decode(short, 0, 1, 64, reused);
    decode(short, 0, 1, 64, fresh);
    expect({ ...reused }).toEqual({ ...fresh });
  });
});

describe("operands", () => {
  it("are normalised", () => {
    const op = new Operand();
    const at = (hex: string, i: number, mode: Mode = 64): Operand => {
      const { insn, status } = run(hex, mode);
      expect(status).toBe(DECODE_OK);
      getOperand(insn, i, op);
      return op;
    };
    expect(at("88 e0", 1)).toMatchObject({ kind: "reg", cls: "gpr8h", num: 0, width: 8 }); // MOV AL,AH
    expect(at("40 88 e0", 1)).toMatchObject({ kind: "reg", cls: "gpr8", num: 4, width: 8 }); // MOV AL,SPL
    expect(at("45 01 c8", 0)).toMatchObject({ kind: "reg", cls: "gpr32", num: 8, width: 32 });
    expect(at("66 44 0f 6f 00", 0)).toMatchObject({ kind: "reg", cls: "xmm", num: 8, width: 128 });
    expect(at("65 48 8b 04 25 28 00 00 00", 1)).toMatchObject({ kind: "mem", seg: 5, base: -1, disp: 0x28, width: 64 });
    expect(at("f3 48 a5", 0)).toMatchObject({ kind: "mem", seg: 0, base: 7, width: 64 });
    expect(at("64 a5", 1)).toMatchObject({ kind: "mem", seg: 4, base: 6, width: 32 });
    expect(at("eb fe", 0)).toMatchObject({ kind: "rel", immLo: -2, immHi: -1 });
    expect(at("9a 78 56 34 12 08 00", 0, 32)).toMatchObject({ kind: "far", immLo: 0x12345678, selector: 8 });
    expect(at("0f 01 10", 0)).toMatchObject({ kind: "mem", width: 80 }); // LGDT: 2 + 8 bytes
    expect(at("0f 01 10", 0, 32)).toMatchObject({ kind: "mem", width: 48 });
    expect(at("ff 18", 0)).toMatchObject({ kind: "mem", width: 48 });
    expect(at("db 28", 0)).toMatchObject({ kind: "mem", width: 80 });
    expect(operandCount(run("c8 34 12 05").insn)).toBe(2);
    expect(at("c8 34 12 05", 1)).toMatchObject({ kind: "imm", immLo: 5 });
  });
});

describe("decoder speed", () => {
  it("is far below two microseconds an instruction", () => {
    const code = Uint8Array.from([0x48, 0x89, 0x5c, 0x24, 0x08, 0x55, 0x48, 0x8b, 0xec, 0x83, 0xf8, 0x10, 0x0f, 0x84, 0, 1, 0, 0, 0x66, 0x0f, 0xef, 0xc0]);
    const insn = new Insn();
    let count = 0;
    const pass = (times: number): void => {
      for (let i = 0; i < times; i++) for (let p = 0; p < code.length; p += insn.length, count++) decode(code, p, code.length, 64, insn);
    };
    pass(50_000);
    count = 0;
    const start = process.hrtime.bigint();
    pass(100_000);
    const nanoseconds = Number(process.hrtime.bigint() - start) / count;
    console.info(`decode: ${nanoseconds.toFixed(1)} ns an instruction`);
    expect(nanoseconds).toBeLessThan(2000); // a loose bound: machines that run tests are busy
  });
});
