/** The instruction decoder: bytes to a reused record, no allocation. SDM Vol. 2 Chapter 2 (instruction format). */
import {
  type CodeMode, DECODE_OK, DECODE_TOO_LONG, DECODE_TRUNCATED, DECODE_UNDEFINED, type DecodeStatus, type Insn, SEG_DS, SEG_SS,
} from "./insn.ts";
import {
  CLASS_66, CLASS_F2, CLASS_F3, CLASS_NP, ENTRY_FLAGS, FLAG_CR, FLAG_D64, FLAG_DR, FLAG_EATS_66, FLAG_EATS_REP, FLAG_F64, FLAG_LOCK,
  FLAG_MOD_IGNORED, FLAG_MODRM, FLAG_VEX_O64, FLAG_VSIB, FLAG_VVVV, IMM_16, IMM_16_8, IMM_8, IMM_8_SIGNED, IMM_FAR, IMM_MOFFS, IMM_SHIFT, IMM_V, IMM_Z, LOOKUP,
  VEX_MAP_BASE,
} from "./tables.ts";

export { DECODE_OK, DECODE_TOO_LONG, DECODE_TRUNCATED, DECODE_UNDEFINED, Insn } from "./insn.ts";
export type { CodeMode, DecodeStatus } from "./insn.ts";

const MAX_LENGTH = 15;

const PREFIX_SEG = 1; // ..6: segment 0..5
const PREFIX_66 = 7, PREFIX_67 = 8, PREFIX_LOCK = 9, PREFIX_REP = 10, PREFIX_REX = 11;

/** Kind of each byte as a prefix, 0 for none; the second half is for 64-bit mode. */
const PREFIX_KIND: Uint8Array = (() => {
  const t = new Uint8Array(512);
  for (const half of [0, 256]) {
    [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65].forEach((b, i) => { t[half + b] = PREFIX_SEG + i; });
    t[half + 0x66] = PREFIX_66;
    t[half + 0x67] = PREFIX_67;
    t[half + 0xf0] = PREFIX_LOCK;
    t[half + 0xf2] = t[half + 0xf3] = PREFIX_REP;
  }
  for (let b = 0x40; b < 0x50; b++) t[256 + b] = PREFIX_REX;
  return t;
})();

/** 16-bit addressing forms (SDM Vol. 2 Table 2-1): base and index by ModRM.rm. */
const BASE16 = Int8Array.of(3, 3, 5, 5, 6, 7, 5, 3);
const INDEX16 = Int8Array.of(6, 7, 6, 7, -1, -1, -1, -1);

/** CR0, CR2, CR3, CR4 and CR8 exist (SDM Vol. 2, MOV to/from control registers). */
const VALID_CR = 0x11d;

function readInt32(bytes: Uint8Array, p: number): number {
  return bytes[p] | (bytes[p + 1] << 8) | (bytes[p + 2] << 16) | (bytes[p + 3] << 24);
}

/** SIB and displacement after ModRM. Returns the next position, or -1 when `end` is too near. */
function decodeMemory(bytes: Uint8Array, start: number, end: number, out: Insn, mod: number, rmLow: number, rex: number): number {
  let p = start;
  let dispSize = mod; // 0, 1 or 2 -> none, 1 byte, 2 or 4 bytes
  if (out.addrSize === 16) {
    if (mod === 0 && rmLow === 6) {
      out.base = -1;
      dispSize = 2;
    } else {
      out.base = BASE16[rmLow];
      out.index = INDEX16[rmLow];
      if (out.base === 5) out.defaultSeg = SEG_SS;
    }
  } else if (rmLow === 4) {
    if (p >= end) return -1;
    const sib = bytes[p++];
    const index = ((sib >> 3) & 7) | ((rex & 2) << 2);
    const base = sib & 7;
    if (index !== 4) {
      out.index = index;
      out.scale = sib >> 6;
    }
    if (base === 5 && mod === 0) {
      dispSize = 2;
    } else {
      const full = base | ((rex & 1) << 3);
      out.base = full;
      if (full === 4 || full === 5) out.defaultSeg = SEG_SS;
    }
  } else if (rmLow === 5 && mod === 0) {
    dispSize = 2;
    if (out.mode === 64) out.ripRelative = 1; // SDM Vol. 2 §2.2.1.6
  } else {
    const full = rmLow | ((rex & 1) << 3);
    out.base = full;
    if (full === 5) out.defaultSeg = SEG_SS;
  }
  if (dispSize === 1) {
    if (p >= end) return -1;
    out.disp = (bytes[p++] << 24) >> 24;
    out.dispHi = out.disp >> 31;
  } else if (dispSize === 2) {
    if (out.addrSize === 16) {
      if (p + 2 > end) return -1;
      out.disp = ((bytes[p] | (bytes[p + 1] << 8)) << 16) >> 16;
      p += 2;
    } else {
      if (p + 4 > end) return -1;
      out.disp = readInt32(bytes, p);
      p += 4;
    }
    out.dispHi = out.disp >> 31;
  }
  return p;
}

