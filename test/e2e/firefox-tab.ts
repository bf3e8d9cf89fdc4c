/** A page of Firefox, driven over WebDriver BiDi. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import puppeteer, { type Browser, type ElementHandle, type Page } from "puppeteer-core";
import { check } from "./harness.ts";
import { PAGE_SCRIPT, parts, pause, poll, Tab, type Target, TARGET_MS } from "./tab.ts";

/** Firefox, and the folder where what it downloads is saved. */
export interface Firefox {
  readonly browser: Browser;
  readonly downloads: string;
  close(): Promise<void>;
}

export async function launchFirefox(executablePath: string): Promise<Firefox> {
  const downloads = mkdtempSync(join(tmpdir(), "tabvisor-firefox-"));
  const browser = await puppeteer.launch({
    browser: "firefox", executablePath, headless: true, protocol: "webDriverBiDi",
    // A call to a page lasts as long as what is waited for in it: a boot.
    protocolTimeout: 300_000,
    extraPrefsFirefox: { "browser.download.folderList": 2, "browser.download.dir": downloads, "browser.download.useDownloadDir": true },
  });
  return {
    browser,
    downloads,
    close: async () => {
      await browser.close();
      rmSync(downloads, { recursive: true, force: true });
    },
  };
}

export class FirefoxTab extends Tab {
  private constructor(readonly page: Page, private readonly downloads: string) {
    super(page);
    page.on("pageerror", (error) => this.errors.push(error instanceof Error ? error.message : String(error)));
  }

  static async open({ browser, downloads }: Firefox, { width, height } = { width: 1280, height: 720 }): Promise<FirefoxTab> {
    const page = await (await browser.createBrowserContext()).newPage();
    await page.evaluateOnNewDocument(PAGE_SCRIPT);
    await page.setViewport({ width, height });
    return new FirefoxTab(page, downloads);
  }

  /** Waits until the element is there, can be used and stands still; for a click also until nothing covers it. */
  private async at(target: Target, click = false): Promise<ElementHandle> {
    const end = Date.now() + TARGET_MS;
    for (;;) {
      const handle = await this.page.evaluateHandle(async ([css, text, has], bare) => {
        const [element] = findTargets(css, text, has);
        if (element === undefined || element.matches(":disabled")) return null;
        element.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "instant" });
        const before = element.getBoundingClientRect();
        await new Promise((resolve) => setTimeout(resolve, 20));
        const now = element.getBoundingClientRect();
        if (before.x !== now.x || before.y !== now.y || before.width !== now.width || before.height !== now.height) return null;
        if (!bare) return element;
        const root = element.getRootNode() as Document | ShadowRoot;
        const top = root.elementFromPoint(now.x + now.width / 2, now.y + now.height / 2);
        return top !== null && (element.contains(top) || top.contains(element)) ? element : null;
      }, parts(target), click);
      const element = handle.asElement();
      if (element !== null) return element as ElementHandle;
      await handle.dispose();
      check(Date.now() < end, `waited ${TARGET_MS / 1000} s for ${parts(target).filter(Boolean).join(" ")}`);
      await pause(30);
    }
  }

  override evaluate<A, R>(f: (argument: A) => R | Promise<R>, argument?: A): Promise<R> {
    // Puppeteer's types describe handles in arguments too, which are not used here.
    return this.page.evaluate(f as (argument: unknown) => R | Promise<R>, argument) as Promise<R>;
  }

  override size(width: number, height: number): Promise<void> {
    return this.page.setViewport({ width, height });
  }
  override async click(target: Target): Promise<void> {
    await (await this.at(target, true)).click();
  }
  override async focus(target: Target): Promise<void> {
    await (await this.at(target)).focus();
  }
  override async fill(target: Target, text: string): Promise<void> {
    const element = await this.at(target);
    await element.evaluate((e) => {
      (e as HTMLInputElement).focus();
      (e as HTMLInputElement).select();
    });
    if (text === "") await this.page.keyboard.press("Delete");
    else await this.page.keyboard.type(text);
  }
  override async select(target: Target, value: string): Promise<void> {
    await (await this.at(target)).select(value);
  }

  protected override async setPath(input: Target, path: string): Promise<void> {
    // It may be hidden behind a label.
    const handle = await this.page.waitForSelector(parts(input)[0], { timeout: TARGET_MS });
    await (handle as ElementHandle<HTMLInputElement>).uploadFile(path);
  }
  protected override async pickPath(opener: Target, path: string): Promise<void> {
    // A headless Firefox cancels its file chooser at once, before a file can be picked: the page must not hear of that.
    await this.page.evaluate(() => {
      const deaf = (event: Event): void => {
        if (!(event.target instanceof HTMLInputElement)) return;
        event.stopImmediatePropagation();
        removeEventListener("cancel", deaf, true);
      };
      addEventListener("cancel", deaf, true);
    });
    const [chooser] = await Promise.all([this.page.waitForFileChooser({ timeout: TARGET_MS }), this.click(opener)]);
    await pause(100);
    await chooser.accept([path]);
  }
  override async download(target: Target, timeoutMs: number): Promise<string> {
    for (const old of readdirSync(this.downloads)) rmSync(join(this.downloads, old), { recursive: true });
    await this.click(target);
    // The name that it gets in the end stands there empty, beside the part that is written.
    let name: string | undefined;
    await poll(async () => {
      const files = readdirSync(this.downloads);
      [name] = files;
      return files.length === 1 && !files[0].endsWith(".part");
    }, "the download", timeoutMs);
    return join(this.downloads, name ?? "");
  }

  override screenshot(options: { readonly path: `${string}.png` }): Promise<unknown> {
    return this.page.screenshot(options);
  }
  protected override end(): Promise<void> {
    return this.page.browserContext().close();
  }
}
