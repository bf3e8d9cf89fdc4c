/** VGA registers, planes, windows and pictures, by the IBM PS/2 Hardware Interface TR and QEMU's description of its VBE ports. */
import { beforeEach, describe, expect, it } from "vitest";
import { TimerQueue } from "../../base/clock.ts";
import { PortBus } from "../bus/port-bus.ts";
import { MmioBus } from "../bus/mmio-bus.ts";
import { CODE_PAGE_437 } from "./codepage.ts";
import { buildEdid } from "./edid.ts";
import { vgaFont } from "./font.ts";
import { Painter } from "./painter.ts";
import { screenText } from "./text.ts";
import { Vga } from "./vga.ts";
import { TEXT_BYTES, VIDEO_BYTES, VIDEO_PAGE, type VideoMemory, VRAM_BYTES } from "./video-memory.ts";

/** The CPU's view: what is shown directly is read and written here, the rest goes to the device. */
class Memory implements VideoMemory {
  readonly bytes = new Uint8Array(VIDEO_BYTES);
  readonly written = new Uint8Array(VIDEO_BYTES / VIDEO_PAGE);
  shown = { at: 0, length: 0, offset: 0 };
  watch(first: number, end: number): void {
    this.written.fill(0, first, end);
  }
  showLegacy(at: number, length: number, offset: number): void {
    this.shown = { at, length, offset };
  }
}

let clock: TimerQueue;
let memory: Memory;
let vga: Vga;
let ports: PortBus;
let mmio: MmioBus;

beforeEach(() => {
  clock = new TimerQueue();
  memory = new Memory();
  vga = new Vga(clock, memory);
  ports = new PortBus();
  ports.map(vga.registers.monoPorts, { name: "m", base: 0x3b0 });
  ports.map(vga.registers.commonPorts, { name: "c", base: 0x3c0 });
  ports.map(vga.registers.colourPorts, { name: "d", base: 0x3d0 });
  ports.map(vga.vbe.ports, { name: "v", base: 0x1ce });
  mmio = new MmioBus();
  mmio.map(vga.window, { name: "w", base: 0xa0000 });
});
const out = (port: number, value: number): void => ports.write(port, 1, value);
const inb = (port: number): number => ports.read(port, 1);
const indexed = (port: number, index: number, value: number): void => ports.write(port, 2, index | (value << 8));
const gfx = (index: number, value: number): void => indexed(0x3ce, index, value);
const seq = (index: number, value: number): void => indexed(0x3c4, index, value);
const crtc = (index: number, value: number): void => indexed(0x3d4, index, value);
const attr = (index: number, value: number): void => {
  inb(0x3da);
  out(0x3c0, index);
  out(0x3c0, value);
};
const vbe = (index: number, value: number): void => {
  ports.write(0x1ce, 2, index);
  ports.write(0x1cf, 2, value);
};
const direct = (address: number): number => {
  const { at, length, offset } = memory.shown;
  const here = address - 0xa0000 - at;
  return here >= 0 && here < length ? offset + here : -1;
};
const poke = (address: number, value: number): void => {
  const at = direct(address);
  if (at < 0) mmio.write(address, 1, value);
  else {
    memory.bytes[at] = value;
    memory.written[Math.floor(at / VIDEO_PAGE)] = 1;
  }
};
const peek = (address: number): number => (direct(address) < 0 ? mmio.read(address, 1) : memory.bytes[direct(address)]);
const print = (row: number, text: string, attribute = 7): void => {
  [...text].forEach((c, i) => {
    poke(0xb8000 + (row * 80 + i) * 2, c.charCodeAt(0));
    poke(0xb8001 + (row * 80 + i) * 2, attribute);
  });
};
const paint = (painter = new Painter()): Painter => {
  vga.present(painter);
  return painter;
};
/** Mode 12h: 640x480 with 16 colours, from the mode tables. */
const mode12 = (): void => {
  memory.bytes.fill(0);
  out(0x3c2, 0xe3);
  [3, 1, 0x0f, 0, 6].forEach((v, i) => seq(i, v));
  crtc(0x11, 0);
  [0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0, 0x40, 0, 0, 0, 0, 0, 0, 0xea, 0x8c, 0xdf, 0x28, 0, 0xe7, 4, 0xe3, 0xff].forEach((v, i) => crtc(i, v));
  [0, 0, 0, 0, 0, 0, 5, 0x0f, 0xff].forEach((v, i) => gfx(i, v));
  [0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 1, 0, 0x0f, 0, 0].forEach((v, i) => attr(i, v));
  inb(0x3da);
  out(0x3c0, 0x20);
};
/** Mode 13h: 320x200 with 256 colours. */
const mode13 = (): void => {
  mode12();
  out(0x3c2, 0x63);
  seq(4, 0x0e);
  [0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0, 0x41, 0, 0, 0, 0, 0, 0, 0x9c, 0x0e, 0x8f, 0x28, 0x40, 0x96, 0xb9, 0xa3, 0xff].forEach((v, i) => crtc(i, v));
  gfx(5, 0x40);
  attr(0x10, 0x41);
  inb(0x3da);
  out(0x3c0, 0x20);
};
const rgb = (painter: Painter, x: number, y: number): number => {
  const v = painter.pixels[y * painter.width + x];
  return ((v & 0xff) << 16) | (v & 0xff00) | ((v >>> 16) & 0xff);
};

