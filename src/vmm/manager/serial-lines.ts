/** A machine's serial lines as its terminals see them: what each has shown lately, and what was typed at each and is not sent yet. By port; 0 is COM1. */
import { SERIAL_PORTS } from "../machine/memory-map.ts";
import { Backlog } from "./backlog.ts";
import { InputQueue } from "./input-queue.ts";

export class SerialLines {
  private readonly backlogs: readonly Backlog[];
  private readonly queues: readonly InputQueue[];

  /** `limit`: bytes that are kept of each line's output. `send` rejects when the machine is gone: the rest is dropped. */
  constructor(limit: number, send: (bytes: Uint8Array, port: number) => Promise<void>) {
    this.backlogs = SERIAL_PORTS.map(() => new Backlog(limit));
    this.queues = SERIAL_PORTS.map((_, port) => new InputQueue((bytes) => send(bytes, port), () => undefined));
  }

  set limit(bytes: number) {
    for (const backlog of this.backlogs) backlog.limit = bytes;
  }

  shown(bytes: Uint8Array, port: number): void {
    this.backlogs[port].push(bytes);
  }
  /** The end of what a line has shown. */
  earlier(port = 0): Uint8Array {
    return this.backlogs[port].take();
  }
  /** For a terminal that is opened now: each line that has shown something. */
  replay(to: (bytes: Uint8Array, port: number) => void): void {
    this.backlogs.forEach((backlog, port) => {
      const bytes = backlog.take();
      if (bytes.length > 0) to(bytes, port);
    });
  }

  type(bytes: Uint8Array, port: number): void {
    this.queues[port].push(bytes);
  }
  forgetTyped(): void {
    for (const queue of this.queues) queue.clear();
  }
  clear(): void {
    for (const backlog of this.backlogs) backlog.clear();
  }
}
