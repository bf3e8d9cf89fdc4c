/** Which VEX encodings exist: every map, opcode, prefix, W, L and ModRM.reg on the real CPU, in 64- and 32-bit code, against the decoder. */
import { afterAll, describe, expect, it } from "vitest";
import { DECODE_OK, decode, Insn } from "../../src/cpu/decode/decoder.ts";
import { ISA } from "../../src/cpu/isa/isa.ts";
import { type Cell, walk } from "../../tools/instructions/space.ts";
import { AREA, type Case, CODE, DATA, OutcomeReader } from "./format.ts";
import { openHost } from "./host.ts";
import { definesVex } from "./vendor.ts";

/** Extensions of the host that the table does not have: AVX-512's mask instructions, AVX-VNNI and its kin, GFNI, VAES, VPCLMULQDQ, SM3, SM4, SHA-512. */
function elsewhere(c: Cell): boolean {
  const { map, opcode, prefix, l } = c;
  if (map === 1) return opcode >= 0x41 && opcode <= 0x4b || (opcode >= 0x90 && opcode <= 0x93) || opcode === 0x98 || opcode === 0x99;
  if (map === 2) return (opcode >= 0x50 && opcode <= 0x53) || opcode === 0x72 || (opcode >= 0xb0 && opcode <= 0xb5) || [0xcb, 0xcc, 0xcd, 0xcf, 0xd2, 0xd3, 0xda].includes(opcode) ||
    (opcode >= 0xdb && opcode <= 0xdf && prefix === 1 && l === 1) || (opcode >= 0xe0 && opcode <= 0xef) || (opcode >= 0x49 && opcode <= 0x5e && [0x49, 0x4b, 0x5c, 0x5e].includes(opcode));
  return (opcode === 0x44 && l === 1) || (opcode >= 0x30 && opcode <= 0x33) || [0xce, 0xcf, 0xde].includes(opcode);
}

/** ModRM.reg is part of the opcode. */
const isGroup = (c: Cell): boolean => (c.map === 1 && [0x71, 0x72, 0x73, 0xae].includes(c.opcode)) || (c.map === 2 && c.opcode === 0xf3);
/** All ModRM.reg of all opcodes: VEX_SPACE=all. */
const EVERY = process.env["VEX_SPACE"] === "all";
const insn = new Insn();

const host = openHost();
const needed = ["avx", "avx2", "fma", "f16c", "bmi1", "bmi2", "aes", "pclmulqdq"];
const usable = typeof host !== "string" && needed.every((f) => host.flags.has(f)) ? host : null;

describe.skipIf(usable === null)("VEX encodings on real silicon", () => {
  afterAll(() => usable?.close());
  it("are undefined where the decoder says so", { timeout: 120_000 }, () => {
    if (usable === null) return;
    const pool = new Uint8Array(AREA);
    const cells: Cell[] = [];
    walk((c) => {
      if (!c.vex || elsewhere(c) || (!EVERY && ((c.modrm >> 3) & 7) > 0 && !isGroup(c))) return;
      cells.push(c);
      // The same with VEX.vvvv's top bit the other way round: a register that 32-bit code does not have, or one where none may be.
      const bytes = c.bytes.slice();
      bytes[2] ^= 0x40;
      const defined = decode(bytes, 0, 15, c.mode, insn) === DECODE_OK;
      cells.push({ ...c, bytes, entry: defined ? ISA[insn.entry] : null });
    });
    const gpr = new BigUint64Array(16).fill(BigInt(DATA + 4096));
    const caseOf = (c: Cell): Case => ({
      code: Uint8Array.from([...c.bytes.subarray(0, 10), 0x0f, 0x0b]), codeOffset: 0x400, undefinedFlags: 0, flags: 0, mxcsr: 0x1f80, gpr, xmm: new Uint16Array(16),
      fpr: new Uint16Array(8), fcw: 0x37f, fsw: 0, ftw: 0, useFpu: 0, mode: c.mode, entry: 0, patches: [],
    });
    const wrong: string[] = [];
    for (let from = 0; from < cells.length; from += 40_000) {
      const part = cells.slice(from, from + 40_000);
      const cases = part.map(caseOf);
      const reader = new OutcomeReader(usable.run(pool, cases), pool);
      part.forEach((c, i) => {
        const out = reader.next(cases[i]);
        const undefinedThere = out.vector === 6 && out.rip === BigInt(CODE + 0x400);
        if (undefinedThere !== (c.entry === null) && (undefinedThere || !definesVex(usable.vendor, c))) {
          wrong.push(`${c.mode}-bit ${Buffer.from(c.bytes.subarray(0, 7)).toString("hex")}: real ${undefinedThere ? "#UD" : "defined"}, ours ${c.entry?.source ?? "#UD"}`);
        }
      });
    }
    console.info(`VEX space: ${cells.length} encodings on ${usable.cpu}, ${wrong.length} differences`);
    expect(wrong.slice(0, 20)).toEqual([]);
  });
});
