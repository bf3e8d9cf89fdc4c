/** Whole programs in the default guest's kernel, compiled here: their output is that of the same binary on this CPU. PROGRAMS=1 runs it. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { writeCpio } from "../../tools/image/cpio.ts";
import { existingGuest } from "../../tools/image/ensure.ts";

const guest = process.env["PROGRAMS"] === undefined ? null : await existingGuest();
const cpu = process.platform === "linux" && process.arch === "x64" ? readFileSync("/proc/cpuinfo", "utf8") : "";
const usable = guest !== null && ["avx2", "fma", "bmi2"].every((f) => new RegExp(`\\b${f}\\b`).test(cpu)) ? guest : null;
const LINE = /^(?:strings|libm|loops|bits) [0-9a-f]{16}$/gm;

describe.skipIf(usable === null)("programs", () => {
  const directory = mkdtempSync(join(tmpdir(), "programs-"));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  it.each(["x86-64-v3", "max"])("vectors.c on %s", { timeout: 300_000 }, (model) => {
    if (usable === null) return;
    const program = join(directory, "vectors"), initrd = join(directory, "vectors.cpio");
    execFileSync("gcc", ["-O2", "-static", "-o", program, join(import.meta.dirname, "programs/vectors.c"), "-lm"]);
    const expected = execFileSync(program, { encoding: "utf8" }).match(LINE);
    writeFileSync(initrd, writeCpio([
      { kind: "directory", path: "dev", mode: 0o755 }, { kind: "character-device", path: "dev/console", mode: 0o600, major: 5, minor: 1 },
      { kind: "file", path: "init", mode: 0o755, data: new Uint8Array(readFileSync(program)) },
    ]));
    const run = spawnSync(process.execPath, ["--import", "tsx", join(import.meta.dirname, "../../src/cli/main.ts"), "-kernel", usable.files.vmlinux, "-initrd", initrd,
      "-append", "console=ttyS0 nokaslr quiet", "-cpu", model, "-m", "256", "--timeout", "240"], { encoding: "utf8" });
    expect(expected).toHaveLength(4);
    expect(run.stdout.replaceAll("\r", "").match(LINE)).toEqual(expected);
  });
});
