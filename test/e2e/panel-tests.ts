/** The panels with the stand-in manager: the snapshot tree, comparison, the shared folder, storage, saved machines. */
import { readFileSync } from "node:fs";
import type { Browser, Page } from "playwright";
import { check, equal, type Runner, type Site } from "./harness.ts";
import { type MachinePage } from "./machine-page.ts";
import { pageTest } from "./one-page.ts";

async function take(page: Page, name: string, notes = ""): Promise<void> {
  await page.locator("#take-snapshot").click();
  await page.locator("#ask-text").fill(name);
  await page.locator("#ask-notes").fill(notes);
  await page.locator("#ask-yes").click();
  await page.locator(".tree-row", { hasText: name }).waitFor();
}

/** a, then b and c after it, then back to a, then d. */
async function grow(m: MachinePage): Promise<void> {
  const { page } = m;
  await m.waitForPrompt();
  await page.locator('#panel-tabs [data-panel="snapshots"]').click();
  for (const name of ["a", "b", "c"]) await take(page, `Snapshot ${name}`);
  await page.locator(".tree-row", { hasText: "Snapshot a" }).click();
  await page.locator("#snapshot-restore").click();
  await page.locator("#ask-yes").click();
  await take(page, "Snapshot d", "the other way");
}

const rows = (page: Page): Promise<string[]> => page.evaluate(() =>
  [...document.querySelectorAll(".tree-row")].map((row) => `${row.querySelector("strong")?.textContent ?? ""}/${row.getAttribute("aria-level") ?? ""}`));

