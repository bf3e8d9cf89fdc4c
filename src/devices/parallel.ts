/** A parallel port with a sink that is always ready: SPP registers (IBM PC AT Technical Reference, parallel adapter). */
import type { ByteSink, LevelLine } from "../base/lines.ts";
import type { Persistent, StateFields, StateReader } from "../base/persist.ts";
import type { BusRegion } from "./bus/region.ts";

const CONTROL_STROBE = 0x01;
const CONTROL_IRQ = 0x10;
/** Not busy, selected, no error, no paper end; acknowledge high. The low bits are open. */
const STATUS = 0xdf;

export class ParallelPort implements Persistent {
  readonly sectionName = "parallel";
  readonly sectionVersion = 1;
  /** Three ports: data, status, control. */
  readonly ports: BusRegion;
  private data = 0;
  private control = 0x0c;

  constructor(
    private readonly irq: LevelLine,
    private readonly output: ByteSink,
  ) {
    this.ports = {
      length: 3,
      widths: [1],
      read: (offset) => (offset === 0 ? this.data : offset === 1 ? STATUS : this.control | 0xc0),
      write: (offset, _width, value) => {
        if (offset === 0) this.data = value;
        else if (offset === 2) this.writeControl(value & 0x1f);
      },
    };
  }

  /** The printer takes the byte when STROBE falls, and acknowledges with a pulse. */
  private writeControl(value: number): void {
    const falling = (this.control & CONTROL_STROBE) === 0 && (value & CONTROL_STROBE) !== 0;
    this.control = value;
    if (!falling) return;
    this.output.write(this.data);
    if ((value & CONTROL_IRQ) !== 0) {
      this.irq.set(true);
      this.irq.set(false);
    }
  }

  reset(): void {
    this.data = 0;
    this.control = 0x0c;
  }

  save(): StateFields {
    return { data: this.data, control: this.control };
  }
  restore(r: StateReader): void {
    this.data = r.int("data", 0, 255);
    this.control = r.int("control", 0, 31);
  }
}
