/** Regions that can be entered in the middle: who comes back there goes on in the same region, and it is the same as in tier 0. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { assembleProgram } from "../../src/cpu/isa/assembler.ts";
import { CODE, Rig } from "./rig.ts";

/** `f` has a merge (even), a place that a call returns to (back) and a loop (next). It is called, and later entered at each of them. */
const SOURCE = `
 lea r10, [rel g]
 mov edi, 4000
calls:
 call f
 dec edi
 jnz calls
 hlt
second:
 mov edi, 4000
middle:
 lea r11, [rel even]
 test edi, 2
 jz go
 lea r11, [rel back]
 test edi, 4
 jz go
 lea r11, [rel next]
 mov edx, edi
 and edx, 7
go:
 call r11
 dec edi
 jnz middle
 hlt
f:
 test edi, 1
 jz even
 call r10
back:
 inc ebx
even:
 lea edx, [rdi+3]
 and edx, 7
 adc eax, edi
next:
 add rsi, rdx
 rol rsi, 3
 sub edx, 1
 jg next
 ret
g:
 xor esi, 0x1234
 ret
patch:
 mov byte [rel next+1], 0x29
 hlt`;

const { symbols } = assembleProgram(SOURCE, { mode: 64, origin: CODE });
const at = (name: string): bigint => symbols.get(name) ?? 0n;

/** Goes on at `rip`. */
function enter(rig: Rig, rip: bigint): void {
  rig.vcpu.state.rip = rip;
  rig.vcpu.state.halted = false;
}

async function settle(rig: Rig): Promise<void> {
  for (let i = 0; i < 200 && (rig.vcpu.regions?.stats.queue ?? 0) > 0; i++) {
    rig.vcpu.regions?.flush();
    await sleep(10);
  }
  expect(rig.vcpu.regions?.stats.queue).toBe(0);
}

it("calls' returns, merges and loops are entries of the region around them", async () => {
  const tier0 = new Rig(SOURCE, { tier: "0" }).run(500);
  const tier1 = new Rig(SOURCE, { tier: "auto", threshold: 200 });
  // What is compiled meanwhile is there in the second half.
  for (let n = 0; n < 40; n++) {
    tier1.vcpu.run(500);
    await settle(tier1);
  }
  tier1.run(500);
  expect(tier1.result).toEqual(tier0.result);
  const f = tier1.vcpu.regions?.regions().find((r) => r.address === at("f"));
  expect(f?.entries).toBeGreaterThan(100);
  const before = tier1.vcpu.retiredInRegions;
  for (const rig of [tier0, tier1]) {
    enter(rig, at("second"));
    rig.run(500);
  }
  await settle(tier1);
  expect(tier1.result).toEqual(tier0.result);
  const regions = tier1.vcpu.regions?.regions() ?? [];
  for (const name of ["back", "even"]) expect(regions.some((r) => r.address === at(name))).toBe(false);
  expect((regions.find((r) => r.address === at("f"))?.entries ?? 0) - (f?.entries ?? 0)).toBeGreaterThan(2500);
  expect(tier1.vcpu.retiredInRegions - before).toBeGreaterThan(20_000);
});

it("a change of the code takes all of a region's entries", async () => {
  const rig = new Rig(SOURCE, { tier: "auto", threshold: 200 });
  for (let n = 0; n < 40; n++) {
    rig.vcpu.run(500);
    await settle(rig);
  }
  rig.run(500);
  const before = rig.vcpu.regions?.regions() ?? [];
  expect(before.some((r) => r.address === at("f"))).toBe(true);
  enter(rig, at("patch"));
  rig.run(500);
  expect(rig.vcpu.regions?.stats.invalidated).toBeGreaterThan(0);
  expect(rig.vcpu.regions?.regions().some((r) => r.address === at("f"))).toBe(false);
  const other = new Rig(SOURCE, { tier: "0" }).run(500);
  for (const r of [rig, other]) {
    enter(r, at("patch"));
    r.run(500);
    enter(r, at("second"));
    r.run(500);
  }
  expect({ ...rig.result, retired: 0 }).toEqual({ ...other.result, retired: 0 });
});
