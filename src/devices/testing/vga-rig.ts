/** The VGA with video memory of its own, for the tests that hold for every device. */
import type { TimerQueue } from "../../base/clock.ts";
import type { Persistent, StateFields, StateReader } from "../../base/persist.ts";
import { PciVga, type LinearVideoMemory } from "../vga/pci-vga.ts";
import { Vga } from "../vga/vga.ts";
import { Painter } from "../vga/painter.ts";
import { LEGACY_BYTES, TEXT_BYTES, VIDEO_PAGE } from "../vga/video-memory.ts";
import type { FittedDevice, Trace } from "./fitted.ts";
import { testSlot } from "./virtio-driver.ts";

const PLANES = 4 * 0x1_0000;

function toText(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return text;
}

/** Video memory that nobody else writes to, as small as it can be. Its contents belong to the machine's memory: here they are a section of their own. */
class RigVideoMemory implements LinearVideoMemory, Persistent {
  readonly sectionName = "video memory";
  readonly sectionVersion = 1;
  readonly bytes = new Uint8Array(PLANES + TEXT_BYTES);
  readonly written = new Uint8Array((PLANES + TEXT_BYTES) / VIDEO_PAGE);
  private shown: readonly [number, number, number] = [0, 0, 0];
  constructor(private readonly trace: Trace) {}

  watch(first: number, end: number): void {
    this.written.fill(0, first, end);
  }
  showLegacy(at: number, length: number, offset: number): void {
    this.shown = [at, length, offset];
  }
  showLinear(base: number | null): void {
    this.trace.note(`framebuffer ${base}`);
  }
  /** An access of the CPU in the window at A0000h; -1: the device's region decodes it. */
  direct(at: number): number {
    const [start, length, offset] = this.shown;
    return at >= start && at < start + length ? offset + at - start : -1;
  }
  poke(at: number, value: number): void {
    this.bytes[at] = value;
    this.written[at >>> 12] = 1;
    this.trace.note(`direct ${at}`);
  }
  /** As text: tests compare it quickly. */
  save(): StateFields {
    return { bytes: toText(this.bytes) };
  }
  restore(r: StateReader): void {
    const text = r.string("bytes");
    for (let i = 0; i < text.length; i++) this.bytes[i] = text.charCodeAt(i);
  }
}

export function vga(clock: TimerQueue, trace: Trace): FittedDevice {
  const memory = new RigVideoMemory(trace);
  const device = new Vga(clock, memory);
  let pci: PciVga | null = null;
  const card: PciVga = new PciVga(device, memory, testSlot((what) => trace.note(what), false, () => pci));
  pci = card;
  const painter = new Painter();
  return {
    // Video memory last: saving the device completes it.
    persistents: [device, card, memory],
    regions: [{ region: device.registers.monoPorts }, { region: device.registers.commonPorts }, { region: device.registers.colourPorts }, { region: device.vbe.ports }],
    stimulate: (random) => {
      const what = random() & 15;
      const at = random() % LEGACY_BYTES;
      const direct = memory.direct(at);
      if (what < 5 && direct >= 0) memory.poke(direct % memory.bytes.length, random() & 0xff);
      else if (what < 5) device.window.write(at & ~3, ([1, 2, 4] as const)[random() % 3], random());
      else if (what < 10 && direct < 0) trace.note(`window ${device.window.read(at & ~3, 4)}`);
      else if (what === 10) card.endpoint.writeConfig(random() & 0xfc, 4, random());
      else if (what === 11) trace.note(`config ${card.endpoint.readConfig(random() & 0xfc, 4)}`);
      else if (what === 12 && (random() & 63) === 0) {
        device.touch();
        device.present(painter);
        painter.blink(random() & 3);
        painter.takeDamage();
        trace.note(`picture ${painter.width}x${painter.height} ${painter.textCodes()?.length}`);
      }
    },
    reset: () => {
      device.reset();
      card.reset();
    },
  };
}
