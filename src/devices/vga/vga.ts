/**
 * A VGA with the Bochs display interface: registers, planes, linear framebuffer (IBM PS/2 Hardware Interface TR, "Video
 * subsystem"; QEMU, docs/specs/standard-vga.rst). The CPU reaches video memory directly where an address is a byte: the linear
 * framebuffer, 256-colour modes, and the character cells of text modes. Those stand as the CPU sees them behind the planes
 * ("text cells") while a text mode is set up the usual way, and are copied into planes 0 and 1 when somebody looks.
 */
import type { Clock } from "../../base/clock.ts";
import type { Persistent, StateFields, StateReader } from "../../base/persist.ts";
import type { BusRegion } from "../bus/region.ts";
import { setTextMode } from "./bios-mode.ts";
import { beamAt } from "./beam.ts";
import { PLANE_BYTES, Planes } from "./planes.ts";
import { GFX, SEQ } from "./register-names.ts";
import { VgaRegisters } from "./registers.ts";
import { colourIndex, type DisplaySink, type ScreenState } from "./screen.ts";
import { BochsVbe, VBE, VBE_ENABLED } from "./vbe.ts";
import { LEGACY_BYTES, TEXT_BYTES, touch, VIDEO_PAGE, WRITTEN, type VideoMemory } from "./video-memory.ts";

/** Linear framebuffer of the enable register. */
const VBE_LFB = 0x40;

/** What the CPU sees in the window at A0000h. */
type Window =
  | { readonly kind: "none" | "registers" }
  | { readonly kind: "text"; readonly at: number }
  | { readonly kind: "linear"; readonly offset: number };

const sameWindow = (a: Window, b: Window): boolean =>
  a.kind === b.kind && (a.kind !== "text" || a.at === (b as typeof a).at) && (a.kind !== "linear" || a.offset === (b as typeof a).offset);

/** Bytes of a bank at A0000h. */
const BANK_BYTES = 0x1_0000;

/** Start and length of the window by bits 3-2 of the graphics controller's miscellaneous register. */
const MEMORY_MAP = [[0, LEGACY_BYTES], [0, 0x1_0000], [0x1_0000, 0x8000], [0x1_8000, 0x8000]] as const;

export class Vga implements Persistent {
  readonly sectionName = "vga";
  readonly sectionVersion = 1;
  readonly registers: VgaRegisters;
  readonly vbe: BochsVbe;
  /** The window A0000h..BFFFFh, where `VideoMemory.showLegacy` shows nothing. */
  readonly window: BusRegion;

  /** Bytes of planes and framebuffer; the text cells follow. */
  private readonly vramBytes: number;
  private readonly textPage: number;
  private readonly dwords: Int32Array;
  private readonly planes: Planes;
  private readonly textCells: Uint16Array;
  private shown: Window = { kind: "none" };
  /** Registers have changed since the last update. */
  private stale = true;

  constructor(
    private readonly clock: Clock,
    private readonly memory: VideoMemory,
  ) {
    const { buffer, byteOffset, length } = memory.bytes;
    this.vramBytes = length - TEXT_BYTES;
    this.textPage = this.vramBytes / VIDEO_PAGE;
    this.dwords = new Int32Array(buffer, byteOffset, this.vramBytes / 4);
    this.textCells = new Uint16Array(buffer, byteOffset + this.vramBytes, TEXT_BYTES / 2);
    this.registers = new VgaRegisters(
      () => beamAt(this.registers, this.vbe.mode, this.clock.nowNs()),
      (mapping) => {
        this.stale = true;
        if (mapping) this.remap();
      },
    );
    this.vbe = new BochsVbe(this.vramBytes, {
      changed: () => {
        this.stale = true;
        this.remap();
      },
      dac8: (on) => this.setDac8(on),
      clear: (bytes) => {
        memory.bytes.fill(0, 0, bytes);
        memory.written.fill(WRITTEN, 0, Math.ceil(bytes / VIDEO_PAGE));
      },
    });
    const { written } = memory;
    this.planes = new Planes(this.registers, this.dwords, (offset) => {
      written[offset >>> 10] = WRITTEN;
    });
    this.window = {
      length: LEGACY_BYTES,
      widths: [1, 2, 4],
      read: (at, width) => this.readWindow(at, width),
      write: (at, width, value) => this.writeWindow(at, width, value),
    };
    this.powerOn();
  }

  /** Text mode 3 with fonts, as a BIOS leaves it. */
  reset(): void {
    this.hideText();
    this.powerOn();
  }

