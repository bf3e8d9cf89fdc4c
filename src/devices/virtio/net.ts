/** virtio-net (virtio 1.2 §5.1): one pair of queues, frames to and from a switch port. */
import type { StateFields, StateReader } from "../../base/persist.ts";
import type { IoWidth } from "../bus/region.ts";
import { gather, RingError, scatter, sliceSegments } from "./chain.ts";
import { configRead, type VirtioModel, type VirtioPort } from "./device.ts";
import { DEVICE_TYPE, featureMask } from "./features.ts";
import type { Virtqueue } from "./virtqueue.ts";

const F = { mtu: 3, mac: 5, mergedBuffers: 15, status: 16 } as const;
const QUEUE = { receive: 0, transmit: 1 } as const;
/** struct virtio_net_hdr of a modern device (§5.1.6): always with num_buffers. */
const HEADER_BYTES = 12;
const NUM_BUFFERS = 10;
const LINK_UP = 1;
export const MAC_BYTES = 6;
export const ETHERNET_MTU = 1500;
/** An Ethernet frame without its check sequence, with room for a VLAN tag. */
const MAX_FRAME = ETHERNET_MTU + 18;
/** Frames that wait for the driver's buffers; more are dropped, as a wire drops them. */
const MAX_WAITING = 256;

/** Where a network device puts the frames that it sends. */
export interface FrameSink {
  /** An Ethernet frame without check sequence; the receiver's own. */
  send(frame: Uint8Array): void;
}

export class VirtioNet implements VirtioModel {
  readonly name: string;
  readonly deviceType = DEVICE_TYPE.net;
  readonly classCode = 0x020000;
  readonly queueSizes = [256, 256];
  readonly features = featureMask(F.mtu, F.mac, F.mergedBuffers, F.status);
  readonly configBytes = 12;
  private readonly config = new Uint8Array(12);
  private port: VirtioPort | null = null;
  private waiting: Uint8Array[] = [];

  constructor(
    index: number,
    mac: Uint8Array,
    private readonly wire: FrameSink,
  ) {
    this.name = `virtio-net.${index}`;
    this.config.set(mac.subarray(0, MAC_BYTES));
    const view = new DataView(this.config.buffer);
    view.setUint16(6, LINK_UP, true);
    view.setUint16(8, 1, true);
    view.setUint16(10, ETHERNET_MTU, true);
  }

  attach(port: VirtioPort): void {
    this.port = port;
  }
  readConfig(offset: number, width: IoWidth): number {
    return configRead(this.config, offset, width);
  }

  /** A frame from the wire; dropped where nobody listens. */
  receive(frame: Uint8Array): void {
    if (frame.length > MAX_FRAME || this.port?.live !== true || this.waiting.length >= MAX_WAITING) return;
    this.waiting.push(frame);
    this.port.guard(() => this.deliver());
  }

  private deliver(): void {
    const queue = this.port?.queues[QUEUE.receive];
    while (this.waiting.length > 0) {
      const chain = queue?.pop() ?? null;
      if (chain === null) return;
      const frame = this.waiting.shift() as Uint8Array;
      const message = new Uint8Array(HEADER_BYTES + frame.length);
      message[NUM_BUFFERS] = 1;
      message.set(frame, HEADER_BYTES);
      // A driver with buffers too small for a frame breaks §5.1.6.3.1.
      if (chain.writableBytes < message.length) throw new RingError(`a receive buffer of ${chain.writableBytes} bytes`);
      queue?.push(chain, scatter(message, chain.writable));
    }
  }

  kicked(queue: Virtqueue): void {
    if (queue.index === QUEUE.receive) {
      this.deliver();
      return;
    }
    for (let chain = queue.pop(); chain !== null; chain = queue.pop()) {
      const frame = gather(sliceSegments(chain.readable, HEADER_BYTES, MAX_FRAME + 1));
      queue.push(chain, 0);
      if (frame.length <= MAX_FRAME && frame.length >= 14) this.wire.send(frame);
    }
  }

  reset(): void {
    this.waiting = [];
  }
  save(): StateFields {
    return { waiting: [...this.waiting] };
  }
  restore(r: StateReader): void {
    this.waiting = r.byteLists("waiting");
  }
}
