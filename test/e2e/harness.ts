/** What the browser tests share: a counting runner, a build of the page on a loopback port, a handle on the page. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { BrowserContext, Page } from "playwright";
import { build, preview } from "vite";
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

/** Runs named tests one after the other, prints each, and counts. */
export class Runner {
  passed = 0;
  failed = 0;

  constructor(
    private readonly suite: string,
    private readonly only: RegExp | null = null,
  ) {}

  async test(name: string, body: () => Promise<void>, page?: () => Page | null, timeoutMs = 60_000): Promise<void> {
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
      this.failed++;
      console.log(`  ✗ ${full} (${Date.now() - began} ms)`);
      const text = error instanceof Assertion ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error);
      console.log(text.replace(/^/gm, "      "));
      await this.keepEvidence(full, page?.() ?? null);
    } finally {
      clearTimeout(timer);
    }
  }

  private async keepEvidence(name: string, page: Page | null): Promise<void> {
    if (page === null) return;
    try {
      mkdirSync(RESULTS, { recursive: true });
      const stem = join(RESULTS, name.replace(/\W+/g, "-"));
      await page.screenshot({ path: `${stem}.png`, timeout: 5000 });
      writeFileSync(`${stem}.txt`, await page.evaluate(() => window.__tabvisorTerminalText?.() ?? ""));
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
  // As vite.config.ts does: the real worker fetches it as an asset.
  if (standIn === "none") ensureInterpreter();
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

export const PROMPT = /[#$] $|[#$]$/;

/** One open page, with the verbs that tests use. */
export class MachinePage {
  readonly errors: string[] = [];

  constructor(readonly page: Page) {
    page.on("pageerror", (error) => this.errors.push(error.message));
  }

  static async open(context: BrowserContext, url: string, query = ""): Promise<MachinePage> {
    const machine = new MachinePage(await context.newPage());
    await machine.page.goto(url + query);
    await machine.page.waitForSelector("html[data-ready]");
    return machine;
  }

  text(): Promise<string> {
    return this.page.evaluate(() => window.__tabvisorTerminalText?.() ?? "");
  }

  phase(): Promise<string> {
    return this.page.evaluate(() => document.documentElement.dataset["phase"] ?? "");
  }

  async waitForPhase(phase: string, timeoutMs = 20_000): Promise<void> {
    await this.poll(async () => (await this.phase()) === phase, `phase '${phase}'`, timeoutMs);
  }

  /** Waits until the terminal's text matches. */
  async waitForText(pattern: RegExp, timeoutMs = 20_000): Promise<string> {
    await this.poll(async () => pattern.test(await this.text()), `${pattern.source} in the terminal`, timeoutMs);
    return this.text();
  }

  /** Gives up at once when the machine has ended. */
  async waitForPrompt(timeoutMs = 20_000): Promise<string> {
    await this.poll(
      async () => {
        const [text, phase] = [await this.text(), await this.phase()];
        check(phase !== "stopped", `the machine has ended: ${(await this.page.locator("#stopped").textContent())?.slice(0, 200) ?? ""}`);
        return PROMPT.test(text);
      },
      "the prompt",
      timeoutMs,
    );
    return this.text();
  }

  async type(text: string): Promise<void> {
    await this.page.locator(".pane:not([hidden]) .xterm-helper-textarea").first().focus();
    await this.page.keyboard.type(text);
  }

  /** Types a line and waits for the prompt after it; answers what came in between. */
  async command(line: string, timeoutMs = 20_000): Promise<string> {
    await this.waitForPrompt(timeoutMs);
    await this.type(`${line}\n`);
    // After the last echo of the line: earlier lines may leave the scrollback meanwhile.
    let added = "";
    await this.poll(
      async () => {
        const text = await this.text();
        added = text.slice(text.lastIndexOf(line) + line.length);
        return text.includes(line) && added.includes("\n") && PROMPT.test(added);
      },
      `the end of '${line}'`,
      timeoutMs,
    );
    return added.split("\n").slice(1, -1).join("\n");
  }

  /** Pastes as a user does: clipboard, then Ctrl+Shift+V. */
  async paste(text: string): Promise<void> {
    await this.page.evaluate((value) => navigator.clipboard.writeText(value), text);
    await this.page.locator(".pane:not([hidden]) .xterm-helper-textarea").first().focus();
    await this.page.keyboard.press("Control+Shift+V");
  }

  button(name: string | RegExp): ReturnType<Page["getByRole"]> {
    return this.page.getByRole("button", typeof name === "string" ? { name, exact: true } : { name });
  }

  async chooseOwn(kernel: { name: string; bytes: Buffer }, cmdline = ""): Promise<void> {
    await this.page.locator("#open-settings").click();
    await this.page.locator('input[name="source"][value="kernel"]').check({ force: true });
    await this.page.locator("#kernel-input").setInputFiles({ name: kernel.name, mimeType: "application/octet-stream", buffer: kernel.bytes });
    await this.page.locator("#cmdline").fill(cmdline);
    await this.startFromSettings();
  }

  async chooseDefault(): Promise<void> {
    await this.page.locator("#open-settings").click();
    await this.page.locator('input[name="source"][value="default"]').check({ force: true });
    await this.startFromSettings();
  }

  /** The machine that was there is no more what is seen: it has been off, or loads anew. */
  private async startFromSettings(): Promise<void> {
    await this.page.evaluate(() => {
      const root = document.documentElement;
      const before = root.dataset["phase"];
      delete root.dataset["left"];
      const observer = new MutationObserver(() => {
        if (root.dataset["phase"] === before) return;
        root.dataset["left"] = "yes";
        observer.disconnect();
      });
      observer.observe(root, { attributeFilter: ["data-phase"] });
    });
    await this.page.locator("#settings-start").click();
    await this.page.waitForSelector("html[data-left]", { state: "attached" });
  }

  async poll(condition: () => Promise<boolean>, what: string, timeoutMs = 10_000): Promise<void> {
    const end = Date.now() + timeoutMs;
    while (!(await condition())) {
      if (Date.now() > end) throw new Assertion(`waited ${timeoutMs / 1000} s for ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async close(): Promise<void> {
    await this.page.close();
    equal(this.errors, [], "uncaught errors on the page");
  }
}

/** Lines of text that show a lost or swapped character in a checksum. */
export function sampleText(bytes: number): string {
  let text = "";
  for (let i = 0; text.length < bytes; i++) text += `${String(i).padStart(4, "0")} the five boxing wizards jump quickly ${(i * 7919) % 10007}\n`;
  return `${text.slice(0, bytes - 1)}\n`;
}
