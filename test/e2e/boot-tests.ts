/** The machine in the page: boot to the prompt, commands, paste, bad images. In Chromium. */
import { createHash } from "node:crypto";
import type { Browser } from "playwright";
import { check, equal, sampleText, type Runner, type Site } from "./harness.ts";
import { MachinePage } from "./machine-page.ts";
import { multibootKernel } from "./tiny-kernels.ts";

/** A boot to the prompt on a slow, shared machine. */
const BOOT_MS = 180_000;

export async function bootTests(runner: Runner, browser: Browser, site: Site): Promise<void> {
  const context = await browser.newContext({ permissions: ["clipboard-read", "clipboard-write"] });
  let machine: MachinePage | null = null;
  let failed = false;
  let attempts = 0;
  let boots = 0;
  /** The one page of these tests with a prompt; a fresh one after a failure. */
  const booted = async (fresh: boolean): Promise<MachinePage> => {
    // Nothing is gained by waiting for a prompt again and again that has never come.
    check(boots > 0 || attempts++ === 0, "the guest does not boot, see above");
    if (fresh) {
      await machine?.page.close();
      machine = null;
    }
    machine ??= await MachinePage.open(context, site.url);
    const phase = await machine.phase();
    if (phase === "off" || phase === "stopped") await machine.chooseDefault();
    await machine.waitForPrompt(BOOT_MS);
    boots++;
    return machine;
  };
  const test = (name: string, body: (m: MachinePage) => Promise<void>): Promise<void> =>
    runner.test(
      name,
      async () => {
        const fresh = failed;
        failed = true;
        await body(await booted(fresh));
        equal(machine?.errors, [], "uncaught errors on the page");
        failed = false;
      },
      () => machine?.page ?? null,
      BOOT_MS + 60_000,
    );

  await test("boots the default guest, which answers a command", async (m) => {
    check((await m.text()).includes("Linux version"), "the kernel's log is there");
    equal(await m.command("echo $((6*7))"), "42", "answer");
  });

  await test("Ctrl-C interrupts", async (m) => {
    await m.type("cat > /dev/null\n");
    // The shell reads its line in raw mode: a Ctrl-C that comes before the command runs is a character of its input.
    await m.waitForText(/cat > \/dev\/null$/);
    await m.page.waitForTimeout(300);
    await m.page.keyboard.press("Control+C");
    equal(await m.command("echo alive"), "alive", "answer");
  });

  await test("a paste of 4 KB arrives whole", async (m) => {
    const text = sampleText(4096);
    await m.type("cat > /tmp/x\n");
    await m.waitForText(/cat > \/tmp\/x$/);
    await m.page.waitForTimeout(200);
    await m.paste(text);
    await m.waitForText(new RegExp(text.trimEnd().slice(-20)), 60_000);
    await m.page.keyboard.press("Control+D");
    const digest = createHash("sha256").update(text).digest("hex");
    const answer = await m.command("sha256sum /tmp/x", 60_000);
    check(answer.includes(digest), `the checksum is the same, got ${answer}`);
  });

  await test("a kernel that triple-faults is shown with registers, and the page goes on", async (m) => {
    // lidt [nothing]; int3: no handler, no double fault handler
    await m.chooseOwn({ name: "triple.elf", bytes: multibootKernel([0x0f, 0x01, 0x1d, 0, 0, 0, 0, 0xcc, 0xf4]) });
    await m.waitForPhase("stopped", 60_000);
    equal(await m.page.locator("#stopped-title").textContent(), "Triple fault", "title");
    check(((await m.page.locator("#stopped-registers").textContent()) ?? "").length > 50, "registers are shown");
    check(((await m.page.locator("#stopped-code").textContent()) ?? "").length > 5, "instructions are shown");
  });

  await test("a file that is no kernel gives one clear line", async (m) => {
    await m.chooseOwn({ name: "holiday.jpg", bytes: Buffer.from("not a kernel at all") });
    await m.page.locator("#failure").waitFor();
    const message = (await m.page.locator("#failure").textContent()) ?? "";
    check(message.length > 5 && !message.includes("\n") && !/undefined|TypeError| at /.test(message), `one clear line, got ${message}`);
  });

  await context.close();
}