describe("registers", () => {
  it("miscellaneous output moves the CRT controller between 3Bxh and 3Dxh", () => {
    crtc(0x0e, 0x12);
    expect([inb(0x3d5), inb(0x3b5)]).toEqual([0x12, 0xff]);
    out(0x3c2, 0x66);
    expect([inb(0x3d5), inb(0x3b5), inb(0x3cc)]).toEqual([0xff, 0x12, 0x66]);
  });
  it("CRTC 11h bit 7 protects registers 0 to 7, but for line compare bit 8", () => {
    crtc(0x00, 0x11);
    crtc(0x07, 0x00);
    expect([(out(0x3d4, 0), inb(0x3d5)), (out(0x3d4, 7), inb(0x3d5))]).toEqual([0x5f, 0x0f]);
    crtc(0x11, 0x0e);
    crtc(0x00, 0x11);
    out(0x3d4, 0);
    expect(inb(0x3d5)).toBe(0x11);
  });
  it("the attribute controller's flip-flop: index, data; input status 1 resets it", () => {
    inb(0x3da);
    out(0x3c0, 0x31);
    out(0x3c0, 0x2a);
    expect(inb(0x3c1)).toBe(0x2a);
    out(0x3c0, 0x31); // index
    inb(0x3da);
    out(0x3c0, 0x33); // index again
    out(0x3c0, 0x05);
    expect(inb(0x3c1)).toBe(0x05);
    out(0x3c0, 0x31);
    expect([inb(0x3c0), inb(0x3c1)]).toEqual([0x31, 0x2a]);
  });
  it("the palette is written only while the palette source bit is clear", () => {
    attr(0x21, 0x3f);
    expect(inb(0x3c1)).toBe(0x01);
    attr(0x01, 0x3f);
    expect(inb(0x3c1)).toBe(0x3f);
  });
  it("the DAC counts colours up, 6 bits each", () => {
    out(0x3c8, 16);
    [0xff, 2, 3, 4, 5].forEach((v) => out(0x3c9, v));
    expect(inb(0x3c8)).toBe(17);
    out(0x3c7, 16);
    expect(inb(0x3c7) & 3).toBe(3);
    expect([inb(0x3c9), inb(0x3c9), inb(0x3c9), inb(0x3c9)]).toEqual([0x3f, 2, 3, 0]); // the second colour is not complete
    out(0x3c8, 0);
    expect(inb(0x3c7) & 3).toBe(0);
  });
  it("retrace comes once a frame of the mode's timing: 70 Hz in text mode", () => {
    let edges = 0;
    let before = false;
    for (let us = 0; us < 1_000_000; us += 20) {
      clock.advanceTo(us * 1000);
      const now = (inb(0x3da) & 8) !== 0;
      if (now && !before) edges++;
      before = now;
    }
    expect(edges).toBe(70);
  });
  it("sleeps with port 3C3h", () => {
    out(0x3c3, 0);
    expect([inb(0x3cc), inb(0x3d4), inb(0x3c3), peek(0xb8000)]).toEqual([0xff, 0xff, 0, 0xff]);
    out(0x3c3, 1);
    expect(inb(0x3cc)).toBe(0x67);
  });
});

