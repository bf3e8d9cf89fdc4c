/** Hardware task switching (SDM 3A chapter 7). Not implemented yet: counted, then #GP. */
import { type GuestFault, generalProtection } from "../fault.ts";
import { type Core, UNIMPLEMENTED_TASK_SWITCH } from "./core.ts";

/** What asks for the switch: it decides busy flags, NT and the back link (SDM 3A table 7-2). */
export type TaskSwitchSource = "jump" | "call" | "event" | "iret";

export class Tasks {
  constructor(private readonly core: Core) {}

  /**
   * Switches to the task of TSS `selector`. `returnLo` is the linear address to save; `errorCode` is pushed on the new stack
   * for an event that has one, or -1. For the time being every switch ends in #GP(selector | ext).
   */
  switchTo(selector: number, _source: TaskSwitchSource, _returnLo: number, _errorCode: number, ext: number): never {
    throw this.unimplemented(selector, ext);
  }

  private unimplemented(selector: number, ext: number): GuestFault {
    this.core.context.countUnimplemented(UNIMPLEMENTED_TASK_SWITCH);
    return generalProtection((selector & 0xfffc) | ext);
  }
}
