/** What a tab of the inspector is, and what it gets. */
import type { Breakpoint, Look, LookRequest } from "../../vmm/api.ts";

/** A breakpoint before it has a number. */
export type NewBreakpoint = Breakpoint extends infer B ? (B extends Breakpoint ? Omit<B, "id"> : never) : never;

export interface ViewHost {
  evaluate(text: string): Promise<bigint>;
  /** Looks again soon: what is wanted has changed. */
  refresh(): void;
  readonly breakpoints: readonly Breakpoint[];
  hasCode(address: bigint): boolean;
  toggleCode(address: bigint): void;
  add(breakpoint: NewBreakpoint): Promise<void>;
  remove(id: number): void;
  /** The breakpoint where the machine stands now, or null. */
  readonly hit: number | null;
}

export interface View {
  readonly name: string;
  readonly element: HTMLElement;
  request(): LookRequest;
  show(look: Look, host: ViewHost): void;
}
