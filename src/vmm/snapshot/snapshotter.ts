/** Takes snapshots of one machine: an instant's capture, then pages on their way to the store while the machine runs on, then the record. */
import { UserError } from "../../base/errors.ts";
import type { Machine } from "../machine/machine.ts";
import { OBJECT_BYTES_MAX, type ObjectId, type ObjectWriter, type RecordReferences, ZERO_ID } from "../store/objects.ts";
import { Capture } from "./capture.ts";
import type { CapturableDisk } from "./disk.ts";
import { ForkSender, type ForkSend } from "./fork.ts";
import type { Lineage } from "./lineage.ts";
import { PAGE_BYTES, PageTable } from "./page-table.ts";
import { type DiskLayerRecord, references, SNAPSHOT_VERSION, type SnapshotRecord } from "./record.ts";

/** What is asked of a snapshot. */
export interface SnapshotRequest {
  readonly id: string;
  readonly machineId: string;
  readonly parent: string | null;
  readonly name: string;
  readonly notes: string;
  /** Host time, ms since 1970. */
  readonly createdMs: number;
  readonly definition: unknown;
  /** The snapshot that the machine's memory was last taken to or brought from does not exist any more: nothing is taken from it. */
  readonly full?: boolean;
}

/** A store's transaction: objects go in, and stay if it is committed. */
export interface SnapshotSink extends ObjectWriter {
  /** So many bytes of memory are about to come: for who shows how far it is. */
  expect?(bytes: number): void;
  commit(record: SnapshotRecord, references: RecordReferences): Promise<void>;
  abort(): Promise<void>;
}

/** What the machine's owner adds when the capture has been made. */
export interface SnapshotExtras {
  /** An image file of the screen; null: there is none. */
  readonly thumbnail: Promise<Uint8Array | null>;
  readonly terminalTail: string;
}

export interface SnapshotResult {
  readonly record: SnapshotRecord;
  /** Host ms that the machine stood still for the capture. */
  readonly pauseMs: number;
  /** Pages of RAM that had changed; those of them that the guest wrote to before the sweep came to them. */
  readonly pages: number;
  readonly copiedPages: number;
}

/** Batches that the store has not taken yet. */
const MAX_UNDER_WAY = 4;

export class Snapshotter {
  private lineage: Lineage;
  private readonly disks: ReadonlyMap<string, CapturableDisk>;
  private job: Job | ForkJob | null = null;
  /** Pages of captures that came to nothing. */
  private owed: { readonly ram: Set<number>; readonly video: Set<number> } = { ram: new Set(), video: new Set() };

  constructor(
    private readonly machine: Machine,
    disks: ReadonlyMap<string, CapturableDisk>,
    lineage: Lineage | null,
  ) {
    this.disks = disks;
    this.lineage = lineage ?? emptyLineage(machine);
  }

  get busy(): boolean {
    return this.job !== null;
  }

  /** Pages are waiting for `sweep`; else the store has to take what it was given. */
  get pressing(): boolean {
    return this.job?.pressing === true;
  }

  private capture(): Capture {
    if (this.job !== null) throw new UserError("a snapshot of this machine is being taken already");
    const capture = new Capture(this.machine, this.disks, this.owed);
    this.owed = { ram: new Set(), video: new Set() };
    return capture;
  }

  /** What a capture took and no snapshot has is wanted by the next one. */
  private owe(capture: Capture): void {
    for (const ppn of capture.pages) this.owed.ram.add(ppn);
    for (const page of capture.videoPages) this.owed.video.add(page);
    for (const disk of capture.disks.values()) disk.failed();
    capture.close();
  }

  /** Between runs: begins a second machine. `sweep` is to be called from then on until the promise is settled. */
  fork(send: ForkSend): { readonly done: Promise<void> } {
    const capture = this.capture();
    const job = new ForkJob(capture, new ForkSender(capture, this.lineage, { memoryMib: this.machine.config.memoryMib, hasVideo: this.machine.video !== null }, send));
    this.job = job;
    const done = job.sent.finally(() => {
      this.owe(capture);
      this.job = null;
    });
    return { done };
  }

  /** Between runs. `sweep` is to be called from then on until the promise is settled. */
  async take(request: SnapshotRequest, sink: SnapshotSink, extras: () => SnapshotExtras, nowMs: () => number): Promise<SnapshotResult> {
    const from = nowMs();
    if (request.full === true && !this.busy) this.disown();
    const capture = this.capture();
    const pauseMs = nowMs() - from;
    sink.expect?.(capture.pages.length * PAGE_BYTES);
    const job = (this.job = new Job(capture, sink));
    return this.finish(job, request, sink, extras(), pauseMs).finally(() => {
      this.job = null;
    });
  }

  /** Everything that is not zero is new. */
  private disown(): void {
    const { phys } = this.machine.vcpu;
    for (let ppn = 0; ppn < phys.pages; ppn++) {
      if (this.lineage.ram.id(ppn) === ZERO_ID) continue;
      phys.bringIn(ppn);
      this.owed.ram.add(ppn);
    }
    for (let page = 0; page < this.lineage.video.pages; page++) if (this.lineage.video.id(page) !== ZERO_ID) this.owed.video.add(page);
    this.lineage = emptyLineage(this.machine);
  }

  /** The machine comes to its end; what is on its way is to be swept all the same. */
  detach(): void {
    this.job?.capture.detach();
  }

