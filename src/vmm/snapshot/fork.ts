/**
 * A second machine out of a running one. The parent is captured and runs on; what the store has already is read from there by the child when it
 * is touched, and pages that are newer go through a message port in the order of their addresses while the parent runs. docs/RATIONALE.md says
 * why not otherwise.
 */
import { RAM_BASE } from "../../cpu/layout.ts";
import { UserError } from "../../base/errors.ts";
import { machineMemory } from "../machine/memory.ts";
import type { ObjectId, ObjectReader } from "../store/objects.ts";
import type { Capture } from "./capture.ts";
import { DiskLayer } from "./disk-layer.ts";
import type { SnapshotDisk } from "./disk.ts";
import { PAGE_BYTES } from "./page-table.ts";
import type { DiskLayerRecord } from "./record.ts";
import { decodeSavedState, Restore } from "./restore.ts";
import type { Lineage } from "./lineage.ts";

/** From parent to child, in this order: one `start`, any number of the others, one `end` or `failed`. */
export type ForkMessage =
  | {
    readonly kind: "start";
    readonly memoryMib: number;
    readonly hasVideo: boolean;
    readonly state: Uint8Array;
    readonly ram: readonly ObjectId[];
    readonly video: readonly ObjectId[];
    readonly disks: Readonly<Record<string, DiskLayerRecord>>;
    readonly videoPages: readonly number[];
    readonly videoBytes: Uint8Array;
  }
  | { readonly kind: "pages"; readonly pages: Uint32Array; readonly bytes: Uint8Array }
  | { readonly kind: "blocks"; readonly disk: string; readonly blocks: readonly number[]; readonly sectors: readonly number[]; readonly bytes: Uint8Array }
  | { readonly kind: "end" }
  | { readonly kind: "failed"; readonly message: string };

/** `move`: buffers that go with the message and are the sender's no more. */
export type ForkSend = (message: ForkMessage, move: readonly ArrayBuffer[]) => void;

/** Pages of a message: the larger, the fewer; the smaller, the sooner the child begins to copy. */
const MESSAGE_PAGES = 512;

/** The parent's side. */
export class ForkSender {
  private ended = false;

  constructor(
    private readonly capture: Capture,
    lineage: Lineage,
    machine: { readonly memoryMib: number; readonly hasVideo: boolean },
    private readonly send: ForkSend,
  ) {
    const disks = Object.fromEntries([...capture.disks].map(([name, disk]) => [name, disk.layer.record()]));
    const videoBytes = packed(capture.videoBytes);
    send({
      kind: "start", ...machine, state: capture.state, ram: lineage.ram.chunks, video: lineage.video.chunks, disks, videoPages: capture.videoPages, videoBytes,
    }, [videoBytes.buffer]);
  }

  /** Between runs: sends until `until` says so. True at the end. */
  sweep(until: () => boolean): boolean {
    const { capture } = this;
    while (!this.ended && !until()) {
      if (capture.left > 0) {
        const { pages, contents } = capture.batch(MESSAGE_PAGES);
        const bytes = packed(contents);
        this.send({ kind: "pages", pages: pages.slice(), bytes }, [bytes.buffer]);
        continue;
      }
      const next = [...capture.disks].find(([, disk]) => disk.left > 0);
      if (next === undefined) {
        this.ended = true;
        this.send({ kind: "end" }, []);
        break;
      }
      const [disk, blocks] = next;
      const batch = blocks.batch();
      const bytes = packed(batch.contents);
      this.send({ kind: "blocks", disk, blocks: batch.blocks, sectors: batch.sectors, bytes }, [bytes.buffer]);
    }
    return this.ended;
  }

  fail(message: string): void {
    if (!this.ended) this.send({ kind: "failed", message }, []);
    this.ended = true;
  }
}

