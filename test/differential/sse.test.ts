/** Every MMX and SSE instruction against the host CPU, in tier 0. More cases: TABVISOR_CASES=200 (per encoding), TABVISOR_SEED=2. */
import { describe, expect, it } from "vitest";
import { MXCSR_EXACT } from "../../src/cpu/helpers/sse-ops.ts";
import { CR0, CR4 } from "../../src/cpu/state.ts";
import { HOST_FLAG } from "../silicon/scope.ts";
import { adaptToVendor, differences, hex, u32 } from "./difference.ts";
import { AT, buildHost, CASE_SIZE, describeHost, FX, Guest, runOnHost } from "./silicon.ts";
import { ENTRIES, encodings, fillCase, Random } from "./sse-cases.ts";

const PER_ENCODING = Number(process.env["TABVISOR_CASES"] ?? 12);
const SEED = Number(process.env["TABVISOR_SEED"] ?? 1);
const DEFAULT = 0x1f80;

const host = buildHost();
const { flags, vendor } = describeHost();
/** Not tested: what the host lacks. */
const entries = ENTRIES.filter((e) => flags.has(HOST_FLAG[e.feature] ?? e.feature));

describe.skipIf(host === null)("SSE against real silicon", () => {
  it("agrees in every form, with any MXCSR", () => {
    if (host === null) return;
    const guest = new Guest();
    const random = new Random(SEED);
    const failures: string[] = [];
    let compared = 0;
    let forms = 0;
    for (const entry of entries) {
      const list = encodings(entry, random, 6);
      const settings: { mxcsr: number; extra: number }[] = [];
      const cases = new Uint8Array(list.length * PER_ENCODING * CASE_SIZE);
      forms += list.length;
      for (const e of list) {
        for (let k = 0; k < PER_ENCODING; k++) {
          // Half of them the default, half random control bits, of which half again leave all exceptions masked.
          const control = random.next() & 0xffc0;
          const mxcsr = [DEFAULT, DEFAULT, control, control | DEFAULT][random.below(4)];
          // AMD does not check the alignment of SHA operands; SDM does.
          const aligned = entry.feature === "sha" || random.below(8) !== 0;
          const n = settings.push({ mxcsr, extra: mxcsr === DEFAULT && random.below(2) === 0 ? MXCSR_EXACT : 0 });
          fillCase(cases.subarray((n - 1) * CASE_SIZE, n * CASE_SIZE), e, random, mxcsr, aligned ? 0 : random.pick([1, 4, 8]));
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
        const d = differences(entry.lift, got, want, mxcsr !== DEFAULT || extra !== 0);
        if (d.length === 0) return;
        const x = [1, 2].map((r) => `xmm${r} ${hex(input, AT.fx + FX.xmm + 16 * r, 16)}`).join(" ");
        failures.push(`${entry.source}: ${hex(input, 0, u32(input, AT.length))} mxcsr ${mxcsr.toString(16)} ${x} memory ${hex(input, AT.memory, 16)}: ${d.join("; ")}`);
      });
    }
    console.log(`SSE: ${compared} executions compared, ${forms} encodings of ${entries.length} table entries`);
    expect(failures.slice(0, 20)).toEqual([]);
  });
});

describe("CR0 and CR4 gates", () => {
  /** Neither vector nor x87 registers are touched (SDM Vol. 2: no #NM). */
  const UNGATED = /^(prefetch|movnti|[lsm]fence|crc32|pause|clflush)/;
  const trapOf = (guest: Guest, cr0: number, cr4: number): Map<string, number> => {
    guest.setControl(cr0, cr4);
    const random = new Random(3);
    const traps = new Map<string, number>();
    for (const entry of ENTRIES) {
      if (UNGATED.test(entry.lift)) continue;
      for (const e of encodings(entry, random, 1)) {
        const bytes = new Uint8Array(CASE_SIZE);
        // Misaligned on purpose: the gate comes first.
        fillCase(bytes, e, random, DEFAULT, 1);
        const before = bytes.slice();
        guest.run(bytes);
        const state = AT.fx + FX.xmm;
        expect(hex(bytes, state, 256), entry.source).toBe(hex(before, state, 256));
        traps.set(entry.source, u32(bytes, AT.trap));
      }
    }
    return traps;
  };
  const guest = new Guest();
  it("CR0.TS gives #NM, CR0.EM #UD", () => {
    for (const [source, trap] of trapOf(guest, CR0.TS, 0)) expect(trap, source).toBe(7);
    for (const [source, trap] of trapOf(guest, CR0.EM, 0)) expect(trap, source).toBe(6);
  });
  it("without CR4.OSFXSR SSE gives #UD; without CR4.OSXMMEXCPT an unmasked exception does", () => {
    guest.setControl(0, CR4.OSFXSR);
    const random = new Random(4);
    for (const entry of ENTRIES) {
      const usesXmm = entry.operands.some((o) => "VWU".includes(o.code));
      if (!usesXmm) continue;
      const bytes = new Uint8Array(CASE_SIZE);
      fillCase(bytes, encodings(entry, random, 1)[0], random, DEFAULT, 0);
      guest.run(bytes);
      expect(u32(bytes, AT.trap), entry.source).toBe(6);
    }
    guest.setControl(0, CR4.OSXMMEXCPT);
    const divps = ENTRIES.filter((e) => e.lift === "divps");
    const bytes = new Uint8Array(CASE_SIZE);
    fillCase(bytes, encodings(divps[0], random, 1)[0], random, 0x1d80, 0);
    bytes.fill(0, AT.fx + FX.xmm, AT.fx + FX.xmm + 256);
    new DataView(bytes.buffer).setFloat32(AT.fx + FX.xmm + 16, 1, true);
    guest.run(bytes);
    expect(u32(bytes, AT.trap)).toBe(6);
    guest.setControl(0, 0);
    guest.run(bytes);
    expect(u32(bytes, AT.trap)).toBe(19);
  });
});
