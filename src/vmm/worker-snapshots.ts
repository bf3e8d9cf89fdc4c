/** Snapshots and forks in a machine's worker: between the Runner and the store's worker, or another machine's. */
import { UserError } from "../base/errors.ts";
import type { StartSource } from "./api.ts";
import type { MachineConfig } from "./config.ts";
import { RunnerSnapshots } from "./runner-snapshots.ts";
import type { StartFrom } from "./runner.ts";
import { ForkReceiver, type ForkMessage, type ForkSend } from "./snapshot/fork.ts";
import { layerOf, Restore } from "./snapshot/restore.ts";
import type { DiskLayer } from "./snapshot/disk-layer.ts";
import type { SnapshotDisk } from "./snapshot/disk.ts";
import { type SnapshotRequest, type SnapshotSink, Snapshotter } from "./snapshot/snapshotter.ts";
import { checkRecord, type SnapshotRecord } from "./snapshot/record.ts";
import type { Store, StoreProgress } from "./store/api.ts";
import { connectStore } from "./store/client.ts";
import { MemoryObjects, type ObjectReader } from "./store/objects.ts";
import { loadTools, openReader } from "./store/reader.ts";
import { Machine, type MachineHost } from "./machine/machine.ts";
import { Turn } from "./turn.ts";

/** The key of a snapshot's record in the store. */
export const snapshotKey = (id: string): string => `snapshot/${id}`;

const SEED_BYTES = 32;
const REHEARSED_OBJECTS = 64;

/** What a machine's worker has of the store. */
export class WorkerStore {
  private readonly store: Store;
  private reading: Promise<{ readonly reader: ObjectReader; readonly lease: number }> | null = null;

  constructor(port: MessagePort) {
    this.store = connectStore(port);
  }

  /** For one snapshot: the record is committed with it. */
  async sink(onProgress?: (progress: StoreProgress) => void): Promise<SnapshotSink> {
    const transaction = await this.store.begin();
    let done = 0;
    let total = 0;
    return {
      expect: (bytes) => {
        total = bytes;
        onProgress?.({ done, total });
      },
      put: async (objects) => {
        const ids = await transaction.put(objects);
        // What comes besides the pages is little.
        done = Math.min(total, done + objects.reduce((n, { length }) => n + length, 0));
        onProgress?.({ done, total });
        return ids;
      },
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

  /** Reads some of what is there, so that reading is compiled when a machine waits for it. */
  async rehearse(): Promise<void> {
    const source = await this.store.reader();
    try {
      (await openReader(source)).rehearse(REHEARSED_OBJECTS);
    } finally {
      await this.store.release(source.lease);
    }
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
  /** Throws UserError. */
  begin(): StartFrom;
  /** Before it runs: what was still under way has come, to its memory and to its disks. */
  settled(disks: ReadonlyMap<string, SnapshotDisk>): Promise<void>;
}

/** Rejects with UserError. A fork resolves when its small state has come. */
export async function openStart(source: StartSource, store: WorkerStore | null): Promise<Start> {
  if (source.kind === "fork") return receive(source.port, store === null ? null : store.reader());
  if (store === null) throw new UserError("there is no store to take the snapshot from");
  const record = await store.record(source.id);
  const reader = await store.reader();
  const from = Restore.ofSnapshot(record, reader);
  const onDisks = Object.values(record.disks).some((disk) => disk.chunks.length > 0);
  return {
    layer: (drive) => layerOf(record, drive, reader),
    settled: () => Promise.resolve(),
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

async function receive(port: MessagePort, reading: Promise<ObjectReader> | null): Promise<Start> {
  const receiver = new ForkReceiver();
  let startsNow: () => void = () => undefined;
  const started = new Promise<void>((resolve) => (startsNow = resolve));
  const ended = new Promise<void>((resolve, reject) => {
    port.onmessage = ({ data }: MessageEvent<ForkMessage>) => {
      try {
        receiver.take(data);
      } catch (e) {
        port.close();
        reject(e as Error);
      }
      if (data.kind === "start") startsNow();
      if (data.kind !== "end") return;
      port.close();
      resolve();
    };
  });
  ended.catch(() => undefined); // told to who waits for it
  // The machine is made while its memory comes.
  await Promise.race([started, ended]);
  receiver.reader = await reading;
  return {
    layer: (drive) => receiver.layer(drive),
    begin: () => {
      const from = receiver.restore(crypto.getRandomValues(new Uint8Array(SEED_BYTES)));
      return { from, snapshots: RunnerSnapshots, ...(receiver.memory === null ? {} : { memory: receiver.memory }) };
    },
    settled: async (disks) => {
      await ended;
      receiver.settle(disks);
    },
  };
}

/** Instructions of our BIOS, and of the machine that goes on from there. */
const REHEARSED_INSTRUCTIONS = 400_000;
/** Enough for the host's engine to compile it. */
const REHEARSALS = 4;

/** What a start needs is loaded, and has run once: a small machine in its firmware, a snapshot of it, and one that goes on from that. */
export async function warm(store: WorkerStore | null): Promise<void> {
  const { hash } = await loadTools();
  const objects = new MemoryObjects(hash);
  const config: MachineConfig = {
    memoryMib: 8, cpu: "x86-64-v2", boot: { kernel: null, initrds: [], cmdline: "" }, deterministic: true, debugExit: null, epochSeconds: 0, noReboot: true,
  };
  const host: MachineHost = { serial: () => undefined, debug: () => undefined, hostNs: () => performance.now() * 1e6, entropy: () => undefined };
  const machine = new Machine(config, host);
  machine.run(1e6, REHEARSED_INSTRUCTIONS);
  const snapshotter = new Snapshotter(machine, new Map(), null);
  const request: SnapshotRequest = { id: "rehearsal", machineId: "", parent: null, name: "", notes: "", createdMs: 0, definition: null };
  const sink: SnapshotSink = { put: (list) => objects.put(list), commit: () => Promise.resolve(), abort: () => Promise.resolve() };
  const taken = snapshotter.take(request, sink, () => ({ thumbnail: Promise.resolve(null), terminalTail: "" }), () => performance.now());
  const turn = new Turn();
  for (; snapshotter.busy; await new Promise<void>((resolve) => turn.schedule(resolve))) snapshotter.sweep(() => false);
  const { record } = await taken;
  for (let times = 0; times < REHEARSALS; times++) {
    new Machine(config, host, { restore: Restore.ofSnapshot(record, objects).apply }).run(1e6, REHEARSED_INSTRUCTIONS / REHEARSALS);
    await new Promise<void>((resolve) => turn.schedule(resolve));
  }
  turn.close();
  await store?.rehearse();
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
