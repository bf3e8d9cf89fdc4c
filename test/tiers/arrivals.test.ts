/**
 * Arrivals where the target is remembered: they still make an entry point hot, and a region that comes or goes there later is found, or not,
 * by branches that have remembered the instruction's record.
 */
import { expect, it } from "vitest";
import { ARRIVALS_TOLD } from "../../src/cpu/layout.ts";
import { Rig } from "./rig.ts";

const THRESHOLD = 3 * ARRIVALS_TOLD - 100;
const ENOUGH = THRESHOLD + ARRIVALS_TOLD;

/** Instructions of a round, and code whose arrivals at one place are told by one way alone. */
const WAYS: readonly (readonly [string, number, string])[] = [
  ["a branch", 3, "mov ecx, 100000\nnext: add eax, 3\n dec ecx\n jnz next\n hlt"],
  ["an indirect jump", 4, "mov ecx, 100000\n lea rdx, [rel next]\nnext: add eax, 3\n dec ecx\n jz over\n jmp rdx\nover: hlt"],
];

it.each(WAYS)("%s: counted, if not at once", (_name, round, source) => {
  const rig = new Rig(source, { tier: "auto", threshold: THRESHOLD });
  const { regions } = rig.vcpu;
  rig.vcpu.run(round * (THRESHOLD - 10));
  expect(regions?.stats.queue).toBe(0);
  rig.vcpu.run(round * (ENOUGH - THRESHOLD + 20));
  expect(regions?.stats.queue).toBe(1);
});

it.each(WAYS)("%s: a region that comes is entered, and left alone when it is gone", async (_name, round, source) => {
  const rig = new Rig(source, { tier: "auto", threshold: THRESHOLD });
  const expected = new Rig(source, { tier: "0" }).run(1_000_000, 2_000_000).result;
  const { vcpu } = rig;
  vcpu.run(round * (ENOUGH + 20));
  vcpu.regions?.flush();
  for (let i = 0; i < 100 && vcpu.regions?.stats.regions === 0; i++) await new Promise((r) => setTimeout(r, 5));
  expect(vcpu.regions?.stats.regions).toBe(1);
  const before = vcpu.retiredInRegions;
  vcpu.run(round * 1000);
  expect(vcpu.retiredInRegions).toBeGreaterThan(before + round * 900);
  // As an eviction does.
  const { ppn, ip } = { ppn: Number(vcpu.state.rip >> 12n), ip: Number(vcpu.state.rip & 4095n) };
  vcpu.regions?.invalidate(ppn, ip, 1);
  expect(vcpu.regions?.stats.regions).toBe(0);
  const after = vcpu.retiredInRegions;
  vcpu.run(round * 50);
  expect(vcpu.retiredInRegions).toBe(after);
  expect(rig.run(1_000_000, 2_000_000).result).toEqual(expected);
});
