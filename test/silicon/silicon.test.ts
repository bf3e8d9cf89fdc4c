/**
 * Our CPU against a real one: the recorded vectors everywhere, and a live comparison where the harness can run.
 * SILICON_CASES sets how many executions (nightly: SILICON_CASES=5000000), SILICON_SEED where they begin.
 */
import { describe, expect, it } from "vitest";
import { describeCase } from "./compare.ts";
import { compareAll, emptyReport, mismatchText, runDifferential, summary } from "./differential.ts";
import { type Case, CODE, DATA, decodeCases, encodeCases } from "./format.ts";
import { Generator } from "./generate.ts";
import { openHost } from "./host.ts";
import { Machine } from "./machine.ts";
import { makePool } from "./pool.ts";
import { readVectors } from "./vectors.ts";
import { vendorOf } from "./vendor.ts";

const CASES = Number(process.env["SILICON_CASES"] ?? 190_000);
const SEED = Number(process.env["SILICON_SEED"] ?? 1);
/** Generous: other tests run at the same time. */
const TIMEOUT = 120_000 + CASES * 3;

/** Executions of this run, recorded and live. */
let compared = 0;

const host = openHost();
if (typeof host === "string") console.warn(`test/silicon: ${host}: the live comparison is SKIPPED`);

describe("recorded vectors", () => {
  it("give the results of the real CPU", { timeout: TIMEOUT }, () => {
    const { cpu, pool, cases, results } = readVectors();
    compared = cases.length;
    const report = emptyReport();
    compareAll(new Machine(pool), pool, cases, results, vendorOf(cpu), report);
    console.log(`recorded on ${cpu}: ${summary(report, null)}`);
    expect(mismatchText(report)).toBe("");
    expect(report.executions).toBe(cases.length);
  });

  it("survive encoding", () => {
    const pool = makePool(3);
    const generator = new Generator({ seed: 3, pool, hostFlags: null });
    const cases = Array.from({ length: 300 }, () => generator.next());
    const decoded = decodeCases(encodeCases(pool, cases));
    expect(decoded.pool).toEqual(pool);
    expect(decoded.cases).toEqual(cases);
  });
});

describe("the generator", () => {
  it("gives the same cases for the same seed", () => {
    const pool = makePool(9);
    const make = (): Case[] => {
      const g = new Generator({ seed: 9, pool, hostFlags: null });
      return Array.from({ length: 200 }, () => g.next());
    };
    expect(make()).toEqual(make());
  });
});

describe("the machine", () => {
  /** A case by hand. */
  const caseOf = (code: number[], gpr: Record<number, bigint>): Case => ({
    code: Uint8Array.from(code), codeOffset: 0x400, undefinedFlags: 0, flags: 0, mxcsr: 0x1f80,
    gpr: BigUint64Array.from({ length: 16 }, (_, i) => gpr[i] ?? 0n), xmm: new Uint16Array(16), fpr: new Uint16Array(8),
    fcw: 0x37f, fsw: 0, ftw: 0, useFpu: 0, mode: 64, entry: 0, patches: [],
  });

  it("reports faults and changed memory, and forgets them for the next case", () => {
    const machine = new Machine(new Uint8Array(8192));
    const store = machine.run(caseOf([0x89, 0x03, 0x0f, 0x0b], { 0: 0x12345678n, 3: BigInt(DATA + 16) })); // mov [rbx], eax
    expect([store.vector, store.rip]).toEqual([6, BigInt(CODE + 0x402)]);
    expect([...store.memory]).toEqual([[16, 0x12345678n]]);
    const fault = machine.run(caseOf([0x89, 0x03, 0x0f, 0x0b], { 3: BigInt(DATA + 8190) }));
    expect([fault.vector, fault.error, fault.cr2, fault.rip]).toEqual([14, 6, BigInt(DATA + 8192), BigInt(CODE + 0x400)]);
    expect(fault.memory.size).toBe(0);
  });

  it("ends a case that does not end", () => {
    const machine = new Machine(new Uint8Array(8192));
    expect(machine.run(caseOf([0xeb, 0xfe], {})).vector).toBe(255);
  });

  it("describes a case", () => {
    expect(describeCase(caseOf([0x89, 0x03, 0x0f, 0x0b], {}))).toContain("mov DWORD PTR [rbx],eax");
  });
});

describe.skipIf(typeof host === "string")("live comparison", () => {
  it("finds no difference", { timeout: TIMEOUT }, () => {
    if (typeof host === "string") return;
    try {
      const report = runDifferential(host, {
        cases: CASES, seed: SEED,
        progress: (r) => {
          if (r.executions % 500_000 === 0) console.log(`${r.executions} executions, ${r.mismatchCount} mismatches`);
        },
      });
      console.log(`${host.cpu}: ${summary(report, host.flags)}`);
      expect(mismatchText(report)).toBe("");
      expect(report.mismatchCount).toBe(0);
      expect(report.executions).toBe(CASES);
      console.log(`real silicon: ${compared + report.executions} executions compared, ${report.mismatchCount} mismatches`);
      if (process.env["SILICON_CASES"] === undefined) expect(compared + report.executions).toBeGreaterThanOrEqual(200_000);
    } finally {
      host.close();
    }
  });
});
