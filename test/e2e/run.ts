/** Runs the browser tests: `tsx test/e2e/run.ts [PATTERN]`. Exports the run for tools/test.ts. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright";
import { CHROMIUM_FLAGS, findChromium, findFirefox } from "../../tools/browsers.ts";
import { bootTests } from "./boot-tests.ts";
import { diskTests } from "./disk-tests.ts";
import { firefoxTests } from "./firefox-tests.ts";
import type { OpenPage } from "./flows.ts";
import { GuestPage } from "./guest-page.ts";
import { BUDGET_BYTES } from "../../tools/vite-guest.ts";
import { check, ROOT, Runner, serveSite, type TestFailure } from "./harness.ts";
import { embedShareTests } from "./embed-share-tests.ts";
import { serveEmbed } from "./embed-site.ts";
import { embedTests } from "./embed-tests.ts";
import { inspectorTests } from "./inspector-tests.ts";
import { lifecycleTests } from "./lifecycle-tests.ts";
import { machineTests } from "./machine-tests.ts";
import { pageTests } from "./page-tests.ts";
import { panelTests } from "./panel-tests.ts";
import { PlaywrightTab } from "./playwright-tab.ts";
import { pwaTests } from "./pwa-tests.ts";
import { replayTests } from "./replay-tests.ts";
import { screenTests } from "./screen-tests.ts";
import { snapshotPageTests } from "./snapshot-page-tests.ts";
import { serveSnapshots, snapshotTests } from "./snapshot-tests.ts";
import { storageTests } from "./storage-tests.ts";
import { serveStore, storeFirefoxTests, storeTests } from "./store-tests.ts";

export interface E2eResult {
  readonly passed: number;
  readonly failures: readonly TestFailure[];
}

/** A part that cannot even begin counts as one failed test. */
async function part(runner: Runner, body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    await runner.test("can be run", () => Promise.reject(error instanceof Error ? error : new Error(String(error))));
  }
}

export async function runE2e(only: RegExp | null = null): Promise<E2eResult> {
  const log = (line: string): void => console.log(`  ${line}`);
  // Until the machine is there, its tests run against the stand-in.
  const real = existsSync(join(ROOT, "src/vmm/worker.ts")) && process.env["TABVISOR_E2E_FAKE"] === undefined;
  if (!real) log("the machine's worker is replaced by test/e2e/fake-worker.ts");
  const pageRunner = new Runner("page", only);
  const panelRunner = new Runner("panel", only);
  const bootRunner = new Runner("chromium", only);
  const storageRunner = new Runner("storage", only);
  const embedRunner = new Runner("embed", only);
  const replayRunner = new Runner("replay", only);
  const firefoxRunner = new Runner("firefox", only);

  await part(pageRunner, async () => {
    const executablePath = await findChromium(log);
    const browser = await chromium.launch({ executablePath, args: [...CHROMIUM_FLAGS] });
    try {
      const fake = await serveSite({ standIn: "worker" });
      await part(pageRunner, () => pageTests(pageRunner, browser, fake));
      await part(pageRunner, () => machineTests(pageRunner, browser, fake));
      await fake.close();
      const panels = await serveSite({ standIn: "manager" });
      await part(panelRunner, () => panelTests(panelRunner, browser, panels));
      await panels.close();
      const site = await serveSite({ standIn: real ? "none" : "worker" });
      const open: OpenPage = async ({ query = "", size } = {}) => {
        const machine = new GuestPage(await PlaywrightTab.open(browser, size === undefined ? {} : { viewport: size }), site.url);
        await machine.load(query);
        return machine;
      };
      try {
        await bootRunner.test("the application is within its budget, gzipped", async () => {
          log(`application without the guest: ${(site.bytes / 1000).toFixed(1)} KB gzipped`);
          check(site.bytes <= BUDGET_BYTES, `${site.bytes} bytes`);
        });
        await part(storageRunner, () => storageTests(storageRunner, executablePath));
        await part(replayRunner, () => replayTests(replayRunner, browser));
        const store = await serveStore();
        await part(storageRunner, () => storeTests(storageRunner, executablePath, store));
        await part(firefoxRunner, async () => storeFirefoxTests(firefoxRunner, await findFirefox(log), store));
        await store.close();
        await part(bootRunner, () => bootTests(bootRunner, browser, site));
        if (real) await part(bootRunner, () => lifecycleTests(bootRunner, open));
        if (real) {
          await part(bootRunner, async () => {
            const snapshots = await serveSnapshots();
            try {
              await snapshotTests(bootRunner, executablePath, snapshots);
            } finally {
              await snapshots.close();
            }
          });
        }
        if (real) await part(bootRunner, () => screenTests(bootRunner, browser, site));
        if (real) await part(bootRunner, () => snapshotPageTests(bootRunner, open));
        if (real) await part(bootRunner, () => diskTests(bootRunner, open));
        if (real) await part(bootRunner, () => inspectorTests(bootRunner, open));
        const embed = await serveEmbed();
        if (real) await part(embedRunner, () => embedTests(embedRunner, () => PlaywrightTab.open(browser), embed));
        if (real) await part(embedRunner, () => embedShareTests(embedRunner, browser, embed));
        if (real) await part(bootRunner, () => pwaTests(bootRunner, () => PlaywrightTab.open(browser)));
        await part(firefoxRunner, async () => firefoxTests(firefoxRunner, await findFirefox(log), site, embed));
        embed.close();
      } finally {
        await site.close();
      }
    } finally {
      await browser.close();
    }
  });
  const all = [pageRunner, panelRunner, storageRunner, replayRunner, bootRunner, embedRunner, firefoxRunner];
  return { passed: all.reduce((n, r) => n + r.passed, 0), failures: all.flatMap((r) => r.failures) };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const result = await runE2e(process.argv[2] === undefined ? null : new RegExp(process.argv[2]));
  console.log(`${result.passed} passed, ${result.failures.length} failed`);
  process.exit(result.failures.length === 0 ? 0 : 1);
}
