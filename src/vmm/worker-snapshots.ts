/** Snapshots and forks in a machine's worker: between the Runner and the store's worker, or another machine's. */
import { UserError } from "../base/errors.ts";
import type { StartSource } from "./api.ts";
import { RunnerSnapshots } from "./runner-snapshots.ts";
import type { StartFrom } from "./runner.ts";
import { ForkReceiver, type ForkMessage, type ForkSend } from "./snapshot/fork.ts";
import { layerOf, Restore } from "./snapshot/restore.ts";
import type { DiskLayer } from "./snapshot/disk-layer.ts";
import type { SnapshotDisk } from "./snapshot/disk.ts";
import type { SnapshotSink } from "./snapshot/snapshotter.ts";
import { checkRecord, type SnapshotRecord } from "./snapshot/record.ts";
import type { Store } from "./store/api.ts";
import { connectStore } from "./store/client.ts";
import type { ObjectReader } from "./store/objects.ts";
import { loadTools, openReader } from "./store/reader.ts";
import { Machine } from "./machine/machine.ts";

/** The key of a snapshot's record in the store. */
export const snapshotKey = (id: string): string => `snapshot/${id}`;

const SEED_BYTES = 32;

/** What a machine's worker has of the store. */
export class WorkerStore {
  private readonly store: Store;
  private reading: Promise<{ readonly reader: ObjectReader; readonly lease: number }> | null = null;

  constructor(port: MessagePort) {
    this.store = connectStore(port);
  }

  /** For one snapshot: the record is committed with it. */
  async sink(): Promise<SnapshotSink> {
    const transaction = await this.store.begin();
    return {
      put: (objects) => transaction.put(objects),
      commit: (record, references) => transaction.commit([{ key: snapshotKey(record.id), data: record, references }]),
      abort: () => transaction.abort(),
    };
  }

  /** Objects as of now, synchronously. They stay until `release`. */
  async reader(): Promise<ObjectReader> {
    this.reading ??= this.store.reader().then(async (source) => ({ reader: await openReader(source), lease: source.lease }));
    return (await this.reading).reader;
  }

  /** Nothing is read any more. */
  async release(): Promise<void> {
    const { reading } = this;
    this.reading = null;
    if (reading !== null) await this.store.release((await reading).lease);
  }

  async record(id: string): Promise<SnapshotRecord> {
    const stored = await this.store.record(snapshotKey(id));
    if (stored === null) throw new UserError("the snapshot does not exist any more");
    return checkRecord(stored.data);
  }
}

/** A machine's beginning that is not a boot. */
export interface Start {
  /** What lies below the writes of a drive of this machine. */
  layer(drive: string): DiskLayer | undefined;
  /** With the machine's disks, when they are there. Throws UserError. */
  begin(disks: ReadonlyMap<string, SnapshotDisk>): StartFrom;
}

/** Rejects with UserError. A fork resolves when all of it has come. */
export async function openStart(source: StartSource, store: WorkerStore | null): Promise<Start> {
  if (source.kind === "fork") return receive(source.port, store === null ? null : await store.reader());
  if (store === null) throw new UserError("there is no store to take the snapshot from");
  const record = await store.record(source.id);
  const reader = await store.reader();
  const from = Restore.ofSnapshot(record, reader);
  const onDisks = Object.values(record.disks).some((disk) => disk.chunks.length > 0);
  return {
    layer: (drive) => layerOf(record, drive, reader),
    begin: () => ({
      from,
      snapshots: RunnerSnapshots,
      snapshot: source.id,
      restored: () => {
        // Disks are read as long as the machine is there.
        if (!onDisks) store.release().catch((e: unknown) => console.warn("tabvisor: the store did not let go of a snapshot:", e));
      },
    }),
  };
}

function receive(port: MessagePort, reader: ObjectReader | null): Promise<Start> {
  const receiver = new ForkReceiver(reader);
  return new Promise((resolve, reject) => {
    port.onmessage = (e: MessageEvent<ForkMessage>) => {
      try {
        if (!receiver.take(e.data)) return;
      } catch (error) {
        port.close();
        reject(error as Error);
        return;
      }
      port.close();
      resolve({
        layer: (drive) => receiver.layer(drive),
        begin: (disks) => {
          receiver.adopt(disks);
          const { memory } = receiver;
          return { from: receiver.restore(crypto.getRandomValues(new Uint8Array(SEED_BYTES))), snapshots: RunnerSnapshots, ...(memory === null ? {} : { memory }) };
        },
      });
    };
  });
}

/** What a start needs is loaded, and has run once: a machine that is small, and goes nowhere. */
export async function warm(): Promise<void> {
  await loadTools();
  const firmware = new Uint8Array(1 << 16);
  // At the reset vector: jmp to itself.
  firmware.set([0xeb, 0xfe], firmware.length - 16);
  new Machine({
    memoryMib: 2, cpu: "max", boot: { kernel: null, firmware, initrds: [], cmdline: "" }, deterministic: true, debugExit: null, epochSeconds: 0, noReboot: true,
  }, { serial: () => undefined, debug: () => undefined, hostNs: () => performance.now() * 1e6, entropy: () => undefined }).run(1, 1000);
}

/** To another machine's worker. */
export function sendTo(port: MessagePort): ForkSend {
  return (message, move) => port.postMessage(message, [...move]);
}

/** WebP where the browser makes it, else PNG. */
export async function encodeImage(width: number, height: number, pixels: Uint32Array): Promise<Uint8Array> {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  if (context === null) return new Uint8Array(0);
  context.putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer as ArrayBuffer, pixels.byteOffset, pixels.byteLength), width, height), 0, 0);
  return new Uint8Array(await (await canvas.convertToBlob({ type: "image/webp", quality: 0.8 })).arrayBuffer());
}
