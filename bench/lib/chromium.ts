/** Chromium, and the page as it is shipped, served on loopback. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright";
import { build, preview } from "vite";
import { COMPILER_NAME } from "../../src/vmm/config.ts";
import { CHROMIUM_FLAGS } from "../../tools/browsers.ts";
import { applicationBytes } from "../../tools/vite-guest.ts";
import { BareChromium } from "./bare-chromium.ts";
import { FIRST_LINE, PROMPT } from "./guest.ts";
import { BUILD, ROOT } from "./paths.ts";
import { conversation, type Job, type Outcome } from "./conversation.ts";
import { installMachineWorkers } from "./machine-worker.ts";
import { installProbe, runKernel, type LoopOutcome, type PageTimes } from "./probe.ts";
import { installTalk, type Talk, type TalkBoot, type TalkReport } from "./talk.ts";

const LIMIT_MS = 180_000;

export interface Site {
  readonly url: string;
  /** The machine's worker, relative to the page. */
  readonly worker: string;
  /** Gzipped, without the guest. */
  readonly bytes: number;
  close(): Promise<void>;
}

/** Builds the page with the project's own configuration, into a folder of the bench. */
export async function serveSite(): Promise<Site> {
  const outDir = join(BUILD, "page");
  const common = { root: ROOT, configFile: join(ROOT, "vite.config.ts"), logLevel: "warn", build: { outDir, emptyOutDir: true } } as const;
  await build(common);
  const server = await preview({ ...common, preview: { host: "127.0.0.1", port: 4600, strictPort: false } });
  const url = server.resolvedUrls?.local[0];
  const worker = readdirSync(join(outDir, "assets")).find((name) => /^worker-.*\.js$/.test(name));
  if (url === undefined || worker === undefined) throw new Error("the build has no address or no worker");
  return { url, worker: `assets/${worker}`, bytes: applicationBytes(outDir), close: () => server.close() };
}

