/** The page in Firefox, over WebDriver BiDi: boot and terminal, screen and keyboard, a snapshot, a reload. */
import puppeteer, { type Browser, type Page } from "puppeteer-core";
import { check, equal, PROMPT, type Runner, type Site } from "./harness.ts";

const BOOT_MS = 180_000;

/** One page of Firefox. */
class FoxPage {
  constructor(readonly page: Page) {}

  text(): Promise<string> {
    return this.page.evaluate(() => window.__tabvisorTerminalText?.() ?? "");
  }

  screen(): Promise<string> {
    return this.page.evaluate(async () => (await window.__tabvisorScreenText?.()) ?? "");
  }

  async until(what: string, ms: number, condition: () => Promise<boolean>): Promise<void> {
    const end = Date.now() + ms;
    while (!(await condition())) {
      const phase = await this.page.evaluate(() => document.documentElement.dataset["phase"]);
      check(phase !== "stopped", `the machine has ended; the terminal ends with: ${(await this.text()).slice(-300)}`);
      check(Date.now() < end, `waited ${ms / 1000} s for ${what}; the terminal ends with: ${(await this.text()).slice(-300)}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  waitForText(pattern: RegExp, ms: number): Promise<void> {
    return this.until(pattern.source, ms, async () => pattern.test(await this.text()));
  }
  waitForScreen(pattern: RegExp, ms: number): Promise<void> {
    return this.until(`${pattern.source} on the screen`, ms, async () => pattern.test(await this.screen()));
  }

  async type(text: string): Promise<void> {
    await this.page.evaluate(() => document.querySelector<HTMLElement>(".pane:not([hidden]) .xterm-helper-textarea")?.focus());
    await this.page.keyboard.type(text);
  }

  async click(selector: string): Promise<void> {
    await this.page.waitForSelector(selector, { visible: true });
    await this.page.click(selector);
  }
}

export async function firefoxTests(runner: Runner, executablePath: string, site: Site): Promise<void> {
  let browser: Browser | null = null;
  let fox: FoxPage | null = null;
  const test = (name: string, body: (f: FoxPage) => Promise<void>): Promise<void> =>
    runner.test(
      name,
      async () => {
        browser ??= await puppeteer.launch({ browser: "firefox", executablePath, headless: true, protocol: "webDriverBiDi" });
        if (fox === null) {
          fox = new FoxPage(await browser.newPage());
          await fox.page.setViewport({ width: 1200, height: 800 });
          await fox.page.goto(site.url);
        }
        await body(fox);
      },
      undefined,
      BOOT_MS + 60_000,
    );
  try {
    await test("boots the default guest, which answers a command", async (f) => {
      await f.waitForText(PROMPT, BOOT_MS);
      await f.type("echo $((6*7))\n");
      await f.waitForText(/\n42\n/, 20_000);
    });
    await test("the console on the screen, and its keyboard", async (f) => {
      await f.click("#open-settings");
      await f.page.waitForSelector("#cmdline", { visible: true });
      await f.page.type("#cmdline", "console=ttyS0 console=tty0 nokaslr cryptomgr.notests");
      await f.click("#settings-start");
      await f.page.waitForSelector("#settings", { hidden: true });
      await f.click('#views [data-view="screen"]');
      await f.waitForScreen(/# *$/, BOOT_MS);
      await f.page.focus("#screen");
      for (const c of "echo seen in firefox") await f.page.keyboard.press(c === " " ? " " : (`Key${c.toUpperCase()}` as "KeyA"));
      await f.page.keyboard.press("Enter");
      await f.waitForScreen(/^seen in firefox$/m, 20_000);
    });
    await test("a snapshot is taken and restored", async (f) => {
      const dialog = async (): Promise<void> => {
        await f.click("#ask-yes");
        await f.page.waitForSelector("#ask", { hidden: true });
      };
      await f.click('#panel-tabs [data-panel="snapshots"]');
      await f.click("#take-snapshot");
      await dialog();
      await f.page.waitForSelector(".tree-row:nth-of-type(2)", { timeout: 60_000 });
      await f.page.focus("#screen");
      for (const c of "echo after it") await f.page.keyboard.press(c === " " ? " " : (`Key${c.toUpperCase()}` as "KeyA"));
      await f.page.keyboard.press("Enter");
      await f.waitForScreen(/^after it$/m, 20_000);
      await f.click(".tree-row:nth-of-type(1)");
      await f.click("#snapshot-restore");
      await dialog();
      await f.until("the screen as it was", 30_000, async () => /seen in firefox/.test(await f.screen()) && !/after it/.test(await f.screen()));
    });
    await test("machines are there after a reload", async (f) => {
      await f.page.reload();
      await f.page.waitForSelector("html[data-ready]");
      equal(await f.page.$eval("#machine-name", (e) => e.textContent), "Machine", "name");
      await f.waitForScreen(/# *$/, BOOT_MS);
    });
  } finally {
    // TypeScript does not see that `test` sets it.
    await (browser as Browser | null)?.close();
  }
}
