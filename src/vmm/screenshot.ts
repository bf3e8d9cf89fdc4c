/** A machine's screen at one moment: text and pixels. */
import { Painter } from "../devices/vga/painter.ts";
import { screenText } from "../devices/vga/text.ts";
import type { ScreenSource } from "./display-feed.ts";

export interface Screenshot {
  readonly width: number;
  readonly height: number;
  /** RGBA bytes. */
  readonly pixels: Uint32Array;
  /** Of a text mode; null in a graphics mode. */
  readonly text: string | null;
}

/** Null where no display is fitted. Takes what a running display would have been sent: that needs `presentAll` afterwards. */
export function takeScreenshot(machine: ScreenSource): Screenshot | null {
  const painter = new Painter();
  machine.presentAll();
  if (!machine.present(painter)) return null;
  const codes = painter.textCodes();
  return { width: painter.width, height: painter.height, pixels: painter.pixels, text: codes === null ? null : screenText(codes) };
}
