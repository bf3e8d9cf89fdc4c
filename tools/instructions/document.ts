/** docs/INSTRUCTIONS.md as text, from the instruction table. */
import { ISA, type IsaEntry } from "../../src/cpu/isa/isa.ts";
import { REFUSED, statusOf, surveySpace } from "./space.ts";

/** Headings by feature, in the order of the document; what is not listed comes at the end under its own name. */
const TITLES: readonly (readonly [feature: string, title: string])[] = [
  ["base", "General purpose and system"], ["cmov", "CMOV"], ["cx8", "CMPXCHG8B"], ["cx16", "CMPXCHG16B"], ["sep", "SYSENTER"], ["popcnt", "POPCNT"],
  ["lzcnt", "LZCNT"], ["movbe", "MOVBE"], ["adx", "ADX"], ["bmi1", "BMI1"], ["bmi2", "BMI2"], ["x87", "x87"], ["mmx", "MMX"], ["sse", "SSE"], ["sse2", "SSE2"],
  ["sse3", "SSE3"], ["ssse3", "SSSE3"], ["sse4_1", "SSE4.1"], ["sse4_2", "SSE4.2"], ["aes", "AES-NI"], ["pclmulqdq", "PCLMULQDQ"], ["sha", "SHA"],
  ["avx", "AVX"], ["avx2", "AVX2"], ["fma", "FMA3"], ["f16c", "F16C"],
];

const encodingOf = (e: IsaEntry): string => {
  const text = e.source.split("|")[1].trim();
  return e.vex && text.includes("128/256") ? text.replace("128/256", e.l === 1 ? "256" : "128") : text;
};
const operandsOf = (e: IsaEntry): string => (e.source.split("|")[0].trim().split(/\s+/)[1] ?? "").split(",").join(", ");

export function instructionsDocument(): string {
  const byFeature = new Map<string, IsaEntry[]>();
  for (const e of ISA) byFeature.set(e.feature, [...(byFeature.get(e.feature) ?? []), e]);
  const order = [...TITLES.map(([f]) => f), ...[...byFeature.keys()].filter((f) => !TITLES.some(([t]) => t === f)).sort()];
  const title = (f: string): string => TITLES.find(([t]) => t === f)?.[1] ?? f.toUpperCase();
  const implemented = (list: readonly IsaEntry[]): number => list.filter((e) => statusOf(e) === "implemented").length;
  const space = surveySpace().counts;
  const lines = [
    "# Instructions", "",
    "Generated from the instruction table by `npx tsx tools/instructions.ts`; a test fails when it is stale. Operand codes are those of the",
    "SDM, Vol. 2, appendix A; `docs/ARCHITECTURE.md` says how the table is read.", "",
    `${ISA.length} table entries, ${implemented(ISA)} implemented. The others belong to extensions that no CPU model advertises and raise #UD, as they do on a`,
    "processor without them. `test/isa/opcode-space.test.ts` walks every map, opcode, prefix, W, L and ModRM:", "",
    "| code | implemented | reserved (#UD) | prefixes | unknown |", "|---|---|---|---|---|",
    ...(["64", "32"] as const).map((m) => `| ${m}-bit | ${space[m].implemented} | ${space[m].reserved} | ${space[m].prefix} | ${space[m].unknown} |`),
    "", "## Differences from silicon", "",
    "- RCP and RSQRT are correctly rounded; a real processor's results lie within 1.5 * 2^-12 of these.",
    "- Sticky MXCSR flags other than IE are not set under the default MXCSR (docs/OPEN.md).",
    "- A gather that faults leaves the mask as AMD does: elements below the faulting one are zero, the others as they were.",
    "- Flags that the manual leaves undefined may differ (`test/silicon/flags.ts`).",
    "- Where vendors' processors differ ours does what AMD's do, under any model: docs/TESTING.md, \"Where vendors differ\".",
    "", "## Extensions", "",
    "| extension | entries | implemented | |", "|---|---|---|---|",
  ];
  for (const f of order) {
    const list = byFeature.get(f);
    if (list !== undefined) lines.push(`| ${title(f)} | ${list.length} | ${implemented(list)} | ${REFUSED[f] !== undefined && implemented(list) === 0 ? `#UD: ${REFUSED[f]}` : ""} |`);
  }
  for (const f of order) {
    const list = byFeature.get(f);
    if (list === undefined) continue;
    lines.push("", `## ${title(f)}`, "", "| instruction | encodings |", "|---|---|");
    const byName = new Map<string, string[]>();
    for (const e of list) {
      const name = e.names.every((n) => n === e.mnemonic) ? e.mnemonic : [...new Set(e.names)].join("/");
      const operands = operandsOf(e);
      const text = `${operands === "" ? "" : `${operands}: `}\`${encodingOf(e)}\`${statusOf(e) === "implemented" ? "" : " (#UD)"}`;
      byName.set(name, [...(byName.get(name) ?? []), text]);
    }
    for (const [name, encodings] of byName) lines.push(`| ${name} | ${encodings.join("; ")} |`);
  }
  return `${lines.join("\n")}\n`;
}
