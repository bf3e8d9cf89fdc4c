/**
 * XSAVE, XSAVEC, XSAVEOPT and XRSTOR with the components x87, SSE and AVX, against the CPU this runs on: images, INIT and modified state,
 * MXCSR, compaction, invalid headers. What else the host has in XCR0 is never asked for.
 */
import { afterAll, describe, expect, it } from "vitest";
import { describeCase, differences } from "./compare.ts";
import { AREA, type Case, CODE, DATA, initialUpper, initialWord, initialXmm, type Outcome, OutcomeReader } from "./format.ts";
import { openHost } from "./host.ts";
import { Machine } from "./machine.ts";
import { makePool, Prng } from "./pool.ts";
import type { Vendor } from "./vendor.ts";

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

/** A component's XSTATE_BV bit, and the quadwords of its registers outside and in 64-bit mode. */
interface Component {
  readonly bit: bigint;
  readonly words: (mode: Case["mode"]) => readonly number[];
  /** What the quadword at that offset holds in the initial configuration. */
  readonly initial: (offset: number) => bigint;
}
const span = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + 8 * i);
const VECTORS: readonly Component[] = [160, 576].map((from, i) => ({ bit: 2n << BigInt(i), words: (mode) => span(from, mode === 64 ? 32 : 16), initial: () => 0n }));
const X87: Component = { bit: 1n, words: () => [...span(0, 3), ...span(32, 16)], initial: (offset) => (offset === 0 ? 0x37fn : 0n) };

/** A case's image in memory, before and after. */
class Image {
  readonly base: number;
  constructor(private readonly c: Case, private readonly pool: Uint8Array) {
    this.base = Number(c.gpr[3]) - DATA;
  }
  before(offset: number): bigint {
    return initialWord(this.c, this.pool, this.base + offset);
  }
  after(o: Outcome, offset: number): bigint {
    return o.memory.get(this.base + offset) ?? this.before(offset);
  }
  put(o: Outcome, offset: number, value: bigint): void {
    if (value === this.before(offset)) o.memory.delete(this.base + offset);
    else o.memory.set(this.base + offset, value);
  }
}

/**
 * "XINUSE[i] = 0: state component i is in its initial configuration; XINUSE[i] = 1: it may or may not be" (the sense of SDM 1 §13.6): a
 * processor may count initial registers as in use, and ours never does. Then XSTATE_BV has one bit more, and XSAVEOPT and XSAVEC store those
 * registers (XSAVEC MXCSR with those of SSE). Just that is taken back out of the real processor's image; all else must be equal. AMD's count
 * only vector registers so; Intel's the x87's, too, and any of them although the header's bit was set before.
 */
function withoutInitialInUse(name: string, c: Case, pool: Uint8Array, theirs: Outcome, ours: Outcome, vendor: Vendor): void {
  const image = new Image(c, pool);
  const components = [...(c.xmm.every((offset) => offset === 0) ? VECTORS : []), ...(vendor === "intel" && c.fcw === 0x37f ? [X87] : [])];
  for (const { bit, words, initial } of components) {
    // Unchanged, or not reached for a fault.
    if (vendor === "intel" ? theirs.vector !== 6 : !theirs.memory.has(image.base + HEADER)) continue;
    const present = image.after(theirs, HEADER);
    if ((present & ~image.after(ours, HEADER) & bit) === 0n) continue;
    image.put(theirs, HEADER, present & ~bit);
    if (name === "xsave") continue;
    for (const at of words(c.mode)) if (image.after(theirs, at) === initial(at)) image.put(theirs, at, image.after(ours, at));
    if (name === "xsavec" && bit === 2n && Number(image.after(theirs, 24) & 0xffffffffn) === c.mxcsr) image.put(theirs, 24, image.after(ours, 24));
  }
}

/**
 * Measured on Intel: XRSTOR has loaded the vector registers when MXCSR's reserved bits raise #GP; it looks at the last byte of the components
 * asked for before all else, although XSTATE_BV may say that there is nothing to load; CR2 is where in a page it looked first (XCOMP_BV before
 * XSTATE_BV, say).
 */
function adaptToIntel(name: string, c: Case, pool: Uint8Array, theirs: Outcome, ours: Outcome): void {
  const image = new Image(c, pool);
  const base = c.gpr[3];
  if (theirs.vector === 14 && ours.vector === 14 && theirs.cr2 >= base && theirs.cr2 < base + 832n && theirs.cr2 >> 12n === ours.cr2 >> 12n) ours.cr2 = theirs.cr2;
  const last = base + 831n;
  if (name === "xrstor" && (c.gpr[0] & 4n) !== 0n && theirs.vector === 14 && theirs.cr2 === last && last >= BigInt(DATA + AREA)) {
    Object.assign(ours, { vector: 14, error: 4, cr2: last, rip: BigInt(CODE + c.codeOffset), mxcsr: c.mxcsr });
    ours.xmm.set(initialXmm(c, pool));
    ours.upper.set(initialUpper(c, pool));
  }
  if (name !== "xrstor" || theirs.vector !== 13 || ours.vector !== 13 || (image.before(24) & 0xffff0000n) === 0n) return;
  const present = image.before(HEADER);
  VECTORS.forEach(({ bit, words }, i) => {
    if ((c.gpr[0] & bit) === 0n) return;
    const view = new DataView(i === 0 ? ours.xmm.buffer : ours.upper.buffer);
    words(c.mode).forEach((at, k) => view.setBigUint64(8 * k, (present & bit) === 0n ? 0n : image.before(at), true));
  });
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
      if (name !== "xrstor") withoutInitialInUse(name, c, pool, theirs, ours, usable.vendor);
      let found = differences(c, theirs, ours);
      if (found.length > 0 && usable.vendor === "intel") {
        adaptToIntel(name, c, pool, theirs, ours);
        found = differences(c, theirs, ours);
      }
      if (found.length > 0) wrong.push(`${describeCase(c)}\n${found.join("\n")}`);
    }
    console.info(`${name}: ${cases.length} executions, ${wrong.length} differences`);
    expect(wrong.slice(0, 3)).toEqual([]);
  });
});
