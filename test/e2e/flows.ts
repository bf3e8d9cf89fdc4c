/** Flows: tests that go on in one page, the same in each browser. */
import type { GuestPage } from "./guest-page.ts";
import type { Runner } from "./harness.ts";

export interface PageOptions {
  /** Behind the address of the site. */
  readonly query?: string;
  readonly size?: { readonly width: number; readonly height: number };
}

/** Opens the page in a fresh profile of one of the browsers. */
export type OpenPage = (options?: PageOptions) => Promise<GuestPage>;

export type FlowTest = (name: string, body: (m: GuestPage) => Promise<void>) => Promise<void>;

/** `body` runs its tests in a page that the first of them opens. */
export async function flow(runner: Runner, open: () => Promise<GuestPage>, timeoutMs: number, body: (test: FlowTest) => Promise<void>): Promise<void> {
  let machine: GuestPage | null = null;
  try {
    await body((name, run) =>
      runner.test(
        name,
        async () => {
          machine ??= await open();
          await run(machine);
          machine.noErrors();
        },
        () => machine?.tab ?? null,
        timeoutMs,
      ));
  } finally {
    await (machine as GuestPage | null)?.tab.close();
  }
}

/** What several tests of a flow need, which each of them may be the first to ask for. It is tried once: a failure is not waited for again. */
export function once(prepare: (m: GuestPage) => Promise<void>): (m: GuestPage) => Promise<void> {
  let done: Promise<void> | null = null;
  return (m) => (done ??= prepare(m));
}
