/** A PCI function of header type 0: command and status, BARs that the guest may move, capabilities, INTx, MSI-X (PCI 3.0 §6). */
import { InternalError } from "../../base/errors.ts";
import type { LevelLine, MsiSink } from "../../base/lines.ts";
import type { StateFields, StateReader } from "../../base/persist.ts";
import type { BusRegion, IoWidth, Mapping } from "../bus/region.ts";
import { PCI_CONFIG_BYTES, PciConfigSpace, type PciIdentity } from "./config-space.ts";
import { MsixTable } from "./msix.ts";
import type { PciFunction } from "./function.ts";

/** What a function gets of the slot that it is plugged into. */
export interface PciSlot {
  /** Decodes a BAR's region at an address that the guest chose. Null: the address is taken or does not exist. */
  mapPorts(name: string, base: number, region: BusRegion): Mapping | null;
  mapMemory(name: string, base: number, region: BusRegion): Mapping | null;
  /** Decoding has changed: whoever found its addresses taken may try again. */
  decodingChanged(): void;
  /** The function's interrupt pin. */
  readonly intx: LevelLine;
  /** Null: the machine has no local APIC, and no function has an MSI-X capability. */
  readonly msi: MsiSink | null;
}

export interface BarSpec {
  readonly kind: "io" | "memory32" | "memory64";
  readonly prefetchable?: boolean;
  /** Its length is the BAR's size: a power of two, at least 4 (I/O) or 16. */
  readonly region: BusRegion;
}

export interface EndpointSpec extends PciIdentity {
  /** Names the BARs in statistics. */
  readonly name: string;
  readonly subsystemVendorId: number;
  readonly subsystemId: number;
  /** By BAR number; a 64-bit BAR takes the next number too. */
  readonly bars: Readonly<Partial<Record<0 | 1 | 2 | 3 | 4 | 5, BarSpec>>>;
  /** 1 is INTA#; 0: the function raises no interrupt. */
  readonly interruptPin: 0 | 1 | 2 | 3 | 4;
  readonly multifunction?: boolean;
  /** MSI-X vectors and the memory BAR that holds nothing but their table; left out where there is no MsiSink. */
  readonly msix?: { readonly vectors: number; readonly bar: 0 | 1 | 2 | 3 | 4 | 5 };
}

const REG = { command: 0x04, status: 0x06, headerType: 0x0e, bar0: 0x10, subsystemVendor: 0x2c, subsystem: 0x2e, capabilities: 0x34, line: 0x3c, pin: 0x3d } as const;
export const PCI_COMMAND = { io: 1, memory: 2, master: 4, intxDisable: 0x400 } as const;
const COMMAND_WRITABLE = 0x0547;
const STATUS = { interrupt: 0x08, capabilityList: 0x10 } as const;
const STATUS_CLEARABLE = 0xf900;
const FIRST_CAPABILITY = 0x40;
const CAP_MSIX = 0x11;

/** A BAR as fitted. */
interface Bar extends BarSpec {
  readonly index: number;
  readonly offset: number;
  mapping: Mapping | null;
  wanted: number | null;
}

/** Registers of a capability that are not plain memory. */
export interface CapabilityHooks {
  /** `offset` from the capability's start; undefined: as stored. */
  read?(offset: number, width: IoWidth): number | undefined;
  /** After the writable bits have been stored. */
  wrote?(offset: number, width: IoWidth): void;
}

export class PciEndpoint implements PciFunction {
  readonly msix: MsixTable | null;
  private readonly config: PciConfigSpace;
  private readonly bars: Bar[] = [];
  private readonly initial: Uint8Array;
  private readonly hooks: { readonly start: number; readonly end: number; readonly hooks: CapabilityHooks }[] = [];
  private lastCapability = 0;
  private nextCapability: number = FIRST_CAPABILITY;
  private interrupt = false;
  private lineHigh = false;

