/** The screen in the page: a kernel's text console, typing on the PC's keyboard, a linear framebuffer, the on-screen keyboard. */
import type { Browser } from "playwright";
import { check, equal, type Runner, type Site } from "./harness.ts";
import { MachinePage } from "./machine-page.ts";
import { typeOnScreen } from "./on-screen.ts";

const BOOT_MS = 180_000;
/** The last console gets the shell. */
const CMDLINE = "console=ttyS0 console=tty0 nokaslr cryptomgr.notests";

export async function screenTests(runner: Runner, browser: Browser, site: Site): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 } });
  let machine: MachinePage | null = null;
  const test = (name: string, body: (m: MachinePage) => Promise<void>): Promise<void> =>
    runner.test(
      name,
      async () => {
        machine ??= await MachinePage.open(context, site.url, "?autostart=0");
        await body(machine);
        equal(machine.errors, [], "uncaught errors on the page");
      },
      () => machine?.page ?? null,
      BOOT_MS + 60_000,
    );

  await test("screen: boots with its console on the screen", async (m) => {
    await m.page.locator('#views [data-view="screen"]').click();
    await m.page.locator("#open-settings").click();
    await m.page.locator("#cmdline").fill(CMDLINE);
    await m.page.locator("#settings-start").click();
    await m.waitForScreen(/# *$/, BOOT_MS);
    check((await m.screen()).includes("BusyBox"), "the shell greets on the screen");
    equal(await m.page.locator("#screen-size").textContent(), "720 × 400", "size");
  });
  await test("screen: typing on its keyboard reaches the shell", async (m) => {
    await typeOnScreen(m, "echo The Answer is 42\n");
    await m.waitForScreen(/^The Answer is 42$/m, 20_000);
  });
  await test("screen: the picture shows the text", async (m) => {
    // Light pixels where the line stands, none below the last one.
    const shot = await m.page.locator("#screen-canvas").screenshot();
    const light = await m.page.evaluate(async (base64) => {
      const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${base64}`)).blob());
      const canvas = new OffscreenCanvas(image.width, image.height);
      const draw = canvas.getContext("2d");
      draw?.drawImage(image, 0, 0);
      const { data } = draw?.getImageData(0, 0, image.width, image.height) ?? { data: [] };
      let n = 0;
      for (let i = 0; i < data.length; i += 4) if (data[i] > 100) n++;
      return n / (data.length / 4);
    }, shot.toString("base64"));
    check(light > 0.005 && light < 0.5, `${(light * 100).toFixed(2)} % of the pixels are light`);
  });
  await test("screen: the on-screen keyboard types, Caps Lock lights its lamp", async (m) => {
    await m.page.locator("#screen-keyboard").click();
    for (const code of ["KeyE", "KeyC", "KeyH", "KeyO", "Space", "Digit7"]) await m.page.locator(`#osk [data-code="${code}"]`).click();
    await m.page.locator('#osk [data-code="ShiftLeft"]').click();
    await m.page.locator('#osk [data-code="KeyX"]').click();
    await m.page.waitForTimeout(200);
    await m.page.locator('#osk [data-code="Enter"]').click();
    await m.waitForScreen(/^7X$/m, 20_000);
    await m.page.locator('#osk [data-code="CapsLock"]').click();
    await m.page.locator('#screen-leds .led[data-on="true"]', { hasText: "Caps" }).waitFor();
    await m.page.locator('#osk [data-code="CapsLock"]').click();
    await m.page.locator("#screen-keyboard").click();
  });
  await test("screen: both views side by side, and Alt+Shift+T leaves the screen", async (m) => {
    await m.page.locator('#views [data-view="both"]').click();
    await m.page.locator("#screen").focus();
    await m.page.keyboard.press("Alt+Shift+T");
    check(await m.page.evaluate(() => document.activeElement?.id !== "screen"), "the focus has left");
    await typeOnScreen(m, "echo still fine\n");
    await m.waitForScreen(/^still fine$/m, 20_000); // no key hangs
  });
  await context.close();
}
