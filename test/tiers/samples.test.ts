/** Samples at the ends of slices make entry points hot, whatever happens inside of a slice; and what is used is not evicted for what is new. */
import { expect, it } from "vitest";
import { assembleProgram } from "../../src/cpu/isa/assembler.ts";
import { CODE, Rig } from "./rig.ts";

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

/** A loop with three in it: slices end in each of them. */
const NESTED = `
 mov edi, 0x7fffffff
outer:
 mov ecx, 30
first: add eax, 3
 dec ecx
 jnz first
 mov ecx, 40
second: add ebx, eax
 rol ebx, 1
 dec ecx
 jnz second
 mov ecx, 50
third: xor eax, ebx
 dec ecx
 jnz third
 dec edi
 jnz outer
 hlt`;

it("what a region leaves over at a slice's end is no sample of the loops in it", async () => {
  const rig = new Rig(NESTED, { tier: "auto", threshold: 65_535 });
  const { vcpu } = rig;
  const { regions } = vcpu;
  vcpu.run(20_011);
  expect(regions?.stats.queue).toBe(1);
  regions?.flush();
  for (let i = 0; i < 100 && regions?.stats.regions === 0; i++) await new Promise((r) => setTimeout(r, 5));
  const inRegions = vcpu.retiredInRegions;
  for (let i = 0; i < 60; i++) vcpu.run(20_011);
  expect(vcpu.retiredInRegions).toBeGreaterThan(inRegions + 60 * 19_000);
  expect(regions?.stats).toMatchObject({ queue: 0, compiled: 1 });
});

it("a loop of a region that is entered in its middle, and stays in tier 0, is one", async () => {
  const rig = new Rig(NESTED, { tier: "auto", threshold: 65_535 });
  const { vcpu } = rig;
  const { regions } = vcpu;
  vcpu.run(20_011);
  regions?.flush();
  for (let i = 0; i < 100 && regions?.stats.regions === 0; i++) await new Promise((r) => setTimeout(r, 5));
  const { symbols } = assembleProgram(NESTED, { mode: 64, origin: CODE });
  const entry = Number(regions?.regions()[0].address);
  const other = ["first", "second", "third"].find((name) => Number(symbols.get(name)) !== entry) ?? "";
  vcpu.state.rip = symbols.get(other) ?? 0n;
  vcpu.state.setReg(1, 1_000_000n);
  vcpu.run(20_011);
  expect(regions?.stats.queue).toBe(1);
});

/** A function whose loop is found hot first: the rest of it, and what leads there, is in the same region. */
const LATE = `
 mov edi, 0x7fffffff
again:
 call function
 dec edi
 jnz again
 hlt
function:
 mov ecx, 200
 add eax, 7
 test edi, 1
 jz even
 xor eax, ebx
even:
 add ebx, eax
 rol ebx, 1
 dec ecx
 jnz even
 sub eax, ebx
 ret`;

it("code around a hot place is compiled from its beginning, and can be entered at both", async () => {
  const rig = new Rig(LATE, { tier: "auto", threshold: 65_535 });
  const { vcpu } = rig;
  const { regions } = vcpu;
  vcpu.run(20_011);
  regions?.flush();
  for (let i = 0; i < 100 && regions?.stats.regions === 0; i++) await new Promise((r) => setTimeout(r, 5));
  const { symbols } = assembleProgram(LATE, { mode: 64, origin: CODE });
  expect(regions?.regions().map((r) => r.address)).toEqual([symbols.get("function")]);
  const before = vcpu.retiredInRegions;
  const entered = (): number => regions?.regions()[0].entries ?? 0;
  const times = entered();
  // At the loop, in the middle of a round; and from then on at the beginning.
  for (let i = 0; i < 20; i++) vcpu.run(20_011);
  expect(vcpu.retiredInRegions).toBeGreaterThan(before + 20 * 18_000);
  expect(entered()).toBeGreaterThan(times + 20 * 20);
});
