/** Virtio over PCI, modern interface (virtio 1.2 §4.1): the four structures in one BAR, and the window in configuration space. */
import type { GuestMemory } from "../../base/guest-memory.ts";
import type { Persistent, StateFields, StateReader } from "../../base/persist.ts";
import type { BusRegion, IoWidth } from "../bus/region.ts";
import { PciEndpoint, type PciSlot } from "../pci/endpoint.ts";
import { RingError } from "./chain.ts";
import type { VirtioModel, VirtioPort } from "./device.ts";
import { FEATURE, featureMask, STATUS } from "./features.ts";
import { NO_VECTOR, Virtqueue } from "./virtqueue.ts";

const VENDOR = 0x1af4;
/** Modern devices have ID 1040h + type, revision 1 or more (§4.1.2). */
const MODERN_ID = 0x1040;
/** Which devices have ID 1000h + n in the transitional numbering; Linux and SeaBIOS show it as the subsystem. */
const SUBSYSTEM_ID = 0x1100;

/** Structure types of the vendor capability (§4.1.4). */
const CAP = { common: 1, notify: 2, isr: 3, device: 4, pci: 5 } as const;
const CAP_VENDOR = 0x09;
const MODERN_BAR = 4;
const MSIX_BAR = 1;
/** Layout of the BAR. A queue's doorbell is 4 bytes wide, so that each can be told by its address. */
const LAYOUT = { common: 0x0000, isr: 0x1000, device: 0x2000, notify: 0x3000, size: 0x4000 } as const;
const STRUCTURE_BYTES = 0x1000;
const COMMON_BYTES = 0x40;
const NOTIFY_MULTIPLIER = 4;

const ISR = { queue: 1, config: 2 } as const;

export interface TransportOptions {
  /** Offer packed rings. */
  readonly packed?: boolean;
}

export class VirtioPci implements Persistent, VirtioPort {
  readonly sectionName: string;
  readonly sectionVersion = 1;
  readonly endpoint: PciEndpoint;
  readonly queues: readonly Virtqueue[];
  /** The modern interface's registers. */
  readonly registers: BusRegion;

  private status = 0;
  private isr = 0;
  private deviceFeatureSelect = 0;
  private driverFeatureSelect = 0;
  private driverFeatures = 0n;
  private configVector = NO_VECTOR;
  private generation = 0;
  private queueSelect = 0;
  private readonly offered: bigint;
  private guarded = false;
  /** Offset of the configuration-space window's capability. */
  private windowAt = 0;

  constructor(
    private readonly model: VirtioModel,
    readonly memory: GuestMemory,
    slot: PciSlot,
    options: TransportOptions = {},
  ) {
    this.sectionName = model.name;
    this.offered =
      model.features |
      featureMask(FEATURE.indirect, FEATURE.eventIndex, FEATURE.version1, FEATURE.ringReset) |
      (options.packed === true ? featureMask(FEATURE.packed) : 0n);
    this.queues = model.queueSizes.map((size, i) => new Virtqueue(i, size, memory, (queue) => this.queueInterrupt(queue)));
    this.registers = {
      length: LAYOUT.size,
      widths: [1, 2, 4],
      read: (offset, width) => this.read(offset, width),
      write: (offset, width, value) => this.write(offset, width, value),
    };
    this.endpoint = new PciEndpoint(
      {
        name: model.name,
        vendorId: VENDOR,
        deviceId: MODERN_ID + model.deviceType,
        revision: 1,
        classCode: model.classCode,
        subsystemVendorId: VENDOR,
        subsystemId: SUBSYSTEM_ID,
        bars: { [MODERN_BAR]: { kind: "memory64", prefetchable: true, region: this.registers } },
        interruptPin: 1,
        // One for each queue and one for configuration changes.
        msix: { vectors: this.queues.length + 1, bar: MSIX_BAR },
      },
      slot,
      (endpoint) => this.addCapabilities(endpoint),
    );
    model.attach(this);
  }

