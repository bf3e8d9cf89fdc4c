/** Tests that each get a fresh page in a context of their own. */
import type { Browser, BrowserContext, BrowserContextOptions } from "playwright";
import { equal, type Runner, type Site } from "./harness.ts";
import { MachinePage } from "./machine-page.ts";

export type PageTest = (
  name: string,
  body: (m: MachinePage, context: BrowserContext) => Promise<void>,
  options?: { query?: string; context?: BrowserContextOptions; before?: (c: BrowserContext) => Promise<unknown> },
) => Promise<void>;

export function pageTest(runner: Runner, browser: Browser, site: Site): PageTest {
  let machine: MachinePage | null = null;
  return (name, body, options = {}) =>
    runner.test(
      name,
      async () => {
        // A failed test leaves its page open until its evidence is taken.
        await machine?.page.context().close();
        machine = null;
        const context = await browser.newContext({ permissions: ["clipboard-read", "clipboard-write"], ...options.context });
        await options.before?.(context);
        machine = await MachinePage.open(context, site.url, options.query);
        await body(machine, context);
        equal(machine.errors, [], "uncaught errors on the page");
        await context.close();
        machine = null;
      },
      () => machine?.page ?? null,
    );
}
