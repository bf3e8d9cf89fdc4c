/** The whole opcode space: every cell is implemented, reserved or a prefix; every entry of the table is reached; the document is fresh. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ISA } from "../../src/cpu/isa/isa.ts";
import { FEATURES, MODELS, canonicalFeature } from "../../src/cpu/helpers/features.ts";
import { instructionsDocument } from "../../tools/instructions/document.ts";
import { type Cell, REFUSED, statusOf, surveySpace } from "../../tools/instructions/space.ts";

const describeCell = (c: Cell): string => `${c.mode}-bit ${Buffer.from(c.bytes.subarray(0, 8)).toString("hex")}: ${c.entry?.source ?? ""}`;

describe("the opcode space", () => {
  it("has no unknown cell, and every table entry in it", { timeout: 120_000 }, () => {
    const { counts, unknown, reached } = surveySpace();
    for (const mode of ["64", "32"] as const) {
      console.info(`opcode space, ${mode}-bit: ${Object.entries(counts[mode]).map(([k, n]) => `${k} ${n}`).join(", ")}`);
    }
    console.info(`${ISA.length} table entries, ${ISA.filter((e) => statusOf(e) === "implemented").length} implemented`);
    expect(unknown.slice(0, 10).map(describeCell)).toEqual([]);
    expect(ISA.filter((e) => !reached.has(e.id)).map((e) => e.source)).toEqual([]);
  });

  it("refuses only what no model advertises", () => {
    for (const [name, model] of Object.entries(MODELS)) {
      const features = model.features.split(" ").map(canonicalFeature);
      for (const entry of ISA.filter((e) => statusOf(e) !== "implemented")) {
        const feature = canonicalFeature(entry.feature);
        expect(FEATURES.has(feature) && features.includes(feature), `${name}: ${entry.source}`).toBe(false);
      }
    }
    expect(Object.values(REFUSED).every((reason) => reason !== "")).toBe(true);
  });

  it("is documented as it is: npx tsx tools/instructions.ts writes docs/INSTRUCTIONS.md", { timeout: 120_000 }, () => {
    expect(readFileSync(new URL("../../docs/INSTRUCTIONS.md", import.meta.url), "utf8") === instructionsDocument()).toBe(true);
  });
});