  private addCapabilities(endpoint: PciEndpoint): void {
    const add = (type: number, offset: number, length: number, extra = 0): number => {
      const size = 16 + extra;
      const at = endpoint.addCapability(CAP_VENDOR, size, type === CAP.pci ? this.window : null);
      const writable = type === CAP.pci ? 0xff : 0;
      endpoint.defineConfig(at + 2, 1, size);
      endpoint.defineConfig(at + 3, 1, type);
      endpoint.defineConfig(at + 4, 1, type === CAP.pci ? 0 : MODERN_BAR, writable);
      endpoint.defineConfig(at + 8, 4, offset, type === CAP.pci ? 0xffff_ffff : 0);
      endpoint.defineConfig(at + 12, 4, length, type === CAP.pci ? 0xffff_ffff : 0);
      return at;
    };
    add(CAP.common, LAYOUT.common, COMMON_BYTES);
    add(CAP.isr, LAYOUT.isr, 1);
    add(CAP.device, LAYOUT.device, STRUCTURE_BYTES);
    const notify = add(CAP.notify, LAYOUT.notify, STRUCTURE_BYTES, 4);
    endpoint.defineConfig(notify + 16, 4, NOTIFY_MULTIPLIER);
    this.windowAt = add(CAP.pci, 0, 0, 4);
    endpoint.defineConfig(this.windowAt + 16, 4, 0, 0xffff_ffff);
  }

  /** The capability through which firmware reaches the BAR without memory accesses (§4.1.4.9). */
  private readonly window = {
    read: (offset: number, width: IoWidth): number | undefined => {
      if (offset < 16) return undefined;
      const target = this.windowTarget(width);
      return target === null ? undefined : this.read(target, width);
    },
    wrote: (offset: number, width: IoWidth): void => {
      if (offset < 16) return;
      const target = this.windowTarget(width);
      if (target !== null) this.write(target, width, this.endpoint.peekConfig(this.windowAt + 16, width));
    },
  };
  private windowTarget(width: IoWidth): number | null {
    const bar = this.endpoint.peekConfig(this.windowAt + 4, 1);
    const offset = this.endpoint.peekConfig(this.windowAt + 8, 4);
    const length = this.endpoint.peekConfig(this.windowAt + 12, 4);
    return bar === MODERN_BAR && length === width && offset % width === 0 && offset + width <= LAYOUT.size ? offset : null;
  }

  // --- VirtioPort ------------------------------------------------------------------------------------------------------

  has(feature: number): boolean {
    return (this.driverFeatures & (1n << BigInt(feature))) !== 0n;
  }
  get live(): boolean {
    return (this.status & (STATUS.driverOk | STATUS.needsReset)) === STATUS.driverOk;
  }

  configChanged(): void {
    this.generation = (this.generation + 1) & 0xff;
    if ((this.status & STATUS.driverOk) === 0) return;
    this.raise(this.configVector, ISR.config);
  }

  guard(work: () => void): void {
    if (!this.live) return;
    if (this.guarded) {
      work();
      return;
    }
    this.guarded = true;
    try {
      work();
      for (const queue of this.queues) queue.notify();
    } catch (e) {
      if (!(e instanceof RingError)) throw e;
      this.markBroken();
    } finally {
      this.guarded = false;
    }
  }

  /** The driver has broken the rules: nothing is done until it resets the device (§2.1.2). */
  private markBroken(): void {
    this.status |= STATUS.needsReset;
    this.configChanged();
  }

  private queueInterrupt(queue: Virtqueue): void {
    this.raise(queue.vector, ISR.queue);
  }

  private raise(vector: number, cause: number): void {
    if (this.endpoint.msixEnabled) {
      if (vector !== NO_VECTOR) this.endpoint.msix?.raise(vector);
      return;
    }
    this.isr |= cause;
    this.endpoint.setInterrupt(true);
  }

  // --- Registers -------------------------------------------------------------------------------------------------------

  private read(offset: number, width: IoWidth): number {
    if (offset < LAYOUT.common + STRUCTURE_BYTES) return this.readCommon(offset, width);
    if (offset < LAYOUT.device) return offset === LAYOUT.isr ? this.takeIsr() : 0;
    if (offset < LAYOUT.notify) return this.model.readConfig(offset - LAYOUT.device, width);
    return 0;
  }

