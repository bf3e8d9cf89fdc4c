/** A virtqueue: the driver's set-up of it, the ring once it is enabled, and the requests that are under way. */
import type { GuestMemory } from "../../base/guest-memory.ts";
import type { StateFields, StateReader } from "../../base/persist.ts";
import { Chain } from "./chain.ts";
import { PackedRing } from "./packed-ring.ts";
import type { Ring } from "./ring.ts";
import { SplitRing } from "./split-ring.ts";

/** No MSI-X vector (virtio 1.2 §4.1.5.1.2). */
export const NO_VECTOR = 0xffff;

export interface RingFeatures {
  readonly packed: boolean;
  readonly indirect: boolean;
  readonly eventIndex: boolean;
}

export class Virtqueue {
  size: number;
  descriptors = 0;
  driver = 0;
  device = 0;
  vector = NO_VECTOR;
  enabled = false;
  /** Requests popped and not pushed, oldest first. */
  readonly inFlight = new Set<Chain>();
  private ring: Ring | null = null;
  private features: RingFeatures = { packed: false, indirect: false, eventIndex: false };

  constructor(
    readonly index: number,
    /** Largest number of descriptors, a power of two. */
    readonly maxSize: number,
    private readonly memory: GuestMemory,
    private readonly interrupt: (queue: Virtqueue) => void,
  ) {
    this.size = maxSize;
  }

  reset(): void {
    this.size = this.maxSize;
    this.descriptors = this.driver = this.device = 0;
    this.vector = NO_VECTOR;
    this.enabled = false;
    this.ring = null;
    this.inFlight.clear();
  }

  /** The driver has enabled the queue: what it has set up holds until a reset. */
  enable(features: RingFeatures): void {
    this.enabled = true;
    this.features = features;
    this.ring = null;
  }

  /** Made at first use, so that a bad set-up is an error of the ring. Throws RingError. */
  private theRing(): Ring {
    if (this.ring !== null) return this.ring;
    const { size, descriptors, driver, device } = this;
    const setup = { size, descriptors, driver, device, indirect: this.features.indirect, eventIndex: this.features.eventIndex };
    this.ring = this.features.packed ? new PackedRing(this.memory, setup) : new SplitRing(this.memory, setup);
    return this.ring;
  }

  /** The next request, or null. Throws RingError. */
  pop(): Chain | null {
    if (!this.enabled) return null;
    const chain = this.theRing().pop();
    if (chain !== null) this.inFlight.add(chain);
    return chain;
  }

  /** Gives a request back; one from before a reset is forgotten. `notify` follows when a batch is through. */
  push(chain: Chain, written: number): void {
    if (this.inFlight.delete(chain)) this.theRing().push(chain, written);
  }

  /** Interrupts the driver if it wants to know of what was pushed. */
  notify(): void {
    if (this.ring?.takeInterrupt() === true) this.interrupt(this);
  }

  save(): StateFields {
    return {
      size: this.size, descriptors: this.descriptors, driver: this.driver, device: this.device, vector: this.vector, enabled: this.enabled,
      ...this.features,
      ring: this.ring === null ? null : this.ring.save(),
      inFlight: [...this.inFlight].map((c) => c.save()),
    };
  }
  restore(r: StateReader): void {
    this.size = r.int("size", 0, 0xffff);
    this.descriptors = r.int("descriptors", 0);
    this.driver = r.int("driver", 0);
    this.device = r.int("device", 0);
    this.vector = r.int("vector", 0, 0xffff);
    this.enabled = r.bool("enabled");
    this.features = { packed: r.bool("packed"), indirect: r.bool("indirect"), eventIndex: r.bool("eventIndex") };
    this.ring = null;
    const ring = r.recordOrNull("ring");
    if (ring !== null) {
      this.theRing().restore(ring);
      ring.finish();
    }
    this.inFlight.clear();
    for (const c of r.recordList("inFlight")) this.inFlight.add(Chain.restore(this.memory, c));
  }
}
