/** Later turns of the host's event loop. */

/** Node's, where it lets timers, signals and input in between; a message port there is drained before them. */
export const immediate = (globalThis as { setImmediate?: (f: () => void) => unknown }).setImmediate;

/** Runs a function on a later turn of the event loop, sooner than setTimeout's clamp in browsers allows. */
export class Turn {
  private readonly channel = immediate === undefined ? new MessageChannel() : null;
  private callback: (() => void) | null = null;
  constructor() {
    if (this.channel !== null) this.channel.port1.onmessage = this.fire;
  }
  private readonly fire = (): void => {
    const f = this.callback;
    this.callback = null;
    f?.();
  };
  schedule(f: () => void): void {
    this.callback = f;
    if (this.channel !== null) this.channel.port2.postMessage(0);
    else immediate?.(this.fire);
  }
  close(): void {
    this.callback = null;
    this.channel?.port1.close();
  }
}