  private write(offset: number, width: IoWidth, value: number): void {
    if (offset < LAYOUT.common + STRUCTURE_BYTES) this.writeCommon(offset, width, value);
    else if (offset >= LAYOUT.notify) this.kick((offset - LAYOUT.notify) / NOTIFY_MULTIPLIER);
    else if (offset >= LAYOUT.device) this.model.writeConfig?.(offset - LAYOUT.device, width, value);
  }

  private takeIsr(): number {
    const isr = this.isr;
    this.isr = 0;
    this.endpoint.setInterrupt(false);
    return isr;
  }

  private kick(index: number): void {
    const queue = this.queues[index] as Virtqueue | undefined;
    if (queue?.enabled === true) this.guard(() => this.model.kicked(queue));
  }

  private get selected(): Virtqueue | null {
    return this.queues[this.queueSelect] ?? null;
  }

  /** Common configuration (§4.1.4.3): fields by offset and width; 64-bit ones may be accessed as two halves. */
  private readCommon(offset: number, width: IoWidth): number {
    const field = offset & ~3;
    const whole = this.readCommonLong(field);
    return (whole >>> (8 * (offset - field))) & (width === 4 ? -1 : (1 << (8 * width)) - 1);
  }

  private readCommonLong(offset: number): number {
    const queue = this.selected;
    switch (offset) {
      case 0x00:
        return this.deviceFeatureSelect;
      case 0x04:
        return halfOf(this.offered, this.deviceFeatureSelect);
      case 0x08:
        return this.driverFeatureSelect;
      case 0x0c:
        return halfOf(this.driverFeatures, this.driverFeatureSelect);
      case 0x10:
        return this.configVector | (this.queues.length << 16);
      case 0x14:
        return this.status | (this.generation << 8) | (this.queueSelect << 16);
      case 0x18:
        return queue === null ? NO_VECTOR << 16 : queue.size | (queue.vector << 16);
      case 0x1c:
        return queue === null ? 0 : (queue.enabled ? 1 : 0) | (queue.index << 16);
      case 0x20:
        return low(queue?.descriptors);
      case 0x24:
        return high(queue?.descriptors);
      case 0x28:
        return low(queue?.driver);
      case 0x2c:
        return high(queue?.driver);
      case 0x30:
        return low(queue?.device);
      case 0x34:
        return high(queue?.device);
      case 0x38:
        return queue?.index ?? 0;
      default:
        return 0;
    }
  }

  private writeCommon(offset: number, width: IoWidth, value: number): void {
    const queue = this.selected;
    // While a queue is enabled its set-up stands still.
    const open = queue !== null && !queue.enabled ? queue : null;
    switch (offset) {
      case 0x00:
        if (width === 4) this.deviceFeatureSelect = value;
        break;
      case 0x08:
        if (width === 4) this.driverFeatureSelect = value;
        break;
      case 0x0c:
        if (width === 4) this.acceptFeatures(value);
        break;
      case 0x10:
        this.configVector = this.vector(value);
        break;
      case 0x14:
        this.writeStatus(value & 0xff);
        break;
      case 0x16:
        this.queueSelect = value & 0xffff;
        break;
      case 0x18:
        if (open !== null && value > 0 && value <= open.maxSize) open.size = value;
        break;
      case 0x1a:
        if (queue !== null) queue.vector = this.vector(value);
        break;
      case 0x1c:
        if (open !== null && (value & 1) !== 0) {
          open.enable({ packed: this.has(FEATURE.packed), indirect: this.has(FEATURE.indirect), eventIndex: this.has(FEATURE.eventIndex) });
        }
        break;
      case 0x3a:
        if (queue !== null && (value & 1) !== 0 && this.has(FEATURE.ringReset)) queue.reset();
        break;
      default:
        if (open !== null && width === 4) writeAddress(open, offset, value);
    }
  }

