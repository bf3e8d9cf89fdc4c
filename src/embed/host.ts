/** The managers behind embedded machines: one that forgets with the page, and one that keeps. */
import { connectCompiler, connectMachine } from "../ui/client.ts";
import { browserRecords, memoryRecords, openManager } from "../vmm/manager/open.ts";
import type { Manager } from "../vmm/api.ts";

export interface EmbedSettings {
  /** Where the default guest's files are (`npm run build` puts them there): default `guest/` beside this library's folder. */
  readonly guest?: string | URL;
}

/** Not a `new URL(…, import.meta.url)` of a literal, which the bundler would take for an asset. */
const here = import.meta.url;
let guest = new URL("../guest/", here);
const managers = new Map<boolean, Promise<Manager>>();

/** Before the first machine. */
export function configure(settings: EmbedSettings): void {
  if (settings.guest !== undefined) guest = new URL(folder(String(settings.guest)), document.baseURI);
}

const folder = (address: string): string => (address.endsWith("/") ? address : `${address}/`);

export function managerFor(keep: boolean): Promise<Manager> {
  let manager = managers.get(keep);
  if (manager === undefined) {
    manager = openManager({
      spawn: connectMachine, spawnCompiler: connectCompiler, guest, base: document.baseURI,
      records: keep ? browserRecords("tabvisor-embed") : memoryRecords(),
    });
    managers.set(keep, manager);
    void manager.then((m) => document.addEventListener("visibilitychange", () => m.setVisible(!document.hidden)));
  }
  return manager;
}