/** Pieces of a page each in one buffer; those that lie one behind the other are copied at once. */
function packed(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(pieces.length * PAGE_BYTES);
  for (let i = 0; i < pieces.length; ) {
    const { buffer, byteOffset } = pieces[i];
    let run = i + 1;
    while (run < pieces.length && pieces[run].buffer === buffer && pieces[run].byteOffset === byteOffset + (run - i) * PAGE_BYTES) run++;
    bytes.set(new Uint8Array(buffer, byteOffset, (run - i) * PAGE_BYTES), i * PAGE_BYTES);
    i = run;
  }
  return bytes;
}

const NOTHING: ObjectReader = {
  has: () => false,
  read: () => {
    throw new UserError("snapshot: there is no store to read from");
  },
};

/** The child's side. */
export class ForkReceiver {
  /** Its memory, filled as pages come; null before the start. */
  memory: WebAssembly.Memory | null = null;
  private start: Extract<ForkMessage, { kind: "start" }> | null = null;
  private readonly newer: Uint32Array[] = [];
  private readonly blocks: Extract<ForkMessage, { kind: "blocks" }>[] = [];
  private restoring: Restore | null = null;
  /** Of the store that the parent's snapshots are in; null: there are none. */
  reader: ObjectReader | null = null;

  /** Throws UserError. */
  take(message: ForkMessage): void {
    switch (message.kind) {
      case "start":
        this.start = message;
        this.memory = machineMemory(message.memoryMib, message.hasVideo);
        break;
      case "pages": {
        if (this.memory === null) throw new UserError("fork: pages before the start");
        const ram = new Uint8Array(this.memory.buffer, RAM_BASE);
        const { pages, bytes } = message;
        for (let i = 0; i < pages.length; ) {
          let run = i + 1;
          while (run < pages.length && pages[run] === pages[i] + run - i) run++;
          ram.set(bytes.subarray(i * PAGE_BYTES, run * PAGE_BYTES), pages[i] * PAGE_BYTES);
          i = run;
        }
        this.newer.push(pages);
        this.restoring?.arrived(pages);
        break;
      }
      case "blocks":
        this.blocks.push(message);
        break;
      case "end":
        break;
      case "failed":
        throw new UserError(message.message);
    }
  }

  /** What the disk of this name has below what `adopt` will write to it. */
  layer(disk: string): DiskLayer | undefined {
    const record = (this.start?.disks as Readonly<Record<string, DiskLayerRecord | undefined>>)[disk];
    return record === undefined ? undefined : DiskLayer.of(record, this.reader ?? NOTHING);
  }

  /** At the end: the child's memory and disks are whole. Throws UserError. */
  settle(disks: ReadonlyMap<string, SnapshotDisk>): void {
    this.adopt(disks);
    this.restoring?.settle(this.newerPages());
  }

  private newerPages(): Uint32Array {
    const newer = new Uint32Array(this.newer.reduce((n, p) => n + p.length, 0));
    let at = 0;
    for (const pages of this.newer) {
      newer.set(pages, at);
      at += pages.length;
    }
    return newer;
  }

  /** Writes to the child's disks what the parent's had written since its last snapshot. Throws UserError. */
  private adopt(disks: ReadonlyMap<string, SnapshotDisk>): void {
    for (const { disk: name, blocks, sectors, bytes } of this.blocks.splice(0)) {
      const disk = disks.get(name);
      if (disk === undefined) throw new UserError(`fork: there is no disk '${name}'`);
      blocks.forEach((block, i) => disk.adopt(block, sectors[i], bytes.subarray(i * PAGE_BYTES, (i + 1) * PAGE_BYTES)));
    }
  }

  /** For the machine that is made with `memory`, from the start on. `reseed`: 32 bytes of new randomness. */
  restore(reseed: Uint8Array): Restore {
    const { start } = this;
    if (start === null) throw new UserError("fork: nothing has come");
    const newer = this.newerPages();
    return (this.restoring = new Restore({
      pending: true,
      ramBytes: start.memoryMib * 2 ** 20, ram: start.ram, video: start.video, saved: decodeSavedState(start.state), reader: this.reader ?? NOTHING, newer,
      newerVideo: start.videoPages.map((page, i) => ({ page, bytes: start.videoBytes.subarray(i * PAGE_BYTES, (i + 1) * PAGE_BYTES) })), reseed,
    }));
  }
}
