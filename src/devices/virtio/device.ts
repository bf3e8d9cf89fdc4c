/** What stands between a device of virtio and its transport. */
import type { GuestMemory } from "../../base/guest-memory.ts";
import type { StateFields, StateReader } from "../../base/persist.ts";
import type { IoWidth } from "../bus/region.ts";
import type { Virtqueue } from "./virtqueue.ts";

/** A device's way to its driver. */
export interface VirtioPort {
  readonly memory: GuestMemory;
  readonly queues: readonly Virtqueue[];
  /** Whether the driver has accepted a feature bit. */
  has(feature: number): boolean;
  /** DRIVER_OK is set and the device is not broken: queues may be used. */
  readonly live: boolean;
  /** The device's configuration has changed. */
  configChanged(): void;
  /**
   * Runs work on the queues. A RingError in it marks the device broken; queues that it pushed to are notified after it. Work that
   * starts outside of `kicked`, as a completion or a frame that arrives, must run in here.
   */
  guard(work: () => void): void;
}

/** A kind of device: what differs between block, network and the rest. */
export interface VirtioModel {
  /** Section name, and the name in statistics: `virtio-blk.0`. */
  readonly name: string;
  /** virtio 1.2 §5. */
  readonly deviceType: number;
  /** PCI class code, 24 bits. */
  readonly classCode: number;
  /** Largest size of each queue. */
  readonly queueSizes: readonly number[];
  /** The device's own feature bits; the transport adds those of the ring. */
  readonly features: bigint;
  /** Bytes of device configuration. */
  readonly configBytes: number;
  readConfig(offset: number, width: IoWidth): number;
  writeConfig?(offset: number, width: IoWidth, value: number): void;

  /** Called once, before anything else. */
  attach(port: VirtioPort): void;
  /** DRIVER_OK was set. */
  started?(): void;
  /** The driver has notified a queue. Runs inside `guard`. */
  kicked(queue: Virtqueue): void;
  /** Forget requests: their chains belong to a driver that is gone. */
  reset(): void;
  save(): StateFields;
  restore(r: StateReader): void;
}

/** Little-endian bytes as a device's configuration: any width at any offset, zeroes past the end. */
export function configRead(bytes: Uint8Array, offset: number, width: IoWidth): number {
  let value = 0;
  for (let i = width - 1; i >= 0; i--) value = (value << 8) | (bytes[offset + i] ?? 0);
  return value >>> 0;
}
