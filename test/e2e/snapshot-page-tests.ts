/** Snapshots of the real machine in the page, in each browser: taken while it runs, restored, kept over a reload, forked, exported and read again. */
import { statSync } from "node:fs";
import { flow, once, type OpenPage } from "./flows.ts";
import type { GuestPage } from "./guest-page.ts";
import { check, equal, type Runner } from "./harness.ts";

const BOOT_MS = 180_000;
const RESTORE_MS = 30_000;

const row = (name: string): { readonly css: string; readonly has: string } => ({ css: ".tree-row", has: name });
const rows = (m: GuestPage): Promise<string[]> => m.tab.texts(".tree-row strong");

async function take(m: GuestPage, name: string): Promise<void> {
  await m.tab.click("#take-snapshot");
  await m.tab.fill("#ask-text", name);
  await m.tab.click("#ask-yes");
  await m.poll(async () => (await m.tab.count(row(name))) === 1, `the snapshot '${name}' in the tree`, 60_000);
}

async function restore(m: GuestPage, name: string): Promise<void> {
  await m.tab.click(row(name));
  await m.tab.click("#snapshot-restore");
  if (["running", "paused"].includes(await m.phase())) {
    // The machine runs until it is replaced: what has changed then is the terminal, which shows what the snapshot had seen.
    const before = await m.text();
    await m.tab.click("#ask-yes");
    await m.poll(async () => (await m.text()) !== before, `the terminal of '${name}'`, RESTORE_MS);
  }
  await m.waitForPhase("running", RESTORE_MS);
}

// What is typed at once overtakes the terminal's answer to the shell, which asks where the cursor is: that answer may stand before a command's output.
export async function snapshotPageTests(runner: Runner, open: OpenPage): Promise<void> {
  /** A tree of two branches; the machine runs on from "one". */
  const taken = once(async (m) => {
    await m.waitForPrompt(BOOT_MS);
    await m.tab.click('#panel-tabs [data-panel="snapshots"]');
    await m.command("echo one > /tmp/x");
    await take(m, "one");
    await m.command("echo two > /tmp/x");
    await take(m, "two");
    equal(await m.command("cat /tmp/x"), "two", "now");
    await restore(m, "one");
    equal(await m.command("cat /tmp/x", RESTORE_MS), "one", "after the restore");
    await take(m, "other");
  });
  await flow(runner, open, BOOT_MS + 60_000, async (test) => {
    await test("snapshots: what was done since is gone after a restore", async (m) => {
      await taken(m);
      equal(await rows(m), ["one", "two", "other", "Now"], "the tree has two branches");
      check(/[1-9]/.test(await m.tab.text(".tree-row")), "it says what is stored");
    });
    await test("snapshots: two are compared by their pages", async (m) => {
      await taken(m);
      await m.tab.click(row("one"));
      await m.tab.click("#snapshot-compare");
      await m.tab.click(row("two"));
      await m.tab.seen("#compare[open]");
      const [differing, total] = (await m.tab.text("#compare-pages")).replaceAll(",", "").match(/\d+/g)?.map(Number) ?? [0, 0];
      equal(total, 65536, "pages of 256 MiB");
      check(differing > 0 && differing < total / 2, `${differing} pages differ`);
      await m.tab.press("Escape");
    });
    await test("snapshots: they are there after a reload, and one goes on at once", async (m) => {
      await taken(m);
      await m.load("?autostart=0");
      await m.tab.seen(".tree-row");
      equal(await rows(m), ["one", "two", "other", "Now"], "the tree");
      await restore(m, "two");
      await m.type("\ncat /tmp/x\n");
      await m.waitForText(/two\n/, RESTORE_MS);
    });
    await test("snapshots: a fork is a machine of its own", async (m) => {
      await taken(m);
      await restore(m, "two");
      await m.menu("Machine", "Fork: a twin that runs on");
      await m.poll(async () => (await m.tab.count(".machine")) === 2, "the twin in the list", RESTORE_MS);
      await m.poll(async () => (await m.tab.text("#machine-name")) !== "Machine", "the twin is shown", RESTORE_MS);
      await m.type("\necho three > /tmp/x; cat /tmp/x\n");
      await m.waitForText(/three\n/, RESTORE_MS);
      await m.tab.click(".machine-open");
      await m.type("\ncat /tmp/x; echo of the first\n");
      await m.waitForText(/two\nof the first\n/, RESTORE_MS);
    });
    await test("snapshots: exported and read again, it goes on", async (m) => {
      await taken(m);
      const before = await m.tab.count(".machine");
      await m.openMenu("Machine");
      const file = await m.tab.download({ css: "[role=menuitem]", text: "Export as a file…" }, 60_000);
      check(statSync(file).size > 100_000, "the file holds something");
      await m.tab.click("#new-machine");
      await m.tab.pick("#import-machine", file);
      await m.poll(async () => (await m.tab.count(".machine")) === before + 1, "the third machine", 60_000);
      // The list grows first: until the new machine is shown, a row of this name is another's.
      await m.tab.seen('.machine:last-child .machine-open[aria-current="true"]', RESTORE_MS);
      await m.tab.seen(row("one"), RESTORE_MS);
      await restore(m, "one");
      await m.type("\ncat /tmp/x; echo read again\n");
      await m.waitForText(/one\nread again\n/, RESTORE_MS);
    });
    await test("snapshots: one is deleted, the rest stays", async (m) => {
      await taken(m);
      await m.tab.click(".machine-open");
      await m.tab.seen(row("other"));
      const before = await rows(m);
      await m.tab.click(row("other"));
      await m.tab.click("#snapshot-delete");
      await m.tab.click("#ask-yes");
      await m.poll(async () => JSON.stringify(await rows(m)) === JSON.stringify(before.filter((name) => name !== "other")), "the tree without it", RESTORE_MS);
    });
  });
}
