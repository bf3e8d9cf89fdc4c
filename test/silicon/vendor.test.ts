/** The rules for vendors' differences: each allows for what it names, on that vendor's processors alone, and for nothing beside it. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { differences } from "./compare.ts";
import { AREA, type Case, DATA, initialUpper, initialXmm, type Outcome } from "./format.ts";
import { Machine } from "./machine.ts";
import { adapt, type RuleName, RULES, vendorOf } from "./vendor.ts";

const POOL = new Uint8Array(AREA).map((_, i) => (i < 1024 ? 0x81 + (i >> 4) : 0));
/** Two quiet NaNs of single precision, and zeros. */
const NANS = 2048;
new DataView(POOL.buffer).setUint32(NANS, 0x7fc00001, true);
new DataView(POOL.buffer).setUint32(NANS + 4, 0x7fc00002, true);

/** `xmm`: offsets into the pool of the first registers. */
const caseOf = (code: readonly number[], mode: 32 | 64, gpr: Readonly<Record<number, bigint>>, xmm: readonly number[] = []): Case => ({
  code: Uint8Array.from([...code, 0x0f, 0x0b]), codeOffset: 0x400, undefinedFlags: 0, flags: 0x11, mxcsr: 0x1f80,
  gpr: BigUint64Array.from({ length: 16 }, (_, i) => gpr[i] ?? 0n), xmm: Uint16Array.from({ length: 16 }, (_, i) => xmm[i] ?? 0x800 + 16 * i),
  fpr: new Uint16Array(8), fcw: 0x37f, fsw: 0, ftw: 0, useFpu: 0, mode, entry: 0, patches: [],
});
const END = BigInt(DATA + AREA);
const HIGH = 0x1234567800000000n;

interface Sample {
  readonly c: Case;
  /** Our result becomes what that vendor's processor gives. */
  readonly theirs: (o: Outcome, c: Case) => void;
}

const SAMPLES: Readonly<Record<RuleName, Sample>> = {
  // push ds
  pushSegment: { c: caseOf([0x1e], 32, { 4: BigInt(DATA + 0x108) }), theirs: (o) => void o.memory.set(0x100, 0x9191002b91919191n) },
  // f3 rex.b 90
  pauseWithRexB: { c: caseOf([0xf3, 0x41, 0x90], 64, { 0: 1n, 8: 2n }), theirs: (o, c) => o.gpr.set(c.gpr) },
  // call rax
  callAtLimit: { c: caseOf([0xff, 0xd0], 64, { 0: 1n << 63n, 4: BigInt(DATA + 0x108) }), theirs: (o) => void o.memory.set(0x100, 0x20000402n) },
  // rep stosb with 32-bit addresses
  repeatedZeroExtension: { c: caseOf([0x67, 0xf3, 0xaa], 64, { 1: HIGH, 7: HIGH }), theirs: (o) => void (o.gpr[1] = 0n) },
  // repz cmpsb
  repeatedFlags: { c: caseOf([0xf3, 0xa6], 64, { 1: 5n, 6: END - 2n, 7: BigInt(DATA + 2048 + 16) }), theirs: (o, c) => void (o.flags = (o.flags & ~0x8d5) | c.flags) },
  // cmpsb
  compareOrder: { c: caseOf([0xa6], 64, { 6: END, 7: END + 64n }), theirs: (o) => void (o.cr2 = END + 64n) },
  // bound ecx,[edx]
  boundOrder: { c: caseOf([0x62, 0x0a], 32, { 1: 0xffffffffn, 2: END - 4n }), theirs: (o) => void Object.assign(o, { vector: 5, error: 0, cr2: 0n }) },
  // lodsd
  wrapAtFourGigabytes: { c: caseOf([0xad], 32, { 6: 0xffffffffn }), theirs: (o) => void Object.assign(o, { vector: 14, error: 4, cr2: 0xffffffffn }) },
  // maskmovdqu cs:xmm1,xmm2
  emptyMask: { c: caseOf([0x2e, 0x66, 0x0f, 0xf7, 0xca], 32, { 7: BigInt(DATA) }), theirs: (o) => void Object.assign(o, { vector: 13, error: 0, rip: 0x20000400n }) },
  // vmaskmovps [rdi],xmm1,xmm2
  maskedStore: { c: caseOf([0xc4, 0xe2, 0x71, 0x2e, 0x17], 64, { 7: END - 6n }, [0, 0, 0]), theirs: (o) => void (o.cr2 = END + 1n) },
  // vpgatherdd xmm1,[rdi+xmm2*1],xmm3
  gatherFault: {
    c: caseOf([0xc4, 0xe2, 0x61, 0x90, 0x0c, 0x17], 64, { 7: END }, [0, 0, NANS + 16, 0]),
    theirs: (o) => {
      o.xmm.fill(0xff, 48, 64);
      o.upper.fill(0, 48, 64);
    },
  },
  // dpps xmm1,xmm2,0xff
  dotProductNan: {
    c: caseOf([0x66, 0x0f, 0x3a, 0x40, 0xca, 0xff], 64, {}, [0, NANS, NANS]),
    theirs: (o) => [16, 24].forEach((at) => new DataView(o.xmm.buffer).setUint32(at, 0x7fc00002, true)),
  },
};

