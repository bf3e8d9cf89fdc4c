/** A page with a machine in Chromium: the verbs of every browser, and Playwright's page for what only it can do. */
import type { BrowserContext, Page } from "playwright";
import { GuestPage } from "./guest-page.ts";
import { PlaywrightTab } from "./playwright-tab.ts";
import { PAGE_SCRIPT } from "./tab.ts";

export class MachinePage extends GuestPage {
  readonly errors: readonly string[];

  constructor(readonly page: Page, url: string) {
    const tab = new PlaywrightTab(page);
    super(tab, url);
    this.errors = tab.errors;
  }

  static async open(context: BrowserContext, url: string, query = ""): Promise<MachinePage> {
    const page = await context.newPage();
    await page.addInitScript({ content: PAGE_SCRIPT });
    const machine = new MachinePage(page, url);
    await machine.load(query);
    return machine;
  }

  /** Pastes as a user does: clipboard, then Ctrl+Shift+V. */
  async paste(text: string): Promise<void> {
    await this.page.evaluate((value) => navigator.clipboard.writeText(value), text);
    await this.page.locator(".pane:not([hidden]) .xterm-helper-textarea").first().focus();
    await this.page.keyboard.press("Control+Shift+V");
  }

  button(name: string | RegExp): ReturnType<Page["getByRole"]> {
    return this.page.getByRole("button", typeof name === "string" ? { name, exact: true } : { name });
  }

  async close(): Promise<void> {
    await this.page.close();
    this.noErrors();
  }
}
