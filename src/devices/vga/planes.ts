/**
 * The CPU's way to the four planes: latches, write modes 0 to 3, read modes, odd/even and chain-4 addressing (IBM PS/2
 * Hardware Interface TR, "Graphics controller registers"). The byte of plane p at offset o is byte 4 * o + p of video memory.
 */
import { GFX, SEQ } from "./register-names.ts";

/** Bytes of one plane. */
export const PLANE_BYTES = 0x1_0000;
const PLANE_MASK = PLANE_BYTES - 1;

/** Four bits to four bytes of all ones. */
const EXPAND = Int32Array.from({ length: 16 }, (_, n) => (n & 1 ? 0xff : 0) | (n & 2 ? 0xff00 : 0) | (n & 4 ? 0xff0000 : 0) | (n & 8 ? 0xff000000 : 0));
const REPEAT = 0x01010101;

const CHAIN4 = 0x08;
const SEQUENTIAL = 0x04;

/** What the graphics controller and the sequencer say. */
export interface PlaneRegisters {
  readonly sequencer: Uint8Array;
  readonly graphics: Uint8Array;
}

export class Planes {
  /** One byte of each plane, plane 0 lowest. */
  latch = 0;

  constructor(
    private readonly registers: PlaneRegisters,
    /** At least four planes. */
    private readonly dwords: Int32Array,
    /** Tells that the doubleword at `offset` has changed. */
    private readonly onWrite: (offset: number) => void,
  ) {}

  /** `address` is an offset in the window. */
  read(address: number): number {
    const { sequencer, graphics } = this.registers;
    const mode = graphics[GFX.mode];
    let offset = address;
    let plane = graphics[GFX.readMap];
    if (sequencer[SEQ.memoryMode] & CHAIN4) {
      offset = address >>> 2;
      plane = address & 3;
    } else {
      if (mode & 0x10) plane = (plane & 2) | (address & 1);
      if (graphics[GFX.misc] & 0x02) offset = address & ~1;
    }
    const latch = (this.latch = this.dwords[offset & PLANE_MASK]);
    if (!(mode & 0x08)) return (latch >>> (8 * plane)) & 0xff;
    // Read mode 1: a bit is set where all planes that count have the compared colour.
    const different = (latch ^ EXPAND[graphics[GFX.colourCompare]]) & EXPAND[graphics[GFX.dontCare]];
    return ~(different | (different >>> 8) | (different >>> 16) | (different >>> 24)) & 0xff;
  }

  write(address: number, value: number): void {
    const { sequencer, graphics } = this.registers;
    const memoryMode = sequencer[SEQ.memoryMode];
    let planes = sequencer[SEQ.mapMask];
    let offset = address;
    if (memoryMode & CHAIN4) {
      offset = address >>> 2;
      planes &= 1 << (address & 3);
    } else {
      if (!(memoryMode & SEQUENTIAL)) planes &= address & 1 ? 0b1010 : 0b0101;
      if (graphics[GFX.misc] & 0x02) offset = address & ~1;
    }
    if (planes === 0) return;
    offset &= PLANE_MASK;
    const enable = EXPAND[planes];
    this.dwords[offset] = (this.dwords[offset] & ~enable) | (this.result(value) & enable);
    this.onWrite(offset);
  }

  /** What the write mode makes of the CPU's byte, for all four planes. */
  private result(value: number): number {
    const { graphics } = this.registers;
    const { latch } = this;
    const writeMode = graphics[GFX.mode] & 3;
    if (writeMode === 1) return latch;
    const bitMask = graphics[GFX.bitMask];
    if (writeMode === 2) return blend(this.combine(EXPAND[value & 15]), latch, bitMask);
    const count = graphics[GFX.rotate] & 7;
    const rotated = ((value >>> count) | (value << (8 - count))) & 0xff;
    const setReset = EXPAND[graphics[GFX.setReset]];
    if (writeMode === 3) return blend(this.combine(setReset), latch, bitMask & rotated);
    const fixed = EXPAND[graphics[GFX.enableSetReset]];
    return blend(this.combine((setReset & fixed) | (Math.imul(rotated, REPEAT) & ~fixed)), latch, bitMask);
  }

  /** The logical operation with the latches. */
  private combine(data: number): number {
    switch ((this.registers.graphics[GFX.rotate] >>> 3) & 3) {
      case 1:
        return data & this.latch;
      case 2:
        return data | this.latch;
      case 3:
        return data ^ this.latch;
      default:
        return data;
    }
  }
}

/** Bits of `data` where the mask is set, of the latches elsewhere. */
function blend(data: number, latch: number, bitMask: number): number {
  const mask = Math.imul(bitMask, REPEAT);
  return (data & mask) | (latch & ~mask);
}