  /** A vector that exists, else none: the driver reads it back to see (§4.1.5.1.2). */
  private vector(value: number): number {
    return value < (this.endpoint.msix?.vectors ?? 0) ? value : NO_VECTOR;
  }

  private acceptFeatures(value: number): void {
    if ((this.status & STATUS.featuresOk) !== 0 || this.driverFeatureSelect > 1) return;
    const shift = BigInt(32 * this.driverFeatureSelect);
    this.driverFeatures = (this.driverFeatures & ~(0xffff_ffffn << shift)) | (BigInt(value) << shift);
  }

  private writeStatus(value: number): void {
    if (value === 0) {
      this.resetDevice();
      return;
    }
    let next = value | (this.status & STATUS.needsReset);
    // Features that were not offered, or the legacy interface: FEATURES_OK does not stay (§3.1.1).
    const acceptable = (this.driverFeatures & ~this.offered) === 0n && this.has(FEATURE.version1);
    if (!acceptable) next &= ~STATUS.featuresOk;
    const started = (next & ~this.status & STATUS.driverOk) !== 0;
    this.status = next;
    if (started && this.live) this.guard(() => this.model.started?.());
  }

  private resetDevice(): void {
    this.status = this.isr = 0;
    this.deviceFeatureSelect = this.driverFeatureSelect = this.queueSelect = 0;
    this.driverFeatures = 0n;
    this.configVector = NO_VECTOR;
    for (const queue of this.queues) queue.reset();
    this.endpoint.setInterrupt(false);
    this.model.reset();
  }

  /** System reset. */
  reset(): void {
    this.resetDevice();
    this.generation = 0;
    this.endpoint.reset();
  }

  // --- State -----------------------------------------------------------------------------------------------------------

  save(): StateFields {
    return {
      pci: this.endpoint.save(),
      status: this.status, isr: this.isr, generation: this.generation,
      deviceFeatureSelect: this.deviceFeatureSelect, driverFeatureSelect: this.driverFeatureSelect, driverFeatures: this.driverFeatures,
      configVector: this.configVector, queueSelect: this.queueSelect,
      queues: this.queues.map((q) => q.save()),
      device: this.model.save(),
    };
  }
  restore(r: StateReader): void {
    const pci = r.record("pci");
    this.endpoint.restore(pci);
    pci.finish();
    this.status = r.int("status", 0, 0xff);
    this.isr = r.int("isr", 0, 3);
    this.generation = r.int("generation", 0, 0xff);
    this.deviceFeatureSelect = r.int("deviceFeatureSelect", 0, 0xffff_ffff);
    this.driverFeatureSelect = r.int("driverFeatureSelect", 0, 0xffff_ffff);
    this.driverFeatures = r.bigint("driverFeatures");
    this.configVector = r.int("configVector", 0, 0xffff);
    this.queueSelect = r.int("queueSelect", 0, 0xffff);
    r.records("queues", this.queues.length).forEach((q, i) => {
      this.queues[i].restore(q);
      q.finish();
    });
    const device = r.record("device");
    this.model.restore(device);
    device.finish();
  }
}

/** Bits 31..0 or 63..32; further selections show nothing. */
function halfOf(mask: bigint, select: number): number {
  return select > 1 ? 0 : Number((mask >> BigInt(32 * select)) & 0xffff_ffffn);
}
const low = (address = 0): number => address % 2 ** 32;
const high = (address = 0): number => Math.floor(address / 2 ** 32);

/** Addresses have 52 bits at most: what is above them is not kept. */
function writeAddress(queue: Virtqueue, offset: number, value: number): void {
  const merge = (old: number): number => ((offset & 4) === 0 ? old - (old % 2 ** 32) + value : (value & 0xf_ffff) * 2 ** 32 + (old % 2 ** 32));
  if ((offset & ~4) === 0x20) queue.descriptors = merge(queue.descriptors);
  else if ((offset & ~4) === 0x28) queue.driver = merge(queue.driver);
  else if ((offset & ~4) === 0x30) queue.device = merge(queue.device);
}
