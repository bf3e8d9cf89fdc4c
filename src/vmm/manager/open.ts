/** The manager as pages and the embedding open it. Values beside the types of vmm/api.ts. */
import type { Manager } from "./api.ts";
import type { SharedCompiler, Spawn } from "../api.ts";
import { DefaultGuest } from "../images/guest.ts";
import { MachineManager } from "./manager.ts";
import { browserRecords, memoryRecords, type Records } from "./records.ts";

export { DefaultGuest, GuestMissingError, parseManifest, type GuestManifest } from "../images/guest.ts";
export { DEFAULT_DEFINITION } from "../definition/default.ts";
export { InputQueue } from "./input-queue.ts";
export { browserRecords, memoryRecords, type Records } from "./records.ts";

export interface ManagerOptions {
  /** Starts a machine's worker. May give one that is warm already. */
  readonly spawn: Spawn;
  /** The compiler that machines share. Absent: each compiles on its own thread. */
  readonly spawnCompiler?: () => SharedCompiler;
  /** The default guest; one that was prefetched into the first worker is taken over. */
  readonly guest: DefaultGuest | URL;
  /** What relative addresses are relative to where nothing else is said. */
  readonly base: string;
  /** Default: IndexedDB. */
  readonly records?: Records;
}

/** Reads the machines that are there. A browser that keeps nothing gets a manager that forgets. */
export async function openManager(options: ManagerOptions): Promise<Manager> {
  const guest = options.guest instanceof URL ? new DefaultGuest(options.guest) : options.guest;
  const given = { ...options, guest };
  if (options.records !== undefined) return MachineManager.open(given, options.records);
  try {
    return await MachineManager.open(given, browserRecords());
  } catch (e) {
    console.warn("tabvisor: this browser keeps no records; machines are forgotten with the page:", e);
    return MachineManager.open(given, memoryRecords());
  }
}