function late<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: no end after ${LIMIT_MS / 1000} s`)), LIMIT_MS);
  });
  return Promise.race([promise, timeout]).finally(() => clearTimeout(timer));
}

/** One browser. Each page is in a context of its own: nothing is cached from the page before. */
export class Chromium {
  private constructor(
    private readonly browser: Browser,
    private readonly site: Site,
    private readonly executablePath: string,
  ) {}

  static async launch(executablePath: string, site: Site): Promise<Chromium> {
    const { chromium } = await import("playwright");
    return new Chromium(await chromium.launch({ executablePath, args: [...CHROMIUM_FLAGS] }), site, executablePath);
  }

  get version(): string {
    return this.browser.version();
  }

  close(): Promise<void> {
    return this.browser.close();
  }

  /** Another browser, which nothing looks into, with the page or with `url`. */
  bare(url = this.site.url): BareChromium {
    return BareChromium.open(this.executablePath, url);
  }

  async context(): Promise<BrowserContext> {
    const context = await this.browser.newContext({ viewport: { width: 1200, height: 800 } });
    await this.prepare(context);
    return context;
  }

  private async prepare(context: BrowserContext): Promise<void> {
    // esbuild (tsx) wraps named functions in a helper of its own, which functions that are sent as text then lack.
    await context.addInitScript({ content: "globalThis.__name = (f) => f;" });
    await context.addInitScript({ path: createRequire(import.meta.url).resolve("comlink/dist/umd/comlink.js") });
    await context.addInitScript(installMachineWorkers, COMPILER_NAME);
    await context.addInitScript(installProbe, { firstLine: FIRST_LINE, prompt: PROMPT });
  }

  /** Runs a function in a page without a machine; it is given the address of the machine's worker, too. `kept`: the page's storage is a disk's. */
  async inPage<T, A extends object>(what: string, run: (argument: A & { readonly workerUrl: string }) => Promise<T>, argument: A, kept = false): Promise<T> {
    const profile = kept ? mkdtempSync(join(tmpdir(), "tabvisor-bench-profile-")) : null;
    let context: BrowserContext;
    if (profile === null) context = await this.context();
    else {
      // A private window's OPFS is in memory.
      const { chromium } = await import("playwright");
      context = await chromium.launchPersistentContext(profile, { executablePath: this.executablePath, args: [...CHROMIUM_FLAGS] });
      await this.prepare(context);
    }
    try {
      const page = await this.open(context, "?autostart=0");
      const whole = { ...argument, workerUrl: this.site.worker };
      return await late(what, page.evaluate(run as (a: unknown) => Promise<T>, whole));
    } finally {
      await context.close();
      if (profile !== null) rmSync(profile, { recursive: true, force: true });
    }
  }

  /** A page of the context whose machine starts on its own. */
  async open(context: BrowserContext, query = ""): Promise<Page> {
    const page = await context.newPage();
    await page.goto(this.site.url + query);
    return page;
  }

  /** Boots the default guest in a fresh page and gives the page to `use` at the prompt. */
  async boot<T>(use: (page: Page, times: PageTimes) => Promise<T>): Promise<T> {
    const context = await this.context();
    try {
      const page = await this.open(context);
      const times = page.evaluate(() => window.__benchTimes);
      const got = await late("the boot in Chromium", times);
      if (got === undefined) throw new Error("the page has lost the bench's probe");
      return await use(page, got);
    } finally {
      await context.close();
    }
  }

  /** Milliseconds from opening a page to the first line of the kernel. */
  async firstLine(context: BrowserContext): Promise<number> {
    const page = await this.open(context);
    try {
      const ms = await late("the first kernel line in Chromium", page.evaluate(() => window.__benchFirstLine));
      if (ms === undefined) throw new Error("the page has lost the bench's probe");
      return ms;
    } finally {
      await page.close();
    }
  }

  /** Runs a test kernel in the worker of the page. */
  async kernel(image: Uint8Array, memoryMib: number): Promise<LoopOutcome> {
    const context = await this.context();
    try {
      const page = await this.open(context, "?autostart=0");
      const kernel = Buffer.from(image).toString("base64");
      return await late("the test kernel in Chromium", page.evaluate(runKernel, { workerUrl: this.site.worker, kernel, memoryMib }));
    } finally {
      await context.close();
    }
  }

  /** A machine in the worker of the page, without the page's own display, that one talks to over its serial line. */
  talk(boot: Omit<TalkBoot, "workerUrl">): Promise<TalkingPage> {
    return this.talkWith<TalkBoot>(installTalk, { ...boot, workerUrl: this.site.worker });
  }

  /** A machine of the kind that `install` puts into a page. */
  async talkWith<Boot extends object>(install: () => void, boot: Boot): Promise<TalkingPage> {
    const context = await this.context();
    try {
      await context.addInitScript({ content: `globalThis.__benchConversation = ${conversation.toString()};` });
      await context.addInitScript(install);
      const page = await this.open(context, "?autostart=0");
      const start = page.evaluate((options) => (window.__benchTalk as Talk<object> | undefined)?.start(options), boot as object);
      const readyMs = await late("the start of the guest in Chromium", start);
      if (readyMs === undefined) throw new Error("the page has lost the bench's script");
      return new TalkingPage(page, context, readyMs / 1000);
    } catch (error) {
      await context.close();
      throw error;
    }
  }

  /** The browser's processes by kind. */
  async processes(): Promise<{ readonly pid: number; readonly renderer: boolean }[]> {
    const session = await this.browser.newBrowserCDPSession();
    try {
      const { processInfo } = await session.send("SystemInfo.getProcessInfo");
      return processInfo.map(({ id, type }) => ({ pid: id, renderer: type === "renderer" }));
    } finally {
      await session.detach();
    }
  }
}

/** One machine that takes commands, in a page of its own. */
export class TalkingPage {
  constructor(
    private readonly page: Page,
    private readonly context: BrowserContext,
    /** Seconds from power-on until the guest took commands. */
    readonly readySeconds: number,
  ) {}

  async run(job: Job): Promise<Outcome> {
    const outcome = await this.page.evaluate((j) => window.__benchTalk?.run(j), job);
    if (outcome === undefined) throw new Error("the page has lost the bench's script");
    return outcome;
  }

  async report(): Promise<TalkReport> {
    const report = await this.page.evaluate(() => window.__benchTalk?.report());
    if (report === undefined) throw new Error("the page has lost the bench's script");
    return report;
  }

  close(): Promise<void> {
    return this.context.close();
  }
}
