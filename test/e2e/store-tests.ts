/** The store in real browsers: kills, two tabs, space that runs out, exports to and from Node. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type BrowserContext, type Page } from "playwright";
import puppeteer from "puppeteer-core";
import { build, preview } from "vite";
import { exportToFile, importFromFile, openFolderStore } from "../../src/cli/store.ts";
import { openReader } from "../../src/vmm/store/reader.ts";
import { CHROMIUM_FLAGS } from "../../tools/browsers.ts";
import { Chance, Expected, load, verify } from "../store/load.ts";
import { check, equal, ROOT, type Runner } from "./harness.ts";
import type {} from "./store-page.ts";

const KILLS = 50;

export interface StoreSite {
  readonly url: string;
  close(): Promise<void>;
}

export async function serveStore(): Promise<StoreSite> {
  const outDir = join(ROOT, "build", "e2e-store");
  const common = { root: ROOT, configFile: false, base: "./", logLevel: "warn", publicDir: false, worker: { format: "es" } } as const;
  await build({ ...common, build: { target: "es2022", outDir, emptyOutDir: true, rolldownOptions: { input: join(ROOT, "test/e2e/store-page.html") } } });
  const server = await preview({ ...common, build: { outDir }, preview: { host: "127.0.0.1", port: 4570, strictPort: false } });
  return { url: `${server.resolvedUrls?.local[0] ?? ""}test/e2e/store-page.html`, close: () => server.close() };
}

async function open(context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error") console.log(`      ${message.text()}`);
  });
  await page.goto(url);
  await page.waitForFunction(() => "storeTest" in window);
  return page;
}

export async function storeTests(runner: Runner, executablePath: string, site: StoreSite): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), "tabvisor-store-"));
  const context = await chromium.launchPersistentContext(join(work, "profile"), { executablePath, args: [...CHROMIUM_FLAGS] });
  // esbuild (tsx) wraps named functions in a helper of its own, which functions that are sent as text then lack.
  await context.addInitScript({ content: "globalThis.__name = (f) => f;" });
  let heard: (line: string) => void = () => {};
  await context.exposeFunction("say", (line: string) => heard(line));
  let page = await open(context, site.url);
  const current = (): Page => page;
  try {
    await runner.test(`a store is whole after ${KILLS} kills of its worker or its page: every committed snapshot, and nothing else`, async () => {
      const chance = new Chance(Date.now() >>> 0);
      const expected = new Expected();
      let commits = 0;
      let closed = 0;
      for (let seed = 1; seed <= KILLS; seed++) {
        let started: () => void = () => {};
        const ready = new Promise<void>((resolve) => (started = resolve));
        let left = chance.next(4);
        const after = left;
        heard = (line) => {
          if (line.startsWith("+")) {
            commits++;
            left--;
          }
          if (left <= 0) started();
          expected.hear(line);
        };
        const ms = chance.next(80);
        if (seed % 5 === 0) {
          // The whole page goes.
          page.evaluate((n) => window.storeTest.load(n, (window as unknown as { say: (line: string) => void }).say, 0, null), seed).catch(() => {});
          await ready;
          await page.waitForTimeout(ms);
          await page.close();
          closed++;
          page = await open(context, site.url);
        } else {
          await page.evaluate(([n, count, delay]) => window.storeTest.load(n, (window as unknown as { say: (line: string) => void }).say, count, delay), [seed, after, ms] as const);
        }
        const state = await page.evaluate(() => window.storeTest.state());
        equal(state, { durable: true, reason: null }, `the store after kill ${seed}`);
        const wrong = expected.check(await page.evaluate(() => window.storeTest.verify()), seed);
        check(wrong === null, `kill ${seed}: ${wrong ?? ""}`);
      }
      check(commits > KILLS / 2, `${commits} snapshots were committed`);
      console.log(`  ${commits} snapshots committed over ${KILLS} kills, ${closed} of them of the page`);
      await page.evaluate(() => window.storeTest.clear());
      equal((await page.evaluate(() => window.storeTest.usage())).storedBytes, 0, "bytes after everything was removed");
    }, current, 280_000);

    await runner.test("a second tab is told that it keeps nothing, and the first goes on", async () => {
      equal((await page.evaluate(() => window.storeTest.state())).durable, true, "the first tab's store is durable");
      const second = await open(context, site.url);
      const state = await second.evaluate(() => window.storeTest.state());
      check(!state.durable && (state.reason ?? "").startsWith("another tab has the saved machines open"), JSON.stringify(state));
      equal(await second.evaluate(() => window.storeTest.import("AQID")), "box.tabvisor: this is not a file of Tabvisor's", "a bad file in the second tab");
      await second.close();
      equal((await page.evaluate(() => window.storeTest.state())).durable, true, "the first tab's store is durable");
      // Loaded again, a tab finds its own store free.
      await page.reload();
      await page.waitForFunction(() => "storeTest" in window);
      equal((await page.evaluate(() => window.storeTest.state())).durable, true, "the store after a reload is durable");
    }, current);

    await runner.test("a worker that was ended holds nothing up", async () => {
      equal(await page.evaluate(() => window.storeTest.abandon()), "collected", "the collection");
    }, current);

    await runner.test("what Node exports the browser imports, and the other way round", async () => {
      const store = await openFolderStore(join(work, "node"));
      await load(store, 3, () => {}, 5);
      const { records } = await store.records("");
      const file = join(work, "box.tabvisor");
      await exportToFile(store, file, records);
      await page.evaluate(() => window.storeTest.clear());
      equal(await page.evaluate((bytes) => window.storeTest.import(bytes), readFileSync(file).toString("base64")), `${records.length} records`, "the import");
      equal(await page.evaluate(() => window.storeTest.verify()), records.map(({ key }) => key), "the snapshots in the browser");
      const back = join(work, "back.tabvisor");
      writeFileSync(back, Buffer.from(await page.evaluate(() => window.storeTest.export()), "base64"));
      const other = await openFolderStore(join(work, "other"));
      const brought = await importFromFile(other, back);
      await brought.transaction.commit(brought.records);
      equal(await verify(other, await openReader(await other.reader())), records.map(({ key }) => key), "the snapshots in Node");
      const refused = await page.evaluate((bytes) => window.storeTest.import(bytes), readFileSync(file).subarray(0, -9).toString("base64"));
      equal(refused, "box.tabvisor: the file is cut short", "a file that is cut short");
      await store.close();
      await other.close();
      await page.evaluate(() => window.storeTest.clear());
    }, current);

    await runner.test("says when the browser has no space left, and loses nothing", async () => {
      heard = () => {};
      await page.evaluate(() => window.storeTest.load(1, () => {}, 3, 0));
      const before = await page.evaluate(() => window.storeTest.verify());
      const usage = (await page.evaluate(() => window.storeTest.usage())).usageBytes ?? 0;
      const session = await context.newCDPSession(page);
      const origin = new URL(site.url).origin;
      await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: usage + 8_000_000 });
      const { error, bytes } = await page.evaluate(() => window.storeTest.fill());
      check(/^there is no space left for saving( \(\d+ MB of \d+ MB are used\))?: nothing of this was saved/.test(error), `after ${bytes} bytes: '${error}'`);
      equal(await page.evaluate(() => window.storeTest.verify()), before, "the snapshots");
      await session.send("Storage.overrideQuotaForOrigin", { origin });
      equal((await page.evaluate(() => window.storeTest.fill())).error, "", "with space again");
      await page.evaluate(() => window.storeTest.clear());
    }, current, 120_000);

    await runner.test("stores and reads at a useful speed", async () => {
      const figures = await page.evaluate(() => window.storeTest.speed());
      console.log(`  store: ${Object.entries(figures).map(([name, value]) => `${name} ${value.toFixed(1)}`).join(", ")}`);
      check(Object.values(figures).every((value) => value > 0), "every figure is a number");
    }, current, 120_000);
  } finally {
    await context.close();
    rmSync(work, { recursive: true, force: true });
  }
}

/** OPFS with synchronous handles, locks and FileReaderSync are Firefox's too. What is heard stays in the page until it is asked for: a call out of it comes late. */
export async function storeFirefoxTests(runner: Runner, executablePath: string, site: StoreSite): Promise<void> {
  await runner.test("the store keeps snapshots over a kill of its worker and a reload", async () => {
    const browser = await puppeteer.launch({ browser: "firefox", executablePath, headless: true, protocol: "webDriverBiDi" });
    try {
      const page = await browser.newPage();
      const reload = async (): Promise<void> => {
        await page.goto(site.url);
        await page.waitForFunction("'storeTest' in window");
      };
      await reload();
      const expected = new Expected();
      for (let seed = 1; seed <= 3; seed++) {
        await page.evaluate(`window.heard = []; window.storeTest.load(${seed}, (line) => void window.heard.push(line), 3, 20)`);
        ((await page.evaluate("window.heard")) as string[]).forEach((line) => expected.hear(line));
        equal(await page.evaluate("window.storeTest.state()"), { durable: true, reason: null }, "the store");
        const wrong = expected.check((await page.evaluate("window.storeTest.verify()")) as string[], seed);
        check(wrong === null, `kill ${seed}: ${wrong ?? ""}`);
      }
      const found = (await page.evaluate("window.storeTest.verify()")) as string[];
      check(found.length > 0, "there are snapshots");
      await reload();
      equal(await page.evaluate("window.storeTest.verify()"), found, "the snapshots after a reload");
    } finally {
      await browser.close();
    }
  }, undefined, 120_000);
}
