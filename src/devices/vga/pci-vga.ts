/**
 * The VGA as a PCI function: QEMU's "stdvga" with vendor 1234h, device 1111h. BAR 0 is the linear framebuffer, BAR 2 a page of
 * registers: EDID at 0, the VGA's ports 3C0h..3DFh at 400h, the Bochs display interface at 500h, endianness at 604h (QEMU,
 * docs/specs/standard-vga.rst).
 */
import type { Persistent, StateFields, StateReader } from "../../base/persist.ts";
import type { BusRegion, Mapping } from "../bus/region.ts";
import { PciEndpoint, type PciSlot } from "../pci/endpoint.ts";
import { buildEdid } from "./edid.ts";
import type { Vga } from "./vga.ts";
import { VIDEO_PAGE, WRITTEN, VRAM_BYTES, type VideoMemory } from "./video-memory.ts";

const REGISTER_BYTES = 4096;
const PORTS_AT = 0x400;
const VBE_AT = 0x500;
const VBE_REGISTERS = 11;
const EXTENSION_AT = 0x600;
const LITTLE_ENDIAN = 0x1e1e1e1e;

const FRAMEBUFFER_BAR = 0;
const REGISTER_BAR = 2;

/** Video memory that the CPU can be shown at a physical address. */
export interface LinearVideoMemory extends VideoMemory {
  /** The framebuffer is plain memory from `base` on; null: nowhere. */
  showLinear(base: number | null): void;
}

export class PciVga implements Persistent {
  readonly sectionName = "vga.pci";
  readonly sectionVersion = 2;
  readonly endpoint: PciEndpoint;
  private readonly edid = buildEdid();

  constructor(
    private readonly vga: Vga,
    video: LinearVideoMemory,
    slot: PciSlot,
  ) {
    const framebuffer = framebufferRegion(video);
    const registers: BusRegion = {
      length: REGISTER_BYTES, widths: [1, 2, 4], read: (o, w) => this.readRegisters(o, w), write: (o, w, v) => this.writeRegisters(o, w, v),
    };
    this.endpoint = new PciEndpoint({
      name: "vga", vendorId: 0x1234, deviceId: 0x1111, revision: 2, classCode: 0x030000,
      subsystemVendorId: 0x1af4, subsystemId: 0x1100, // as QEMU's
      bars: {
        [FRAMEBUFFER_BAR]: { kind: "memory32", prefetchable: true, region: framebuffer },
        [REGISTER_BAR]: { kind: "memory32", region: registers },
      },
      interruptPin: 0,
    }, {
      ...slot,
      mapMemory: (name, base, region) => {
        const mapping = slot.mapMemory(name, base, region);
        return mapping === null || region !== framebuffer ? mapping : shown(video, mapping);
      },
    });
  }

  reset(): void {
    this.endpoint.reset();
  }

  /** Physical address of the framebuffer, or null: the guest has not placed it. */
  get framebufferBase(): number | null {
    return this.endpoint.baseAddress(FRAMEBUFFER_BAR);
  }

  private readRegisters(offset: number, width: number): number {
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = ((value << 8) | this.readByte(offset + i)) >>> 0;
    return value;
  }

  private readByte(at: number): number {
    if (at < this.edid.length) return this.edid[at];
    const { registers: vga, vbe } = this.vga;
    if (at >= PORTS_AT && at < PORTS_AT + 0x10) return vga.commonPorts.read(at - PORTS_AT, 1);
    if (at >= PORTS_AT + 0x10 && at < PORTS_AT + 0x20) return vga.colourPorts.read(at - PORTS_AT - 0x10, 1);
    if (at >= VBE_AT && at < VBE_AT + 2 * VBE_REGISTERS) {
      const value = vbe.readRegister((at - VBE_AT) >>> 1);
      return (at & 1) === 0 ? value & 0xff : value >>> 8;
    }
    if (at >= EXTENSION_AT && at < EXTENSION_AT + 8) return at < EXTENSION_AT + 4 ? (at === EXTENSION_AT ? 8 : 0) : LITTLE_ENDIAN & 0xff;
    return at < VBE_AT ? 0 : 0xff;
  }

  private writeRegisters(offset: number, width: number, value: number): void {
    if (offset >= VBE_AT && offset < VBE_AT + 2 * VBE_REGISTERS) {
      // Registers are words.
      for (let i = 0; i + 1 < width; i += 2) this.vga.vbe.writeRegister((offset + i - VBE_AT) >>> 1, (value >>> (8 * i)) & 0xffff);
      return;
    }
    const { registers: vga } = this.vga;
    for (let i = 0; i < width; i++) {
      const at = offset + i - PORTS_AT;
      const byte = (value >>> (8 * i)) & 0xff;
      if (at >= 0 && at < 0x10) vga.commonPorts.write(at, 1, byte);
      else if (at >= 0x10 && at < 0x20) vga.colourPorts.write(at - 0x10, 1, byte);
    }
  }

  save(): StateFields {
    return this.endpoint.save();
  }

  restore(r: StateReader): void {
    this.endpoint.restore(r);
  }
}

/** While the framebuffer is mapped, the CPU sees it there as plain memory. */
function shown(video: LinearVideoMemory, mapping: Mapping): Mapping {
  video.showLinear(mapping.base);
  return {
    name: mapping.name,
    base: mapping.base,
    remove: () => {
      video.showLinear(null);
      mapping.remove();
    },
  };
}

/** For whoever comes by the bus. */
function framebufferRegion({ bytes, written }: VideoMemory): BusRegion {
  return {
    length: VRAM_BYTES,
    widths: [1],
    read: (offset) => bytes[offset] ?? 0xff,
    write: (offset, _width, value) => {
      bytes[offset] = value;
      written[Math.floor(offset / VIDEO_PAGE)] = WRITTEN;
    },
  };
}
