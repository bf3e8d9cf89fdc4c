/** What the passes ask of an operation again and again, looked up once for each node. */
import { IR_OPS, type OpClass, type Type } from "../../cpu/ir/ops.ts";
import { OPCODES } from "../wasm/opcodes.ts";

/** How an operation is treated. */
export const KIND = {
  /** A WebAssembly instruction on values. */
  wasm: 0, select: 1, lane: 2, shuffle: 3, constant: 4, page: 5, slot: 6, phi: 7,
  getState: 8, setState: 9, getVariable: 10, setVariable: 11, load: 12, store: 13, rawLoad: 14, rawStore: 15, phiSet: 16, other: 17,
} as const;

export interface OpMeta {
  readonly op: string;
  readonly cls: OpClass;
  readonly result: Type | null;
  readonly kind: number;
  /** Emitted again wherever it is used. */
  readonly cheap: boolean;
  /** What follows the last dot: a width in bits, or a type. */
  readonly width: string;
  readonly bytes: number;
  /** Integer operations on one type: the name without it. */
  readonly integer: string | null;
  readonly wide: boolean;
  /** Gives 0 or 1. */
  readonly comparison: boolean;
  /** Whether simplify knows anything of it. */
  readonly foldable: boolean;
  /** May leave the region before anything has happened. */
  readonly leaves: boolean;
}

function kindOf(op: string, cls: OpClass): number {
  if (op.endsWith(".const")) return KIND.constant;
  if (op === "vpage") return KIND.page;
  if (op.startsWith("slot.")) return KIND.slot;
  if (op.startsWith("phi.set.")) return KIND.phiSet;
  if (op.startsWith("phi.")) return KIND.phi;
  if (op.startsWith("select.")) return KIND.select;
  if (op === "i8x16.shuffle") return KIND.shuffle;
  if (op.startsWith("get.")) return KIND.getState;
  if (op.startsWith("set.")) return KIND.setState;
  if (op.startsWith("var.get.")) return KIND.getVariable;
  if (op.startsWith("var.set.")) return KIND.setVariable;
  if (op.startsWith("ld.")) return KIND.load;
  if (op.startsWith("st.")) return KIND.store;
  if (op.startsWith("raw.ld.")) return KIND.rawLoad;
  if (op.startsWith("raw.st.")) return KIND.rawStore;
  if (cls === "pure" && OPCODES.get(op)?.imm === "lane") return KIND.lane;
  return cls === "pure" ? KIND.wasm : KIND.other;
}

const METAS = new Map<string, OpMeta>();
for (const [op, info] of IR_OPS) {
  const kind = kindOf(op, info.cls);
  const width = op.slice(op.lastIndexOf(".") + 1);
  const integer = /^i(32|64)\./.test(op) && info.params.length > 0 && info.params.length <= 2;
  METAS.set(op, {
    op, cls: info.cls, result: info.result, kind, width, bytes: Number(width) / 8,
    cheap: kind >= KIND.constant && kind <= KIND.phi,
    integer: integer ? op.slice(4) : null,
    wide: op.startsWith("i64."),
    comparison: /^[if](32|64)\.(eqz?|ne|[lg][te](_[su])?)$/.test(op),
    foldable: integer || op.includes(".extract_lane") || kind === KIND.select,
    leaves: kind === KIND.load || kind === KIND.store || op === "rmw.begin" || op.startsWith("ptr."),
  });
}

export function metaOf(op: string): OpMeta | undefined {
  return METAS.get(op);
}
