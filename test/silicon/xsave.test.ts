/**
 * XSAVE, XSAVEC, XSAVEOPT and XRSTOR with the components x87, SSE and AVX, against the CPU this runs on: images, INIT and modified state,
 * MXCSR, compaction, invalid headers. What else the host has in XCR0 is never asked for.
 */
import { afterAll, describe, expect, it } from "vitest";
import { describeCase, differences } from "./compare.ts";
import { AREA, type Case, DATA, type Outcome, OutcomeReader } from "./format.ts";
import { openHost } from "./host.ts";
import { Machine } from "./machine.ts";
import { makePool, Prng } from "./pool.ts";

const CASES = Number(process.env["SILICON_XSAVE"] ?? 1000);
const AREA_OFFSET = 1024;
const HEADER = 512;
const COMPACTED = 0x80;
const OPCODES = {
  xsave: [0x0f, 0xae, 0x23], xsaveopt: [0x0f, 0xae, 0x33], xsavec: [0x0f, 0xc7, 0x23], xrstor: [0x0f, 0xae, 0x2b],
} as const;

/** AMD's MXCSR.MM, in the mask that an image holds beside MXCSR and as a valid bit. */
const MISALIGNED = 1 << 17;
function withoutMask(o: Outcome, c: Case): Outcome {
  const at = Number(c.gpr[3]) - DATA + 24;
  const v = o.memory.get(at);
  if (v !== undefined) o.memory.set(at, v & 0xffffffffn);
  return o;
}

/** XSTATE_BV bits of SSE and AVX, and where their registers stand: 16 bytes each, 8 of them outside 64-bit mode. */
const VECTORS = [{ bit: 2n, at: 160 }, { bit: 4n, at: 576 }] as const;

/**
 * "XINUSE[i] = 0: state component i is in its initial configuration; XINUSE[i] = 1: it may or may not be" (the sense of SDM 1 §13.6): a
 * processor may count zeros as in use, and ours never does. Then XSTATE_BV has one bit more, and XSAVEOPT and XSAVEC store those zeros (XSAVEC
 * MXCSR with those of SSE). Just that is taken back out of the real processor's image; all else must be equal.
 */
function withoutInitialInUse(name: string, c: Case, pool: Uint8Array, theirs: Outcome, ours: Outcome): void {
  const base = Number(c.gpr[3]) - DATA;
  const before = (offset: number): bigint => {
    const bytes = pool.slice(offset, offset + 8);
    for (const p of c.patches) for (let i = 0; i < 8; i++) if (offset + i >= p.offset && offset + i < p.offset + p.bytes.length) bytes[i] = p.bytes[offset + i - p.offset];
    return new DataView(bytes.buffer).getBigUint64(0, true);
  };
  const image = (o: Outcome, offset: number): bigint => o.memory.get(base + offset) ?? before(base + offset);
  const put = (offset: number, value: bigint): void => void (value === before(base + offset) ? theirs.memory.delete(base + offset) : theirs.memory.set(base + offset, value));
  for (const { bit, at } of VECTORS) {
    // Unchanged, or not reached for a fault.
    if (!theirs.memory.has(base + HEADER)) continue;
    const present = image(theirs, HEADER);
    if ((present & ~image(ours, HEADER) & bit) === 0n) continue;
    put(HEADER, present & ~bit);
    if (name === "xsave") continue;
    for (let i = 0; i < (c.mode === 64 ? 32 : 16); i++) if (image(theirs, at + 8 * i) === 0n) put(at + 8 * i, image(ours, at + 8 * i));
    if (name === "xsavec" && bit === 2n && Number(image(theirs, 24) & 0xffffffffn) === c.mxcsr) put(24, image(ours, 24));
  }
}

const host = openHost();
const usable = typeof host !== "string" && ["avx", "xsave", "xsavec", "xsaveopt"].every((f) => host.flags.has(f)) ? host : null;

function makeCase(r: Prng, name: keyof typeof OPCODES): Case {
  const mode = r.chance(0.25) ? 32 : 64;
  // Header of the image: valid, or spoilt in one place. Component 0 is left to the cases that save.
  const header = new Uint8Array(64);
  header[0] = r.below(4) * 2;
  const compact = r.chance(0.4);
  if (compact) {
    header[8] = header[0] | (r.below(4) * 2);
    header[15] = COMPACTED;
  }
  // Not where the host may have further components.
  if (r.chance(0.15)) header[r.pick([3, 7, 11, 15, 16 + r.below(48)])] ^= 1 << r.below(8);
  const mxcsr = new Uint8Array(8);
  new DataView(mxcsr.buffer).setUint32(0, r.chance(0.9) ? 0x1f80 | r.below(64) | (r.below(4) << 13) : r.u32() & ~MISALIGNED, true);
  const gpr = new BigUint64Array(16);
  gpr[0] = BigInt(r.below(4) * 2 + (name === "xrstor" ? 0 : r.below(2)));
  gpr[3] = BigInt(DATA + AREA_OFFSET + (r.chance(0.05) ? r.pick([8, 16, 32]) : 0));
  // Near the end: the last component does not fit.
  if (r.chance(0.05)) gpr[3] = BigInt(DATA + AREA - r.pick([512, 576, 640, 768, 832]));
  gpr[4] = BigInt(DATA + 4096);
  const at = Number(gpr[3]) - DATA;
  const zero = r.chance(0.3);
  const patches = at + 576 <= AREA ? [{ offset: at + 24, bytes: mxcsr }, { offset: at + HEADER, bytes: header }] : [];
  return {
    code: Uint8Array.from([...(mode === 64 && r.chance(0.5) ? [0x48] : []), ...OPCODES[name], 0x0f, 0x0b]), codeOffset: 0x400, undefinedFlags: 0, flags: 0,
    mxcsr: r.chance(0.5) ? 0x1f80 : 0x1f80 | (r.below(4) << 13), gpr, mode,
    // The initial configuration, or anything.
    xmm: Uint16Array.from({ length: 16 }, () => (zero ? 0 : 16 * r.below(AREA / 16))),
    fpr: new Uint16Array(8), fcw: r.chance(0.5) ? 0x37f : 0x27f, fsw: 0, ftw: 0, useFpu: 0, entry: 0, patches,
  };
}

describe.skipIf(usable === null)("XSAVE against real silicon", () => {
  afterAll(() => usable?.close());
  it.each(Object.keys(OPCODES) as (keyof typeof OPCODES)[])("%s", { timeout: 120_000 }, (name) => {
    if (usable === null) return;
    const pool = makePool(77);
    pool.fill(0, 0, 16);
    const r = new Prng(name.length * 31 + name.charCodeAt(1));
    const cases = Array.from({ length: CASES }, () => makeCase(r, name));
    const reader = new OutcomeReader(usable.run(pool, cases), pool);
    const machine = new Machine(pool);
    const wrong: string[] = [];
    for (const c of cases) {
      const [theirs, ours] = [withoutMask(reader.next(c), c), withoutMask(machine.run(c), c)];
      if (name !== "xrstor" && c.xmm.every((offset) => offset === 0)) withoutInitialInUse(name, c, pool, theirs, ours);
      const found = differences(c, theirs, ours);
      if (found.length > 0) wrong.push(`${describeCase(c)}\n${found.join("\n")}`);
    }
    console.info(`${name}: ${cases.length} executions, ${wrong.length} differences`);
    expect(wrong.slice(0, 3)).toEqual([]);
  });
});