describe("vendors", () => {
  it("are known by name", () => {
    expect(["AuthenticAMD", "AMD EPYC", "GenuineIntel", "Intel(R) Xeon(R) Processor", "HygonGenuine", ""].map(vendorOf)).toEqual(["amd", "amd", "intel", "intel", "other", "other"]);
  });

  it.each(Object.keys(SAMPLES) as RuleName[])("%s", (name) => {
    const { c, theirs } = SAMPLES[name];
    const machine = new Machine(POOL);
    const real = machine.run(c);
    theirs(real, c);
    for (const vendor of ["amd", "other"] as const) {
      const ours = machine.run(c);
      expect(adapt(vendor, c, POOL, real, ours)).toEqual([]);
      expect(differences(c, real, ours)).not.toEqual([]);
    }
    const ours = machine.run(c);
    expect(adapt(RULES[name].vendor, c, POOL, real, ours)).toEqual([name]);
    expect(differences(c, real, ours)).toEqual([]);
    // What has nothing to do with it.
    real.gpr[13] ^= 1n;
    real.xmm[15 * 16] ^= 1;
    real.upper[15 * 16] ^= 1;
    real.memory.set(4096, 1n);
    const again = machine.run(c);
    adapt(RULES[name].vendor, c, POOL, real, again);
    expect(differences(c, real, again).map((text) => text.split(":")[0])).toEqual(c.mode === 32 ? ["xmm15", "upper15", "memory 0x10001000"] : ["r13", "xmm15", "upper15", "memory 0x10001000"]);
  });

  it("leave a gather's elements behind the faulting one alone", () => {
    const { c } = SAMPLES.gatherFault;
    const machine = new Machine(POOL);
    const real = machine.run(c);
    expect([...real.xmm.subarray(16, 64)]).toEqual([...initialXmm(c, POOL).subarray(16, 64)]);
    SAMPLES.gatherFault.theirs(real, c);
    // One that was loaded out of turn.
    real.xmm.fill(0, 60, 64);
    const ours = machine.run(c);
    adapt("intel", c, POOL, real, ours);
    expect(differences(c, real, ours).map((text) => text.split(":")[0])).toEqual(["xmm3"]);
    expect([...ours.upper.subarray(16, 32)]).toEqual([...initialUpper(c, POOL).subarray(16, 32)]);
  });

  it("are listed in docs/TESTING.md", () => {
    const text = readFileSync(new URL("../../docs/TESTING.md", import.meta.url), "utf8");
    for (const [name, { source }] of Object.entries(RULES)) expect(text).toContain(`| \`${name}\` | ${source} |`);
  });
});