describe("planes", () => {
  const A = 0xa0000;
  beforeEach(mode12);
  /** The four planes at an offset. */
  const planes = (offset: number): number[] => [0, 1, 2, 3].map((p) => memory.bytes[offset * 4 + p]);

  it("write mode 0: map mask, rotation, set/reset", () => {
    seq(2, 0x05);
    poke(A, 0xf1);
    expect(planes(0)).toEqual([0xf1, 0, 0xf1, 0]);
    seq(2, 0x0f);
    gfx(3, 4);
    gfx(1, 0x0c);
    gfx(0, 0x04);
    poke(A + 1, 0xf1);
    expect(planes(1)).toEqual([0x1f, 0x1f, 0xff, 0x00]);
  });
  it("logical operations with the latches, bit mask", () => {
    poke(A, 0b1100_1100);
    for (const [operation, expected] of [[1, 0b1000_1000], [2, 0b1110_1110], [3, 0b0110_0110]]) {
      gfx(3, 0);
      gfx(8, 0xff);
      peek(A);
      gfx(3, operation << 3);
      poke(A + 1, 0b1010_1010);
      expect(planes(1)[0]).toBe(expected);
    }
    gfx(3, 0);
    gfx(8, 0x0f);
    peek(A);
    poke(A + 2, 0b0101_0101);
    expect(planes(2)[2]).toBe(0b1100_0101);
  });
  it("write mode 1 copies the latches; mode 2 spreads bits; mode 3 masks set/reset", () => {
    for (const p of [0, 1, 2, 3]) {
      seq(2, 1 << p);
      poke(A, 0x10 + p);
    }
    seq(2, 0x0f);
    peek(A);
    gfx(5, 1);
    poke(A + 7, 0);
    expect(planes(7)).toEqual([0x10, 0x11, 0x12, 0x13]);
    gfx(5, 2);
    gfx(8, 0xf0);
    poke(A + 8, 0b1010);
    expect(planes(8)).toEqual([0x00, 0xf1, 0x02, 0xf3]);
    gfx(5, 3);
    gfx(0, 0b0011);
    gfx(8, 0x3c);
    gfx(3, 1);
    poke(A + 9, 0b1111_1110); // rotated: 7Fh, masked: 3Ch
    expect(planes(9)).toEqual([0x3c, 0x3d, 0x02, 0x03]);
  });
  it("read mode 0 selects a plane, read mode 1 compares colours", () => {
    seq(2, 0x03);
    poke(A, 0xf0);
    seq(2, 0x08);
    poke(A, 0x3c);
    gfx(4, 3);
    expect(peek(A)).toBe(0x3c);
    gfx(5, 8);
    gfx(2, 0b0011);
    gfx(7, 0b1011);
    expect(peek(A)).toBe(0b1100_0000); // planes 0 and 1 set, plane 3 clear
    gfx(7, 0);
    expect(peek(A)).toBe(0xff);
  });
  it("odd and even addresses are planes 0 and 1 of text", () => {
    vga.reset();
    gfx(8, 0x7f); // no longer plain: through the registers
    expect(direct(0xb8000)).toBe(-1);
    peek(0xb8000);
    gfx(8, 0xff);
    poke(0xb8002, 0x41);
    poke(0xb8003, 0x1e);
    gfx(8, 0x7f);
    expect([peek(0xb8002), peek(0xb8003), memory.bytes[2 * 4], memory.bytes[2 * 4 + 1]]).toEqual([0x41, 0x1e, 0x41, 0x1e]);
  });
  it("decodes the window that the graphics controller maps", () => {
    gfx(6, 0x05);
    poke(A + 5, 0x99);
    expect([peek(A + 5), peek(0xb0000), peek(0xb8000)]).toEqual([0x99, 0xff, 0xff]);
    gfx(6, 0x09);
    expect([peek(A + 5), peek(0xb0005), peek(0xb8005)]).toEqual([0xff, 0x99, 0xff]);
    gfx(6, 0x01);
    expect([peek(A + 5), peek(0xb0005)]).toEqual([0x99, 0x99]); // 128 KiB onto 64
  });
});

describe("direct windows", () => {
  it("text cells, 256-colour modes and banks are plain memory; planes are not", () => {
    expect(memory.shown).toEqual({ at: 0x18000, length: TEXT_BYTES, offset: VRAM_BYTES });
    mode12();
    gfx(1, 0x0f);
    expect(memory.shown.length).toBe(0);
    mode13();
    gfx(1, 0);
    expect(memory.shown).toEqual({ at: 0, length: 0x10000, offset: 0 });
    vbe(1, 800);
    vbe(2, 600);
    vbe(3, 32);
    vbe(4, 0x41);
    vbe(5, 7);
    expect(memory.shown).toEqual({ at: 0, length: 0x10000, offset: 0x70000 });
  });
  it("text survives a look at the font in plane 2", () => {
    print(3, "Stay");
    seq(2, 4);
    seq(4, 7);
    gfx(4, 2);
    gfx(5, 0);
    gfx(6, 0);
    expect([...vgaFont(16).subarray(0x41 * 16, 0x42 * 16)]).toEqual(Array.from({ length: 16 }, (_, i) => peek(0xa0000 + 0x41 * 32 + i)));
    poke(0xa0000 + 0x41 * 32, 0x81);
    seq(2, 3);
    seq(4, 2);
    gfx(4, 0);
    gfx(5, 0x10);
    gfx(6, 0x0e);
    expect(peek(0xb8000 + 3 * 160)).toBe("S".charCodeAt(0));
    print(4, "On");
    expect(screenText(paint().textCodes() ?? [])).toBe("\n\n\nStay\nOn");
    expect(memory.bytes[0x41 * 32 * 4 + 2]).toBe(0x81);
  });
});

