/** What the interpreter's module and handlers that are made later have in common: numbers, tables, and one handler for one form. */
import { STATE, STATUS } from "../../cpu/layout.ts";
import { RecordContext } from "../../cpu/lift/context.ts";
import { type EaKind, type Form, formKey } from "../../cpu/lift/form.ts";
import { lift } from "../../cpu/lift/index.ts";
import { LocalPool, type Frame, type Support } from "../lower/frame.ts";
import { Lowerer } from "../lower/lower.ts";
import { FunctionBuilder } from "../wasm/function.ts";

/** Handler numbers of pseudo records, which are no instructions and are not counted. */
export const PSEUDO = {
  /** Not decoded yet: leaves for TypeScript. */
  miss: 0,
  /** Continues at the record in the slot at REC.detour. */
  goto: 1,
  /** Continues at page + REC.ip (the page's end). */
  lookup: 2,
  /** The next record's instruction crosses into the page whose physical number is in REC.imm: checks the mapping. */
  cross: 3,
  /** Raises the vector in REC.imm: bytes that decode to no instruction. Counted and uncounted as the fault it is. */
  raise: 4,
  /** Enters the compiled region in REC.region, or goes on at the record in REC.link. */
  region: 5,
} as const;
export const PSEUDO_COUNT = 6;

export interface InterpreterModule {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Handler number by formKey, then by EA kind. */
  readonly handlers: ReadonlyMap<string, Readonly<Partial<Record<EaKind, number>>>>;
  /** Superinstructions: handler numbers [first, second, both in one]. */
  readonly pairs: readonly (readonly [number, number, number])[];
  readonly inlineCount: number;
  readonly outlinedCount: number;
}

/** Handlers behind call_indirect have numbers from here up: table index plus this. */
export const firstOutlined = (m: Pick<InterpreterModule, "inlineCount" | "pairs">): number => PSEUDO_COUNT + m.inlineCount + m.pairs.length;
/** Name under which their table is exported. */
export const TABLE_EXPORT = "handlers";

/** (record, page) -> STATUS. */
export function outlinedHandler(form: Form, support: Support): FunctionBuilder {
  const fb = new FunctionBuilder(["i32", "i64"], ["i32"], formKey(form));
  const end = (status: number) => (): void => {
    fb.i32(status).op("return");
  };
  const target = fb.local("i64");
  const frame: Frame = {
    fb, support, rec: 0, vpage: 1, locals: new LocalPool(fb),
    tlbBase: () => fb.i32(0).mem("i32.load", STATE.tlbBase),
    // run() has stored it.
    sync: () => undefined,
    next: end(STATUS.next),
    again: end(STATUS.again),
    direct: end(STATUS.direct),
    jump: () => {
      fb.set(target).i32(0).get(target).mem("i64.store", STATE.rip).i32(STATUS.jump).op("return");
    },
    fault: end(STATUS.fault),
    status: (local) => {
      fb.get(local).op("return");
    },
  };
  new Lowerer(frame).lower(lift(new RecordContext(form)));
  fb.op("unreachable");
  return fb.withoutHints();
}