export async function panelTests(runner: Runner, browser: Browser, site: Site): Promise<void> {
  const test = pageTest(runner, browser, site);

  await test("snapshots are drawn as a tree", async (m) => {
    const { page } = m;
    await grow(m);
    equal(await rows(page), ["Snapshot a/1", "Snapshot b/2", "Snapshot c/3", "Snapshot d/2", "Now/3"], "rows and levels");
    equal(await page.locator(".tree-lines circle").count(), 5, "dots");
    equal(await page.locator(".tree-lines path").count(), 4, "lines");
    equal(await page.locator(".tree-row .thumb img").count(), 4, "pictures");
    await page.locator(".tree-row", { hasText: "Snapshot d" }).click();
    check(/the other way/.test((await page.locator(".details").textContent()) ?? ""), "notes");
    check(/bin {2}dev/.test((await page.locator(".tail").textContent()) ?? ""), "the end of the terminal");
  });

  await test("the snapshot tree works with the keyboard alone", async (m) => {
    const { page } = m;
    await grow(m);
    const at = (): Promise<string> => page.evaluate(() => document.activeElement?.querySelector("strong")?.textContent ?? "");
    await page.locator('.tree-row[tabindex="0"]').focus();
    await page.keyboard.press("Home");
    equal(await at(), "Snapshot a", "Home");
    await page.keyboard.press("ArrowDown");
    equal(await at(), "Snapshot b", "down");
    await page.keyboard.press("ArrowRight");
    equal(await at(), "Snapshot c", "right: the first child");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    equal(await at(), "Snapshot a", "left: the parent");
    await page.keyboard.press("F2");
    await page.locator("#ask-text").fill("Root");
    await page.keyboard.press("Enter");
    await m.poll(async () => (await rows(page))[0] === "Root/1", "the new name");
    equal(await at(), "Root", "the focus stays");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Delete");
    await page.locator("#ask-yes").click();
    await m.poll(async () => (await rows(page)).join(" ") === "Root/1 Snapshot c/2 Snapshot d/2 Now/3", "the child of a deleted one stays");
    await page.locator(".tree-row", { hasText: "Snapshot c" }).focus();
    await page.keyboard.press("Enter");
    await page.locator("#ask-yes").click();
    await m.poll(async () => (await rows(page)).join(" ") === "Root/1 Snapshot d/2 Snapshot c/2 Now/3", "Enter restores");
  });

  await test("two snapshots are compared; a branch is a machine of its own", async (m) => {
    const { page } = m;
    await grow(m);
    await page.locator(".tree-row", { hasText: "Snapshot a" }).click();
    await page.locator("#snapshot-compare").click();
    await page.locator(".tree-row", { hasText: "Snapshot c" }).click();
    await page.locator("#compare[open]").waitFor();
    equal(await page.locator("#compare-pages").textContent(), "5,120 of 65,536 pages", "pages");
    check(/disk0.*12 blocks.*786 KB/.test((await page.locator(".figures-table").textContent()) ?? ""), "blocks");
    equal(await page.locator(".ram-map i").count(), 128, "the picture of the RAM");
    await page.keyboard.press("Escape");
    await page.locator("#snapshot-branch").click();
    await m.poll(async () => (await page.locator("#machine-name").textContent()) === "Linux branch", "the branch is shown");
  });

  await test("a shared folder takes dropped files and gives them out again", async (m) => {
    const { page } = m;
    await m.waitForPrompt();
    await page.locator('#panel-tabs [data-panel="files"]').click();
    await page.getByText("Empty. Drop files here.").waitFor();
    const data = await page.evaluateHandle(() => {
      const transfer = new DataTransfer();
      transfer.items.add(new File(["hello there"], "notes.txt"));
      return transfer;
    });
    await page.dispatchEvent("#panel-body", "dragover", { dataTransfer: data });
    check(await page.locator("#drop-layer").isHidden(), "the page's own layer is not shown over it");
    await page.dispatchEvent("#panel-body", "drop", { dataTransfer: data });
    await page.locator('[data-path="notes.txt"]').waitFor();
    const [download] = await Promise.all([page.waitForEvent("download"), page.locator('[data-path="notes.txt"] .entry-open').click()]);
    equal(readFileSync(await download.path(), "utf8"), "hello there", "the file that came out");
    await page.locator("#files-folder").click();
    await page.locator("#ask-text").fill("deep");
    await page.keyboard.press("Enter");
    await page.locator('[data-path="deep"] .entry-open').click();
    await page.locator("#files-input").setInputFiles([{ name: "one", mimeType: "text/plain", buffer: Buffer.from("1") }, { name: "two", mimeType: "text/plain", buffer: Buffer.from("2") }]);
    await page.locator('[data-path="deep/two"]').waitFor();
    await page.getByRole("button", { name: "share", exact: true }).click();
    equal(await page.locator(".entry .name").allTextContents(), ["deep", "notes.txt"], "folders first");
    await page.getByRole("button", { name: "Delete notes.txt" }).click();
    await page.locator("#ask-yes").click();
    await m.poll(async () => (await page.locator(".entry").count()) === 1, "the file is gone");
  });

  await test("a fork runs at once; a saved machine comes back from a file", async (m) => {
    const { page } = m;
    await m.waitForPrompt();
    const menu = async (machine: string, entry: string): Promise<void> => {
      await page.getByRole("button", { name: `More about ${machine}`, exact: true }).click();
      await page.getByRole("menuitem", { name: entry }).click();
    };
    await menu("Linux", "Fork: a twin that runs on");
    await m.poll(async () => (await page.locator("#machine-name").textContent()) === "Linux fork", "the twin is shown");
    await m.waitForPrompt();
    const [download] = await Promise.all([page.waitForEvent("download"), menu("Linux", "Export as a file…")]);
    equal(download.suggestedFilename(), "Linux.tabvisor", "file name");
    const file = await download.path();
    await page.locator("#new-machine").click();
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.locator("#import-machine").click()]);
    await chooser.setFiles({ name: "Linux.tabvisor", mimeType: "application/octet-stream", buffer: readFileSync(file) });
    await m.poll(async () => (await page.locator(".machine").count()) === 3, "the imported one");
    await page.locator("#new-machine").click();
    const [again] = await Promise.all([page.waitForEvent("filechooser"), page.locator("#import-machine").click()]);
    await again.setFiles({ name: "bad.tabvisor", mimeType: "application/octet-stream", buffer: Buffer.from("nonsense") });
    await page.locator("#banner:not([hidden])").waitFor();
    equal(await page.locator("#banner-text").textContent(), "this is no saved machine", "one clear line");
  });

  await test("storage says how much there is, and asks to keep it", async (m) => {
    const { page } = m;
    await m.waitForPrompt();
    await m.poll(async () => (await page.locator("#storage-text").textContent()) === "84.0 MB of 2.0 GB, not persistent", "usage");
    await page.locator("#open-storage").click();
    await page.locator("#storage-persist").click();
    await page.getByText("The browser keeps it until you remove it.").waitFor();
  });

  await test("panels and dialogs fit a phone", async (m) => {
    const { page } = m;
    await m.waitForPrompt();
    const fits = async (state: string): Promise<void> => {
      const beyond = await page.evaluate(() => [...document.querySelectorAll("button, input, select, h2, h3, dd, p")].filter((e) => {
        const box = e.getBoundingClientRect();
        return box.width > 0 && e.closest(".keybar, .visually-hidden, .xterm, .tree-box") === null && (box.right > innerWidth + 0.5 || box.left < -0.5);
      }).map((e) => e.id || e.textContent));
      equal(beyond, [], `${state}: nothing is wider than the screen`);
      equal(await page.evaluate(() => document.documentElement.scrollWidth), 360, `${state}: no sideways scroll`);
    };
    for (const name of ["snapshots", "drives", "files", "log"]) {
      await page.locator(`#panel-tabs [data-panel="${name}"]`).tap();
      await page.locator("#panel").waitFor();
      await page.waitForTimeout(200);
      await fits(name);
      await page.locator("#panel-close").tap();
    }
    await page.locator("#toggle-machines").tap();
    await page.waitForTimeout(200);
    await fits("machines");
    await page.locator("#new-machine").tap();
    await page.waitForTimeout(300);
    await fits("new machine");
  }, { context: { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true } });
}
