/** The Bochs display interface: modes without a BIOS, by an index and a data register (QEMU, docs/specs/standard-vga.rst; Bochs VBE). */
import type { StateFields, StateReader } from "../../base/persist.ts";
import type { BusRegion } from "../bus/region.ts";

export const VBE = { id: 0, xres: 1, yres: 2, bpp: 3, enable: 4, bank: 5, virtualWidth: 6, virtualHeight: 7, xOffset: 8, yOffset: 9, memory64k: 10 } as const;
const REGISTERS = 11;

export const VBE_ENABLED = 0x01;
const GET_CAPABILITIES = 0x02;
const DAC_8BIT = 0x20;
const NO_CLEAR = 0x80;

const ID_FIRST = 0xb0c0;
const ID_LAST = 0xb0c5;
export const VBE_MAX_WIDTH = 2560;
export const VBE_MAX_HEIGHT = 1600;
const DEPTHS = [4, 8, 15, 16, 24, 32];

/** What it makes of the registers. */
export interface VbeMode {
  readonly width: number;
  readonly height: number;
  /** 4 (planar), 8, 15, 16, 24 or 32. */
  readonly bpp: number;
  /** Bytes from one line to the next; of a plane for 4 bits. */
  readonly pitch: number;
  /** Of the first pixel. */
  readonly offset: number;
}

export interface VbeEffects {
  /** A register that shows has changed. */
  changed(): void;
  dac8(on: boolean): void;
  /** Clears so many bytes of video memory. */
  clear(bytes: number): void;
}

export class BochsVbe {
  /**
   * Four ports: the index word at 0, the data word at 1 and again at 2. Ports 1 and 2 also take it in bytes, low byte first: an
   * unaligned word arrives so.
   */
  readonly ports: BusRegion;
  private readonly regs = new Uint16Array(REGISTERS);
  private index = 0;
  private lowByte = 0;

  constructor(
    private readonly memoryBytes: number,
    private readonly effects: VbeEffects,
  ) {
    this.clearRegisters();
    this.ports = {
      length: 4,
      widths: [1, 2],
      read: (offset, width) => {
        if (offset === 0) return width === 2 ? this.index : this.index & 0xff;
        if (offset === 2 && width === 2) return this.readRegister(this.index);
        if (width === 2) return 0xffff;
        const value = this.readRegister(this.index);
        return offset === 1 ? value & 0xff : offset === 2 ? value >>> 8 : 0xff;
      },
      write: (offset, width, value) => {
        if (offset === 0) this.index = value;
        else if (offset === 1) this.lowByte = value & 0xff;
        else if (offset === 2) this.writeRegister(this.index, width === 2 ? value : (value << 8) | this.lowByte);
      },
    };
  }

  private clearRegisters(): void {
    this.regs.fill(0);
    this.regs[VBE.id] = ID_LAST;
    this.regs[VBE.memory64k] = this.memoryBytes >>> 16;
    this.regs[VBE.bpp] = 8;
  }

  reset(): void {
    this.clearRegisters();
    this.index = this.lowByte = 0;
  }

  get enabled(): boolean {
    return (this.regs[VBE.enable] & VBE_ENABLED) !== 0;
  }

  /** In 64 KiB, of the window at A0000h. */
  get bank(): number {
    return this.regs[VBE.bank];
  }

  /** Null while the VGA's own registers rule. */
  get mode(): VbeMode | null {
    if (!this.enabled) return null;
    const r = this.regs;
    const bpp = r[VBE.bpp];
    const pitch = this.pitch(r[VBE.virtualWidth], bpp);
    const offset = r[VBE.yOffset] * pitch + (bpp === 4 ? r[VBE.xOffset] >>> 3 : r[VBE.xOffset] * bytesPerPixel(bpp));
    return { width: r[VBE.xres], height: r[VBE.yres], bpp, pitch, offset };
  }

  readRegister(index: number): number {
    const r = this.regs;
    if ((r[VBE.enable] & GET_CAPABILITIES) !== 0) {
      if (index === VBE.xres) return VBE_MAX_WIDTH;
      if (index === VBE.yres) return VBE_MAX_HEIGHT;
      if (index === VBE.bpp) return 32;
    }
    return index < REGISTERS ? r[index] : 0;
  }