  private powerOn(): void {
    this.vbe.reset();
    setTextMode(this.registers, this.dwords.subarray(0, PLANE_BYTES));
    this.planes.latch = 0;
    touch(this.memory.written);
    this.memory.written.fill(WRITTEN, 0, (4 * PLANE_BYTES) / VIDEO_PAGE);
    this.stale = true;
    this.remap();
  }

  /** Sets a linear mode, as a video BIOS's VBE call does; false where there is none such. */
  setLinearMode(width: number, height: number, bpp: number): boolean {
    this.vbe.writeRegister(VBE.enable, 0);
    for (const [register, value] of [[VBE.xres, width], [VBE.yres, height], [VBE.bpp, bpp]] as const) {
      this.vbe.writeRegister(register, value);
      if (this.vbe.readRegister(register) !== value) return false;
    }
    this.vbe.writeRegister(VBE.enable, VBE_ENABLED | VBE_LFB);
    return this.vbe.enabled;
  }

  // --- The window --------------------------------------------------------------------------------------------------------

  private remap(): void {
    const next = this.windowNow();
    const { shown } = this;
    if (sameWindow(next, shown)) return;
    if (shown.kind === "text") this.hideText();
    if (next.kind === "text") this.loadText();
    this.show(next);
  }

  private windowNow(): Window {
    const { registers, vbe } = this;
    if (!registers.enabled || (registers.misc & 0x02) === 0) return { kind: "none" };
    const { sequencer, graphics } = registers;
    const { mode } = vbe;
    if (mode !== null && mode.bpp !== 4) return { kind: "linear", offset: vbe.bank * BANK_BYTES };
    // Write mode 0 with nothing between the CPU and the planes.
    const plain =
      graphics[GFX.enableSetReset] === 0 && graphics[GFX.rotate] === 0 && (graphics[GFX.mode] & 0x0b) === 0 && graphics[GFX.bitMask] === 0xff;
    const map = (graphics[GFX.misc] >>> 2) & 3;
    if (!plain) return { kind: "registers" };
    const chained = sequencer[SEQ.memoryMode];
    if ((chained & 0x08) !== 0 && sequencer[SEQ.mapMask] === 0x0f && map < 2) return { kind: "linear", offset: 0 };
    const oddEven = (chained & 0x0c) === 0 && (graphics[GFX.mode] & 0x10) !== 0 && (graphics[GFX.misc] & 0x02) !== 0;
    if (oddEven && sequencer[SEQ.mapMask] === 0x03 && graphics[GFX.readMap] < 2 && map >= 2) return { kind: "text", at: MEMORY_MAP[map][0] };
    return { kind: "registers" };
  }

  private show(next: Window): void {
    this.shown = next;
    if (next.kind === "linear") this.memory.showLegacy(0, BANK_BYTES, next.offset);
    else if (next.kind === "text") this.memory.showLegacy(next.at, TEXT_BYTES, this.vramBytes);
    else this.memory.showLegacy(0, 0, 0);
  }

  /** Planes 0 and 1 to the text cells. */
  private loadText(): void {
    const { textCells, dwords } = this;
    for (let cell = 0; cell < textCells.length; cell++) textCells[cell] = dwords[cell * 2];
    this.memory.written.fill(WRITTEN, this.textPage);
    this.memory.watch(this.textPage, this.textPage + TEXT_BYTES / VIDEO_PAGE);
  }

  private hideText(): void {
    if (this.shown.kind === "text") this.storeText();
    this.show({ kind: "none" });
  }

  /** Text cells that were written to planes 0 and 1. */
  private storeText(): void {
    const { textCells, dwords, memory } = this;
    const { written } = memory;
    const cellsPerPage = VIDEO_PAGE / 2;
    for (let page = 0; page < TEXT_BYTES / VIDEO_PAGE; page++) {
      if (written[this.textPage + page] === 0) continue;
      for (let cell = page * cellsPerPage; cell < (page + 1) * cellsPerPage; cell++) {
        dwords[cell * 2] = (dwords[cell * 2] & ~0xffff) | textCells[cell];
      }
      // A cell's bytes lie 8 apart.
      written.fill(WRITTEN, page * 4, page * 4 + 4);
      memory.watch(this.textPage + page, this.textPage + page + 1);
    }
  }

  /** Offset in the mapped part of the window, or -1. */
  private decode(at: number): number {
    if (this.shown.kind === "none") return -1;
    const [start, length] = MEMORY_MAP[(this.registers.graphics[GFX.misc] >>> 2) & 3];
    return at >= start && at < start + length ? at - start : -1;
  }

