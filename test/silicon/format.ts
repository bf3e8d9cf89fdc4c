/**
 * Test cases and their results as bytes: what harness.c reads and writes, and what vectors.bin.gz holds. Little-endian.
 * Data and code stand at fixed linear addresses; initial memory and vector registers come out of a pool shared by the
 * cases of one file, so that a case stays small.
 */

/** Two read-write pages, unmapped ones around them. */
export const DATA = 0x10000000;
/** Two pages to read and execute, filled with UD2 (0F 0B at even offsets), unmapped ones around them. */
export const CODE = 0x20000000;
export const AREA = 8192;
export const CODE_FILL: readonly [number, number] = [0x0f, 0x0b];

const MAGIC = 0x49535654;
const VERSION = 1;
export const HEADER_SIZE = 16 + AREA;
const CASE_SIZE = 200;
const RESULT_SIZE = 48;

/** No fault: what the harness reports for a case that does not end. */
export const VECTOR_TIMEOUT = 255;

export interface Patch {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface Case {
  /** Ends in UD2, unless it stands at the very end of the code area. */
  readonly code: Uint8Array;
  readonly codeOffset: number;
  /** RFLAGS bits that are undefined after it (by the SDM). */
  readonly undefinedFlags: number;
  /** Arithmetic flags and DF. */
  readonly flags: number;
  readonly mxcsr: number;
  readonly gpr: BigUint64Array;
  /** Offsets into the pool. */
  readonly xmm: Uint16Array;
  readonly fpr: Uint16Array;
  readonly fcw: number;
  readonly fsw: number;
  /** One bit for each physical register: not empty. */
  readonly ftw: number;
  /** 0: empty x87 stack; 1: MMX values; 2: 80-bit values out of the pool. */
  readonly useFpu: 0 | 1 | 2;
  /** 32: compatibility mode. Default 64. */
  readonly mode?: 32 | 64;
  /** ISA entry of its (first) instruction. */
  readonly entry: number;
  /** Memory contents that differ from the pool. */
  readonly patches: readonly Patch[];
}

export interface Outcome {
  vector: number;
  error: number;
  rip: bigint;
  cr2: bigint;
  flags: number;
  mxcsr: number;
  fcw: number;
  fsw: number;
  ftw: number;
  readonly gpr: BigUint64Array;
  readonly xmm: Uint8Array;
  /** Upper halves of YMM0-15. */
  readonly upper: Uint8Array;
  /** 16 bytes a register in ST order (TOP is 0 in MMX cases): 10 count. */
  readonly fpr: Uint8Array;
  /** Changed aligned quadwords of the data area: offset to value. */
  readonly memory: Map<number, bigint>;
}

/** x87 registers before the case, as FXSAVE lays them out. */
export function initialFpr(c: Case, pool: Uint8Array): Uint8Array {
  const out = new Uint8Array(128);
  if (c.useFpu === 0) return out;
  c.fpr.forEach((offset, i) => {
    out.set(pool.subarray(offset, offset + 10), 16 * i);
    if (c.useFpu === 1) out.fill(0xff, 16 * i + 8, 16 * i + 10);
  });
  return out;
}

export function initialXmm(c: Case, pool: Uint8Array): Uint8Array {
  const out = new Uint8Array(256);
  c.xmm.forEach((offset, i) => out.set(pool.subarray(offset, offset + 16), 16 * i));
  return out;
}

/** Above each register stands what the next one has below. */
export function initialUpper(c: Case, pool: Uint8Array): Uint8Array {
  const out = new Uint8Array(256);
  c.xmm.forEach((offset, i) => out.set(pool.subarray(offset, offset + 16), 16 * ((i + 15) & 15)));
  return out;
}

/** The quadword at an aligned offset of the data area before the case. */
export function initialWord(c: Case, pool: Uint8Array, offset: number): bigint {
  const bytes = pool.slice(offset, offset + 8);
  for (const p of c.patches) for (let i = 0; i < 8; i++) if (offset + i >= p.offset && offset + i < p.offset + p.bytes.length) bytes[i] = p.bytes[offset + i - p.offset];
  return new DataView(bytes.buffer).getBigUint64(0, true);
}

export function encodeCases(pool: Uint8Array, cases: readonly Case[]): Uint8Array {
  const lengths = cases.map((c) => (CASE_SIZE + c.code.length + c.patches.reduce((n, p) => n + 4 + p.bytes.length, 0) + 7) & ~7);
  const out = new Uint8Array(HEADER_SIZE + lengths.reduce((a, b) => a + b, 0));
  const view = new DataView(out.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, VERSION, true);
  view.setUint32(8, cases.length, true);
  out.set(pool, 16);
  let at = HEADER_SIZE;
  cases.forEach((c, n) => {
    view.setUint16(at, lengths[n], true);
    out[at + 2] = c.code.length;
    out[at + 3] = c.patches.length;
    view.setUint16(at + 4, c.codeOffset, true);
    view.setUint16(at + 6, c.undefinedFlags, true);
    view.setUint32(at + 8, c.flags, true);
    view.setUint32(at + 12, c.mxcsr, true);
    for (let i = 0; i < 16; i++) view.setBigUint64(at + 16 + 8 * i, c.gpr[i], true);
    for (let i = 0; i < 16; i++) view.setUint16(at + 144 + 2 * i, c.xmm[i], true);
    for (let i = 0; i < 8; i++) view.setUint16(at + 176 + 2 * i, c.fpr[i], true);
    view.setUint16(at + 192, c.fcw, true);
    view.setUint16(at + 194, c.fsw, true);
    out[at + 196] = c.ftw;
    out[at + 197] = c.useFpu | (c.mode === 32 ? 0x80 : 0);
    view.setUint16(at + 198, c.entry, true);
    out.set(c.code, at + CASE_SIZE);
    let p = at + CASE_SIZE + c.code.length;
    for (const patch of c.patches) {
      view.setUint16(p, patch.offset, true);
      view.setUint16(p + 2, patch.bytes.length, true);
      out.set(patch.bytes, p + 4);
      p += 4 + patch.bytes.length;
    }
    at += lengths[n];
  });
  return out;
}

export function decodeCases(bytes: Uint8Array): { pool: Uint8Array; cases: Case[]; end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER_SIZE || view.getUint32(0, true) !== MAGIC || view.getUint32(4, true) !== VERSION) throw new Error("no silicon test cases of this format");
  const pool = bytes.slice(16, HEADER_SIZE);
  const cases: Case[] = [];
  let at = HEADER_SIZE;
  for (let n = view.getUint32(8, true); n > 0; n--) {
    const gpr = new BigUint64Array(16);
    for (let i = 0; i < 16; i++) gpr[i] = view.getBigUint64(at + 16 + 8 * i, true);
    const codeEnd = at + CASE_SIZE + bytes[at + 2];
    const patches: Patch[] = [];
    for (let i = 0, p = codeEnd; i < bytes[at + 3]; i++) {
      const length = view.getUint16(p + 2, true);
      patches.push({ offset: view.getUint16(p, true), bytes: bytes.slice(p + 4, p + 4 + length) });
      p += 4 + length;
    }
    cases.push({
      code: bytes.slice(at + CASE_SIZE, codeEnd), codeOffset: view.getUint16(at + 4, true), undefinedFlags: view.getUint16(at + 6, true),
      flags: view.getUint32(at + 8, true), mxcsr: view.getUint32(at + 12, true), gpr,
      xmm: Uint16Array.from({ length: 16 }, (_, i) => view.getUint16(at + 144 + 2 * i, true)),
      fpr: Uint16Array.from({ length: 8 }, (_, i) => view.getUint16(at + 176 + 2 * i, true)),
      fcw: view.getUint16(at + 192, true), fsw: view.getUint16(at + 194, true), ftw: bytes[at + 196],
      useFpu: (bytes[at + 197] & 3) as 0 | 1 | 2, mode: bytes[at + 197] & 0x80 ? 32 : 64, entry: view.getUint16(at + 198, true), patches,
    });
    at += view.getUint16(at, true);
  }
  return { pool, cases, end: at };
}

