/** The built page with its server switched off: it starts, and its machine boots. */
import { join } from "node:path";
import type { Browser } from "playwright";
import { build } from "vite";
import { ensureInterpreter } from "../../src/cli/interpreter.ts";
import { pwaPlugin } from "../../tools/vite-pwa.ts";
import { staticSite } from "./embed-tests.ts";
import { check, equal, MachinePage, ROOT, type Runner } from "./harness.ts";

export async function pwaTests(runner: Runner, browser: Browser): Promise<void> {
  await runner.test("starts offline once it was loaded, and can be installed", async () => {
    const folder = join(ROOT, "build", "e2e-pwa");
    ensureInterpreter();
    await build({
      root: ROOT, configFile: false, base: "./", logLevel: "warn", plugins: [pwaPlugin()], worker: { format: "es" }, build: { target: "es2022", outDir: folder, emptyOutDir: true },
    });
    const site = await staticSite(folder);
    const context = await browser.newContext();
    try {
      const first = await MachinePage.open(context, site.url);
      const manifest = await first.page.evaluate(async () => {
        const link = document.querySelector<HTMLLinkElement>("link[rel=manifest]");
        const found = (await (await fetch(link?.href ?? "")).json()) as { start_url: string; icons: { src: string; sizes: string }[] };
        const sizes = await Promise.all(found.icons.filter((i) => i.src.endsWith(".png")).map(async (i) => {
          const picture = await createImageBitmap(await (await fetch(i.src)).blob());
          return `${picture.width}x${picture.height}` === i.sizes;
        }));
        return { start: found.start_url, sizes };
      });
      equal(manifest, { start: "./", sizes: [true, true] }, "manifest");
      // Registered some seconds after the start; then the guest's files are kept.
      await first.poll(() => first.page.evaluate(async () => {
        const kept = await caches.open("tabvisor-guest");
        const there = await Promise.all(["vmlinux.gz", "initramfs.cpio.gz"].map((name) => kept.match(new URL(`guest/${name}`, document.baseURI))));
        return there.every((response) => response !== undefined);
      }), "the guest in the cache", 90_000);
      await first.page.close();
      site.close();
      const again = await MachinePage.open(context, site.url);
      await again.waitForPrompt(120_000);
      check((await again.command("echo $((6*7))", 30_000)).includes("42"), "a command");
      equal(again.errors, [], "errors of the page");
    } finally {
      await context.close();
      site.close();
    }
  }, undefined, 280_000);
}
