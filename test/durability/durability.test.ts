/** What a guest has flushed survives the end of its machine at any moment: a few points of what `run.ts` does at length. */
import { existsSync, readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { ensureImage } from "../../tools/image/ensure.ts";
import { haveTools } from "../firmware/fixtures.ts";
import { makeInitrd, TOOLS } from "./guest.ts";
import { cutPower, type PowerCuts } from "./power.ts";

const POINTS = Number(process.env["DURABILITY_POINTS"] ?? 3);
const present = existsSync(new URL("../../.cache/guest/guest.json", import.meta.url));

describe.skipIf(!present || !haveTools(TOOLS))("ext4 on an overlay", () => {
  let common: Omit<PowerCuts, "interface">;
  beforeAll(async () => {
    const guest = await ensureImage();
    common = { kernel: readFileSync(guest.files.vmlinux), initrd: makeInitrd(guest), points: POINTS, seed: 3, log: (line) => console.log(`  ${line}`) };
  });
  it.each(["virtio", "ide"] as const)("is whole after power cuts, with all files that were flushed (%s)", (kind) => {
    cutPower({ ...common, interface: kind });
  }, 60_000 * (POINTS + 1));
  it("is not when the disk lies about its flushes: the check sees losses", () => {
    expect(() => cutPower({ ...common, points: 4, interface: "virtio", lies: true })).toThrow(/FAILED|was flushed/);
  }, 300_000);
});
