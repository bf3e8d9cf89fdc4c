/** A page of Chromium, driven by Playwright. */
import type { Browser, BrowserContextOptions, Locator, Page } from "playwright";
import { PAGE_SCRIPT, parts, Tab, type Target } from "./tab.ts";

export class PlaywrightTab extends Tab {
  constructor(readonly page: Page) {
    super(page);
    page.on("pageerror", (error) => this.errors.push(error.message));
  }

  static async open(browser: Browser, options: BrowserContextOptions = {}): Promise<PlaywrightTab> {
    const context = await browser.newContext(options);
    await context.addInitScript({ content: PAGE_SCRIPT });
    return new PlaywrightTab(await context.newPage());
  }

  private at(target: Target): Locator {
    const [css, text, has] = parts(target);
    // A terminal's input is what takes its keys, and has no size.
    const all = css.includes("xterm-helper-textarea") ? this.page.locator(css) : this.page.locator(css).filter({ visible: true });
    if (text !== null) return all.filter({ hasText: new RegExp(`^\\s*${text.replace(/[^\w\s]/g, "\\$&")}\\s*$`) }).first();
    return (has === null ? all : all.filter({ hasText: has })).first();
  }

  override evaluate<A, R>(f: (argument: A) => R | Promise<R>, argument?: A): Promise<R> {
    // Playwright's types describe handles in arguments too, which are not used here.
    return this.page.evaluate(f as (argument: unknown) => R | Promise<R>, argument);
  }

  override size(width: number, height: number): Promise<void> {
    return this.page.setViewportSize({ width, height });
  }
  override click(target: Target): Promise<void> {
    return this.at(target).click();
  }
  override focus(target: Target): Promise<void> {
    return this.at(target).focus();
  }
  override fill(target: Target, text: string): Promise<void> {
    return this.at(target).fill(text);
  }
  override async select(target: Target, value: string): Promise<void> {
    await this.at(target).selectOption(value);
  }

  protected override setPath(input: Target, path: string): Promise<void> {
    // It may be hidden behind a label.
    return this.page.locator(parts(input)[0]).setInputFiles(path);
  }
  protected override async pickPath(opener: Target, path: string): Promise<void> {
    const [chooser] = await Promise.all([this.page.waitForEvent("filechooser"), this.click(opener)]);
    await chooser.setFiles(path);
  }
  override async download(target: Target, timeoutMs: number): Promise<string> {
    const [download] = await Promise.all([this.page.waitForEvent("download", { timeout: timeoutMs }), this.click(target)]);
    return download.path();
  }

  override screenshot(options: { readonly path: `${string}.png` }): Promise<unknown> {
    return this.page.screenshot({ ...options, timeout: 5000 });
  }
  protected override end(): Promise<void> {
    return this.page.context().close();
  }
}
