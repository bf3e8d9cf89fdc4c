/** Every VEX form (AVX, AVX2, FMA3, F16C, BMI) against the host CPU, in tier 0, or with TABVISOR_TIER=1 in tier 1. More cases: TABVISOR_CASES=200 (per encoding), TABVISOR_SEED=2. */
import { describe, expect, it } from "vitest";
import { MXCSR_EXACT } from "../../src/cpu/helpers/sse-ops.ts";
import { CR0, CR4 } from "../../src/cpu/state.ts";
import { flagEffect } from "../silicon/flags.ts";
import { adaptToVendor, differences, hex, u32 } from "./difference.ts";
import { AT, buildHost, CASE_SIZE, describeHost, FX, Guest, runOnHost } from "./silicon.ts";
import { fillCase, Random, VEX_ENTRIES, vexEncodings } from "./sse-cases.ts";

const PER_ENCODING = Number(process.env["TABVISOR_CASES"] ?? 4);
const SEED = Number(process.env["TABVISOR_SEED"] ?? 1);
const ONLY = new RegExp(process.env["TABVISOR_ONLY"] ?? "");
const DEFAULT = 0x1f80;

const built = buildHost();
const { flags, vendor } = describeHost();
const host = built !== null && flags.has("avx") ? built : null;
const entries = VEX_ENTRIES.filter((e) => flags.has(e.feature) && ONLY.test(e.source));

describe.skipIf(host === null)("AVX against real silicon", () => {
  it("agrees in every form, with any MXCSR", { timeout: 120_000 + PER_ENCODING * 10_000 }, () => {
    if (host === null) return;
    const guest = new Guest();
    const random = new Random(SEED);
    const failures: string[] = [];
    let compared = 0;
    let forms = 0;
    for (const entry of entries) {
      const list = vexEncodings(entry, random, 6);
      const settings: { mxcsr: number; extra: number }[] = [];
      const cases = new Uint8Array(list.length * PER_ENCODING * CASE_SIZE);
      forms += list.length;
      for (const e of list) {
        for (let k = 0; k < PER_ENCODING; k++) {
          const control = random.next() & 0xffc0;
          const mxcsr = [DEFAULT, DEFAULT, control, control | DEFAULT][random.below(4)];
          const n = settings.push({ mxcsr, extra: mxcsr === DEFAULT && random.below(2) === 0 ? MXCSR_EXACT : 0 });
          fillCase(cases.subarray((n - 1) * CASE_SIZE, n * CASE_SIZE), e, random, mxcsr, random.below(4) !== 0 ? 0 : random.pick([1, 4, 8, 16]));
        }
      }
      const expected = runOnHost(host, cases);
      settings.forEach(({ mxcsr, extra }, i) => {
        const input = cases.slice(i * CASE_SIZE, (i + 1) * CASE_SIZE);
        const got = input.slice();
        guest.run(got, extra);
        compared++;
        const want = expected.subarray(i * CASE_SIZE, (i + 1) * CASE_SIZE);
        adaptToVendor(vendor, entry, input, got, want);
        const d = differences(entry.lift, got, want, mxcsr !== DEFAULT || extra !== 0,
          flagEffect(entry.lift, 64, null).undefines);
        if (d.length === 0) return;
        const x = [1, 2, 3].map((r) => `ymm${r} ${hex(input, AT.upper + 16 * r, 16)}:${hex(input, AT.fx + FX.xmm + 16 * r, 16)}`).join(" ");
        failures.push(`${entry.source}: ${hex(input, 0, u32(input, AT.length))} mxcsr ${mxcsr.toString(16)} ${x} rdi ${u32(input, AT.rdi).toString(16)} memory ${hex(input, AT.memory, 32)}: ${d.join("; ")}`);
      });
    }
    console.log(`AVX: ${compared} executions compared, ${forms} encodings of ${entries.length} table entries, ${failures.length} mismatches${guest.vcpu.regions === null ? "" : `; ${guest.vcpu.regions.stats.compiled} regions compiled`}`);
    expect(failures.slice(0, 20)).toEqual([]);
  });
});

describe("the AVX gate", () => {
  const guest = new Guest();
  const avx = VEX_ENTRIES.filter((e) => !e.feature.startsWith("bmi"));
  const trapOf = (entry: (typeof avx)[number]): number => {
    const random = new Random(3);
    const bytes = new Uint8Array(CASE_SIZE);
    // Misaligned on purpose: the gate comes first.
    fillCase(bytes, vexEncodings(entry, random, 1)[0], random, DEFAULT, 1);
    const before = bytes.slice();
    guest.run(bytes);
    expect(hex(bytes, AT.fx + FX.xmm, 256), entry.source).toBe(hex(before, AT.fx + FX.xmm, 256));
    return u32(bytes, AT.trap);
  };
  it("CR0.TS gives #NM", () => {
    guest.setControl(CR0.TS, 0);
    for (const e of avx) expect(trapOf(e), e.source).toBe(7);
  });
  it("without CR4.OSXSAVE or AVX in XCR0: #UD", () => {
    guest.setControl(CR0.TS, CR4.OSXSAVE);
    for (const e of avx) expect(trapOf(e), e.source).toBe(6);
    for (const xcr0 of [1n, 3n]) {
      guest.setControl(0, 0);
      guest.vcpu.state.xcr0 = xcr0;
      guest.vcpu.state.updateMode();
      for (const e of avx) expect(trapOf(e), e.source).toBe(6);
    }
  });
});
