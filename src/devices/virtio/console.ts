/** virtio-console with one port (virtio 1.2 §5.3): what the guest writes goes to a sink, what is typed waits for its buffers. */
import type { StateFields, StateReader } from "../../base/persist.ts";
import type { IoWidth } from "../bus/region.ts";
import { ByteQueue } from "../byte-queue.ts";
import { configRead, type VirtioModel, type VirtioPort } from "./device.ts";
import { DEVICE_TYPE, featureMask } from "./features.ts";
import type { Virtqueue } from "./virtqueue.ts";

const F_SIZE = 0;
const QUEUE = { receive: 0, transmit: 1 } as const;

/** Takes output in pieces as the guest wrote them. */
export interface ChunkSink {
  /** The bytes are the receiver's only until it returns. */
  write(bytes: Uint8Array): void;
}

export class VirtioConsole implements VirtioModel {
  readonly name: string;
  readonly deviceType = DEVICE_TYPE.console;
  readonly classCode = 0x078000;
  readonly queueSizes = [64, 64];
  readonly features = featureMask(F_SIZE);
  readonly configBytes = 12;
  private readonly config = new Uint8Array(12);
  private port: VirtioPort | null = null;
  private readonly input = new ByteQueue();

  constructor(
    index: number,
    private readonly output: ChunkSink,
  ) {
    this.name = `virtio-console.${index}`;
    this.setSize(80, 25);
  }

  attach(port: VirtioPort): void {
    this.port = port;
  }
  readConfig(offset: number, width: IoWidth): number {
    return configRead(this.config, offset, width);
  }

  /** The terminal's size in characters. */
  setSize(columns: number, rows: number): void {
    const view = new DataView(this.config.buffer);
    view.setUint16(0, columns, true);
    view.setUint16(2, rows, true);
    this.port?.configChanged();
  }

  /** Typed bytes: queued without limit. */
  receiveBytes(bytes: Uint8Array): void {
    this.input.push(bytes);
    this.port?.guard(() => this.deliver());
  }
  get queuedInput(): number {
    return this.input.length;
  }

  private deliver(): void {
    const queue = this.port?.queues[QUEUE.receive];
    while (this.input.length > 0) {
      const chain = queue?.pop() ?? null;
      if (chain === null) return;
      let written = 0;
      for (const segment of chain.writable) {
        for (let i = 0; i < segment.length && this.input.length > 0; i++) {
          segment[i] = this.input.shift();
          written++;
        }
      }
      queue?.push(chain, written);
    }
  }

  kicked(queue: Virtqueue): void {
    if (queue.index === QUEUE.receive) {
      this.deliver();
      return;
    }
    for (let chain = queue.pop(); chain !== null; chain = queue.pop()) {
      for (const segment of chain.readable) this.output.write(segment);
      queue.push(chain, 0);
    }
  }

  reset(): void {
    // What was typed waits for the next driver.
  }
  save(): StateFields {
    return { input: this.input.toBytes(), config: this.config.slice() };
  }
  restore(r: StateReader): void {
    this.input.clear();
    this.input.push(r.bytes("input"));
    this.config.set(r.bytes("config", this.configBytes));
  }
}