/** Immediates, branch displacements, moffs and far pointers. Returns the next position, or -1. */
function decodeImmediate(bytes: Uint8Array, start: number, end: number, out: Insn, kind: number): number {
  let p = start;
  switch (kind) {
    case IMM_8:
      if (p >= end) return -1;
      out.immLo = bytes[p];
      return p + 1;
    case IMM_8_SIGNED:
      if (p >= end) return -1;
      out.immLo = (bytes[p] << 24) >> 24;
      out.immHi = out.immLo >> 31;
      return p + 1;
    case IMM_16:
      if (p + 2 > end) return -1;
      out.immLo = bytes[p] | (bytes[p + 1] << 8);
      return p + 2;
    case IMM_16_8:
      if (p + 3 > end) return -1;
      out.immLo = bytes[p] | (bytes[p + 1] << 8);
      out.imm2 = bytes[p + 2];
      return p + 3;
    case IMM_V:
    case IMM_Z:
      if (kind === IMM_V && out.opSize === 64) { // only MOV r64,imm64 has eight bytes
        if (p + 8 > end) return -1;
        out.immLo = readInt32(bytes, p);
        out.immHi = readInt32(bytes, p + 4);
        return p + 8;
      }
      if (out.opSize === 16) {
        if (p + 2 > end) return -1;
        out.immLo = ((bytes[p] | (bytes[p + 1] << 8)) << 16) >> 16;
        p += 2;
      } else {
        if (p + 4 > end) return -1;
        out.immLo = readInt32(bytes, p);
        p += 4;
      }
      out.immHi = out.immLo >> 31;
      return p;
    case IMM_MOFFS: {
      const size = out.addrSize >> 3;
      if (p + size > end) return -1;
      out.disp = size === 2 ? bytes[p] | (bytes[p + 1] << 8) : readInt32(bytes, p);
      out.dispHi = size === 8 ? readInt32(bytes, p + 4) : 0;
      return p + size;
    }
    case IMM_FAR: { // offset, then selector
      const size = out.opSize === 16 ? 2 : 4;
      if (p + size + 2 > end) return -1;
      out.immLo = size === 2 ? bytes[p] | (bytes[p + 1] << 8) : readInt32(bytes, p);
      out.imm2 = bytes[p + size] | (bytes[p + size + 1] << 8);
      return p + size + 2;
    }
    default:
      return p;
  }
}

