/** One VEX instruction for a test case: registers, memory operands with and without VSIB, prefixes that VEX allows. */
import { DECODE_OK, decode, Insn } from "../../src/cpu/decode/decoder.ts";
import { sizeInBits } from "../../src/cpu/isa/sizes.ts";
import { liftName } from "../../src/cpu/lift/form.ts";
import { type Address, bytesOf, type Draft, GIVE_UP, makeAddress, pickAddress, RSP } from "./draft.ts";
import { flagEffect } from "./flags.ts";
import { AREA, CODE, DATA } from "./format.ts";
import { INDEX_BYTES } from "./pool.ts";
import type { Shape } from "./scope.ts";
import { standsAlone } from "./vendor.ts";

const ALIGNED = /^vmov(ap|dqa|nt)/;
const PP = { none: 0, NP: 0, NFx: 0, 66: 1, F3: 2, F2: 3 } as const;
const scratch = new Insn();

/** [base + index * scale + disp8] with an index vector out of the pool's small numbers. */
function gatherAddress(d: Draft, wide: boolean, taken: number): { address: Address; index: number } {
  const { r } = d;
  let index = r.below(d.registers);
  while (index === taken) index = r.below(d.registers);
  const base = r.below(d.registers);
  if (base === RSP || (d.reserved >> base) & 1) throw GIVE_UP;
  for (const half of [0, 1]) {
    const start = AREA - (wide ? 1 : 2) * INDEX_BYTES;
    d.xmm[(index + half) & 15] = start + 16 * r.below(INDEX_BYTES / 16);
  }
  const disp = r.below(256) - 128;
  // Sometimes over the end.
  const target = DATA + (r.chance(0.85) ? r.below(AREA - 200) : AREA - r.below(160));
  d.pin(base, BigInt(target - disp));
  const sib = (r.below(4) << 6) | ((index & 7) << 3) | (base & 7);
  return { address: { modrm: 0x44, tail: [sib, ...bytesOf(BigInt(disp), 1)], rex: ((index >> 3) << 1) | (base >> 3), relative: null }, index };
}

export function addVex(d: Draft, shape: Shape, sequence: boolean): void {
  const { r } = d;
  const { entry, mod } = shape;
  const lift = liftName(entry);
  const long = d.mode === 64;
  const effect = flagEffect(lift, shape.opSize, null);
  if ((effect.reads & d.undefinedNow) !== 0) throw GIVE_UP;
  const l = entry.l >= 0 ? entry.l : r.below(2);
  const sized = entry.operands.some((o) => o.size === "y");
  // W that is ignored may be either; outside of 64-bit mode it sizes nothing.
  const w = entry.w >= 0 ? entry.w : sized && long ? (shape.opSize === 64 ? 1 : 0) : r.chance(0.2) && !lift.startsWith("vpcmpestr") ? 1 : 0;
  const gather = entry.operands.some((o) => o.code === "T");
  const address32 = long && !sequence && mod === "mem" && !gather && r.chance(0.1);
  const context = { mode: d.mode, opSize: long && w === 1 ? 64 : 32, addrSize: long ? (address32 ? 32 : 64) : 32, vexL: l };
  const general = (): number => {
    for (;;) {
      const n = r.below(d.registers);
      if (!((d.reserved >> n) & 1)) return n;
    }
  };
  let reg = entry.regField >= 0 ? entry.regField : r.below(d.registers);
  let rm = r.below(d.registers), vvvv = 0, bytes = 0;
  const tail: number[] = [];
  for (const o of entry.operands) {
    const bits = sizeInBits(o.size, context);
    switch (o.code) {
      case "G": reg = general(); if (!sequence) d.value(reg); break;
      case "B": vvvv = general(); if (!sequence) d.value(vvvv); break;
      case "H": vvvv = r.below(d.registers); break;
      case "R": rm = general(); if (!sequence) d.value(rm); break;
      case "E": if (mod === "reg") { rm = general(); if (!sequence) d.value(rm); } else bytes = bits / 8; break;
      case "W": if (mod === "mem") bytes = bits / 8; break;
      case "M": bytes = bits / 8; break;
      case "I": tail.push(r.below(256)); break;
      case "L": tail.push((r.below(d.registers) << 4) | r.below(16)); break;
      default: break;
    }
  }
  d.usesMxcsr ||= entry.operands.some((o) => "VWUHL".includes(o.code));
  let memory: Address | null = null;
  if (gather) {
    if (sequence) throw GIVE_UP;
    const chosen = gatherAddress(d, lift.includes("gatherq"), reg);
    memory = chosen.address;
    do vvvv = r.below(d.registers); while (vvvv === reg || vvvv === chosen.index || ((chosen.index + 1) & 15) === vvvv);
  } else if (mod === "mem") {
    let target = pickAddress(r, bytes, ALIGNED.test(lift) && bytes >= 16 ? bytes : 1);
    if (sequence && (target < DATA || target + bytes > DATA + AREA)) target = (DATA + r.below(AREA - bytes)) & -bytes;
    if (sequence && ALIGNED.test(lift)) target &= -32;
    if (lift === "vldmxcsr") {
      if (target < DATA || target + 4 > DATA + AREA) throw GIVE_UP;
      d.write(target, 4, r.chance(0.15) ? BigInt(r.u32() | 0x1f80) : 0x1f80n | BigInt(r.below(4) << 13));
    }
    memory = makeAddress(d, target, address32, sequence);
  }
  const rexB = memory === null ? rm >> 3 : memory.rex & 1;
  const rexX = memory === null ? 0 : (memory.rex >> 1) & 1;
  const rexR = entry.regField >= 0 ? 0 : reg >> 3;
  const last = ((~vvvv & 15) << 3) | (l << 2) | PP[entry.prefix];
  const prefixes: number[] = [];
  if (address32) prefixes.push(0x67);
  if (r.chance(0.05)) prefixes.push(r.pick([0x26, 0x2e, 0x36, 0x3e]));
  const short = entry.map === 1 && w === 0 && rexB === 0 && rexX === 0 && r.chance(0.7);
  const head = short ? [0xc5, (rexR ? 0 : 0x80) | last] : [0xc4, ((rexR ? 0 : 1) << 7) | ((rexX ? 0 : 1) << 6) | ((rexB ? 0 : 1) << 5) | entry.map, (w << 7) | last];
  const start = d.code.length;
  const out = [...prefixes, ...head, entry.opcode];
  if (entry.hasModrm) {
    out.push((memory === null ? 0xc0 : memory.modrm & 0xc0) | ((reg & 7) << 3) | (memory === null ? rm & 7 : memory.modrm & 7));
    if (memory !== null) {
      const field = out.length;
      out.push(...memory.tail);
      if (memory.relative !== null) {
        const end = CODE + d.codeOffset + start + out.length + tail.length;
        bytesOf(BigInt(memory.relative.target - end), 4).forEach((b, i) => (out[field + i] = b));
      }
    }
  }
  out.push(...tail);
  if (out.length > 15 || start + out.length > 100) throw GIVE_UP;
  const check = Uint8Array.from(out);
  if (decode(check, 0, check.length, d.mode, scratch) !== DECODE_OK || scratch.entry !== entry.id || scratch.length !== out.length) throw GIVE_UP;
  if (sequence && standsAlone(d.vendor, scratch, check)) throw GIVE_UP;
  d.code.push(...out);
  d.undefinedNow = (d.undefinedNow & ~effect.defines) | effect.undefines;
  d.undefinedEver |= d.undefinedNow;
}
