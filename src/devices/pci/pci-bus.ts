/** PCI bus 0 behind configuration mechanism #1, CONFIG_ADDRESS and CONFIG_DATA (PCI 2.2 §3.2.2.3.2), and in memory (PCI Express 3.0 §7.2.2). */
import { InternalError } from "../../base/errors.ts";
import type { Persistent, StateFields, StateReader } from "../../base/persist.ts";
import type { BusRegion } from "../bus/region.ts";
import type { PciEndpoint } from "./endpoint.ts";
import type { PciFunction } from "./function.ts";

export type { PciFunction } from "./function.ts";

const ENABLE = 0x8000_0000;
/** Bits 30..24 and 1..0 are reserved and read as 0. */
const ADDRESS_MASK = 0x80ff_fffc;

/** Each function has 4 KiB of the memory, of which conventional ones use 256 bytes; 256 buses of 256 functions. */
const ECAM_FUNCTION_BYTES = 0x1000;
export const ECAM_BYTES = 0x1000_0000;
const CONFIG_BYTES = 0x100;

export class PciBus implements Persistent {
  readonly sectionName = "pci";
  readonly sectionVersion = 1;
  /** Four ports that decode doublewords only: map them `widthDecoded`. */
  readonly addressPorts: BusRegion;
  /** Four ports; byte lanes select within the doubleword. */
  readonly dataPorts: BusRegion;

  /** Configuration space as memory. Other buses than 0, and what is behind a function's 256 bytes, read as all ones. */
  readonly ecam: BusRegion;

  /** Functions with BARs, for whoever assigns resources. */
  readonly endpoints: { readonly device: number; readonly fn: number; readonly endpoint: PciEndpoint }[] = [];

  private configAddress = 0;
  /** By device * 8 + function. */
  private readonly functions: (PciFunction | null)[] = Array.from({ length: 256 }, () => null);

  constructor() {
    this.addressPorts = {
      length: 4,
      widths: [4],
      read: () => this.configAddress,
      write: (_offset, _width, value) => {
        this.configAddress = (value & ADDRESS_MASK) >>> 0;
      },
    };
    this.dataPorts = {
      length: 4,
      widths: [1, 2, 4],
      read: (offset, width) => this.selected()?.readConfig((this.configAddress & 0xfc) + offset, width) ?? 0xffff_ffff,
      write: (offset, width, value) => this.selected()?.writeConfig((this.configAddress & 0xfc) + offset, width, value),
    };
    const inMemory = (offset: number): PciFunction | null =>
      offset % ECAM_FUNCTION_BYTES < CONFIG_BYTES ? (this.functions[Math.floor(offset / ECAM_FUNCTION_BYTES)] ?? null) : null;
    this.ecam = {
      length: ECAM_BYTES,
      widths: [1, 2, 4],
      read: (offset, width) => inMemory(offset)?.readConfig(offset % CONFIG_BYTES, width) ?? 0xffff_ffff,
      write: (offset, width, value) => inMemory(offset)?.writeConfig(offset % CONFIG_BYTES, width, value),
    };
  }

  reset(): void {
    this.configAddress = 0;
  }

  /** Puts a function on the bus. `device` 0..31, `fn` 0..7. */
  attach(device: number, fn: number, pciFunction: PciFunction): void {
    const slot = device * 8 + fn;
    if (!(slot >= 0 && slot < 256) || fn > 7) throw new InternalError(`no PCI slot ${device}.${fn}`);
    if (this.functions[slot] !== null) throw new InternalError(`PCI slot ${device}.${fn} is taken`);
    this.functions[slot] = pciFunction;
  }

  /** Puts a function with BARs on the bus. */
  attachEndpoint(device: number, fn: number, endpoint: PciEndpoint): void {
    this.attach(device, fn, endpoint);
    this.endpoints.push({ device, fn, endpoint });
  }
  /** A BAR has gone from its place: others may want it. */
  retryMapping(): void {
    for (const { endpoint } of this.endpoints) endpoint.retryMapping();
  }
  /** Device numbers that have a function. */
  slots(): number[] {
    return [...new Set(this.functions.flatMap((f, i) => (f === null ? [] : [i >> 3])))];
  }

  /** The function that CONFIG_ADDRESS names: null for other buses (master abort) and with the enable bit clear. */
  private selected(): PciFunction | null {
    const address = this.configAddress;
    if (address < ENABLE || ((address >>> 16) & 0xff) !== 0) return null;
    return this.functions[(address >>> 8) & 0xff];
  }

  save(): StateFields {
    return { configAddress: this.configAddress };
  }
  restore(r: StateReader): void {
    this.configAddress = r.int("configAddress", 0, 0xffff_ffff);
  }
}