/** Reads the harness's results one after the other. */
export class OutcomeReader {
  private at: number;
  private readonly view: DataView;

  constructor(private readonly bytes: Uint8Array, private readonly pool: Uint8Array, start = 0) {
    this.at = start;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  next(c: Case): Outcome {
    const { view, at, bytes } = this;
    if (at + RESULT_SIZE > bytes.length) throw new Error("the harness ended early");
    const out: Outcome = {
      vector: bytes[at + 2], error: view.getUint32(at + 4, true), rip: view.getBigUint64(at + 8, true), cr2: view.getBigUint64(at + 16, true),
      flags: view.getUint32(at + 24, true), mxcsr: view.getUint32(at + 28, true), fcw: view.getUint16(at + 38, true),
      fsw: view.getUint16(at + 40, true), ftw: view.getUint16(at + 42, true) & 0xff,
      gpr: c.gpr.slice(), xmm: initialXmm(c, this.pool), upper: initialUpper(c, this.pool), fpr: initialFpr(c, this.pool), memory: new Map(),
    };
    let p = at + RESULT_SIZE;
    const gprMask = view.getUint16(at + 32, true);
    for (let i = 0; i < 16; i++) if ((gprMask >> i) & 1) {
      out.gpr[i] = view.getBigUint64(p, true);
      p += 8;
    }
    const xmmMask = view.getUint16(at + 34, true);
    for (let i = 0; i < 16; i++) if ((xmmMask >> i) & 1) {
      out.xmm.set(bytes.subarray(p, p + 16), 16 * i);
      p += 16;
    }
    const upperMask = view.getUint16(at + 44, true);
    for (let i = 0; i < 16; i++) if ((upperMask >> i) & 1) {
      out.upper.set(bytes.subarray(p, p + 16), 16 * i);
      p += 16;
    }
    for (let i = 0; i < 8; i++) if ((bytes[at + 3] >> i) & 1) {
      out.fpr.set(bytes.subarray(p, p + 10), 16 * i);
      p += 16;
    }
    for (let n = view.getUint16(at + 36, true); n > 0; n--) {
      out.memory.set(view.getUint32(p, true), view.getBigUint64(p + 8, true));
      p += 16;
    }
    this.at += view.getUint16(at, true);
    return out;
  }
}
