/** What the tests that hold for every device see of one: its sections, its registers, and a trace of what leaves it. */
import type { TimerQueue } from "../../base/clock.ts";
import type { ByteSink, EdgeLine, LevelLine } from "../../base/lines.ts";
import type { Persistent } from "../../base/persist.ts";
import type { BusRegion } from "../bus/region.ts";

/** mulberry32: small, deterministic, good enough to pick registers. */
export function pseudoRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** What leaves a device, in order, with guest time. */
export class Trace {
  readonly events: string[] = [];
  constructor(private readonly clock: TimerQueue) {}
  note(what: string): void {
    this.events.push(`${this.clock.nowNs()} ${what}`);
  }
  level(name: string): LevelLine {
    return { set: (asserted) => this.note(`${name} ${asserted ? "high" : "low"}`) };
  }
  edge(name: string): EdgeLine {
    return { pulse: () => this.note(`${name} edge`) };
  }
  sink(name: string): ByteSink {
    return { write: (byte) => this.note(`${name} ${byte}`) };
  }
}

/** A device as a machine would have it: its sections, its registers, and what else can happen to it. */
export interface FittedDevice {
  readonly persistents: readonly Persistent[];
  readonly regions: readonly { readonly region: BusRegion; readonly widthDecoded?: boolean }[];
  /** One input from outside the bus, chosen by `random`. */
  stimulate?(random: () => number): void;
  reset?(): void;
}

export type FitDevice = (clock: TimerQueue, trace: Trace) => FittedDevice;
