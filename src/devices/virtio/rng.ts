/** virtio-rng (virtio 1.2 §5.4): random bytes through the recorded entropy door. */
import type { EntropySource } from "../../base/lines.ts";
import type { StateFields } from "../../base/persist.ts";
import type { VirtioModel } from "./device.ts";
import { DEVICE_TYPE } from "./features.ts";
import type { Virtqueue } from "./virtqueue.ts";

/** Bytes for one request; the driver asks again for more. */
const MOST = 4096;

export class VirtioRng implements VirtioModel {
  readonly name = "virtio-rng";
  readonly deviceType = DEVICE_TYPE.entropy;
  readonly classCode = 0x00ff00;
  readonly queueSizes = [64];
  readonly features = 0n;
  readonly configBytes = 0;

  constructor(private readonly entropy: EntropySource) {}

  attach(): void {
    // Nothing happens but on a kick.
  }
  readConfig(): number {
    return 0;
  }

  kicked(queue: Virtqueue): void {
    for (let chain = queue.pop(); chain !== null; chain = queue.pop()) {
      let written = 0;
      for (const segment of chain.writable) {
        const part = segment.subarray(0, MOST - written);
        this.entropy.fill(part);
        written += part.length;
        if (written === MOST) break;
      }
      queue.push(chain, written);
    }
  }

  reset(): void {
    // No state.
  }
  save(): StateFields {
    return {};
  }
  restore(): void {
    // No state.
  }
}
