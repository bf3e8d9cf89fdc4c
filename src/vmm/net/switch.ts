/** An Ethernet switch in memory: learns where addresses are, and delivers frames a moment of guest time later, in order. */
import type { Scheduler, Timer } from "../../base/clock.ts";
import type { Persistent, StateFields, StateReader } from "../../base/persist.ts";
import type { FrameSink } from "../../devices/virtio/net.ts";

/** Guest time that a frame is under way: a sender is never called back from its own send. */
const LATENCY_NS = 20_000;
/** Frames under way; more are dropped. */
const MAX_FRAMES = 4096;
const MAX_ADDRESSES = 4096;

interface Travelling {
  readonly dueNs: number;
  readonly from: number;
  readonly frame: Uint8Array;
}

/** A MAC address at an offset, as a number. */
function addressAt(frame: Uint8Array, offset: number): number {
  let n = 0;
  for (let i = 0; i < 6; i++) n = n * 256 + frame[offset + i];
  return n;
}

export class EthernetSwitch implements Persistent {
  readonly sectionName = "net.switch";
  readonly sectionVersion = 1;
  private readonly ports: ((frame: Uint8Array) => void)[] = [];
  private readonly places = new Map<number, number>();
  private travelling: Travelling[] = [];
  private readonly timer: Timer;

  constructor(private readonly scheduler: Scheduler) {
    this.timer = scheduler.createTimer("net.switch", () => this.deliver());
  }

  /** A port: frames for it go to `receive`, frames from it into the result. */
  attach(receive: (frame: Uint8Array) => void): FrameSink {
    const from = this.ports.push(receive) - 1;
    return {
      send: (frame) => {
        if (frame.length < 14 || this.travelling.length >= MAX_FRAMES) return;
        this.travelling.push({ dueNs: this.scheduler.nowNs() + LATENCY_NS, from, frame });
        if (this.travelling.length === 1) this.timer.arm(this.travelling[0].dueNs);
      },
    };
  }

  private deliver(): void {
    const now = this.scheduler.nowNs();
    while (this.travelling.length > 0 && this.travelling[0].dueNs <= now) this.forward(this.travelling.shift() as Travelling);
    if (this.travelling.length > 0) this.timer.arm(this.travelling[0].dueNs);
  }

  private forward({ from, frame }: Travelling): void {
    const isGroup = (n: number): boolean => (Math.floor(n / 2 ** 40) & 1) !== 0;
    const source = addressAt(frame, 6);
    if (!isGroup(source) && (this.places.size < MAX_ADDRESSES || this.places.has(source))) this.places.set(source, from);
    const target = addressAt(frame, 0);
    const place = isGroup(target) ? undefined : this.places.get(target);
    this.ports.forEach((receive, port) => {
      if (port !== from && (place === undefined || place === port)) receive(frame);
    });
  }

  save(): StateFields {
    return {
      places: [...this.places].map(([address, port]) => ({ address, port })),
      travelling: this.travelling.map((t) => ({ ...t })),
    };
  }
  restore(r: StateReader): void {
    this.places.clear();
    for (const p of r.recordList("places")) this.places.set(p.int("address", 0), p.int("port", 0));
    this.travelling = r.recordList("travelling").map((t) => ({ dueNs: t.int("dueNs", 0), from: t.int("from", 0), frame: t.bytes("frame") }));
    if (this.travelling.length > 0) this.timer.arm(this.travelling[0].dueNs);
  }
}
