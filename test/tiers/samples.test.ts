/** Samples at the ends of slices make entry points hot, whatever happens inside of a slice; and what is used is not evicted for what is new. */
import { expect, it } from "vitest";
import { Rig } from "./rig.ts";

it("a slice in which the CPU had to be left is a sample", () => {
  // Each turn empties the TLBs, so that the next fetch leaves emitted code.
  const rig = new Rig("mov ecx, 1000000\nnext: mov rax, cr3\n mov cr3, rax\n dec ecx\n jnz next\n hlt", { tier: "auto", threshold: 65_535 });
  for (let i = 0; i < 4; i++) rig.vcpu.run(20_000);
  expect(rig.vcpu.exitsByReason()["fetchMiss"]).toBeGreaterThan(10_000);
  expect(rig.vcpu.regions?.stats.queue).toBeGreaterThan(0);
});

it("a slice that is too short is none", () => {
  const rig = new Rig("mov ecx, 1000000\nnext: add eax, 3\n dec ecx\n jnz next\n hlt", { tier: "auto", threshold: 65_535 });
  for (let i = 0; i < 20; i++) rig.vcpu.run(1000);
  expect(rig.vcpu.regions?.stats.queue).toBe(0);
});

it("a region that is entered again and again outlives those that are not", () => {
  const others = 80;
  const long = "inc rbx\n".repeat(60);
  const source = [
    "lea r10, [rel used]", "xor eax, eax", ...Array.from({ length: others }, (_, i) => `call r10\ncall f${i}`), "hlt",
    `used: add eax, 1\n${long} ret`, ...Array.from({ length: others }, (_, i) => `f${i}: add eax, ${i}\n${long} ret`),
  ].join("\n");
  const rig = new Rig(source, { tier: "1", maxCodeBytes: 60_000 }).run();
  expect(rig.result).toEqual(new Rig(source, { tier: "0" }).run().result);
  expect(rig.vcpu.regions?.stats.evicted).toBeGreaterThan(others);
  expect(rig.vcpu.regions?.regions()[0].entries).toBeGreaterThan(others / 2);
});
