/**
 * The register files of a VGA and their ports, with no memory behind them (IBM PS/2 Hardware Interface TR, "Video
 * subsystem"): miscellaneous output, sequencer, CRT controller, graphics controller, attribute controller, DAC.
 */
import type { StateFields, StateReader } from "../../base/persist.ts";
import type { BusRegion } from "../bus/region.ts";
import { CRTC_PROTECTED, FILES } from "./register-names.ts";

/** Input status 1, bits 0 and 3. */
export interface Beam {
  /** Display disabled: in blanking or retrace. */
  readonly blank: boolean;
  readonly verticalRetrace: boolean;
}

/** Offsets in the three blocks of ports. */
const PORT_C = { attribute: 0, attributeRead: 1, misc: 2, enable: 3, seqIndex: 4, seqData: 5, dacMask: 6, dacRead: 7, dacWrite: 8, dacData: 9, feature: 10, miscRead: 12, gfxIndex: 14, gfxData: 15 } as const;
const PORT_D = { crtcIndex: 4, crtcData: 5, status: 10 } as const;

const PALETTE_SOURCE = 0x20;
const MISC_COLOUR = 0x01;

export class VgaRegisters {
  /** 3B0h..3BBh, 3C0h..3CFh and 3D0h..3DFh of the PC. */
  readonly monoPorts: BusRegion;
  readonly commonPorts: BusRegion;
  readonly colourPorts: BusRegion;

  readonly sequencer = new Uint8Array(FILES.sequencer.length);
  readonly crtc = new Uint8Array(FILES.crtc.length);
  readonly graphics = new Uint8Array(FILES.graphics.length);
  readonly attribute = new Uint8Array(FILES.attribute.length);
  /** 256 times red, green, blue, of 6 bits, or of 8 with `dac8`. */
  readonly dac = new Uint8Array(768);
  misc = 0;
  feature = 0;
  dacMask = 0xff;
  /** Eight bits a colour (Bochs VBE). */
  dac8 = false;
  /** Port 3C3h bit 0: the subsystem answers. */
  enabled = true;

  private seqIndex = 0;
  private crtcIndex = 0;
  private gfxIndex = 0;
  /** Index of the attribute controller with the palette source bit. */
  private attributeIndex = PALETTE_SOURCE;
  /** The next write of 3C0h is data. */
  private attributeData = false;
  private dacWriteIndex = 0;
  private dacReadIndex = 0;
  private dacComponent = 0;
  private readonly dacLatch = new Uint8Array(3);
  /** Of the last access to 3C7h or 3C8h: 3 read, 0 write. */
  private dacState = 0;

  /** `changed` is called after each write that may show; `mapping` says that it may also change how the CPU sees memory. */
  constructor(
    private readonly beam: () => Beam,
    private readonly changed: (mapping: boolean) => void,
  ) {
    const inside = (length: number, read: (offset: number) => number, write: (offset: number, value: number) => void): BusRegion => ({
      length,
      widths: [1],
      read,
      write: (offset, _width, value) => write(offset, value),
    });
    this.monoPorts = inside(12, (o) => this.readHead(o, false), (o, v) => this.writeHead(o, v, false));
    this.colourPorts = inside(16, (o) => this.readHead(o, true), (o, v) => this.writeHead(o, v, true));
    this.commonPorts = inside(16, (o) => this.readCommon(o), (o, v) => this.writeCommon(o, v));
  }

  /** True: the attribute controller shows the picture, and its palette is not accessible. */
  get paletteEnabled(): boolean {
    return (this.attributeIndex & PALETTE_SOURCE) !== 0;
  }

  // --- 3B0h and 3D0h: what follows miscellaneous output bit 0 ---------------------------------------------------------

  private answersHead(colour: boolean): boolean {
    return this.enabled && ((this.misc & MISC_COLOUR) !== 0) === colour;
  }