  /** `capabilities` adds the function's own, through `addCapability`, before the reset values are taken. */
  constructor(
    private readonly spec: EndpointSpec,
    private readonly slot: PciSlot,
    capabilities: (endpoint: PciEndpoint) => void = () => undefined,
  ) {
    const config = new PciConfigSpace(spec);
    this.config = config;
    config.define(REG.command, 2, 0, COMMAND_WRITABLE);
    config.define(REG.status, 2, 0, 0, STATUS_CLEARABLE);
    config.define(0x0c, 1, 0, 0xff);
    config.define(REG.headerType, 1, spec.multifunction === true ? 0x80 : 0);
    config.define(REG.subsystemVendor, 2, spec.subsystemVendorId);
    config.define(REG.subsystem, 2, spec.subsystemId);
    config.define(REG.line, 1, 0, 0xff);
    config.define(REG.pin, 1, spec.interruptPin);
    const { msix } = spec;
    this.msix = msix === undefined || slot.msi === null ? null : new MsixTable(msix.vectors, slot.msi);
    for (const [key, bar] of Object.entries(spec.bars)) this.addBar(Number(key), bar);
    if (this.msix !== null && msix !== undefined) {
      const table = this.msix;
      this.addBar(msix.bar, { kind: "memory32", region: table.region });
      const at = this.addCapability(CAP_MSIX, 12, {
        wrote: (offset, width) => {
          if (offset < 4 && offset + width > 2) this.applyMsix();
        },
      });
      this.msixAt = at;
      config.define(at + 2, 2, msix.vectors - 1, 0xc000);
      config.define(at + 4, 4, msix.bar);
      config.define(at + 8, 4, table.pbaOffset | msix.bar);
    }
    capabilities(this);
    this.initial = this.config.bytes();
  }
  private msixAt = 0;

  private addBar(index: number, bar: BarSpec): void {
    const size = bar.region.length;
    const least = bar.kind === "io" ? 4 : 16;
    if (size < least || (size & (size - 1)) !== 0) throw new InternalError(`${this.spec.name}: BAR ${index} of ${size} bytes`);
    const offset = REG.bar0 + 4 * index;
    const flags = bar.kind === "io" ? 1 : (bar.kind === "memory64" ? 4 : 0) | (bar.prefetchable === true ? 8 : 0);
    this.config.define(offset, 4, flags, -size >>> 0);
    if (bar.kind === "memory64") this.config.define(offset + 4, 4, 0, 0xffff_ffff);
    this.bars.push({ ...bar, index, offset, mapping: null, wanted: null });
  }

  /** Appends to the capability list. `length` in bytes with the two of the header; the offset in configuration space. */
  addCapability(id: number, length: number, hooks: CapabilityHooks | null = null): number {
    const at = this.nextCapability;
    this.nextCapability = (at + length + 3) & ~3;
    if (this.nextCapability > PCI_CONFIG_BYTES) throw new InternalError(`${this.spec.name}: capabilities do not fit`);
    if (this.lastCapability === 0) {
      this.config.define(REG.capabilities, 1, at);
      this.config.define(REG.status, 2, STATUS.capabilityList, 0, STATUS_CLEARABLE);
    } else this.config.define(this.lastCapability + 1, 1, at);
    this.config.define(at, 2, id);
    this.lastCapability = at;
    if (hooks !== null) this.hooks.push({ start: at, end: at + length, hooks });
    return at;
  }
  /** For capabilities: `PciConfigSpace.define` at an offset of configuration space. */
  defineConfig(offset: number, width: IoWidth, value: number, writable = 0): void {
    this.config.define(offset, width, value, writable);
  }
  /** Stored value of a register. */
  peekConfig(offset: number, width: IoWidth): number {
    return this.config.read(offset, width);
  }

  get command(): number {
    return this.config.read(REG.command, 2);
  }
  get interruptPin(): number {
    return this.spec.interruptPin;
  }

  /** RST#: decoding off, the line low. */
  reset(): void {
    this.config.setBytes(this.initial);
    this.msix?.reset();
    this.interrupt = false;
    this.updateLine();
    this.updateBars();
  }

  readConfig(offset: number, width: IoWidth): number {
    for (const { start, end, hooks } of this.hooks) {
      if (offset >= start && offset < end) {
        const value = hooks.read?.(offset - start, width);
        if (value !== undefined) return value;
      }
    }
    let value = this.config.read(offset, width);
    // Interrupt Status is set whatever Interrupt Disable says (PCI 3.0 §6.2.3).
    if (this.interrupt && offset <= REG.status && offset + width > REG.status) value |= STATUS.interrupt << (8 * (REG.status - offset));
    return value >>> 0;
  }

