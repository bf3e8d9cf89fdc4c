/**
 * A worker that waits for its machine, with everything loaded and run once: a restore or a fork takes less time than starting one. A page that is hidden, or a device with little memory, has none.
 */
import type { MachineConnection, Spawn } from "../api.ts";
import type { StoreConnection } from "../store/client.ts";

/** A worker's way to the store, and its end. */
export interface StoreClient {
  readonly connection: MachineConnection;
  end(): void;
}

export interface SpareWorker {
  readonly connection: MachineConnection;
  /** Null: it has no way to the store yet. */
  readonly client: StoreClient | null;
}

/** GiB as browsers tell it (rounded, at most 8), below which nothing is kept ready. */
const LEAST_DEVICE_MEMORY = 4;

/** For how long it is kept when no machine runs any more. */
const UNUSED_MS = 30_000;

/** Whether this device has the memory. */
function canSpare(): boolean {
  const { deviceMemory = 8 } = typeof navigator === "undefined" ? {} : (navigator as { readonly deviceMemory?: number });
  return deviceMemory >= LEAST_DEVICE_MEMORY;
}

/** Gives a worker its own port to the store. */
export async function connectToStore(store: StoreConnection, connection: MachineConnection): Promise<StoreClient> {
  const { port, client } = await store.openPort();
  await connection.useStore(port);
  return { connection, end: () => void store.disconnect(client).catch(() => undefined) };
}

export class Spare {
  private worker: { readonly connection: MachineConnection; client: StoreClient | null; crashed: (message: string) => void } | null = null;

  /** `store`: null while nobody has needed it. */
  constructor(
    private readonly spawn: Spawn,
    private readonly store: () => Promise<StoreConnection> | null,
  ) {}

  /** Starts one, unless one is there. Resolves when it is ready. */
  async prepare(): Promise<void> {
    this.used();
    if (this.worker !== null || !canSpare()) return;
    const connection = this.spawn((message) => {
      if (this.worker === worker) this.worker = null;
      worker.crashed(message);
    });
    const worker: NonNullable<Spare["worker"]> = { connection, client: null, crashed: () => undefined };
    this.worker = worker;
    try {
      const store = await this.store();
      // Somebody who takes it meanwhile finds its own way.
      if (store !== null && this.worker === worker) {
        const client = await connectToStore(store, connection);
        if (this.worker === worker) worker.client = client;
        else client.end();
      }
      await connection.warm();
    } catch (e) {
      if (this.worker === worker) this.drop();
      console.warn("tabvisor: no worker is kept ready:", e);
    }
  }

  /** Null: there is none. `onCrash` as `Spawn` has it. */
  take(onCrash: (message: string) => void): SpareWorker | null {
    this.used();
    const { worker } = this;
    this.worker = null;
    if (worker === null) return null;
    worker.crashed = onCrash;
    return worker;
  }

  /** No machine runs any more. */
  rest(): void {
    this.timer ??= setTimeout(() => this.drop(), UNUSED_MS);
  }
  private timer: ReturnType<typeof setTimeout> | null = null;

  private used(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  drop(): void {
    this.used();
    const { worker } = this;
    this.worker = null;
    worker?.client?.end();
    worker?.connection.terminate();
  }
}