  private readHead(offset: number, colour: boolean): number {
    if (!this.answersHead(colour)) return 0xff;
    // The index appears at every even port of 3D0h..3D7h, the data at every odd one.
    if (offset < 8) return (offset & 1) === 0 ? this.crtcIndex : this.crtcIndex < this.crtc.length ? this.crtc[this.crtcIndex] : 0;
    if (offset !== PORT_D.status) return 0xff;
    this.attributeData = false;
    const { blank, verticalRetrace } = this.beam();
    return (blank ? 0x01 : 0) | (verticalRetrace ? 0x08 : 0);
  }

  private writeHead(offset: number, value: number, colour: boolean): void {
    if (!this.answersHead(colour)) return;
    if (offset === PORT_D.status) this.feature = value & 0x03;
    else if (offset < 8) {
      if ((offset & 1) === 0) this.crtcIndex = value & 0x1f;
      else this.writeCrtc(this.crtcIndex, value);
    }
  }

  private writeCrtc(index: number, value: number): void {
    if (index >= this.crtc.length) return;
    if (index < 8 && (this.crtc[CRTC_PROTECTED] & 0x80) !== 0) {
      // Protected, but for bit 8 of the line compare.
      if (index !== 7) return;
      value = (this.crtc[7] & ~0x10) | (value & 0x10);
    }
    this.crtc[index] = value & FILES.crtc[index];
    this.changed(false);
  }

  // --- 3C0h ------------------------------------------------------------------------------------------------------------

  private readCommon(offset: number): number {
    if (offset === PORT_C.enable) return this.enabled ? 1 : 0;
    if (!this.enabled) return 0xff;
    switch (offset) {
      case PORT_C.attribute:
        return this.attributeIndex;
      case PORT_C.attributeRead:
        return this.attribute[this.attributeIndex & 0x1f] ?? 0;
      case PORT_C.misc: // input status 0: the sense bit of a colour monitor
        return 0x10;
      case PORT_C.seqIndex:
        return this.seqIndex;
      case PORT_C.seqData:
        return this.sequencer[this.seqIndex] ?? 0;
      case PORT_C.dacMask:
        return this.dacMask;
      case PORT_C.dacRead:
        return this.dacState;
      case PORT_C.dacWrite:
        return this.dacWriteIndex;
      case PORT_C.dacData:
        return this.readDac();
      case PORT_C.feature:
        return this.feature;
      case PORT_C.miscRead:
        return this.misc;
      case PORT_C.gfxIndex:
        return this.gfxIndex;
      case PORT_C.gfxData:
        return this.graphics[this.gfxIndex] ?? 0;
      default:
        return 0xff;
    }
  }

  private writeCommon(offset: number, value: number): void {
    if (offset === PORT_C.enable) {
      this.enabled = (value & 1) !== 0;
      this.changed(true);
      return;
    }
    if (!this.enabled) return;
    switch (offset) {
      case PORT_C.attribute:
        this.writeAttribute(value);
        return;
      case PORT_C.misc:
        this.misc = value & 0xef;
        break;
      case PORT_C.seqIndex:
        this.seqIndex = value & 0x07;
        return;
      case PORT_C.seqData:
        if (this.seqIndex < this.sequencer.length) this.sequencer[this.seqIndex] = value & FILES.sequencer[this.seqIndex];
        break;
      case PORT_C.dacMask:
        this.dacMask = value;
        break;
      case PORT_C.dacRead:
        this.dacReadIndex = value;
        this.dacComponent = 0;
        this.dacState = 3;
        return;
      case PORT_C.dacWrite:
        this.dacWriteIndex = value;
        this.dacComponent = 0;
        this.dacState = 0;
        return;
      case PORT_C.dacData:
        this.writeDac(value);
        return;
      case PORT_C.gfxIndex:
        this.gfxIndex = value & 0x0f;
        return;
      case PORT_C.gfxData:
        if (this.gfxIndex < this.graphics.length) this.graphics[this.gfxIndex] = value & FILES.graphics[this.gfxIndex];
        break;
      default:
        return;
    }
    this.changed(offset !== PORT_C.dacMask);
  }

