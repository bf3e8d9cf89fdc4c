/** Machines in the page, with the stand-in workers: the list, new ones, names, copies, settings as text, drives, folders, terminals, log. */
import { readFileSync } from "node:fs";
import type { Browser, Page } from "playwright";
import { check, equal, type Runner, type Site } from "./harness.ts";
import { pageTest } from "./one-page.ts";

const names = (page: Page): Promise<string[]> => page.locator(".machine-name").allTextContents();

async function make(page: Page, template: string): Promise<void> {
  await page.locator("#new-machine").click();
  await page.locator(`[data-template="${template}"]`).click();
}

async function menu(page: Page, machine: string, entry: string): Promise<void> {
  await page.getByRole("button", { name: `More about ${machine}`, exact: true }).click();
  await page.getByRole("menuitem", { name: entry }).click();
}

async function panel(page: Page, name: string): Promise<void> {
  await page.locator(`#panel-tabs [data-panel="${name}"]`).click();
  await page.locator("#panel").waitFor();
}

export async function machineTests(runner: Runner, browser: Browser, site: Site): Promise<void> {
  const test = pageTest(runner, browser, site);

  await test("a second machine runs beside the first, each with a terminal of its own", async (m) => {
    const { page } = m;
    await m.command("echo first");
    await make(page, "default");
    await m.poll(async () => (await page.locator("#machine-name").textContent()) === "Linux", "the new machine");
    await m.command("echo second");
    check(!(await m.text()).includes("first"), "the terminals are not mixed");
    equal(await names(page), ["Machine", "Linux"], "the list");
    await m.poll(async () => (await page.locator(".machine-state").allTextContents()).every((t) => t.includes("Running")), "both run");
    await page.getByRole("button", { name: "Machine Running" }).click();
    check((await m.text()).includes("first"), "the first machine's terminal is shown again");
    await page.locator("#add-terminal").click();
    await page.getByRole("menuitem", { name: "Linux, ttyS0" }).click();
    equal(await page.locator(".pane:visible").count(), 2, "two terminals are seen");
    // The added terminal has the focus.
    await page.keyboard.type("echo typed-beside\n");
    await m.poll(async () => /\ntyped-beside/.test(await page.locator(".pane:visible").nth(1).innerText()), "the answer in the second");
    check(!(await m.text()).includes("typed-beside"), "the first has not got it");
    await page.getByRole("button", { name: "Close this terminal" }).nth(1).click();
    equal(await page.locator(".pane:visible").count(), 1, "one is left");
  });

  await test("machines are renamed, copied and deleted, and are there after a reload", async (m) => {
    const { page } = m;
    await m.waitForPrompt();
    await menu(page, "Machine", "Rename…");
    await page.locator("#ask-text").fill("Shell");
    await page.keyboard.press("Enter");
    await m.poll(async () => (await names(page))[0] === "Shell", "the new name");
    equal(await page.locator("#machine-name").textContent(), "Shell", "name on top");
    await menu(page, "Shell", "Clone: a new one like it");
    await m.poll(async () => (await names(page)).length === 2, "the copy");
    await page.reload();
    await m.poll(async () => JSON.stringify(await names(page)) === '["Shell","Shell copy"]', "both after a reload");
    equal(await page.locator("#machine-name").textContent(), "Shell copy", "the one that was chosen");
    await menu(page, "Shell copy", "Delete…");
    equal(await page.evaluate(() => document.activeElement?.textContent), "Cancel", "what cannot be undone is not under the Enter key");
    await page.locator("#ask-yes").click();
    await m.poll(async () => JSON.stringify(await names(page)) === '["Shell"]', "one is left");
    equal(await page.locator("#machine-name").textContent(), "Shell", "the other one is shown");
    await menu(page, "Shell", "Delete…");
    await page.locator("#ask-yes").click();
    await page.getByText("There is no machine").waitFor();
    check(await page.locator("#power-on").isDisabled(), "nothing to power on");
  });

  await test("the definition as text: errors by line, a good one is taken", async (m) => {
    const { page } = m;
    await m.waitForPrompt();
    await page.locator("#open-settings").click();
    await page.locator("#settings-tab-yaml").click();
    await page.locator("#yaml").fill("name: Small\nmemory: lots\nboot:\n  kernl: {guest: default}\n");
    await page.locator("#yaml-errors li").first().waitFor();
    const errors = (await page.locator("#yaml-errors li").allTextContents()).join("\n");
    check(/Line 2 memory/.test(errors) && /Line 4 boot\.kernl/.test(errors), `lines and fields are named, got ${errors}`);
    equal(await page.locator(".line-numbers .wrong").allTextContents(), ["2\n", "4\n"], "lines are marked");
    await page.getByRole("button", { name: "Line 4" }).click();
    equal(await page.evaluate(() => { const t = document.querySelector<HTMLTextAreaElement>("#yaml"); return t?.value.slice(t.selectionStart, t.selectionEnd); }), "  kernl: {guest: default}", "the line is selected");
    await page.locator("#settings-start").click();
    check(await page.locator("#settings[open]").isVisible(), "a wrong one is not taken");
    await page.locator("#yaml").fill("name: Small\nmemory: 128M\ncpu: {model: \"x86-64-v2,-sse4.2\", share: 50%}\n");
    await page.locator("#settings-start").click();
    await m.waitForText(/cpu x86-64-v2,-sse4\.2/);
    equal(await page.locator("#machine-name").textContent(), "Small", "name");
    await page.locator("#open-settings").click();
    equal(await page.locator("#memory").inputValue(), "128", "RAM in the form");
    equal(await page.locator("#share").inputValue(), "50", "share in the form");
  });

  await test("a definition file makes a machine; it is given out again", async (m) => {
    const { page } = m;
    await m.waitForPrompt();
    await page.locator("#new-machine").click();
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.locator("#from-definition").click()]);
    await chooser.setFiles({ name: "small.yaml", mimeType: "application/yaml", buffer: Buffer.from("name: From a file\nmemory: 64M\ndisks:\n  - image: {blank: 8M}\n    bus: ide\n") });
    await m.poll(async () => (await names(page)).includes("From a file"), "the machine");
    const [download] = await Promise.all([page.waitForEvent("download"), menu(page, "From a file", "Definition as YAML…")]);
    equal(download.suggestedFilename(), "From-a-file.yaml", "file name");
    check(/memory: 64/.test(readFileSync(await download.path(), "utf8")), "the file holds the definition");
    await page.locator("#new-machine").click();
    const [again] = await Promise.all([page.waitForEvent("filechooser"), page.locator("#from-definition").click()]);
    await again.setFiles({ name: "bad.yaml", mimeType: "application/yaml", buffer: Buffer.from("name: Bad\nmemory: 1\nsurprise: yes\n") });
    await page.locator("#banner:not([hidden])").waitFor();
    check(/^bad\.yaml:\d+: /.test((await page.locator("#banner-text").textContent()) ?? ""), "file, line and field in one line");
  });

  await test("drives: a new disk, a CD that is inserted and ejected, writes, the boot order", async (m) => {
    const { page } = m;
    await m.waitForPrompt();
    await page.locator("#power-off").click();
    await panel(page, "drives");
    await page.getByText("There are no drives.").waitFor();
    const add = async (entry: string): Promise<void> => {
      await page.locator("#add-drive").click();
      await page.getByRole("menuitem", { name: entry }).click();
    };
    await add("New, empty disk…");
    await page.locator("#blank-size").fill("lots");
    await page.locator("#blank-add").click();
    await page.locator("#blank-disk [role=alert]:not([hidden])").waitFor();
    await page.locator("#blank-size").fill("64M");
    await page.keyboard.press("Enter");
    await page.locator('[data-drive="disk0"]').waitFor();
    check(/Disk sda.*New disk of 67/.test((await page.locator('[data-drive="disk0"]').textContent()) ?? ""), "the disk is named and sized");
    await add("Empty CD-ROM");
    await page.locator("#cdrom0-insert").click();
    const iso = Buffer.alloc(0x9000);
    iso.write("CD001", 0x8001, "latin1");
    await page.locator("#source-file").setInputFiles({ name: "tools.iso", mimeType: "application/octet-stream", buffer: iso });
    await page.getByText("tools.iso").waitFor();
    await page.locator("#cdrom0-eject").click();
    await m.poll(async () => /Empty/.test((await page.locator('[data-drive="cdrom0"]').textContent()) ?? ""), "an empty drive");
    await page.locator("#disk0-writes").selectOption("discard");
    await page.locator("#open-settings").click();
    await page.locator('input[name="source"][value="firmware"]').check({ force: true });
    await page.getByRole("button", { name: "Try CD-ROM earlier" }).click();
    await page.locator("#settings-save").click();
    await page.locator("#open-settings").click();
    await page.locator("#settings-tab-yaml").click();
    const yaml = await page.locator("#yaml").inputValue();
    check(/writes: discard/.test(yaml) && /firmware: own/.test(yaml) && /order:\s*\n\s+- cdrom\s*\n\s+- disk/.test(yaml), `the definition has it all: ${yaml}`);
    await page.keyboard.press("Escape");
    await page.locator("#disk0-remove").click();
    await page.locator("#ask-yes").click();
    await m.poll(async () => (await page.locator(".drive").count()) === 1, "the disk is gone");
    // The file is kept until it is removed.
    await page.locator("#open-storage").click();
    await page.getByRole("button", { name: "Remove tools.iso" }).click();
    await page.locator("#ask-yes").click();
    await m.poll(async () => (await page.locator("#storage-files li").count()) === 0, "the file is gone");
  });

  await test("the log says what has happened", async (m) => {
    const { page } = m;
    await m.waitForPrompt();
    await panel(page, "log");
    await m.type("panic\n");
    await m.waitForPhase("stopped");
    await m.poll(async () => (await page.locator(".log .error").allTextContents()).some((t) => t.includes("Kernel panic")), "the panic in the log");
    await page.locator("#panel").press("Escape");
    check(await page.locator("#panel").isHidden(), "Esc closes the panel");
    equal(await page.evaluate(() => (document.activeElement as HTMLElement).dataset["panel"]), "log", "the focus is back at its button");
  });
}