describe("pictures", () => {
  it("power-on: an empty text screen of 720x400 with a cursor", () => {
    const painter = paint();
    expect([painter.width, painter.height, screenText(painter.textCodes() ?? [])]).toEqual([720, 400, ""]);
    expect([rgb(painter, 0, 12), rgb(painter, 0, 13), rgb(painter, 8, 14), rgb(painter, 9, 14)]).toEqual([0, 0xaaaaaa, 0xaaaaaa, 0]);
    painter.takeDamage();
    painter.blink(1);
    expect([rgb(painter, 0, 13), painter.takeDamage()]).toEqual([0, { first: 0, end: 16 }]);
  });
  it("draws characters with their colours, nine dots wide", () => {
    print(1, "A\u00c4", 0x1e);
    poke(0xb8000 + 160 + 2, 0xc4); // a horizontal line of the code page
    const painter = paint();
    const font = vgaFont(16);
    for (let y = 0; y < 16; y++) {
      for (let x = 0; x < 9; x++) {
        const on = x < 8 && (font[0x41 * 16 + y] & (0x80 >> x)) !== 0;
        expect(rgb(painter, x, 16 + y)).toBe(on ? 0xffff55 : 0x0000aa);
      }
      // The ninth dot of line drawing characters repeats the eighth.
      expect(rgb(painter, 17, 16 + y)).toBe(rgb(painter, 16, 16 + y));
    }
    expect(rgb(painter, 17, 16 + 7)).toBe(0xffff55);
  });
  it("blinks characters with attribute bit 7", () => {
    print(0, "  X", 0x87);
    const painter = paint();
    const lit = (): number => painter.pixels.subarray(0, 720 * 16).filter((p) => p !== 0xff000000).length;
    const on = lit();
    painter.blink(2);
    expect(lit()).toBeLessThan(on);
    painter.blink(4);
    expect(lit()).toBe(on);
    attr(0x10, 0x04); // bright backgrounds instead
    inb(0x3da);
    out(0x3c0, 0x20);
    expect(rgb(paint(painter), 2 * 9, 0)).toBe(0x555555);
  });
  it("scrolls by start address and splits at the line compare", () => {
    print(0, "top");
    print(5, "five");
    crtc(0x0d, 5 * 80);
    crtc(0x0c, (5 * 80) >> 8);
    crtc(0x18, 16 * 2 - 1); // from the third row on
    crtc(0x07, 0x0f); // bit 8 of it
    crtc(0x09, 0x0f);
    expect(screenText(paint().textCodes() ?? [])).toBe("five\n\ntop\n\n\n\n\nfive");
  });
  it("16 colours in planes", () => {
    mode12();
    seq(2, 0x0f);
    gfx(1, 0x0f);
    gfx(0, 0x0c);
    gfx(8, 0x80);
    poke(0xa0000 + 80 * 100 + 10, 0xff);
    const painter = paint();
    expect([painter.width, painter.height, rgb(painter, 80, 100), rgb(painter, 81, 100), painter.textCodes()]).toEqual([640, 480, 0xff5555, 0, null]);
  });
  it("mode 13h, and mode X over the same picture", () => {
    mode13();
    poke(0xa0000 + 320 * 7 + 9, 4);
    const painter = paint();
    expect([painter.width, painter.height, rgb(painter, 9, 7), rgb(painter, 8, 7)]).toEqual([320, 200, 0xaa0000, 0]);
    // Unchained: byte addressing, a plane for each of four pixels.
    seq(4, 6);
    crtc(0x14, 0);
    crtc(0x17, 0xe3);
    seq(2, 1 << (17 & 3));
    poke(0xa0000 + 80 * 7 + (17 >> 2), 2);
    paint(painter);
    expect([rgb(painter, 9, 7), rgb(painter, 17, 7)]).toEqual([0xaa0000, 0x00aa00]);
  });
  it("CGA's four colours: interleaved bits, lines in two halves", () => {
    mode13();
    seq(1, 0x09);
    seq(2, 3);
    seq(4, 2);
    crtc(0x11, 0);
    [0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0, 0xc1].forEach((v, i) => crtc(i, v));
    crtc(0x13, 0x14);
    crtc(0x14, 0);
    crtc(0x17, 0xa2);
    gfx(5, 0x30);
    gfx(6, 0x0f);
    attr(0x10, 0x01);
    attr(0x12, 0x03);
    inb(0x3da);
    out(0x3c0, 0x20);
    poke(0xb8000, 0b11_00_01_00);
    poke(0xb8001, 0b00_00_00_10);
    poke(0xba000, 0b01_00_00_00); // second line
    const painter = paint();
    expect([painter.width, painter.height]).toEqual([320, 200]);
    expect([0, 1, 2, 7].map((x) => rgb(painter, x, 0))).toEqual([0x00aaaa, 0, 0x0000aa, 0x00aa00]);
    expect(rgb(painter, 0, 1)).toBe(0x0000aa);
  });
  it.each([[8, 1, [4], 0xaa0000], [15, 2, [0x00, 0x7c], 0xff0000], [16, 2, [0xe0, 0x07], 0x00ff00], [24, 3, [0x33, 0x22, 0x11], 0x112233], [32, 4, [0x33, 0x22, 0x11, 0], 0x112233]])(
    "linear framebuffer of %i bits",
    (bpp, size, pixel, colour) => {
      vbe(1, 640);
      vbe(2, 480);
      vbe(3, bpp);
      vbe(4, 0x41);
      vbe(8, 8); // panned by 8 pixels and a line
      vbe(6, 648);
      vbe(8, 8);
      vbe(9, 1);
      const painter = paint();
      memory.bytes.set(pixel, (648 * 3 + 18) * size);
      memory.written[Math.floor(((648 * 3 + 18) * size) / VIDEO_PAGE)] = 1;
      painter.takeDamage();
      paint(painter);
      expect([painter.width, painter.height, rgb(painter, 10, 2), rgb(painter, 11, 2)]).toEqual([640, 480, colour, 0]);
      // Only the lines of one page.
      const { first, end } = painter.takeDamage() ?? { first: -1, end: -1 };
      expect(first <= 2 && end > 2 && end - first <= VIDEO_PAGE / (640 * size) + 2).toBe(true);
      expect(vga.present(painter)).toBe(false);
    },
  );
  it("1920x1080 with 32 bits fits; what does not, is refused", () => {
    expect(vga.setLinearMode(1920, 1080, 32)).toBe(true);
    const painter = paint();
    expect([painter.width, painter.height]).toEqual([1920, 1080]);
    expect(vga.setLinearMode(4096, 2160, 32)).toBe(false);
    expect(vga.setLinearMode(1024, 768, 12)).toBe(false);
  });
  it("is black while the screen is off", () => {
    print(0, "secret");
    seq(1, 0x20);
    expect(paint().pixels.every((p) => p === 0xff000000)).toBe(true);
  });
});

