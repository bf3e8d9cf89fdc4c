/** Snapshots in a real browser: taken of a running guest, restored and forked in other workers, kept over a reload. */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Page } from "playwright";
import { build, preview } from "vite";
import { ensureBios } from "../../bios/build.ts";
import { ensureInterpreter } from "../../src/cli/interpreter.ts";
import { CHROMIUM_FLAGS } from "../../tools/browsers.ts";
import { ensureImage } from "../../tools/image/ensure.ts";
import { check, ROOT, type Runner } from "./harness.ts";
import type {} from "./snapshot-page.ts";

export interface SnapshotSite {
  readonly url: string;
  close(): Promise<void>;
}

export async function serveSnapshots(): Promise<SnapshotSite> {
  const outDir = join(ROOT, "build", "e2e-snapshots");
  // The worker fetches them as assets.
  ensureInterpreter();
  ensureBios();
  const common = { root: ROOT, configFile: false, base: "./", logLevel: "warn", publicDir: false, worker: { format: "es" } } as const;
  await build({ ...common, build: { target: "es2022", outDir, emptyOutDir: true, rolldownOptions: { input: join(ROOT, "test/e2e/snapshot-page.html") } } });
  const guest = await ensureImage();
  const folder = join(outDir, "test/e2e/guest");
  mkdirSync(folder, { recursive: true });
  const sizes: Record<string, number> = {};
  for (const file of ["vmlinux", "initramfs.cpio"] as const) {
    copyFileSync(`${guest.files[file]}.gz`, join(folder, `${file}.gz`));
    sizes[file] = readFileSync(guest.files[file]).length;
  }
  writeFileSync(join(folder, "guest.json"), JSON.stringify({ cmdline: guest.info.cmdline, sizes, files: Object.fromEntries(Object.entries(sizes).map(([name, size]) => [name, { size }])) }));
  const server = await preview({ ...common, build: { outDir }, preview: { host: "127.0.0.1", port: 4590, strictPort: false } });
  return { url: `${server.resolvedUrls?.local[0] ?? ""}test/e2e/snapshot-page.html`, close: () => server.close() };
}

/** A page of a browser with a profile of its own. */
export async function openSnapshotPage(executablePath: string, site: SnapshotSite): Promise<{ page: Page; reload(): Promise<void>; close(): Promise<void> }> {
  const work = mkdtempSync(join(tmpdir(), "tabvisor-snapshots-"));
  const context = await chromium.launchPersistentContext(work, { executablePath, args: [...CHROMIUM_FLAGS] });
  // esbuild (tsx) wraps named functions in a helper of its own, which functions that are sent as text then lack.
  await context.addInitScript({ content: "globalThis.__name = (f) => f;" });
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error") console.log(`      ${message.text()}`);
  });
  const load = async (): Promise<void> => {
    await page.goto(site.url);
    await page.waitForFunction(() => "snapshotTest" in window);
  };
  await load();
  return {
    page,
    reload: load,
    close: async () => {
      await context.close();
      rmSync(work, { recursive: true, force: true });
    },
  };
}

export async function snapshotTests(runner: Runner, executablePath: string, site: SnapshotSite): Promise<void> {
  const { page, close } = await openSnapshotPage(executablePath, site);
  try {
    await runner.test("a snapshot of a running guest is restored and forked in other workers", async () => {
      await page.evaluate(() => window.snapshotTest.boot("a", 256));
      await page.evaluate(async () => {
        await window.snapshotTest.type("a", "echo sn''ap > /tmp/file; echo wri''tten\n");
        await window.snapshotTest.until("a", "written");
      });
      const first = await page.evaluate(() => window.snapshotTest.snapshot("a", "one"));
      check(first.pages > 5000, `${first.pages} pages`);
      check((await page.evaluate(() => window.snapshotTest.thumbnail("one"))) > 200, "no thumbnail");
      await page.evaluate(async () => {
        await window.snapshotTest.type("a", "echo la''ter > /tmp/file; echo chan''ged\n");
        await window.snapshotTest.until("a", "changed");
      });
      const second = await page.evaluate(() => window.snapshotTest.snapshot("a", "two"));
      check(second.pages < first.pages / 4, `${second.pages} of ${first.pages} pages`);
      const different = await page.evaluate(() => window.snapshotTest.compare("one", "two"));
      check(different > 0 && different <= second.pages, `${different} pages differ`);
      const read = async (name: string): Promise<string> => page.evaluate(async (n) => {
        await window.snapshotTest.type(n, "cat /tmp/file; echo fi''le-shown\n");
        await window.snapshotTest.until(n, "file-shown");
        return window.snapshotTest.text(n);
      }, name);
      await page.evaluate(async () => {
        await window.snapshotTest.spawn("b");
        await window.snapshotTest.restore("b", "one");
        await window.snapshotTest.spawn("c");
        await window.snapshotTest.fork("a", "c");
      });
      check((await read("b")).includes("snap"), "the restored machine has another file");
      check((await read("c")).includes("later"), "the fork has another file");
      await page.evaluate(async () => {
        await window.snapshotTest.type("c", "echo chi''ld > /tmp/file\n");
        window.snapshotTest.end("b");
      });
      check((await read("a")).includes("later"), "the parent has the child's file");
      // A fork's own snapshot.
      await page.evaluate(async () => {
        await window.snapshotTest.snapshot("c", "three");
        window.snapshotTest.end("c");
        await window.snapshotTest.spawn("d");
        await window.snapshotTest.restore("d", "three");
      });
      check((await read("d")).includes("child"), "the fork's snapshot has another file");
    });
  } finally {
    await close();
  }
}
