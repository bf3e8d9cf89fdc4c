/** Near calls whose target and whose stack are both at fault, against the CPU this runs on: which fault is raised. 16- and 32-bit code: code-limit.test.ts. */
import { afterAll, describe, expect, it } from "vitest";
import { describeCase, differences } from "./compare.ts";
import { type Case, CODE, DATA, OutcomeReader } from "./format.ts";
import { openHost } from "./host.ts";
import { Machine } from "./machine.ts";
import { makePool } from "./pool.ts";
import { adapt } from "./vendor.ts";

const opened = openHost();
const host = typeof opened === "string" ? null : opened;
const NOWHERE = 1n << 60n;
/** Stack pointers: fine, on no page, on a page of code, in no address space, half on no page. */
const STACKS = [BigInt(DATA) + 0x800n, BigInt(DATA) + 0x4800n, BigInt(CODE) + 0x800n, 1n << 50n, BigInt(DATA) + 0x2004n];

function makeCase(code: readonly number[], rsp: bigint): Case {
  const gpr = new BigUint64Array(16);
  gpr[0] = NOWHERE;
  gpr[3] = BigInt(DATA) + 0x100n;
  gpr[4] = rsp;
  return {
    code: Uint8Array.from([...code, 0x0f, 0x0b]), codeOffset: 0x100, undefinedFlags: 0x8d5, flags: 0, mxcsr: 0x1f80, gpr, xmm: new Uint16Array(16),
    fpr: new Uint16Array(8), fcw: 0x37f, fsw: 0, ftw: 0, useFpu: 0, mode: 64, entry: 0, patches: [{ offset: 0x100, bytes: new Uint8Array(8).fill(0x40) }],
  };
}

describe.skipIf(host === null)("calls to no address, with stacks that are none", () => {
  afterAll(() => host?.close());
  it.each(["0", "1"] as const)("tier %s", (tier) => {
    if (host === null) return;
    const pool = makePool(5);
    // call rax; call [rbx]
    const cases = STACKS.flatMap((rsp) => [makeCase([0xff, 0xd0], rsp), makeCase([0xff, 0x13], rsp)]);
    const reader = new OutcomeReader(host.run(pool, cases), pool);
    const machine = new Machine(pool, false, tier);
    const vectors = cases.map((c) => {
      const theirs = reader.next(c);
      const ours = machine.run(c);
      if (differences(c, theirs, ours).length > 0) adapt(host.vendor, c, pool, theirs, ours);
      expect(differences(c, theirs, ours), describeCase(c)).toEqual([]);
      return ours.vector;
    });
    expect(vectors).toEqual([13, 13, 14, 14, 14, 14, 12, 12, 14, 14]);
  });
});
