/** Walks the whole opcode space with the decoder and says of each cell what becomes of it. SDM Vol. 2 App. A. */
import { DECODE_OK, decode, Insn } from "../../src/cpu/decode/decoder.ts";
import { ISA, type IsaEntry } from "../../src/cpu/isa/isa.ts";
import { liftName } from "../../src/cpu/lift/form.ts";
import { LIFTERS } from "../../src/cpu/lift/index.ts";

/** Extensions that the table decodes and that no CPU model has: #UD is what such a processor does. */
export const REFUSED: Readonly<Record<string, string>> = {
  vmx: "no nested virtualisation", svm: "no nested virtualisation", smx: "no trusted execution", rtm: "no transactional memory",
  monitorx: "not in a model", clzero: "not in a model", pku: "not in a model",
};

/** "unknown": decodes, is not implemented, and nobody has said why. */
export type Status = "implemented" | "reserved" | "prefix" | "unknown";

export function statusOf(entry: IsaEntry): Status {
  if (LIFTERS[liftName(entry)] !== undefined) return "implemented";
  return REFUSED[entry.feature] === undefined ? "unknown" : "reserved";
}

export interface Cell {
  readonly mode: 32 | 64;
  readonly vex: boolean;
  readonly map: number;
  readonly opcode: number;
  /** 0 none, 1 66, 2 F3, 3 F2. */
  readonly prefix: number;
  readonly w: number;
  readonly l: number;
  readonly modrm: number;
  /** What was decoded; filled up with zeroes. */
  readonly bytes: Uint8Array;
  readonly entry: IsaEntry | null;
  readonly status: Status;
}

const PREFIX = [[], [0x66], [0xf3], [0xf2]];
const ESCAPE = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]];
const insn = new Insn();

/** Bytes of the one-byte map that begin something else. */
function isPrefix(mode: number, map: number, opcode: number): boolean {
  if (map === 0) {
    if ([0x0f, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3].includes(opcode)) return true;
    return mode === 64 && ((opcode >= 0x40 && opcode < 0x50) || opcode === 0xc4 || opcode === 0xc5);
  }
  return map === 1 && (opcode === 0x38 || opcode === 0x3a);
}

/** ModRM bytes that can make a difference: each reg with memory (an SIB byte follows, for VSIB) and with each register. */
const MODRM = Array.from({ length: 256 }, (_, m) => m).filter((m) => m >= 0xc0 || (m & 0xc7) === 4);

/** Without ModRM.rm of registers, on which few opcodes depend. */
const SHORT_MODRM = MODRM.filter((m) => m < 0xc0 || (m & 7) === 0);
const EXACT = new Set(ISA.filter((e) => e.rmField >= 0 && !e.vex).map((e) => (e.map << 8) | e.opcode));

/** Calls `visit` for every cell: mode, legacy and VEX maps, opcode, prefix, W, L, ModRM. */
export function walk(visit: (cell: Cell) => void): void {
  const seen = (cell: Omit<Cell, "entry" | "status">): void => {
    if (!cell.vex && isPrefix(cell.mode, cell.map, cell.opcode)) visit({ ...cell, entry: null, status: "prefix" });
    else {
      const entry = decode(cell.bytes, 0, 15, cell.mode, insn) === DECODE_OK ? ISA[insn.entry] : null;
      visit({ ...cell, entry, status: entry === null ? "reserved" : statusOf(entry) });
    }
  };
  for (const mode of [64, 32] as const) {
    for (let map = 0; map < 4; map++) {
      for (let opcode = 0; opcode < 256; opcode++) {
        if (isPrefix(mode, map, opcode)) {
          seen({ mode, vex: false, map, opcode, prefix: 0, w: 0, l: 0, modrm: 0, bytes: Uint8Array.of(...ESCAPE[map], opcode, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) });
          continue;
        }
        for (let prefix = 0; prefix < 4; prefix++) {
          for (const w of mode === 64 ? [0, 1] : [0]) {
            for (const modrm of EXACT.has((map << 8) | opcode) ? MODRM : SHORT_MODRM) {
              const bytes = new Uint8Array(16);
              bytes.set([...PREFIX[prefix], ...(w ? [0x48] : []), ...ESCAPE[map], opcode, modrm]);
              seen({ mode, vex: false, map, opcode, prefix, w, l: 0, modrm, bytes });
            }
          }
        }
      }
    }
    for (let map = 1; map < 4; map++) {
      for (let opcode = 0; opcode < 256; opcode++) {
        for (let pp = 0; pp < 4; pp++) {
          for (let wl = 0; wl < 4; wl++) {
            for (const modrm of SHORT_MODRM) {
              const bytes = vexBytes(map, opcode, pp, wl >> 1, wl & 1, modrm, 15);
              // Where no register is named, VEX.vvvv must be all ones; where one is, a gather wants a third.
              if (decode(bytes, 0, 15, mode, insn) !== DECODE_OK) bytes[2] &= ~0x20;
              seen({ mode, vex: true, map, opcode, prefix: pp, w: wl >> 1, l: wl & 1, modrm, bytes });
            }
          }
        }
      }
    }
  }
}

export interface Survey {
  readonly counts: Readonly<Record<"64" | "32", Record<Status, number>>>;
  readonly unknown: readonly Cell[];
  /** Entries that some cell decodes to. */
  readonly reached: ReadonlySet<number>;
}
let survey: Survey | null = null;
/** The walk's result; done once. */
export function surveySpace(): Survey {
  if (survey !== null) return survey;
  const none = (): Record<Status, number> => ({ implemented: 0, reserved: 0, prefix: 0, unknown: 0 });
  const counts = { 64: none(), 32: none() };
  const unknown: Cell[] = [];
  const reached = new Set<number>();
  walk((cell) => {
    counts[cell.mode][cell.status]++;
    if (cell.status === "unknown") unknown.push(cell);
    if (cell.entry !== null) reached.add(cell.entry.id);
  });
  return (survey = { counts, unknown, reached });
}

/** A three-byte VEX encoding, with room for an immediate. `vvvv` as it stands in the prefix, inverted. */
export function vexBytes(map: number, opcode: number, pp: number, w: number, l: number, modrm: number, vvvv: number): Uint8Array {
  const bytes = new Uint8Array(16);
  // SIB 0x20: index 4, base RAX: three different registers with VEX.vvvv 15 or 11 only where ModRM.reg is another.
  bytes.set([0xc4, 0xe0 | map, (w << 7) | (vvvv << 3) | (l << 2) | pp, opcode, modrm, modrm < 0xc0 ? ((modrm >> 3) & 7) === 4 ? 0x28 : 0x20 : 0]);
  return bytes;
}
