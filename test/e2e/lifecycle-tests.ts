/** A real machine's life in the page, in each browser: paused, reset, off and on, and by another name. */
import { flow, once, type OpenPage } from "./flows.ts";
import { check, equal, type Runner } from "./harness.ts";

const BOOT_MS = 180_000;

export async function lifecycleTests(runner: Runner, open: OpenPage): Promise<void> {
  const booted = once(async (m) => {
    await m.waitForPrompt(BOOT_MS);
  });
  await flow(runner, open, BOOT_MS + 60_000, async (test) => {
    await test("life: pauses and resumes", async (m) => {
      await booted(m);
      await m.tab.click("#pause");
      await m.waitForPhase("paused");
      await m.type("echo later-$((1+1))\n");
      await m.sleep(300);
      check(!(await m.text()).includes("later-2"), "a paused machine does not answer");
      await m.tab.click("#pause");
      await m.waitForText(/later-2/);
    });
    await test("life: resets to a fresh boot", async (m) => {
      await booted(m);
      await m.command("echo x > /tmp/gone");
      await m.tab.click("#reset");
      await m.poll(async () => !(await m.text()).includes("/tmp/gone"), "a clean terminal", BOOT_MS);
      await m.waitForPrompt(BOOT_MS);
      check(/No such file/.test(await m.command("cat /tmp/gone")), "the old machine's files are gone");
    });
    await test("life: powers off and on", async (m) => {
      await booted(m);
      await m.tab.click("#power-off");
      await m.waitForPhase("off");
      await m.tab.click("#power-on");
      await m.waitForPrompt(BOOT_MS);
      equal(await m.command("echo $((6*7))"), "42", "answer");
    });
    await test("life: renamed while it runs, and deleted", async (m) => {
      await booted(m);
      await m.menu("Machine", "Rename…");
      await m.tab.fill("#ask-text", "Shell");
      await m.tab.press("Enter");
      await m.poll(async () => (await m.tab.text("#machine-name")) === "Shell", "the new name");
      equal(await m.command("echo $((6*7))"), "42", "answer");
      await m.menu("Shell", "Delete…");
      await m.tab.click("#ask-yes");
      await m.poll(async () => (await m.tab.count(".machine")) === 0, "an empty list");
      equal(await m.tab.count("#power-on:disabled"), 1, "nothing to power on");
    });
  });
}
