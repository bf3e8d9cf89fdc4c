/** Several devices' outputs on one interrupt input: asserted while any of them is. */
import type { LevelLine } from "../base/lines.ts";
import type { Persistent, StateFields, StateReader } from "../base/persist.ts";

export class SharedLine implements Persistent {
  readonly sectionName: string;
  readonly sectionVersion = 1;
  private inputs = 0;
  private fitted = 0;

  /** `name` completes the section name: `line.<name>`. */
  constructor(
    name: string,
    private readonly line: LevelLine,
  ) {
    this.sectionName = `line.${name}`;
  }

  /** A new input; devices get theirs in the order in which the machine is wired. At most 31. */
  input(): LevelLine {
    const bit = 1 << this.fitted++;
    return {
      set: (asserted) => {
        const inputs = asserted ? this.inputs | bit : this.inputs & ~bit;
        const changed = (inputs !== 0) !== (this.inputs !== 0);
        this.inputs = inputs;
        if (changed) this.line.set(inputs !== 0);
      },
    };
  }

  save(): StateFields {
    return { inputs: this.inputs };
  }
  restore(r: StateReader): void {
    this.inputs = r.int("inputs", 0, 2 ** this.fitted - 1);
  }
}
