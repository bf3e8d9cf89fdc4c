/** The real CPU of this machine, through harness.c. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Case, encodeCases } from "./format.ts";
import { hostVendor, type Vendor } from "./vendor.ts";

const SOURCE = fileURLToPath(new URL("harness.c", import.meta.url));

/** A code segment with base CODE for cases that are not 64-bit code; RIP then counts from there. */
export interface CodeSegment {
  /** Bytes, inclusive, below 1 MiB. */
  readonly limit: number;
  readonly bits: 16 | 32;
}

export interface Host {
  readonly cpu: string;
  readonly vendor: Vendor;
  readonly flags: ReadonlySet<string>;
  /** Results as the harness writes them: see OutcomeReader. */
  run(pool: Uint8Array, cases: readonly Case[], code?: CodeSegment): Uint8Array;
  close(): void;
}

/** Compiles the harness; a string says why there is none. */
export function openHost(): Host | string {
  if (process.platform !== "linux" || process.arch !== "x64") return "not x86-64 Linux";
  const compiler = ["gcc", "cc", "clang"].find((name) => spawnSync(name, ["--version"]).status === 0);
  if (compiler === undefined) return "no C compiler";
  if (!existsSync("/proc/cpuinfo")) return "no /proc/cpuinfo";
  const info = readFileSync("/proc/cpuinfo", "utf8");
  const directory = mkdtempSync(join(tmpdir(), "silicon-"));
  const program = join(directory, "harness");
  execFileSync(compiler, ["-O2", "-o", program, SOURCE], { stdio: "pipe" });
  return {
    cpu: /model name\s*:\s*(.*)/.exec(info)?.[1] ?? "unknown",
    vendor: hostVendor(),
    flags: new Set((/^flags\s*:\s*(.*)/m.exec(info)?.[1] ?? "").split(" ")),
    run: (pool, cases, code) => {
      const r = spawnSync(program, code === undefined ? [] : [String(code.limit), String(code.bits)], { input: encodeCases(pool, cases), maxBuffer: 1 << 30 });
      if (r.status !== 0) throw new Error(`the harness ended with ${r.status ?? r.signal}: ${r.stderr.toString()}`);
      return r.stdout;
    },
    close: () => rmSync(directory, { recursive: true, force: true }),
  };
}
