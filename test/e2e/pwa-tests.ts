/** The built page with its server switched off, in each browser: it starts, and its machine boots. */
import { join } from "node:path";
import { build } from "vite";
import { ensureBios } from "../../bios/build.ts";
import { ensureInterpreter } from "../../src/cli/interpreter.ts";
import { pwaPlugin } from "../../tools/vite-pwa.ts";
import { staticSite } from "./embed-site.ts";
import { GuestPage } from "./guest-page.ts";
import { check, equal, ROOT, type Runner } from "./harness.ts";
import type { Tab } from "./tab.ts";

let built: Promise<string> | null = null;
/** Once for all browsers. */
const builtPage = (): Promise<string> => (built ??= buildPage());

async function buildPage(): Promise<string> {
  const folder = join(ROOT, "build", "e2e-pwa");
  ensureInterpreter();
  ensureBios();
  await build({
    root: ROOT, configFile: false, base: "./", logLevel: "warn", plugins: [pwaPlugin()], worker: { format: "es" }, build: { target: "es2022", outDir: folder, emptyOutDir: true },
  });
  return folder;
}

export async function pwaTests(runner: Runner, openTab: () => Promise<Tab>): Promise<void> {
  let tab: Tab | null = null;
  await runner.test("starts offline once it was loaded, and can be installed", async () => {
    const site = await staticSite(await builtPage());
    try {
      tab = await openTab();
      const m = new GuestPage(tab, site.url);
      await m.load();
      const manifest = await tab.evaluate(async () => {
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
      await m.poll(() => m.tab.evaluate(async () => {
        const kept = await caches.open("tabvisor-guest");
        const there = await Promise.all(["vmlinux.gz", "initramfs.cpio.gz"].map((name) => kept.match(new URL(`guest/${name}`, document.baseURI))));
        return there.every((response) => response !== undefined);
      }), "the guest in the cache", 90_000);
      site.close();
      await m.load();
      await m.waitForPrompt(120_000);
      check((await m.command("echo $((6*7))", 30_000)).includes("42"), "a command");
      m.noErrors();
    } finally {
      site.close();
    }
  }, () => tab, 280_000);
  await (tab as Tab | null)?.close();
}
