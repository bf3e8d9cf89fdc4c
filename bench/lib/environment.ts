/** The machine and the versions that figures belong to. */
import { execFileSync } from "node:child_process";
import { arch, cpus, loadavg, platform, release, totalmem } from "node:os";
import type { Environment } from "./report.ts";
import { ROOT } from "./paths.ts";

/** A load average above this means that something else is running. */
const QUIET = 0.5;

/** What a command prints, or null if it cannot be run. */
function output(command: string, args: readonly string[]): string | null {
  try {
    return execFileSync(command, args, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return null;
  }
}

function commit(): string {
  const hash = output("git", ["rev-parse", "--short", "HEAD"]);
  if (hash === null) return "without git";
  return output("git", ["status", "--porcelain", "--untracked-files=no"]) === "" ? hash : `${hash} with changes`;
}

export function qemuVersion(qemu: string): string {
  return /version (\S+)/.exec(output(qemu, ["--version"]) ?? "")?.[1] ?? "of unknown version";
}

export function environment(versions: Readonly<Record<string, string>>): Environment {
  const all = cpus();
  const load = loadavg()[0];
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: `${all[0]?.model.trim() ?? "unknown CPU"}, ${all.length} CPUs, ${(totalmem() / 2 ** 30).toFixed(0)} GiB; ${platform()} ${release()} ${arch()}`,
    versions: { Tabvisor: commit(), Node: process.versions.node, V8: process.versions.v8, ...versions },
    load: `${load.toFixed(2)}${load > QUIET ? " (busy: the figures are noisy)" : ""}`,
  };
}
