/** Reads the serial console's lines for what a kernel says of its own end. */
import type { Persistent, StateFields, StateReader } from "../../base/persist.ts";

const PANIC = "Kernel panic - not syncing";
const PANIC_END = "---[ end Kernel panic";
const POWER_DOWN = /reboot: (Power down|System halted)/;

export class ConsoleWatch implements Persistent {
  readonly sectionName = "console-watch";
  readonly sectionVersion = 1;
  private line = "";
  private panic: string | null = null;
  sawPowerDown = false;

  /** The panic's line once the kernel has said all of it, else null. */
  take(byte: number): string | null {
    if (byte !== 10) {
      if (this.line.length < 400) this.line += String.fromCharCode(byte);
      return null;
    }
    const line = this.line;
    this.line = "";
    if (POWER_DOWN.test(line)) this.sawPowerDown = true;
    if (this.panic !== null && line.includes(PANIC_END)) return this.panic;
    const at = line.indexOf(PANIC);
    if (this.panic === null && at >= 0 && !line.includes(PANIC_END)) this.panic = line.slice(at).trim();
    return null;
  }

  save(): StateFields {
    return { line: this.line, panic: this.panic, sawPowerDown: this.sawPowerDown };
  }
  restore(r: StateReader): void {
    this.line = r.string("line");
    this.panic = r.stringOrNull("panic");
    this.sawPowerDown = r.bool("sawPowerDown");
  }
}