/** Decodes the instruction at `bytes[offset]`; `limit` is the first index that must not be read. */
export function decode(bytes: Uint8Array, offset: number, limit: number, mode: CodeMode, out: Insn): DecodeStatus {
  const overrun: DecodeStatus = limit - offset >= MAX_LENGTH ? DECODE_TOO_LONG : DECODE_TRUNCATED;
  const end = limit - offset >= MAX_LENGTH ? offset + MAX_LENGTH : limit;
  const mode64 = mode === 64 ? 1 : 0;
  const kinds = mode64 << 8;
  let p = offset;
  let rex = 0, p66 = 0, p67 = 0, rep = 0, lock = 0, seg = -1;

  out.entry = -1;
  out.mode = mode;
  out.modrm = -1;
  out.mod = 0;
  out.reg = 0;
  out.rm = 0;
  out.base = -1;
  out.index = -1;
  out.scale = 0;
  out.disp = 0;
  out.dispHi = 0;
  out.ripRelative = 0;
  out.defaultSeg = SEG_DS;
  out.immLo = 0;
  out.immHi = 0;
  out.imm2 = 0;
  out.vvvv = 0;
  out.vexL = 0;

  if (p >= end) { out.length = 0; return overrun; }
  let b = bytes[p++];
  for (;;) {
    const kind = PREFIX_KIND[kinds | b];
    if (kind === 0) break;
    if (kind === PREFIX_REX) {
      rex = b;
    } else {
      rex = 0; // REX counts only directly before the opcode, SDM Vol. 2 §2.2.1
      if (kind === PREFIX_66) p66 = 1;
      else if (kind === PREFIX_67) p67 = 1;
      else if (kind === PREFIX_REP) rep = b;
      else if (kind === PREFIX_LOCK) lock = 1;
      else if (mode64 === 0 || kind >= PREFIX_SEG + 4) seg = kind - PREFIX_SEG;
    }
    if (p >= end) { out.length = p - offset; return overrun; }
    b = bytes[p++];
  }

  let map = 0, vexW = 0, vexSpare = 0;
  let vex = false;
  if (b === 0x0f) {
    if (p >= end) { out.length = p - offset; return overrun; }
    b = bytes[p++];
    map = 1;
    if (b === 0x38 || b === 0x3a) {
      map = b === 0x38 ? 2 : 3;
      if (p >= end) { out.length = p - offset; return overrun; }
      b = bytes[p++];
    }
  } else if (b === 0xc4 || b === 0xc5) {
    if (p >= end) { out.length = p - offset; return overrun; }
    if (mode64 === 1 || bytes[p] >= 0xc0) { // VEX, else LES/LDS: SDM Vol. 2 §2.3.5
      vex = true;
      const size = b === 0xc4 ? 2 : 1;
      if (p + size >= end) { out.length = end - offset; return overrun; }
      const bad = rex !== 0 || p66 !== 0 || rep !== 0 || lock !== 0; // §2.3.2, §2.3.3
      const first = bytes[p];
      let last = first;
      rex = 0x40 | ((~first >> 5) & 4);
      map = 1;
      if (size === 2) {
        last = bytes[p + 1];
        rex |= (~first >> 5) & 3;
        map = first & 31;
        vexW = last >> 7;
      }
      if (mode64 === 0) rex = 0x40;
      if (vexW !== 0 && mode64 === 1) rex |= 8;
      vexSpare = (~last >> 3) & 15;
      out.vvvv = (~last >> 3) & (mode64 === 1 ? 15 : 7);
      out.vexL = (last >> 2) & 1;
      const pp = last & 3;
      p66 = pp === 1 ? 1 : 0;
      rep = pp === 2 ? 0xf3 : pp === 3 ? 0xf2 : 0;
      p += size;
      b = bytes[p++];
      map += VEX_MAP_BASE;
      if (bad || map <= VEX_MAP_BASE || map > VEX_MAP_BASE + 3) { out.length = p - offset; return DECODE_UNDEFINED; }
    }
  } else if (b === 0x90 && (rex & 1) !== 0) {
    b = 0x91; // 90 with REX.B is XCHG r8,rAX, not NOP or PAUSE: the table cell of its neighbour
  }
  out.opreg = (bytes[p - 1] & 7) | ((rex & 1) << 3);

  const cls = rep === 0xf3 ? CLASS_F3 : rep === 0xf2 ? CLASS_F2 : p66 !== 0 ? CLASS_66 : CLASS_NP;
  let cell = LOOKUP[(((map << 8) | b) << 3) | (cls << 1) | (vex ? out.vexL : mode64)];
  if (cell < 0) {
    if (cell === -1) { out.length = p - offset; return DECODE_UNDEFINED; }
    if (p >= end) { out.length = p - offset; return overrun; }
    const modrm = bytes[p];
    cell = LOOKUP[-cell + (((modrm >> 3) & 7) | (modrm >= 0xc0 ? 8 : 0))];
    if (cell < -1) cell = LOOKUP[-cell + ((modrm & 7) | (vex ? vexW << 3 : rex & 8))];
    if (cell < 0) { out.length = p + 1 - offset; return DECODE_UNDEFINED; }
  }
  const flags = ENTRY_FLAGS[cell];
  if (mode64 === 0 && (flags & FLAG_VEX_O64) !== 0) { out.length = p - offset; return DECODE_UNDEFINED; }
  if (vexSpare !== 0 && (flags & FLAG_VVVV) === 0) { out.length = p - offset; return DECODE_UNDEFINED; } // SDM Vol. 2 §2.3.5.6

  // Operand and address size: SDM Vol. 1 §3.6, Tables 3-3 and 3-4.
  let opSize = mode === 16 ? 16 : 32;
  if (mode64 === 1 && ((rex & 8) !== 0 || (flags & FLAG_F64) !== 0)) opSize = 64;
  else {
    if (mode64 === 1 && (flags & FLAG_D64) !== 0) opSize = 64;
    if (p66 !== 0 && (flags & FLAG_EATS_66) === 0) opSize = mode === 16 ? 32 : 16;
  }
  out.opSize = opSize;
  out.addrSize = p67 === 0 ? mode : mode === 32 ? 16 : 32;
  out.rex = rex;
  out.seg = seg;
  out.lock = lock;
  out.rep = (flags & FLAG_EATS_REP) !== 0 || vex ? 0 : rep;

  let memory = false;
  if ((flags & FLAG_MODRM) !== 0) {
    if (p >= end) { out.length = p - offset; return overrun; }
    const modrm = bytes[p++];
    const mod = (flags & FLAG_MOD_IGNORED) !== 0 ? 3 : modrm >> 6;
    out.modrm = modrm;
    out.mod = mod;
    out.reg = ((modrm >> 3) & 7) | ((rex & 4) << 1);
    out.rm = (modrm & 7) | ((rex & 1) << 3);
    if (mod !== 3) {
      memory = true;
      const sibAt = p;
      p = decodeMemory(bytes, p, end, out, mod, modrm & 7, rex);
      if (p < 0) { out.length = end - offset; return overrun; }
      if ((flags & FLAG_VSIB) !== 0) {
        // SDM Vol. 2 §2.3.12: a SIB byte is needed, its index is any of the vector registers, three different ones in all.
        if ((modrm & 7) !== 4 || out.addrSize === 16) { out.length = p - offset; return DECODE_UNDEFINED; }
        out.index = ((bytes[sibAt] >> 3) & 7) | ((rex & 2) << 2);
        out.scale = out.imm2 = bytes[sibAt] >> 6;
        if (out.index === out.reg || out.index === out.vvvv || out.reg === out.vvvv) { out.length = p - offset; return DECODE_UNDEFINED; }
      }
    }
  }
  const imm = flags >> IMM_SHIFT;
  if (imm !== 0) {
    p = decodeImmediate(bytes, p, end, out, imm);
    if (p < 0) { out.length = end - offset; return overrun; }
  }
  if (map === 0 && (b & 0xf8) === 0xd8) out.immLo = ((b & 7) << 8) | out.modrm | ((seg >= 0 ? seg : out.defaultSeg) << 16);
  out.length = p - offset;
  if (lock !== 0 && ((flags & FLAG_LOCK) === 0 || !memory)) return DECODE_UNDEFINED; // SDM Vol. 2, LOCK
  if ((flags & (FLAG_CR | FLAG_DR)) !== 0) {
    if ((flags & FLAG_CR) !== 0 ? ((VALID_CR >> out.reg) & 1) === 0 : out.reg > 7) return DECODE_UNDEFINED;
  }
  out.entry = cell;
  return DECODE_OK;
}
