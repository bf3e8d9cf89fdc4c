/** virtio-9p and virtio-fs: devices whose requests are messages to a file server, answered in the chain's writable part. */
import type { StateFields, StateReader } from "../../base/persist.ts";
import type { IoWidth } from "../bus/region.ts";
import { configRead, type VirtioModel } from "./device.ts";
import { DEVICE_TYPE, featureMask } from "./features.ts";
import type { Virtqueue } from "./virtqueue.ts";

/** A protocol over request and reply buffers. */
export interface MessageServer {
  /** Answers a request: bytes written to the front of `reply`. A request that cannot be understood gets 0. */
  serve(request: readonly Uint8Array[], reply: readonly Uint8Array[]): number;
  /** The driver is gone: forget its open files. */
  reset(): void;
  save(): StateFields;
  restore(r: StateReader): void;
}

/** virtio-9p (the 9P2000.L transport; QEMU and Linux: config is the tag's length and the tag). */
const F_9P_MOUNT_TAG = 0;
/** virtio-fs (virtio 1.2 §5.11.4). */
const FS_TAG_BYTES = 36;

abstract class MessageDevice implements VirtioModel {
  abstract readonly deviceType: number;
  abstract readonly queueSizes: readonly number[];
  abstract readonly features: bigint;
  readonly classCode: number = 0x000200;
  readonly configBytes: number;

  constructor(
    readonly name: string,
    private readonly config: Uint8Array,
    private readonly server: MessageServer,
  ) {
    this.configBytes = config.length;
  }

  attach(): void {
    // Nothing happens but on a kick.
  }
  readConfig(offset: number, width: IoWidth): number {
    return configRead(this.config, offset, width);
  }
  kicked(queue: Virtqueue): void {
    for (let chain = queue.pop(); chain !== null; chain = queue.pop()) queue.push(chain, this.server.serve(chain.readable, chain.writable));
  }
  reset(): void {
    this.server.reset();
  }
  save(): StateFields {
    return { server: this.server.save() };
  }
  restore(r: StateReader): void {
    const server = r.record("server");
    this.server.restore(server);
    server.finish();
  }
}

export class Virtio9p extends MessageDevice {
  readonly deviceType = DEVICE_TYPE.ninep;
  readonly queueSizes = [128];
  readonly features = featureMask(F_9P_MOUNT_TAG);

  /** `tag` in UTF-8. */
  constructor(index: number, tag: Uint8Array, server: MessageServer) {
    const config = new Uint8Array(2 + tag.length);
    config[0] = tag.length & 0xff;
    config[1] = tag.length >> 8;
    config.set(tag, 2);
    super(`virtio-9p.${index}`, config, server);
  }
}

export class VirtioFs extends MessageDevice {
  readonly deviceType = DEVICE_TYPE.fs;
  /** High priority (forget, interrupt), and one for requests. */
  readonly queueSizes = [128, 1024];
  readonly features = 0n;

  /** `tag` in UTF-8, up to 36 bytes. */
  constructor(index: number, tag: Uint8Array, server: MessageServer) {
    const config = new Uint8Array(FS_TAG_BYTES + 4);
    config.set(tag.subarray(0, FS_TAG_BYTES));
    config[FS_TAG_BYTES] = 1;
    super(`virtio-fs.${index}`, config, server);
  }
}