  writeConfig(offset: number, width: IoWidth, value: number): void {
    this.config.write(offset, width, value);
    const end = offset + width;
    if (offset < REG.status && end > REG.command) {
      this.updateLine();
      this.updateBars();
    } else if (offset < REG.bar0 + 24 && end > REG.bar0) this.updateBars();
    for (const { start, end: last, hooks } of this.hooks) if (offset >= start && offset < last) hooks.wrote?.(offset - start, width);
  }

  // --- BARs ------------------------------------------------------------------------------------------------------------

  /** Sizes and kinds for whoever assigns resources, in order of BAR number. */
  get resources(): readonly { readonly index: number; readonly kind: BarSpec["kind"]; readonly size: number }[] {
    return this.bars.map(({ index, kind, region }) => ({ index, kind, size: region.length }));
  }
  /** Firmware's part: an address for a BAR. */
  assign(index: number, base: number): void {
    const bar = this.bars.find((b) => b.index === index);
    if (bar === undefined) throw new InternalError(`${this.spec.name}: no BAR ${index}`);
    this.config.write(bar.offset, 4, base >>> 0);
    if (bar.kind === "memory64") this.config.write(bar.offset + 4, 4, Math.floor(base / 2 ** 32));
    this.updateBars();
  }

  /** Where a BAR is decoded; null: nowhere. */
  baseAddress(index: number): number | null {
    return this.bars.find((b) => b.index === index)?.mapping?.base ?? null;
  }

  private baseOf(bar: Bar): number | null {
    const { command } = this;
    if ((command & (bar.kind === "io" ? PCI_COMMAND.io : PCI_COMMAND.memory)) === 0) return null;
    let base = this.config.read(bar.offset, 4) & -bar.region.length;
    if (bar.kind === "io") return (base >>> 0) + bar.region.length > 0x1_0000 || base === 0 ? null : base;
    base >>>= 0;
    if (bar.kind === "memory64") base += this.config.read(bar.offset + 4, 4) * 2 ** 32;
    return base === 0 || base + bar.region.length > 2 ** 52 ? null : base;
  }

  private updateBars(): void {
    let changed = false;
    for (const bar of this.bars) {
      const base = this.baseOf(bar);
      if (base === bar.wanted) continue;
      bar.mapping?.remove();
      bar.mapping = null;
      bar.wanted = base;
      changed = true;
    }
    if (changed) this.slot.decodingChanged();
  }

  /** Maps what the guest wants mapped and is not: an address that was taken may be free now. */
  retryMapping(): void {
    for (const bar of this.bars) {
      if (bar.wanted === null || bar.mapping !== null) continue;
      const name = `${this.spec.name}.bar${bar.index}`;
      bar.mapping = bar.kind === "io" ? this.slot.mapPorts(name, bar.wanted, bar.region) : this.slot.mapMemory(name, bar.wanted, bar.region);
    }
  }

  // --- Interrupts ------------------------------------------------------------------------------------------------------

  /** The function's request on its INTx pin; the line follows unless the guest has disabled it or uses MSI-X. */
  setInterrupt(asserted: boolean): void {
    this.interrupt = asserted;
    this.updateLine();
  }
  get msixEnabled(): boolean {
    return this.msix?.enabled ?? false;
  }

  private updateLine(): void {
    const high = this.interrupt && (this.command & PCI_COMMAND.intxDisable) === 0 && !this.msixEnabled;
    if (high === this.lineHigh) return;
    this.lineHigh = high;
    this.slot.intx.set(high);
  }

  private applyMsix(): void {
    const control = this.config.read(this.msixAt + 2, 2);
    this.msix?.control((control & 0x8000) !== 0, (control & 0x4000) !== 0);
    this.updateLine();
  }

  // --- State -----------------------------------------------------------------------------------------------------------

  save(): StateFields {
    return { config: this.config.bytes(), interrupt: this.interrupt, lineHigh: this.lineHigh, ...(this.msix === null ? {} : { msix: this.msix.save() }) };
  }
  restore(r: StateReader): void {
    this.config.setBytes(r.bytes("config", PCI_CONFIG_BYTES));
    this.interrupt = r.bool("interrupt");
    this.lineHigh = r.bool("lineHigh");
    if (this.msix !== null) {
      const m = r.record("msix");
      this.msix.restore(m);
      m.finish();
    }
    this.updateBars();
  }
}
