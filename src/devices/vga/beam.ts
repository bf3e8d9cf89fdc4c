/** Where the beam is, for input status 1: from guest time and the CRT controller's timing. */
import { CRTC, SEQ } from "./register-names.ts";
import type { Beam, VgaRegisters } from "./registers.ts";
import type { VbeMode } from "./vbe.ts";

/** Dot clocks by bits 3-2 of miscellaneous output, in Hz. */
const CLOCKS = [25_175_000, 28_322_000, 25_175_000, 28_322_000];
const SIXTIETH_NS = 1e9 / 60;
/** A frame outside of these is no signal that a monitor takes. */
const MIN_FRAME_NS = 4_000_000;
const MAX_FRAME_NS = 100_000_000;

export function beamAt(registers: Pick<VgaRegisters, "crtc" | "sequencer" | "misc">, mode: VbeMode | null, nowNs: number): Beam {
  const { crtc, sequencer, misc } = registers;
  const overflow = crtc[CRTC.overflow];
  const clocking = sequencer[SEQ.clocking];
  const dots = clocking & 1 ? 8 : 9;
  const columns = crtc[CRTC.horizontalTotal] + 5;
  const lineNs = (columns * dots * 1e9) / (CLOCKS[(misc >>> 2) & 3] / (clocking & 8 ? 2 : 1));
  const lines = (crtc[CRTC.verticalTotal] | ((overflow & 1) << 8) | ((overflow & 0x20) << 4)) + 2;
  const frameNs = lines * lineNs;
  if (mode !== null || frameNs < MIN_FRAME_NS || frameNs > MAX_FRAME_NS) {
    const phase = (nowNs % SIXTIETH_NS) / SIXTIETH_NS;
    return { blank: phase > 0.95, verticalRetrace: phase > 0.96 };
  }
  const inFrame = nowNs % frameNs;
  const line = Math.floor(inFrame / lineNs);
  const column = ((inFrame % lineNs) / lineNs) * columns;
  const shown = 1 + (crtc[CRTC.displayEnd] | ((overflow & 0x02) << 7) | ((overflow & 0x40) << 3));
  const start = crtc[CRTC.retraceStart] | ((overflow & 0x04) << 6) | ((overflow & 0x80) << 2);
  // The end register holds the low four bits of the line.
  const length = ((crtc[CRTC.retraceEnd] - start) & 15) || 16;
  const verticalRetrace = line >= start && line < start + length;
  return { verticalRetrace, blank: verticalRetrace || line >= shown || column > crtc[CRTC.horizontalEnd] };
}
