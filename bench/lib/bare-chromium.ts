/**
 * Chromium as a user has it: without a debugging protocol. A page that is driven through one holds more: the inspector keeps
 * what the page fetched, the kernel as base64 (15 MB) among it.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CHROMIUM_FLAGS } from "../../tools/browsers.ts";
import { cpuSeconds } from "./proc.ts";

const LIMIT_MS = 180_000;
/** A renderer that takes less than this share of a core for a second has come to rest. */
const REST_SHARE = 0.1;

export class BareChromium {
  private constructor(
    private readonly process: ChildProcess,
    private readonly profile: string,
  ) {}

  static open(executablePath: string, url: string): BareChromium {
    const profile = mkdtempSync(join(tmpdir(), "tabvisor-bench-profile-"));
    const args = [...CHROMIUM_FLAGS, "--headless=new", `--user-data-dir=${profile}`, "--window-size=1200,800", url];
    return new BareChromium(spawn(executablePath, args, { stdio: "ignore" }), profile);
  }

  /** The command lines of its processes, by process: all of them name the profile. */
  private processes(): Map<number, string> {
    const found = new Map<number, string>();
    for (const name of readdirSync("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      try {
        const command = readFileSync(`/proc/${name}/cmdline`, "latin1");
        if (command.includes(this.profile)) found.set(Number(name), command);
      } catch {
        // It has ended.
      }
    }
    return found;
  }

  renderers(): number[] {
    return [...this.processes()].filter(([, command]) => command.includes("--type=renderer")).map(([pid]) => pid);
  }

  /** Resolves when the renderers have worked for `busySeconds` together, and then rested for a second. */
  async rested(busySeconds: number): Promise<void> {
    const spent = (): number => this.renderers().reduce((sum, pid) => sum + cpuSeconds(pid), 0);
    const end = performance.now() + LIMIT_MS;
    for (let before = spent(); performance.now() < end;) {
      await sleep(1_000);
      const now = spent();
      if (now >= busySeconds && now - before < REST_SHARE) return;
      before = now;
    }
    throw new Error(`the page in Chromium did not come to rest within ${LIMIT_MS / 1000} s`);
  }

  async close(): Promise<void> {
    if (this.process.exitCode === null) {
      this.process.kill("SIGTERM");
      await once(this.process, "exit");
    }
    // Its other processes write a last time when the first has ended.
    for (let i = 0; i < 100 && this.processes().size > 0; i++) await sleep(50);
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