  writeRegister(index: number, value: number): void {
    const r = this.regs;
    switch (index) {
      case VBE.id:
        if (value >= ID_FIRST && value <= ID_LAST) r[VBE.id] = value;
        return;
      case VBE.xres:
        if (!this.enabled && value > 0 && value <= VBE_MAX_WIDTH) r[VBE.xres] = value & ~7 || 8;
        return;
      case VBE.yres:
        if (!this.enabled && value > 0 && value <= VBE_MAX_HEIGHT) r[VBE.yres] = value;
        return;
      case VBE.bpp:
        if (!this.enabled && (value === 0 || DEPTHS.includes(value))) r[VBE.bpp] = value === 0 ? 8 : value;
        return;
      case VBE.enable:
        this.writeEnable(value);
        return;
      case VBE.bank:
        if (value < this.memoryBytes >>> 16) r[VBE.bank] = value;
        break;
      case VBE.virtualWidth:
        if (!this.enabled) return;
        r[VBE.virtualWidth] = this.virtualWidth(value);
        r[VBE.virtualHeight] = this.linesThatFit();
        this.limitOffsets();
        break;
      case VBE.xOffset:
      case VBE.yOffset:
        if (!this.enabled) return;
        r[index] = value;
        this.limitOffsets();
        break;
      default:
        return;
    }
    this.effects.changed();
  }

  private writeEnable(value: number): void {
    const r = this.regs;
    const was = this.enabled;
    const on = (value & VBE_ENABLED) !== 0;
    r[VBE.enable] = value & 0xff;
    this.effects.dac8((value & DAC_8BIT) !== 0);
    if (on && !was) {
      const { [VBE.xres]: width, [VBE.yres]: height, [VBE.bpp]: bpp } = r;
      const bytes = this.pitch(width, bpp) * height * (bpp === 4 ? 4 : 1);
      if (width === 0 || height === 0 || bytes > this.memoryBytes) {
        r[VBE.enable] = value & ~VBE_ENABLED & 0xff; // there is no such mode
      } else {
        r[VBE.virtualWidth] = width;
        r[VBE.virtualHeight] = this.linesThatFit();
        r[VBE.xOffset] = r[VBE.yOffset] = r[VBE.bank] = 0;
        if ((value & NO_CLEAR) === 0) this.effects.clear(bytes);
      }
    } else if (!on) r[VBE.bank] = 0;
    this.effects.changed();
  }

  /** At least the picture's width, and few enough that all its lines fit. */
  private virtualWidth(wanted: number): number {
    const { [VBE.xres]: width, [VBE.yres]: height, [VBE.bpp]: bpp } = this.regs;
    const most = Math.floor(this.memoryBytes / (bpp === 4 ? 4 : 1) / height / (bpp === 4 ? 1 / 8 : bytesPerPixel(bpp)));
    return Math.max(width, Math.min(wanted & ~7, most & ~7, 0xfff8));
  }

  private linesThatFit(): number {
    const { [VBE.virtualWidth]: width, [VBE.bpp]: bpp } = this.regs;
    return Math.min(0xffff, Math.floor(this.memoryBytes / (bpp === 4 ? 4 : 1) / this.pitch(width, bpp)));
  }

  /** The picture lies inside the virtual one. */
  private limitOffsets(): void {
    const r = this.regs;
    r[VBE.xOffset] = Math.min(r[VBE.xOffset], r[VBE.virtualWidth] - r[VBE.xres]);
    r[VBE.yOffset] = Math.min(r[VBE.yOffset], r[VBE.virtualHeight] - r[VBE.yres]);
  }

  private pitch(width: number, bpp: number): number {
    return bpp === 4 ? width >>> 3 : width * bytesPerPixel(bpp);
  }

  save(): StateFields {
    return { regs: [...this.regs], index: this.index, lowByte: this.lowByte };
  }

  restore(r: StateReader): void {
    this.regs.set(r.ints("regs").slice(0, REGISTERS));
    this.index = r.int("index", 0, 0xffff);
    this.lowByte = r.int("lowByte", 0, 0xff);
    r.finish();
  }
}

export function bytesPerPixel(bpp: number): number {
  return (bpp + 7) >>> 3;
}
