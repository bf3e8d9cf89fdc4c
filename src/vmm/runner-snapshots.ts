/** The snapshot side of a Runner: pages on their way in and out, a little between any two slices of the guest. */
import type { Machine } from "./machine/machine.ts";
import type { CapturableDisk } from "./snapshot/disk.ts";
import type { ForkSend } from "./snapshot/fork.ts";
import type { Restore } from "./snapshot/restore.ts";
import { type SnapshotRequest, type SnapshotResult, type SnapshotSink, Snapshotter } from "./snapshot/snapshotter.ts";
import { shrink } from "./snapshot/thumbnail.ts";
import { Turn } from "./turn.ts";

/** Host ms of background work between two slices: a fork is waited for. */
const SWEEP_MS = 2;
const FORK_MS = 32;
/** Between looks whether the store has taken what it was given. */
const WAIT_MS = 4;

export interface RunnerSnapshotParts {
  readonly disks: ReadonlyMap<string, CapturableDisk>;
  readonly restore: { readonly from: Restore; restored?(): void } | null;
  readonly encodeImage: ((width: number, height: number, pixels: Uint32Array) => Promise<Uint8Array>) | null;
  /** The end of what the serial console has shown. */
  readonly tail: () => string;
  /** Memory could not be brought in: the machine cannot go on. */
  readonly failed: (e: unknown) => void;
}

export class RunnerSnapshots {
  private readonly snapshotter: Snapshotter;
  private readonly turn = new Turn();
  private forking = false;
  private complete: boolean;
  private closed = false;
  private pumping = false;

  constructor(
    private readonly machine: Machine,
    private readonly parts: RunnerSnapshotParts,
  ) {
    this.snapshotter = new Snapshotter(machine, parts.disks, parts.restore?.from.lineage ?? null);
    this.complete = parts.restore === null;
  }

  async take(request: SnapshotRequest, sink: SnapshotSink): Promise<SnapshotResult> {
    const taken = this.snapshotter.take(request, sink, () => ({ thumbnail: this.thumbnail(), terminalTail: this.parts.tail() }), () => performance.now());
    this.pump();
    return taken;
  }

  async fork(send: ForkSend): Promise<{ readonly pauseMs: number }> {
    const from = performance.now();
    const { done } = this.snapshotter.fork(send);
    // The first pages go at once: as much as a pause may take.
    this.snapshotter.sweep(() => performance.now() >= from + FORK_MS);
    const pauseMs = performance.now() - from;
    this.forking = true;
    this.pump();
    try {
      await done;
    } finally {
      this.forking = false;
    }
    return { pauseMs };
  }

  /** Painted on a later turn: the guest does not wait for it. */
  private async thumbnail(): Promise<Uint8Array | null> {
    const { encodeImage } = this.parts;
    if (encodeImage === null || this.machine.video === null) return null;
    await new Promise((resolve) => setTimeout(resolve, 0));
    const { takeScreenshot } = await import("./screenshot.ts");
    const shot = takeScreenshot(this.machine);
    this.machine.presentAll();
    if (shot === null) return null;
    const small = shrink(shot.width, shot.height, shot.pixels);
    return encodeImage(small.width, small.height, small.pixels);
  }

  /** The machine runs: the rest of its memory follows. */
  begin(): void {
    this.pump();
  }

  private pump(): void {
    if (this.pumping || (!this.snapshotter.busy && (this.complete || this.parts.restore?.from.pending === true))) return;
    this.pumping = true;
    this.turn.schedule(this.work);
  }

  private readonly work = (): void => {
    this.pumping = false;
    const until = performance.now() + (this.forking ? FORK_MS : SWEEP_MS);
    const over = (): boolean => performance.now() >= until;
    this.snapshotter.sweep(over);
    if (!this.complete && !over()) {
      try {
        this.complete = this.parts.restore?.from.prefetch(over) ?? true;
      } catch (e) {
        this.parts.failed(e);
        return;
      }
      if (this.complete) this.parts.restore?.restored?.();
    }
    if (this.snapshotter.pressing || !this.complete) this.pump();
    else if (this.snapshotter.busy) setTimeout(() => this.pump(), WAIT_MS);
    else if (this.closed) this.turn.close();
  };

  /** The machine is no more: what is on its way goes on without it. */
  close(): void {
    this.closed = this.complete = true;
    this.snapshotter.detach();
    if (!this.snapshotter.busy) this.turn.close();
  }
}
