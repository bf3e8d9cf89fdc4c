/** What browser tests do with a page, the same in each browser: Playwright drives Chromium, WebDriver BiDi drives Firefox. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KeyInput } from "puppeteer-core";
import { check } from "./harness.ts";

/** The first element that is seen, by CSS, and by all of its text or by a part of it. Open shadow roots are looked into. */
export type Target = string | { readonly css: string; readonly text: string } | { readonly css: string; readonly has: string };

/** A file that is given to the page. */
export interface PickedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Runs in the page. */
function findTargets(css: string, text: string | null, has: string | null): Element[] {
  const roots: (Document | ShadowRoot)[] = [document];
  for (const root of roots) for (const element of root.querySelectorAll("*")) if (element.shadowRoot !== null) roots.push(element.shadowRoot);
  return roots.flatMap((root) => [...root.querySelectorAll(css)]).filter((element) => {
    const says = element.textContent ?? "";
    return (text === null || says.trim() === text) && (has === null || says.includes(has)) && element.checkVisibility({ visibilityProperty: true });
  });
}

declare global {
  var findTargets: (css: string, text: string | null, has: string | null) => Element[];
}

/** For every document, before its own scripts. esbuild (tsx) wraps named functions in a helper of its own, which functions that are sent as text then lack. */
export const PAGE_SCRIPT = `globalThis.__name = (f) => f; globalThis.findTargets = ${findTargets.toString()};`;

/** A target as arguments of `findTargets`. */
export function parts(target: Target): readonly [css: string, text: string | null, has: string | null] {
  if (typeof target === "string") return [target, null, null];
  return "text" in target ? [target.css, target.text, null] : [target.css, null, target.has];
}

/** How long a click, or another thing that needs an element, waits for it. */
export const TARGET_MS = 30_000;

/** Until the condition holds. */
export async function poll(condition: () => Promise<boolean>, what: string, timeoutMs = 10_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await condition())) {
    check(Date.now() <= end, `waited ${timeoutMs / 1000} s for ${what}`);
    await pause(50);
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What the pages of both drivers have in common. */
interface Driven {
  goto(url: string): Promise<unknown>;
  reload(): Promise<unknown>;
  readonly keyboard: {
    press(key: KeyInput): Promise<void>;
    down(key: KeyInput): Promise<void>;
    up(key: KeyInput): Promise<void>;
    type(text: string): Promise<void>;
  };
}

/** A page in a profile of its own. */
export abstract class Tab {
  /** Uncaught errors of the page. */
  readonly errors: string[] = [];
  private files: string | null = null;

  constructor(private readonly driven: Driven) {}

  async goto(url: string): Promise<void> {
    await this.driven.goto(url);
  }
  async reload(): Promise<void> {
    await this.driven.reload();
  }
  /** Keys by the places on a US keyboard, or by names. */
  press(key: KeyInput): Promise<void> {
    return this.driven.keyboard.press(key);
  }
  down(key: KeyInput): Promise<void> {
    return this.driven.keyboard.down(key);
  }
  up(key: KeyInput): Promise<void> {
    return this.driven.keyboard.up(key);
  }
  keys(text: string): Promise<void> {
    return this.driven.keyboard.type(text);
  }

  abstract evaluate<R>(f: () => R | Promise<R>): Promise<R>;
  abstract evaluate<A, R>(f: (argument: A) => R | Promise<R>, argument: A): Promise<R>;
  abstract size(width: number, height: number): Promise<void>;
  abstract click(target: Target): Promise<void>;
  abstract focus(target: Target): Promise<void>;
  abstract fill(target: Target, text: string): Promise<void>;
  abstract select(target: Target, value: string): Promise<void>;
  protected abstract setPath(input: Target, path: string): Promise<void>;
  protected abstract pickPath(opener: Target, path: string): Promise<void>;
  /** Clicks, and answers the path of the file that is downloaded. */
  abstract download(target: Target, timeoutMs: number): Promise<string>;
  abstract screenshot(options: { readonly path: `${string}.png` }): Promise<unknown>;
  protected abstract end(): Promise<void>;

  /** Gives the input a file. */
  setFile(input: Target, file: PickedFile): Promise<void> {
    return this.setPath(input, this.pathOf(file));
  }

  /** Clicks what opens the browser's file chooser, and picks the file there. */
  pick(opener: Target, file: PickedFile | string): Promise<void> {
    return this.pickPath(opener, typeof file === "string" ? file : this.pathOf(file));
  }

  /** Browsers read it when the page does: it stays until the tab is closed. */
  private pathOf(file: PickedFile): string {
    this.files ??= mkdtempSync(join(tmpdir(), "tabvisor-picked-"));
    const path = join(this.files, file.name);
    writeFileSync(path, file.bytes);
    return path;
  }

  count(target: Target): Promise<number> {
    return this.evaluate(([css, text, has]) => findTargets(css, text, has).length, parts(target));
  }

  /** What elements say, hidden ones too. */
  texts(css: string): Promise<string[]> {
    return this.evaluate((selector) => [...document.querySelectorAll(selector)].map((e) => e.textContent ?? ""), css);
  }

  /** What the first says, once it is there. */
  async text(css: string): Promise<string> {
    let found: string[] = [];
    await poll(async () => (found = await this.texts(css)).length > 0, `${css} to be there`);
    return found[0];
  }

  async seen(target: Target, timeoutMs = TARGET_MS): Promise<void> {
    await poll(async () => (await this.count(target)) > 0, `${parts(target).filter(Boolean).join(" ")} to be seen`, timeoutMs);
  }

  async gone(target: Target, timeoutMs = TARGET_MS): Promise<void> {
    await poll(async () => (await this.count(target)) === 0, `${parts(target).filter(Boolean).join(" ")} to go`, timeoutMs);
  }

  async close(): Promise<void> {
    await this.end();
    if (this.files !== null) rmSync(this.files, { recursive: true, force: true });
    this.files = null;
  }
}
