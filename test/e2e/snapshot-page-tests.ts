/** Snapshots of the real machine in the page: taken while it runs, restored, kept over a reload, forked, exported and read again. */
import { readFileSync } from "node:fs";
import type { Browser } from "playwright";
import { check, equal, MachinePage, type Runner, type Site } from "./harness.ts";

const BOOT_MS = 180_000;
const RESTORE_MS = 30_000;

async function take(m: MachinePage, name: string): Promise<void> {
  await m.page.locator("#take-snapshot").click();
  await m.page.locator("#ask-text").fill(name);
  await m.page.locator("#ask-yes").click();
  await m.poll(async () => (await m.page.locator(".tree-row", { hasText: name }).count()) === 1, `the snapshot '${name}' in the tree`, 60_000);
}

async function restore(m: MachinePage, name: string): Promise<void> {
  await m.page.locator(".tree-row", { hasText: name }).click();
  await m.page.locator("#snapshot-restore").click();
  const ask = m.page.locator("#ask-yes");
  if (["running", "paused"].includes(await m.phase())) {
    // The machine runs until it is replaced: what has changed then is the terminal, which shows what the snapshot had seen.
    const before = await m.text();
    await ask.click();
    await m.poll(async () => (await m.text()) !== before, `the terminal of '${name}'`, RESTORE_MS);
  }
  await m.waitForPhase("running", RESTORE_MS);
}

const rows = (m: MachinePage): Promise<string[]> => m.page.locator(".tree-row strong").allTextContents();

export async function snapshotPageTests(runner: Runner, browser: Browser, site: Site): Promise<void> {
  const context = await browser.newContext();
  let machine: MachinePage | null = null;
  const test = (name: string, body: (m: MachinePage) => Promise<void>): Promise<void> =>
    runner.test(
      `snapshots: ${name}`,
      async () => {
        machine ??= await MachinePage.open(context, site.url);
        await body(machine);
        equal(machine.errors, [], "uncaught errors on the page");
      },
      () => machine?.page ?? null,
      BOOT_MS + 60_000,
    );

  await test("what was done since is gone after a restore", async (m) => {
    await m.waitForPrompt(BOOT_MS);
    await m.page.locator('#panel-tabs [data-panel="snapshots"]').click();
    await m.command("echo one > /tmp/x");
    await take(m, "one");
    await m.command("echo two > /tmp/x");
    await take(m, "two");
    equal(await m.command("cat /tmp/x"), "two", "now");
    await restore(m, "one");
    equal(await m.command("cat /tmp/x", RESTORE_MS), "one", "after the restore");
    await take(m, "other");
    equal(await rows(m), ["one", "two", "other", "Now"], "the tree has two branches");
    check(/[1-9]/.test((await m.page.locator(".tree-row", { hasText: "one" }).textContent()) ?? ""), "it says what is stored");
  });
  await test("two are compared by their pages", async (m) => {
    await m.page.locator(".tree-row", { hasText: "one" }).click();
    await m.page.locator("#snapshot-compare").click();
    await m.page.locator(".tree-row", { hasText: "two" }).click();
    await m.page.locator("#compare[open]").waitFor();
    const [differing, total] = ((await m.page.locator("#compare-pages").textContent()) ?? "").replaceAll(",", "").match(/\d+/g)?.map(Number) ?? [0, 0];
    equal(total, 65536, "pages of 256 MiB");
    check(differing > 0 && differing < total / 2, `${differing} pages differ`);
    await m.page.keyboard.press("Escape");
  });
  await test("they are there after a reload, and one goes on at once", async (m) => {
    await m.page.goto(`${site.url}?autostart=0`);
    await m.page.waitForSelector("html[data-ready]");
    await m.page.locator(".tree-row").first().waitFor();
    equal(await rows(m), ["one", "two", "other", "Now"], "the tree");
    await restore(m, "two");
    await m.page.locator(".pane:not([hidden]) .xterm-helper-textarea").focus();
    await m.page.keyboard.type("\ncat /tmp/x\n");
    await m.waitForText(/\ntwo\n/, RESTORE_MS);
  });
  await test("a fork is a machine of its own", async (m) => {
    await m.page.getByRole("button", { name: "More about Machine", exact: true }).click();
    await m.page.getByRole("menuitem", { name: "Fork: a twin that runs on" }).click();
    await m.poll(async () => (await m.page.locator(".machine").count()) === 2, "the twin in the list", RESTORE_MS);
    await m.poll(async () => (await m.page.locator("#machine-name").textContent()) !== "Machine", "the twin is shown", RESTORE_MS);
    await m.type("\necho three > /tmp/x; cat /tmp/x\n");
    await m.waitForText(/\nthree\n/, RESTORE_MS);
    await m.page.locator(".machine-open").first().click();
    await m.type("\ncat /tmp/x; echo of the first\n");
    await m.waitForText(/\ntwo\nof the first\n/, RESTORE_MS);
  });
  await test("exported and read again, it goes on", async (m) => {
    await m.page.getByRole("button", { name: "More about Machine", exact: true }).click();
    const [download] = await Promise.all([m.page.waitForEvent("download", { timeout: 60_000 }), m.page.getByRole("menuitem", { name: "Export as a file…" }).click()]);
    const file = await download.path();
    check(readFileSync(file).length > 100_000, "the file holds something");
    await m.page.locator("#new-machine").click();
    const [chooser] = await Promise.all([m.page.waitForEvent("filechooser"), m.page.locator("#import-machine").click()]);
    await chooser.setFiles(file);
    await m.poll(async () => (await m.page.locator(".machine").count()) === 3, "the third machine", 60_000);
    await m.page.locator(".tree-row", { hasText: "one" }).waitFor({ timeout: RESTORE_MS });
    await restore(m, "one");
    await m.type("\ncat /tmp/x; echo read again\n");
    await m.waitForText(/\none\nread again\n/, RESTORE_MS);
  });
  await test("one is deleted, the rest stays", async (m) => {
    await m.page.locator(".machine-open").first().click();
    await m.page.locator(".tree-row", { hasText: "other" }).click();
    await m.page.locator("#snapshot-delete").click();
    await m.page.locator("#ask-yes").click();
    await m.poll(async () => JSON.stringify(await rows(m)) === JSON.stringify(["one", "two", "Exported", "Now"]), "the tree without it", RESTORE_MS);
  });
  await context.close();
}
