/** Lowering: how a region is entered. Its refusals, the slots that an entry wants, and which of several entries it is. */
import { REGION_EXIT } from "../../cpu/layout.ts";
import type { FunctionBuilder } from "../wasm/function.ts";
import { emitAssumptions } from "./assumptions.ts";
import type { RegionIr } from "./build.ts";
import type { Liveness } from "./liveness.ts";
import type { RegionNode } from "./node.ts";
import { type Block, isDoor } from "./shape.ts";
import { SLOT_ADDRESS, SLOT_TYPE } from "./slots.ts";
import { BASE, LEFT, SLOT_LOAD } from "./support.ts";

export class EntryLowerer {
  /** `slotLocal`: by slot its local; `offset`: the local that takes the entry's offset in its page. */
  constructor(
    private readonly fb: FunctionBuilder,
    private readonly ir: RegionIr,
    private readonly live: Liveness,
    private readonly tlbBase: number,
    private readonly slotLocal: readonly number[],
    private readonly offset: number,
  ) {}

  /**
   * Refuses, before anything has happened, when an assumption does not hold or the budget might not suffice for `longest` instructions:
   * STATE.rip and STATE.regionLeft are the caller's.
   */
  prologue(entry: Block, longest: number): void {
    const { fb } = this;
    emitAssumptions(fb, this.ir.assumptions, this.tlbBase);
    fb.get(LEFT).i32(longest).op("i32.lt_s").op("i32.or");
    const refuse = fb.unlikely().begin("if", "refuse");
    fb.i32(REGION_EXIT.tier0).op("return").end(refuse);
    if (isDoor(entry)) fb.get(BASE).op("i32.wrap_i64").i32(4095).op("i32.and").set(this.offset);
    fb.get(BASE).i64(-4096n).op("i64.and").set(BASE);
  }

  /** What is live at `target`, from the state block. */
  loadSlots(target: Block): void {
    (this.live.liveIn.get(target) ?? []).forEach((l, s) => {
      if (l) this.fb.i32(0).mem(SLOT_LOAD[SLOT_TYPE[s]], SLOT_ADDRESS[s]).set(this.slotLocal[s]);
    });
  }

  /** To the entry at offset `this.offset`: the first one at once, the others by halves. `arrive` goes to a block whose locals are set. */
  dispatch(n: RegionNode, arrive: (target: Block) => void): void {
    const { fb } = this;
    const edges = n.bodies.map((body) => body[0].edge?.target).filter((t) => t !== undefined && t !== null);
    const others = edges.slice(1).sort((a, b) => a.start - b.start);
    const enter = (target: Block): void => {
      this.loadSlots(target);
      arrive(target);
    };
    const either = (condition: () => void, yes: () => void, no: () => void): void => {
      condition();
      const label = fb.begin("if", "entry");
      yes();
      fb.else();
      no();
      fb.end(label);
    };
    const among = (from: number, to: number): void => {
      if (to - from === 1) return enter(others[from]);
      const middle = (from + to) >> 1;
      either(() => fb.get(this.offset).i32(others[middle].start).op("i32.lt_u"), () => among(from, middle), () => among(middle, to));
    };
    either(() => fb.get(this.offset).i32(edges[0].start).op("i32.eq"), () => enter(edges[0]), () => among(0, others.length));
    fb.op("unreachable");
  }
}
