/** The page's manager of machines: its workers, the default guest, a first machine. */
import type { Manager } from "../vmm/api.ts";
import { DefaultGuest, openManager } from "../vmm/manager/open.ts";
import { connectCompiler, earlyConnect } from "./client.ts";
import { remembered } from "./remember.ts";

/**
 * `boot`: the chosen machine starts by itself. Then its worker and, unless it was another machine at the last visit, the default
 * guest's images are on their way before the records are read.
 */
export async function openPageManager(boot: boolean): Promise<Manager> {
  const { first, connect } = earlyConnect(boot);
  const guest = new DefaultGuest(new URL("guest/", document.baseURI));
  if (first !== null && remembered("other") === null) guest.prefetch(first);
  const manager = await openManager({ spawn: connect, spawnCompiler: connectCompiler, guest, base: document.baseURI });
  if (manager.list().length === 0) await manager.create();
  return manager;
}