describe("fonts and monitor", () => {
  it.each([8, 14, 16] as const)("%i lines: each character but the blanks has a glyph, and all of them differ", (height) => {
    const font = vgaFont(height);
    const seen = new Map<string, number>();
    CODE_PAGE_437.forEach((character, code) => {
      const glyph = [...font.subarray(code * height, (code + 1) * height)].join();
      if (character === " ") expect(Number(glyph.replaceAll(",", ""))).toBe(0);
      else {
        expect([code, glyph]).not.toEqual([code, new Array(height).fill(0).join()]);
        // Low fonts have look-alikes among signs, not among letters and digits.
        if (height === 16 || /[0-9A-Za-z]/.test(character)) expect([code, seen.get(glyph)]).toEqual([code, undefined]);
        seen.set(glyph, code);
      }
    });
  });
  it("line drawing characters meet at their edges", () => {
    const font = vgaFont(16);
    const row = (code: number, y: number): number => font[code * 16 + y];
    expect(row(0xba, 0)).toBe(row(0xc9, 15));
    expect(row(0xb3, 0)).toBe(row(0xda, 15));
    for (let y = 0; y < 16; y++) expect(row(0xcd, y) & 1).toBe(row(0xc9, y) & 1);
  });
  it("the EDID block is whole", () => {
    const edid = buildEdid();
    expect(edid.length).toBe(128);
    expect(edid.reduce((sum, b) => sum + b, 0) & 0xff).toBe(0);
    expect([...edid.subarray(0, 8)]).toEqual([0, 255, 255, 255, 255, 255, 255, 0]);
  });
});
