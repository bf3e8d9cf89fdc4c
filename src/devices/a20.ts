/** The A20 gate: open while either of its sources asks for it (PIIX3 §2.5.5: A20M# is the OR of both). */
import type { Persistent, StateFields, StateReader } from "../base/persist.ts";

export class A20Gate implements Persistent {
  readonly sectionName = "a20";
  readonly sectionVersion = 1;
  private fast = false;
  private keyboard = true;

  /** `onChange` is told the state of the gate whenever it changes. Open at power-on: the 8042's output port says so. */
  constructor(private readonly onChange: (enabled: boolean) => void) {}

  get enabled(): boolean {
    return this.fast || this.keyboard;
  }

  setFast(enabled: boolean): void {
    this.change(enabled, this.keyboard);
  }
  setKeyboard(enabled: boolean): void {
    this.change(this.fast, enabled);
  }

  private change(fast: boolean, keyboard: boolean): void {
    const before = this.enabled;
    this.fast = fast;
    this.keyboard = keyboard;
    if (this.enabled !== before) this.onChange(this.enabled);
  }

  save(): StateFields {
    return { fast: this.fast, keyboard: this.keyboard };
  }
  restore(r: StateReader): void {
    this.change(r.bool("fast"), r.bool("keyboard"));
  }
}
