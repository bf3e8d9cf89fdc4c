/** What the browser tests share: a counting runner, a build of the page on a loopback port. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, preview } from "vite";
import { ensureBios } from "../../bios/build.ts";
import { ensureInterpreter } from "../../src/cli/interpreter.ts";
import type {} from "../../src/ui/test-hook.ts";
import { applicationBytes, fakeManagerPlugin, fakeWorkerPlugin, guestPlugin, laterPlugin } from "../../tools/vite-guest.ts";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const RESULTS = join(ROOT, "test-results");

export class Assertion extends Error {}

export function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Assertion(message);
}

export function equal(actual: unknown, expected: unknown, what: string): void {
  const [a, e] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== e) throw new Assertion(`${what}: got ${a}, expected ${e}`);
}

/** For the list of them at the end. */
export interface TestFailure {
  readonly name: string;
  readonly message: string;
}

/** What is left of a test that failed: Playwright's page, or puppeteer's. */
export interface Evidence {
  screenshot(options: { readonly path: `${string}.png` }): Promise<unknown>;
  evaluate<R>(f: () => R | Promise<R>): Promise<R>;
}

/** Runs named tests one after the other, prints each, and counts. */
export class Runner {
  passed = 0;
  readonly failures: TestFailure[] = [];

  constructor(
    private readonly suite: string,
    private readonly only: RegExp | null = null,
  ) {}

  async test(name: string, body: () => Promise<void>, page?: () => Evidence | null, timeoutMs = 60_000): Promise<void> {
    const full = `${this.suite}: ${name}`;
    if (this.only !== null && !this.only.test(full)) return;
    const began = Date.now();
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      const late = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(new Assertion(`no end after ${timeoutMs / 1000} s`)), timeoutMs);
      });
      await Promise.race([body(), late]);
      this.passed++;
      console.log(`  ✓ ${full} (${Date.now() - began} ms)`);
    } catch (error) {
      console.log(`  ✗ ${full} (${Date.now() - began} ms)`);
      const text = error instanceof Assertion ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.failures.push({ name: full, message: text });
      console.log(text.replace(/^/gm, "      "));
      await this.keepEvidence(full, page?.() ?? null);
    } finally {
      clearTimeout(timer);
    }
  }

  private async keepEvidence(name: string, page: Evidence | null): Promise<void> {
    if (page === null) return;
    try {
      mkdirSync(RESULTS, { recursive: true });
      const stem = join(RESULTS, name.replace(/\W+/g, "-"));
      // A page that hangs draws nothing.
      await Promise.race([page.screenshot({ path: `${stem}.png` }), new Promise((resolve) => setTimeout(resolve, 5000))]);
      const terminal = await page.evaluate(() => window.__tabvisorTerminalText?.() ?? "");
      const screen = await page.evaluate(async () => (await window.__tabvisorScreenText?.()) ?? "");
      writeFileSync(`${stem}.txt`, `${terminal}\n── screen\n${screen}`);
      // Where only the log is kept, the last lines have to tell.
      for (const [what, text] of [["terminal", terminal], ["screen", screen]] as const) {
        const lines = text.split("\n").map((line) => line.trimEnd()).filter((line) => line !== "");
        for (const line of lines.slice(-12)) console.log(`      ${what} | ${line}`);
      }
      console.log(`      see ${stem}.png and .txt`);
    } catch {
      // The page is gone: the message above has to do.
    }
  }
}

export interface Site {
  readonly url: string;
  readonly folder: string;
  readonly bytes: number;
  close(): Promise<void>;
}

/** What stands in: nothing, each machine's worker, or the whole manager. */
export type StandIn = "none" | "worker" | "manager";

const FOLDERS: Readonly<Record<StandIn, string>> = { none: "e2e", worker: "e2e-fake", manager: "e2e-manager" };

/** Builds the page as it is shipped and serves it on a free loopback port. */
export async function serveSite({ standIn }: { standIn: StandIn }): Promise<Site> {
  const folder = join(ROOT, "build", FOLDERS[standIn]);
  // As vite.config.ts does: the real worker fetches them as assets.
  if (standIn === "none") {
    ensureInterpreter();
    ensureBios();
  }
  const others = { none: [], worker: [fakeWorkerPlugin()], manager: [fakeManagerPlugin()] }[standIn];
  const plugins = [guestPlugin({ copy: false, ...(standIn === "none" ? {} : { folder: fakeGuest() }) }), laterPlugin(), ...others];
  const common = { root: ROOT, configFile: false, base: "./", logLevel: "warn", plugins } as const;
  await build({
    ...common,
    plugins: [...plugins],
    worker: { format: "es" },
    build: { target: "es2022", outDir: folder, emptyOutDir: true },
  });
  const server = await preview({ ...common, plugins: [...plugins], build: { outDir: folder }, preview: { host: "127.0.0.1", port: 4500, strictPort: false } });
  const url = server.resolvedUrls?.local[0];
  check(url !== undefined, "the preview server has no address");
  return { url, folder, bytes: applicationBytes(folder), close: () => server.close() };
}

/** Images that only the fake worker takes. */
function fakeGuest(): string {
  const folder = join(ROOT, "build", "e2e-guest");
  mkdirSync(folder, { recursive: true });
  const kernel = Buffer.alloc(2_000_000);
  for (let i = 0; i < kernel.length; i++) kernel[i] = (i * 2654435761) >>> 24;
  kernel.write("\x7fELF", 0, "latin1");
  const initramfs = Buffer.from("070701".padEnd(40_000, "0"));
  const files: Record<string, { size: number }> = {};
  for (const [name, bytes] of [["vmlinux", kernel], ["initramfs.cpio", initramfs]] as const) {
    const zipped = gzipSync(bytes, { level: 1 });
    writeFileSync(join(folder, `${name}.gz`), zipped);
    files[name] = { size: bytes.length };
    files[`${name}.gz`] = { size: zipped.length };
  }
  const manifest = {
    cmdline: "console=ttyS0 nokaslr",
    release: "6.1.0-40-cloud-amd64",
    busyboxPackage: { name: "busybox-static", version: "1:1.35.0-4" },
    files,
  };
  writeFileSync(join(folder, "guest.json"), JSON.stringify(manifest));
  return folder;
}

/** Lines of text that show a lost or swapped character in a checksum. */
export function sampleText(bytes: number): string {
  let text = "";
  for (let i = 0; text.length < bytes; i++) text += `${String(i).padStart(4, "0")} the five boxing wizards jump quickly ${(i * 7919) % 10007}\n`;
  return `${text.slice(0, bytes - 1)}\n`;
}
