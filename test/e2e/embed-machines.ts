/** Machines of the embedding API, in a page of one of the browsers. */
import type * as Tabvisor from "../../src/embed/index.ts";
import type { Machine, MachineInput } from "../../src/embed/index.ts";
import type { Tab } from "./tab.ts";

declare global {
  var machines: Record<string, Machine>;
}

/** Makes and starts a machine in the page, to its prompt. */
export async function boot(tab: Tab, name: string, definition: MachineInput, keep?: string): Promise<void> {
  await tab.evaluate(async ([as, what, kept]) => {
    const { Machine } = (await import(new URL("../embed/tabvisor.js", location.href).href)) as typeof Tabvisor;
    const machine = await Machine.create(what, kept === null ? {} : { keep: kept });
    (globalThis.machines ??= {})[as] = machine;
    await machine.start();
    await machine.waitFor("# ", { timeoutMs: 120_000 });
  }, [name, definition, keep ?? null] as const);
}

export const run = (tab: Tab, name: string, command: string): Promise<string> =>
  tab.evaluate(([as, line]) => globalThis.machines[as].run(line, { timeoutMs: 60_000 }), [name, command] as const);