  private readWindow(at: number, width: number): number {
    let value = 0;
    for (let i = width - 1; i >= 0; i--) {
      const offset = this.decode(at + i);
      value = (value << 8) | (offset < 0 ? 0xff : this.planes.read(offset));
    }
    return value;
  }

  private writeWindow(at: number, width: number, value: number): void {
    for (let i = 0; i < width; i++) {
      const offset = this.decode(at + i);
      if (offset >= 0) this.planes.write(offset, (value >>> (8 * i)) & 0xff);
    }
  }

  private setDac8(on: boolean): void {
    const { registers } = this;
    if (registers.dac8 === on) return;
    registers.dac8 = on;
    // The colours stay what they are.
    for (let i = 0; i < registers.dac.length; i++) registers.dac[i] = on ? (registers.dac[i] << 2) | (registers.dac[i] >>> 4) : registers.dac[i] >>> 2;
  }

  // --- The picture -------------------------------------------------------------------------------------------------------

  /** Everything that shows, anew: for a sink that knows nothing yet. */
  touch(): void {
    this.stale = true;
    touch(this.memory.written, 0, this.textPage);
  }

  /** Gives the sink what has changed since the last call; false if nothing has. Not while the CPU runs. */
  present(sink: DisplaySink): boolean {
    if (this.shown.kind === "text") this.storeText();
    const state = this.state();
    const [first, wanted] = extent(state);
    const end = Math.min(wanted, this.textPage);
    const pages: number[] = [];
    const { written, bytes } = this.memory;
    for (let page = first; page < end; page++) if (written[page] !== 0) pages.push(page);
    if (pages.length === 0 && !this.stale) return false;
    this.stale = false;
    const length = pages.length * VIDEO_PAGE;
    const data = sink.room?.(length) ?? new Uint8Array(length);
    for (let i = 0; i < pages.length; ) {
      let run = i + 1;
      while (run < pages.length && pages[run] === pages[i] + run - i) run++;
      data.set(bytes.subarray(pages[i] * VIDEO_PAGE, (pages[i] + run - i) * VIDEO_PAGE), i * VIDEO_PAGE);
      i = run;
    }
    if (pages.length > 0) this.memory.watch(first, end);
    sink.update({ state, pages: Uint32Array.from(pages), data });
    return true;
  }

  private state(): ScreenState {
    const { registers } = this;
    const { mode } = this.vbe;
    const palette = this.palette();
    const { attribute } = registers;
    if (mode !== null) {
      const colours = Uint8Array.from({ length: 16 }, (_, i) => colourIndex(attribute, i));
      return { kind: "linear", ...mode, palette, colours };
    }
    return {
      kind: "vga",
      sequencer: registers.sequencer.slice(),
      crtc: registers.crtc.slice(),
      graphics: registers.graphics.slice(),
      attribute: attribute.slice(),
      on: registers.paletteEnabled,
      palette,
    };
  }

  private palette(): Uint32Array {
    const { dac, dac8, dacMask } = this.registers;
    const level = (value: number): number => (dac8 ? value : (value << 2) | (value >>> 4));
    return Uint32Array.from({ length: 256 }, (_, i) => {
      const at = (i & dacMask) * 3;
      return (0xff000000 | (level(dac[at + 2]) << 16) | (level(dac[at + 1]) << 8) | level(dac[at])) >>> 0;
    });
  }

  // --- State -------------------------------------------------------------------------------------------------------------

  /** Without video memory: that is saved with the machine's memory. */
  save(): StateFields {
    // So that video memory does not depend on who has looked at the screen.
    if (this.shown.kind === "text") this.storeText();
    return { registers: this.registers.save(), vbe: this.vbe.save(), latch: this.planes.latch };
  }

  restore(r: StateReader): void {
    const registers = r.record("registers");
    this.registers.restore(registers);
    registers.finish();
    this.vbe.restore(r.record("vbe"));
    this.planes.latch = r.int("latch", -0x8000_0000, 0x7fff_ffff);
    // The text cells come with video memory, and are the newer copy.
    touch(this.memory.written);
    this.show(this.windowNow());
    this.stale = true;
  }
}

/** Pages of video memory that a picture is made of. */
function extent(state: ScreenState): readonly [number, number] {
  if (state.kind === "vga") return [0, (4 * PLANE_BYTES) / VIDEO_PAGE];
  const factor = state.bpp === 4 ? 4 : 1;
  const end = (state.offset + state.pitch * state.height) * factor;
  return [Math.floor((state.offset * factor) / VIDEO_PAGE), Math.ceil(end / VIDEO_PAGE)];
}
