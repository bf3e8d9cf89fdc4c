/**
 * The PC's way to report x87 exceptions while CR0.NE is 0: FERR# raises IRQ 13; a write to port F0h lowers it and asserts IGNNE#,
 * which holds until FERR# is raised anew. SDM 1 §D.2.1, PIIX3 (Intel 290550-002) §2.5.4.
 */
import type { LevelLine } from "../base/lines.ts";
import type { Persistent, StateFields, StateReader } from "../base/persist.ts";
import type { BusRegion } from "./bus/region.ts";

export class CoprocessorError implements Persistent {
  readonly sectionName = "coprocessor-error";
  readonly sectionVersion = 1;
  /** F0h clears; F1h, which reset an 80287, does nothing any more. */
  readonly ports: BusRegion = {
    length: 2,
    widths: [1],
    read: () => 0xff,
    write: (offset) => {
      if (offset === 0) this.acknowledge();
    },
  };
  private asserted = false;
  private ignored = false;

  constructor(private readonly irq: LevelLine) {}

  /** The CPU has FERR# asserted and is about to wait. True: let it wait for the interrupt; false: IGNNE#, it goes on. */
  waits(): boolean {
    if (this.ignored) return false;
    this.set(true);
    return true;
  }
  /** A new exception after FERR# was low. */
  raised(): void {
    this.ignored = false;
  }
  private acknowledge(): void {
    if (!this.asserted) return;
    this.ignored = true;
    this.set(false);
  }
  private set(asserted: boolean): void {
    if (asserted === this.asserted) return;
    this.asserted = asserted;
    this.irq.set(asserted);
  }

  reset(): void {
    this.ignored = false;
    this.set(false);
  }
  save(): StateFields {
    return { asserted: this.asserted, ignored: this.ignored };
  }
  /** The interrupt controller's own section holds the line's level. */
  restore(r: StateReader): void {
    this.asserted = r.bool("asserted");
    this.ignored = r.bool("ignored");
  }
}
