/** QEMU's firmware configuration device: selector, data and DMA registers (QEMU docs/specs/fw_cfg). */
import { InternalError } from "../base/errors.ts";
import type { Persistent, StateFields, StateReader } from "../base/persist.ts";
import type { BusRegion } from "./bus/region.ts";
import type { DmaMemory } from "../base/guest-memory.ts";

/** Fixed selector keys. */
export const FW_CFG = {
  signature: 0x00, id: 0x01, uuid: 0x02, ramSize: 0x03, noGraphic: 0x04, cpus: 0x05, bootMenu: 0x0e, maxCpus: 0x0f, fileDirectory: 0x19,
  irq0Override: 0x8002, e820: 0x8003,
} as const;
const FIRST_FILE = 0x20;
const MAX_NAME = 55;

const DMA = { error: 1, read: 2, skip: 4, select: 8, write: 16 } as const;
/** "QEMU CFG", read from the DMA address register. */
const DMA_SIGNATURE = [0x51, 0x45, 0x4d, 0x55, 0x20, 0x43, 0x46, 0x47];

export class FirmwareConfig implements Persistent {
  readonly sectionName = "fw-cfg";
  readonly sectionVersion = 1;
  /** Two ports: selector (16 bits, write) and data (8 bits, read), which stands on the second. */
  readonly ports: BusRegion;
  /** Eight ports: the DMA address, big-endian, upper half first. */
  readonly dmaPorts: BusRegion;
  private readonly items = new Map<number, Uint8Array>();
  private readonly files: { name: string; key: number; size: number }[] = [];
  private key = 0;
  private offset = 0;
  private dmaHigh = 0;

  constructor(private readonly memory: DmaMemory) {
    this.set(FW_CFG.signature, Uint8Array.of(0x51, 0x45, 0x4d, 0x55));
    this.set(FW_CFG.id, Uint8Array.of(3, 0, 0, 0)); // traditional interface and DMA
    this.set(FW_CFG.fileDirectory, new Uint8Array(4));
    this.ports = {
      length: 2,
      widths: [1, 2],
      read: (offset, width) => {
        if (width === 2) return 0;
        return offset === 1 ? this.next() : 0;
      },
      write: (offset, width, value) => {
        if (offset === 0 && width === 2) this.select(value);
      },
    };
    this.dmaPorts = {
      length: 8,
      widths: [1, 2, 4],
      read: (offset, width) => {
        let value = 0;
        for (let i = 0; i < width; i++) value |= DMA_SIGNATURE[offset + i] << (8 * i);
        return value >>> 0;
      },
      write: (offset, width, value) => {
        if (width !== 4) return;
        const swapped = swap32(value);
        if (offset === 0) this.dmaHigh = swapped;
        else if (offset === 4) {
          const at = this.dmaHigh * 2 ** 32 + swapped;
          this.dmaHigh = 0;
          this.transfer(at);
        }
      },
    };
  }

  /** A numbered item. */
  set(key: number, bytes: Uint8Array): void {
    this.items.set(key, bytes);
  }
  setInt(key: number, bytes: number, value: number): void {
    this.set(key, littleEndian(bytes, value));
  }

  /** A named file: firmware finds it in the directory. Names are at most 55 characters long. */
  addFile(name: string, bytes: Uint8Array): void {
    if (name.length > MAX_NAME) throw new InternalError(`fw_cfg: the name '${name}' is too long`);
    this.files.push({ name, key: FIRST_FILE + this.files.length, size: bytes.length });
    this.set(FIRST_FILE + this.files.length - 1, bytes);
    const directory = new Uint8Array(4 + 64 * this.files.length);
    const view = new DataView(directory.buffer);
    view.setUint32(0, this.files.length);
    this.files.forEach((f, i) => {
      const at = 4 + 64 * i;
      view.setUint32(at, f.size);
      view.setUint16(at + 4, f.key);
      for (let k = 0; k < f.name.length; k++) directory[at + 8 + k] = f.name.charCodeAt(k);
    });
    this.set(FW_CFG.fileDirectory, directory);
  }

  private select(key: number): void {
    this.key = key & 0xffff;
    this.offset = 0;
  }
  /** Reads past an item's end, and of items that do not exist, give zeroes. */
  private next(): number {
    return this.items.get(this.key)?.[this.offset++] ?? 0;
  }

  /** A FWCfgDmaAccess at `paddr`: control, length, address, all big-endian. */
  private transfer(paddr: number): void {
    const access = new Uint8Array(16);
    this.memory.read(paddr, access);
    const view = new DataView(access.buffer);
    const control = view.getUint32(0);
    const length = view.getUint32(4);
    const address = view.getUint32(8) * 2 ** 32 + view.getUint32(12);
    if ((control & DMA.select) !== 0) this.select(control >>> 16);
    let result = 0;
    if ((control & DMA.read) !== 0) this.copyOut(address, length);
    else if ((control & DMA.write) !== 0) result = DMA.error; // no item is writable
    else if ((control & DMA.skip) !== 0) this.offset += length;
    this.memory.write(paddr, Uint8Array.of(0, 0, 0, result));
  }

  private copyOut(address: number, length: number): void {
    if (address >= 2 ** 52) return;
    const item = this.items.get(this.key) ?? new Uint8Array(0);
    const from = Math.min(this.offset, item.length);
    const bytes = item.subarray(from, from + length);
    if (bytes.length > 0) this.memory.write(address, bytes);
    // Zeroes behind the end, as the data register gives them; no item and no guest needs more than a page of them.
    const rest = Math.min(length - bytes.length, 0x10000);
    if (rest > 0) this.memory.write(address + bytes.length, new Uint8Array(rest));
    this.offset += length;
  }

  reset(): void {
    this.select(0);
    this.dmaHigh = 0;
  }

  save(): StateFields {
    return { key: this.key, offset: this.offset, dmaHigh: this.dmaHigh };
  }
  restore(r: StateReader): void {
    this.key = r.int("key", 0, 0xffff);
    this.offset = r.int("offset", 0);
    this.dmaHigh = r.int("dmaHigh", 0, 0xffff_ffff);
  }
}

function swap32(v: number): number {
  return (((v & 0xff) << 24) | ((v & 0xff00) << 8) | ((v >>> 8) & 0xff00) | (v >>> 24)) >>> 0;
}

/** `bytes` up to 8. */
export function littleEndian(bytes: number, value: number): Uint8Array {
  const out = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i++) out[i] = Math.floor(value / 2 ** (8 * i)) & 0xff;
  return out;
}
