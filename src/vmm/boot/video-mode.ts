/** The `vga=` parameter, which is the boot loader's to obey (Documentation/admin-guide/svga.rst, Documentation/fb/vesafb.rst). */
import { UserError } from "../../base/errors.ts";

/** Pixels and bits a pixel. */
export interface VideoMode {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
}

const SIZES: Readonly<Record<string, readonly [number, number]>> = {
  320: [320, 200], 640: [640, 480], 800: [800, 600], 1024: [1024, 768], 1280: [1280, 1024], 1600: [1600, 1200],
};

/** VESA mode numbers: `mode: width depth`; 100h is 640x400. Those from 140h on are Bochs' 32-bit ones. */
const VESA = new Map<number, VideoMode>([
  [0x100, { width: 640, height: 400, depth: 8 }],
  ...(
    [
      [0x101, 640, 8], [0x103, 800, 8], [0x105, 1024, 8], [0x107, 1280, 8], [0x10d, 320, 15], [0x10e, 320, 16], [0x10f, 320, 24], [0x110, 640, 15],
      [0x111, 640, 16], [0x112, 640, 24], [0x113, 800, 15], [0x114, 800, 16], [0x115, 800, 24], [0x116, 1024, 15], [0x117, 1024, 16],
      [0x118, 1024, 24], [0x119, 1280, 15], [0x11a, 1280, 16], [0x11b, 1280, 24], [0x11c, 1600, 8], [0x11d, 1600, 15], [0x11e, 1600, 16],
      [0x11f, 1600, 24], [0x140, 320, 32], [0x142, 640, 32], [0x143, 800, 32], [0x144, 1024, 32], [0x145, 1280, 32],
    ] as const
  ).map(([mode, width, depth]) => [mode, { width: SIZES[width][0], height: SIZES[width][1], depth }] as const),
]);

/** Linux adds this to VESA's numbers. */
const LINUX_OFFSET = 0x200;
const TEXT = new Set(["normal", "ext", "ask", "0", "0x0", "0xf00", "3840", "0xffff", "65535"]);

/** The mode that a command line asks for; null: text. `vga=1024x768x32` is taken as well as `vga=0x344`. */
export function videoModeOf(cmdline: string): VideoMode | null {
  const value = cmdline.split(/\s+/).filter((word) => word.startsWith("vga=")).at(-1)?.slice(4);
  if (value === undefined || TEXT.has(value.toLowerCase())) return null;
  const size = /^(\d+)x(\d+)(?:x(\d+))?$/.exec(value);
  if (size !== null && !value.startsWith("0x")) {
    const mode = { width: Number(size[1]), height: Number(size[2]), depth: Number(size[3] ?? 32) };
    // Depth 15 is 5:5:5, and what Linux calls 4 is no linear framebuffer.
    if ([8, 15, 16, 24, 32].includes(mode.depth)) return mode;
    throw new UserError(`vga=${value}: a depth of ${mode.depth} is not 8, 15, 16, 24 or 32`);
  }
  const number = /^(0x[0-9a-f]+|\d+)$/i.test(value) ? Number(value) : NaN;
  const mode = VESA.get(number - LINUX_OFFSET);
  if (mode === undefined) throw new UserError(`vga=${value}: no such mode; known: normal, WIDTHxHEIGHT[xDEPTH], and VESA's modes such as 0x344 for 1024x768x32`);
  return mode;
}
