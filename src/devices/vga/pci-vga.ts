/**
 * The VGA as a PCI function: QEMU's "stdvga" with vendor 1234h, device 1111h. BAR 0 is the linear framebuffer, BAR 2 a page of
 * registers: EDID at 0, the VGA's ports 3C0h..3DFh at 400h, the Bochs display interface at 500h, endianness at 604h (QEMU,
 * docs/specs/standard-vga.rst).
 */
import type { Persistent, StateFields, StateReader } from "../../base/persist.ts";
import type { BusRegion, IoWidth } from "../bus/region.ts";
import { PciConfigSpace } from "../pci/config-space.ts";
import type { PciFunction } from "../pci/pci-bus.ts";
import { buildEdid } from "./edid.ts";
import type { Vga } from "./vga.ts";
import { VRAM_BYTES } from "./video-memory.ts";

const REGISTER_BYTES = 4096;
const PORTS_AT = 0x400;
const VBE_AT = 0x500;
const VBE_REGISTERS = 11;
const EXTENSION_AT = 0x600;
const LITTLE_ENDIAN = 0x1e1e1e1e;

const COMMAND = 0x04;
const COMMAND_IO = 0x01;
const COMMAND_MEMORY = 0x02;
const BAR0 = 0x10;
const BAR2 = 0x18;
const PREFETCHABLE = 0x08;

/** Where the BARs lead: the board puts the two ranges on its buses. */
export interface VgaPlacement {
  /** Null: memory decoding is off. */
  framebuffer(base: number | null): void;
  registers(base: number | null, region: BusRegion): void;
}

export class PciVga implements PciFunction, Persistent {
  readonly sectionName = "vga.pci";
  readonly sectionVersion = 1;
  private readonly registers: BusRegion;
  private config: PciConfigSpace;
  private readonly edid = buildEdid();
  private placed: { framebuffer: number | null; registers: number | null } = { framebuffer: null, registers: null };

  /** `framebufferBase` and `registerBase` are where the firmware would have put the BARs. */
  constructor(
    private readonly vga: Vga,
    private readonly framebufferBase: number,
    private readonly registerBase: number,
    private readonly placement: VgaPlacement,
  ) {
    this.registers = { length: REGISTER_BYTES, widths: [1, 2, 4], read: (o, w) => this.readRegisters(o, w), write: (o, w, v) => this.writeRegisters(o, w, v) };
    this.config = this.defaults();
    this.place();
  }

  private defaults(): PciConfigSpace {
    const config = new PciConfigSpace({ vendorId: 0x1234, deviceId: 0x1111, revision: 2, classCode: 0x030000 });
    config.define(COMMAND, 2, COMMAND_IO | COMMAND_MEMORY, 0x0107);
    config.define(BAR0, 4, this.framebufferBase | PREFETCHABLE, ~(VRAM_BYTES - 1));
    config.define(BAR2, 4, this.registerBase, ~(REGISTER_BYTES - 1));
    config.define(0x2c, 4, 0x1100_1af4); // subsystem, as QEMU's
    return config;
  }

  reset(): void {
    this.config = this.defaults();
    this.place();
  }

  readConfig(offset: number, width: IoWidth): number {
    return this.config.read(offset, width);
  }

  writeConfig(offset: number, width: IoWidth, value: number): void {
    this.config.write(offset, width, value);
    if (offset < 0x28) this.place();
  }

  private place(): void {
    const on = (this.config.read(COMMAND, 2) & COMMAND_MEMORY) !== 0;
    const bar = (at: number): number | null => {
      const base = (this.config.read(at, 4) & ~15) >>> 0;
      // While its size is asked for, a BAR holds all ones.
      return on && base !== 0 && base < 0xfec0_0000 ? base : null;
    };
    const framebuffer = bar(BAR0), registers = bar(BAR2);
    if (framebuffer !== this.placed.framebuffer) this.placement.framebuffer(framebuffer);
    if (registers !== this.placed.registers) this.placement.registers(registers, this.registers);
    this.placed = { framebuffer, registers };
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
    return this.config.save();
  }

  restore(r: StateReader): void {
    this.config.restore(r);
    this.place();
  }
}
