/** PCMPISTRI, PCMPISTRM, PCMPESTRI, PCMPESTRM: SDM Vol. 2 §4.1, "Imm8 control byte operation". */
import { FLAG, STATUS } from "../layout.ts";
import type { Core } from "./core.ts";
import { STAGE } from "./sse-ops.ts";

const { a: A, b: B, result: R } = STAGE;
const a = new Int32Array(16);
const b = new Int32Array(16);

/** imm[1:0]: element format. */
function unpack(core: Core, at: number, imm: number, out: Int32Array): void {
  const { u8 } = core.state;
  if (imm & 1) {
    for (let i = 0; i < 8; i++) {
      const v = u8[at + 2 * i] | (u8[at + 2 * i + 1] << 8);
      out[i] = imm & 2 ? (v << 16) >> 16 : v;
    }
  } else for (let i = 0; i < 16; i++) out[i] = imm & 2 ? (u8[at + i] << 24) >> 24 : u8[at + i];
}

function implicitLength(v: Int32Array, n: number): number {
  for (let i = 0; i < n; i++) if (v[i] === 0) return i;
  return n;
}

/**
 * IntRes1: bit j for element j of the second operand. Elements past an end compare as imm[3:2] says: false for equal any and ranges;
 * equal each: true when both are past, equal ordered: true when the first is.
 */
function aggregate(imm: number, n: number, lengthA: number, lengthB: number): number {
  let result = 0;
  switch ((imm >> 2) & 3) {
    case 0:
      for (let j = 0; j < lengthB; j++) {
        for (let i = 0; i < lengthA; i++) {
          if (a[i] === b[j]) {
            result |= 1 << j;
            break;
          }
        }
      }
      return result;
    case 1:
      for (let j = 0; j < lengthB; j++) {
        // An odd last element has no partner.
        for (let i = 0; i + 1 < lengthA; i += 2) {
          if (b[j] >= a[i] && b[j] <= a[i + 1]) {
            result |= 1 << j;
            break;
          }
        }
      }
      return result;
    case 2:
      for (let i = 0; i < n; i++) {
        const pastA = i >= lengthA;
        const pastB = i >= lengthB;
        if (pastA && pastB ? true : !pastA && !pastB && a[i] === b[i]) result |= 1 << i;
      }
      return result;
    default:
      for (let j = 0; j < n; j++) {
        let hit = true;
        for (let i = 0; i < lengthA && i + j < n; i++) {
          if (i + j >= lengthB || a[i] !== b[i + j]) {
            hit = false;
            break;
          }
        }
        if (hit) result |= 1 << j;
      }
      return result;
  }
}

/** The helper pcmpString (signatures.ts). */
export function comparePackedStrings(core: Core, imm: number, lengthA: number, lengthB: number): number {
  const { state } = core;
  const n = imm & 1 ? 8 : 16;
  unpack(core, A, imm, a);
  unpack(core, B, imm, b);
  const la = lengthA < 0 ? implicitLength(a, n) : Math.min(lengthA, n);
  const lb = lengthB < 0 ? implicitLength(b, n) : Math.min(lengthB, n);
  const all = (1 << n) - 1;
  let bits = aggregate(imm, n, la, lb);
  // Polarity: bit 4 negates, bit 5 only inside the second operand.
  if (imm & 16) bits ^= imm & 32 ? (1 << lb) - 1 : all;
  bits &= all;
  core.setRet(0, bits === 0 ? n : imm & 64 ? 31 - Math.clz32(bits) : 31 - Math.clz32(bits & -bits));
  core.setRet(1, (bits !== 0 ? FLAG.CF : 0) | (lb < n ? FLAG.ZF : 0) | (la < n ? FLAG.SF : 0));
  core.setRet(2, bits & 1);
  const size = 16 / n;
  for (let i = 0; i < 16; i++) {
    if (imm & 64) state.u8[R + i] = (bits >> Math.floor(i / size)) & 1 ? 255 : 0;
    else state.u8[R + i] = i < 2 ? (bits >> (8 * i)) & 255 : 0;
  }
  return STATUS.next;
}
