/** virtio-balloon (virtio 1.2 §5.5): the VMM asks the guest for pages; what it gives back is counted. */
import type { StateFields, StateReader } from "../../base/persist.ts";
import type { IoWidth } from "../bus/region.ts";
import { configRead, type VirtioModel, type VirtioPort } from "./device.ts";
import { DEVICE_TYPE } from "./features.ts";
import type { Virtqueue } from "./virtqueue.ts";

const QUEUE = { inflate: 0, deflate: 1 } as const;
const CONFIG = { wanted: 0, actual: 4 } as const;

export class VirtioBalloon implements VirtioModel {
  readonly name = "virtio-balloon";
  readonly deviceType = DEVICE_TYPE.balloon;
  readonly classCode = 0x00ff00;
  readonly queueSizes = [128, 128];
  readonly features = 0n;
  readonly configBytes = 8;
  private readonly config = new Uint8Array(8);
  private port: VirtioPort | null = null;

  attach(port: VirtioPort): void {
    this.port = port;
  }
  readConfig(offset: number, width: IoWidth): number {
    return configRead(this.config, offset, width);
  }
  /** The driver says how many pages it has given. */
  writeConfig(offset: number, width: IoWidth, value: number): void {
    for (let i = 0; i < width; i++) if (offset + i >= CONFIG.actual && offset + i < this.configBytes) this.config[offset + i] = value >>> (8 * i);
  }

  /** Pages of 4 KiB that the guest should give back. */
  setWanted(pages: number): void {
    new DataView(this.config.buffer).setUint32(CONFIG.wanted, pages, true);
    this.port?.configChanged();
  }
  /** Pages that the guest says it has given. */
  get actual(): number {
    return new DataView(this.config.buffer).getUint32(CONFIG.actual, true);
  }

  /** Page numbers, which we need not know: RAM is one block of memory, and no page of it can be given away. */
  kicked(queue: Virtqueue): void {
    if (queue.index !== QUEUE.inflate && queue.index !== QUEUE.deflate) return;
    for (let chain = queue.pop(); chain !== null; chain = queue.pop()) queue.push(chain, 0);
  }

  reset(): void {
    this.config.fill(0, CONFIG.actual);
  }
  save(): StateFields {
    return { config: this.config.slice() };
  }
  restore(r: StateReader): void {
    this.config.set(r.bytes("config", 8));
  }
}