  /** Between runs: gives pages to the store until `until` says so. */
  sweep(until: () => boolean): void {
    this.job?.sweep(until);
  }

  private async finish(job: Job, request: SnapshotRequest, sink: SnapshotSink, extras: SnapshotExtras, pauseMs: number): Promise<SnapshotResult> {
    const { capture } = job;
    const { lineage } = this;
    const recorded: (() => void)[] = [];
    try {
      const pages = await job.stored;
      const ram = await lineage.ram.with(capture.pages, pages, sink);
      const videoIds = await put(sink, capture.videoBytes);
      const video = await lineage.video.with(capture.videoPages, videoIds, sink);
      const disks: Record<string, DiskLayerRecord> = {};
      for (const [name, disk] of capture.disks) {
        const blocks: number[] = [];
        const sectors: number[] = [];
        const ids: ObjectId[] = [];
        for (let batch = disk.batch(); batch.blocks.length > 0; batch = disk.batch()) {
          ids.push(...(await sink.put(batch.contents)));
          blocks.push(...batch.blocks);
          sectors.push(...batch.sectors);
        }
        const { layer, record } = await disk.layer.with({ blocks, ids, sectors }, sink);
        disks[name] = record;
        recorded.push(() => disk.recorded(layer));
      }
      const pieces: Uint8Array[] = [];
      for (let at = 0; at < capture.state.length; at += OBJECT_BYTES_MAX) pieces.push(capture.state.subarray(at, at + OBJECT_BYTES_MAX));
      const state = await put(sink, pieces);
      const image = await extras.thumbnail.catch(() => null);
      const thumbnail = image === null || image.length === 0 || image.length > OBJECT_BYTES_MAX ? null : (await sink.put([image]))[0];
      const { id, machineId, parent, name, notes, createdMs, definition } = request;
      const record: SnapshotRecord = {
        id, version: SNAPSHOT_VERSION, machineId, parent, name, notes, createdMs, definition,
        ramBytes: this.machine.config.memoryMib * 2 ** 20, ram: ram.chunks, video: video.chunks, state, disks,
        instructions: capture.instructions, guestTimeNs: capture.guestTimeNs, thumbnail, terminalTail: extras.terminalTail,
        storedBytes: job.bytes + capture.videoBytes.length * 4096 + capture.state.length,
      };
      await sink.commit(record, references(record));
      this.lineage = { ram, video };
      for (const done of recorded) done();
      return { record, pauseMs, pages: capture.pages.length, copiedPages: capture.copied };
    } catch (e) {
      // The epoch has begun all the same: its pages are owed to the next snapshot.
      this.owe(capture);
      await sink.abort().catch(() => undefined);
      throw e;
    }
  }
}

function emptyLineage(machine: Machine): Lineage {
  return { ram: PageTable.empty(machine.vcpu.phys.pages), video: PageTable.empty(machine.video === null ? 0 : machine.video.bytes.length / 4096) };
}

/** `put` in pieces that a store takes at a time. */
async function put(sink: ObjectWriter, objects: readonly Uint8Array[]): Promise<ObjectId[]> {
  const ids: ObjectId[] = [];
  for (let at = 0; at < objects.length; at += 128) ids.push(...(await sink.put(objects.slice(at, at + 128))));
  return ids;
}

/** The pages of RAM of one snapshot on their way. */
class Job {
  readonly stored: Promise<readonly ObjectId[]>;
  bytes = 0;
  private readonly ids: ObjectId[] = [];
  private underWay = 0;
  private ended = false;
  private resolve: (ids: readonly ObjectId[]) => void = () => undefined;
  private reject: (e: unknown) => void = () => undefined;

  constructor(
    readonly capture: Capture,
    private readonly sink: ObjectWriter,
  ) {
    this.stored = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.check();
  }

  private check(): void {
    if (this.capture.left > 0 || this.underWay > 0 || this.ended) return;
    this.ended = true;
    this.capture.close();
    this.resolve(this.ids);
  }

  get pressing(): boolean {
    return this.capture.left > 0 && this.underWay < MAX_UNDER_WAY;
  }

  sweep(until: () => boolean): void {
    while (!this.ended && this.capture.left > 0 && this.underWay < MAX_UNDER_WAY && !until()) {
      const at = this.capture.pages.length - this.capture.left;
      const { contents } = this.capture.batch();
      this.underWay++;
      const done = (ids: readonly ObjectId[]): void => {
        ids.forEach((id, i) => {
          this.ids[at + i] = id;
          if (id !== ZERO_ID) this.bytes += 4096;
        });
        this.underWay--;
        this.check();
      };
      this.sink.put(contents).then(done, (e: unknown) => {
        this.ended = true;
        this.reject(e);
      });
    }
  }
}

/** The pages of a fork on their way. */
class ForkJob {
  readonly pressing = true;
  readonly sent: Promise<void>;
  private resolve: () => void = () => undefined;
  private reject: (e: unknown) => void = () => undefined;

  constructor(
    readonly capture: Capture,
    private readonly sender: ForkSender,
  ) {
    this.sent = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  sweep(until: () => boolean): void {
    try {
      if (this.sender.sweep(until)) this.resolve();
    } catch (e) {
      this.sender.fail(e instanceof Error ? e.message : String(e));
      this.reject(e);
    }
  }
}