  private writeAttribute(value: number): void {
    if (!this.attributeData) this.attributeIndex = value & 0x3f;
    else {
      const index = this.attributeIndex & 0x1f;
      // The palette belongs to the picture while the palette source bit is set.
      if (index < this.attribute.length && (index >= 16 || !this.paletteEnabled)) this.attribute[index] = value & FILES.attribute[index];
    }
    this.attributeData = !this.attributeData;
    this.changed(false);
  }

  private readDac(): number {
    const value = this.dac[this.dacReadIndex * 3 + this.dacComponent];
    if (++this.dacComponent === 3) {
      this.dacComponent = 0;
      this.dacReadIndex = (this.dacReadIndex + 1) & 0xff;
    }
    return value;
  }

  /** A colour changes when its third component is written. */
  private writeDac(value: number): void {
    this.dacLatch[this.dacComponent] = this.dac8 ? value : value & 0x3f;
    if (++this.dacComponent < 3) return;
    this.dacComponent = 0;
    this.dac.set(this.dacLatch, this.dacWriteIndex * 3);
    this.dacWriteIndex = (this.dacWriteIndex + 1) & 0xff;
    this.changed(false);
  }

  // --- State -----------------------------------------------------------------------------------------------------------

  save(): StateFields {
    return {
      sequencer: this.sequencer.slice(),
      crtc: this.crtc.slice(),
      graphics: this.graphics.slice(),
      attribute: this.attribute.slice(),
      dac: this.dac.slice(),
      misc: this.misc,
      feature: this.feature,
      dacMask: this.dacMask,
      dac8: this.dac8,
      enabled: this.enabled,
      seqIndex: this.seqIndex,
      crtcIndex: this.crtcIndex,
      gfxIndex: this.gfxIndex,
      attributeIndex: this.attributeIndex,
      attributeData: this.attributeData,
      dacWriteIndex: this.dacWriteIndex,
      dacReadIndex: this.dacReadIndex,
      dacComponent: this.dacComponent,
      dacLatch: this.dacLatch.slice(),
      dacState: this.dacState,
    };
  }

  restore(r: StateReader): void {
    for (const file of ["sequencer", "crtc", "graphics", "attribute", "dac", "dacLatch"] as const) this[file].set(r.bytes(file, this[file].length));
    this.misc = r.int("misc", 0, 0xff);
    this.feature = r.int("feature", 0, 3);
    this.dacMask = r.int("dacMask", 0, 0xff);
    this.dac8 = r.bool("dac8");
    this.enabled = r.bool("enabled");
    this.seqIndex = r.int("seqIndex", 0, 7);
    this.crtcIndex = r.int("crtcIndex", 0, 0x1f);
    this.gfxIndex = r.int("gfxIndex", 0, 0x0f);
    this.attributeIndex = r.int("attributeIndex", 0, 0x3f);
    this.attributeData = r.bool("attributeData");
    this.dacWriteIndex = r.int("dacWriteIndex", 0, 0xff);
    this.dacReadIndex = r.int("dacReadIndex", 0, 0xff);
    this.dacComponent = r.int("dacComponent", 0, 2);
    this.dacState = r.int("dacState", 0, 3);
  }

  /** As after RESET, before any mode is set. */
  clear(): void {
    for (const file of [this.sequencer, this.crtc, this.graphics, this.attribute, this.dac, this.dacLatch]) file.fill(0);
    this.misc = this.feature = 0;
    this.dacMask = 0xff;
    this.dac8 = false;
    this.enabled = true;
    this.seqIndex = this.crtcIndex = this.gfxIndex = 0;
    this.attributeIndex = PALETTE_SOURCE;
    this.attributeData = false;
    this.dacWriteIndex = this.dacReadIndex = this.dacComponent = this.dacState = 0;
  }
}
