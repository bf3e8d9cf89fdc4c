/** Takes the screen's changes out of a machine at the display's rate, when the display is ready for them. */
import type { DisplaySink, ScreenUpdate } from "../devices/vga/screen.ts";

/** At most 60 Hz. */
const FRAME_MS = 1000 / 60;

export interface ScreenSource {
  present(sink: DisplaySink): boolean;
  presentAll(): void;
}

export class DisplayFeed {
  private ready = false;
  private spare: ArrayBuffer | null = null;
  private dueMs = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;

  /** `show` is called once for each `request`, with what has changed. */
  constructor(
    private readonly source: () => ScreenSource,
    private readonly show: (update: ScreenUpdate) => void,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** The display can take another update; with `all` it knows nothing yet. `spare` held an earlier update's data. */
  request(all: boolean, spare: ArrayBuffer | null = null): void {
    if (all) this.source().presentAll();
    if (spare !== null) this.spare = spare;
    this.ready = true;
    this.schedule();
  }

  /** The machine has run: call between slices. `idle`: it will not run again soon. */
  poll(idle: boolean): void {
    if (!this.ready) return;
    if (this.nowMs() < this.dueMs) {
      if (idle) this.schedule();
      return;
    }
    this.take();
  }

  /** How long the machine may run before a frame is due: not less than a millisecond. Where nothing has changed when it was, no matter. */
  get restMs(): number {
    if (!this.ready) return Infinity;
    const rest = this.dueMs - this.nowMs();
    return rest > 0 ? Math.max(1, rest) : Infinity;
  }

  /** A frame for what a sleeping machine has left behind. */
  private schedule(): void {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      if (this.ready) this.take();
    }, Math.max(0, this.dueMs - this.nowMs()));
  }

  private take(): void {
    const now = this.nowMs();
    const shown = this.source().present({
      room: (bytes) => {
        const { spare } = this;
        if (spare === null || spare.byteLength < bytes) return new Uint8Array(bytes);
        this.spare = null;
        return new Uint8Array(spare, 0, bytes);
      },
      update: (update) => {
        this.ready = false;
        this.show(update);
      },
    });
    // Frames keep their distance on average; one that is late is not caught up with.
    if (shown) this.dueMs = Math.max(this.dueMs + FRAME_MS, now + FRAME_MS / 2);
  }

  close(): void {
    this.ready = false;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}
