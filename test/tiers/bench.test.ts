/**
 * The benchmark programs in the default guest with everything compiled at its first arrival: the checksums of the same binary on this
 * CPU. TIERS_BENCH=1 runs it (a boot at threshold 1 takes minutes); TIERS_BENCH_COUNT is the programs' own count, 1 when not given.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { buildPrograms } from "../../bench/lib/guest-programs.ts";
import { writeCpio } from "../../tools/image/cpio.ts";
import { existingGuest } from "../../tools/image/ensure.ts";

const NAMES = ["sieve", "hash", "calls", "quicksort", "nbody", "mandelbrot", "matmul", "libm", "single", "memcpy-small", "strlen", "memcmp", "rep-movsb", "sha256", "crc32", "lz-compress", "lz-decompress"];
const COUNT = process.env["TIERS_BENCH_COUNT"] ?? "1";
const LINE = /^END (\S+) ([0-9a-f]{16}) /gm;
const checksums = (text: string): string[] => [...text.matchAll(LINE)].map((m) => `${m[1]} ${m[2]}`);

const guest = process.env["TIERS_BENCH"] === "1" && process.arch === "x64" ? await existingGuest() : null;

describe.skipIf(guest === null)("benchmark programs", () => {
  const directory = mkdtempSync(join(tmpdir(), "tiers-"));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  it.each(["1", "auto"])("with --tier %s", { timeout: 1_900_000 }, async (tier) => {
    if (guest === null) return;
    const program = await buildPrograms(() => undefined);
    const expected = NAMES.map((name) => execFileSync(program, [name, COUNT], { encoding: "utf8" })).join("");
    const script = ["#!/bin/busybox sh", "/bin/busybox mount -t proc proc /proc", "/bin/busybox mount -t devtmpfs devtmpfs /dev", ...NAMES.map((name) => `/bench/programs ${name} ${COUNT}`), "/bin/busybox poweroff -f", ""].join("\n");
    const initrd = join(directory, "bench.cpio");
    writeFileSync(initrd, Buffer.concat([readFileSync(guest.files["initramfs.cpio"]), writeCpio([
      { kind: "directory", path: "bench", mode: 0o755 }, { kind: "file", path: "bench/programs", mode: 0o755, data: new Uint8Array(readFileSync(program)) },
      { kind: "file", path: "bench/run", mode: 0o755, data: new TextEncoder().encode(script) },
    ])]));
    const run = spawnSync(process.execPath, ["--import", "tsx", join(import.meta.dirname, "../../src/cli/main.ts"), "-kernel", guest.files.vmlinux, "-initrd", initrd,
      "-append", "console=ttyS0 nokaslr quiet rdinit=/bench/run", "-m", "256", "--tier", tier, "--timeout", "1800"], { encoding: "utf8", maxBuffer: 1 << 26 });
    expect(checksums(expected)).toHaveLength(NAMES.length);
    expect(checksums(run.stdout.replaceAll("\r", ""))).toEqual(checksums(expected));
  });
});
