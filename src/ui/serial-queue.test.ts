/** Flow control of the serial line in both directions. */
import { describe, expect, it } from "vitest";
import { InputQueue } from "../vmm/manager/open.ts";
import { OutputQueue } from "./serial-queue.ts";

const bytes = (length: number, from = 0): Uint8Array => Uint8Array.from({ length }, (_, i) => (i + from) & 0xff);

/** A terminal that parses when told to. */
class SlowTerminal {
  readonly seen: number[] = [];
  private readonly pending: (() => void)[] = [];
  readonly write = (piece: Uint8Array, done: () => void): void => {
    this.pending.push(() => {
      this.seen.push(...piece);
      done();
    });
  };
  get waiting(): number {
    return this.pending.length;
  }
  step(): boolean {
    const next = this.pending.shift();
    next?.();
    return next !== undefined;
  }
}

describe("OutputQueue", () => {
  it("keeps every byte in order and hands the terminal little at a time", async () => {
    const terminal = new SlowTerminal();
    const queue = new OutputQueue(terminal.write, () => 1e9);
    const all = bytes(300_000);
    await queue.push(all.subarray(0, 100_001));
    await queue.push(all.subarray(100_001));
    expect(terminal.waiting).toBe(2);
    while (terminal.step());
    expect(terminal.seen.length).toBe(300_000);
    expect(Uint8Array.from(terminal.seen)).toEqual(all);
    expect(queue.pending).toBe(0);
  });

  it("holds the sender back above the high-water mark until half of it is parsed", async () => {
    const terminal = new SlowTerminal();
    const queue = new OutputQueue(terminal.write, () => 100_000);
    let released = false;
    const held = queue.push(bytes(200_000)).then(() => {
      released = true;
    });
    while (queue.pending > 50_000) {
      await Promise.resolve();
      expect(released).toBe(false);
      terminal.step();
    }
    await held;
    expect(released).toBe(true);
  });

  it("clear drops what waits and releases the sender", async () => {
    const terminal = new SlowTerminal();
    const queue = new OutputQueue(terminal.write, () => 1000);
    const held = queue.push(bytes(200_000));
    queue.clear();
    await held;
    while (terminal.step());
    expect(terminal.seen.length).toBeLessThanOrEqual(65_536);
    expect(queue.pending).toBe(0);
    await queue.push(bytes(3));
    terminal.step();
    expect(terminal.seen.slice(-3)).toEqual([0, 1, 2]);
  });
});

describe("InputQueue", () => {
  it("sends in order, one call at a time, in pieces", async () => {
    const calls: Uint8Array[] = [];
    let running = 0;
    let most = 0;
    const queue = new InputQueue(
      async (piece) => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 1));
        calls.push(piece);
        running--;
      },
      () => expect.unreachable(),
      1000,
    );
    const all = bytes(4321);
    queue.push(all.subarray(0, 1500));
    queue.push(all.subarray(1500));
    await expect.poll(() => calls.reduce((n, c) => n + c.length, 0)).toBe(4321);
    expect(Uint8Array.from(calls.flatMap((c) => [...c]))).toEqual(all);
    expect(most).toBe(1);
    expect(Math.max(...calls.map((c) => c.length))).toBeLessThanOrEqual(1000);
  });

  it("reports a failure, drops the rest, and works again", async () => {
    const errors: unknown[] = [];
    const sent: number[] = [];
    let broken = true;
    const queue = new InputQueue(
      (piece) => {
        if (broken) return Promise.reject(new Error("gone"));
        sent.push(...piece);
        return Promise.resolve();
      },
      (error) => errors.push(error),
      2,
    );
    queue.push(bytes(6));
    await expect.poll(() => errors.length).toBe(1);
    broken = false;
    queue.push(bytes(1, 9));
    await expect.poll(() => sent).toEqual([9]);
  });
});
