/** The stages of a region as text: decoded instructions, what the lifters write, the region's IR after the passes, WebAssembly. */
import { disassemble } from "../../cpu/decode/disassembler.ts";
import { printIr } from "../../cpu/ir/print.ts";
import { GPR64 } from "../../cpu/isa/registers.ts";
import { STATE, TLB_BASE } from "../../cpu/layout.ts";
import { RecordContext } from "../../cpu/lift/context.ts";
import { lift } from "../../cpu/lift/index.ts";
import { formOf } from "../interpreter/forms.ts";
import { wasmText } from "../wasm/text.ts";
import { type BlockIr, buildRegion, type RegionIr } from "./build.ts";
import { analyse, type Liveness } from "./liveness.ts";
import { KIND } from "./meta.ts";
import { buildModule } from "./module.ts";
import { type ExitState, IN_MEMORY, isDirty, type RegionNode } from "./node.ts";
import type { CodeSource } from "./scan.ts";
import type { Block, Region, RegionInsn } from "./shape.ts";
import { SLOT_COUNT, SLOT_NAME } from "./slots.ts";

export const STAGES = ["decode", "ir", "optimised", "wasm"] as const;
export type Stage = (typeof STAGES)[number];

/** Fields of the state block by address, so that a moved field changes no dump. */
const STATE_NAME: ReadonlyMap<number, string> = new Map([
  ...Object.entries(STATE).map(([name, at]) => [at, name] as const),
  ...GPR64.map((name, i) => [STATE.gpr + 8 * i, name] as const),
]);
const byName = (text: string): string => text.replace(/@0x([0-9a-f]+)/g, (all, hex: string) => {
  const name = STATE_NAME.get(parseInt(hex, 16));
  return name === undefined ? all : `@${name}`;
});

const hex = (n: number): string => (n < 0 ? `-0x${(-n).toString(16)}` : `0x${n.toString(16)}`);
const blockName = (b: Block): string => `b${b.index}`;

// --- Decoded instructions -------------------------------------------------------------------------------------------------

/** `page`: linear address of the page that offsets count from. */
function instruction(at: RegionInsn, bytes: Uint8Array, page: bigint): string {
  return disassemble(at.insn, bytes, page + BigInt(at.offset));
}

/** Reads an instruction's bytes; short where its pages are gone. */
export type CodeReader = (offset: number, length: number) => Uint8Array;
export const readerOf = (source: CodeSource): CodeReader => (offset, length) => Uint8Array.from({ length }, (_, i) => {
  const view = source.page((offset + i) >> 12);
  return view === null ? 0 : source.bytes[view.at + ((offset + i) & 4095)];
});

export function decodedText(region: Region, page: bigint, read: CodeReader): string {
  let out = "";
  for (const b of region.blocks) {
    const marks = [b.loopHeader ? "loop" : "", b.reentry ? "returned to" : "", b.open ? "user pages open" : "", b.inlining === null ? "" : `inlined, returns to ${hex(b.inlining.returnTo)}`].filter((m) => m !== "");
    out += `${blockName(b)}:${marks.length === 0 ? "" : `  ; ${marks.join("; ")}`}\n`;
    for (const at of b.insns) {
      const bytes = read(at.offset, at.length);
      const code = Array.from(bytes, (v) => v.toString(16).padStart(2, "0")).join(" ");
      out += `  ${(page + BigInt(at.offset)).toString(16).padStart(6, "0")}  ${code.padEnd(24)} ${instruction(at, bytes, page)}\n`;
    }
    const to = [...b.successors.values()].map(blockName);
    if (to.length > 0) out += `  -> ${to.join(", ")}\n`;
  }
  return out;
}

// --- What the lifters write -----------------------------------------------------------------------------------------------

/** The IR of each instruction by itself, as tier 0 has it: before operands are known and registers become values. */
export function liftedText(region: Region, page: bigint, read: CodeReader): string {
  let out = "";
  for (const b of region.blocks) {
    out += `${blockName(b)}:\n`;
    for (const at of b.insns) {
      out += `  ; ${instruction(at, read(at.offset, at.length), page)}\n`;
      const ir = byName(printIr(lift(new RecordContext(formOf(at.insn)))));
      out += ir.replace(/^(?=.)/gm, "  ");
    }
  }
  return out;
}

// --- The region's IR after the passes -----------------------------------------------------------------------------------------

class RegionPrinter {
  private readonly numbers = new Map<RegionNode, number>();
  private out = "";

  constructor(
    private readonly ir: RegionIr,
    private readonly live: Liveness,
  ) {}

  print(): string {
    for (const b of this.ir.blocks) this.block(b);
    return this.out;
  }

  private block(b: BlockIr): void {
    this.out += `${blockName(b.block)}:`;
    if (b.root === b.block) {
      const liveIn = this.live.liveIn.get(b.block) ?? [];
      const names = SLOT_NAME.filter((_, s) => liveIn[s]);
      this.out += `  ; in: ${names.length === 0 ? "nothing" : names.join(" ")}`;
    } else this.out += `  ; goes on from ${blockName(b.root)}`;
    this.out += "\n";
    this.list(b.nodes, "  ");
  }

  /** A value where it is used: numbers, slots and phis have no line of their own; nor has what is computed in just one place. */
  private value(n: RegionNode): string {
    switch (n.meta.kind) {
      case KIND.constant: return n.op === "i64.const" ? `${n.big}` : n.lanes === null ? String(n.imm) : `[${n.lanes.join(" ")}]`;
      case KIND.slot: return SLOT_NAME[n.imm];
      case KIND.phi: return `phi${n.imm}`;
      case KIND.page: return "page";
    }
    const number = this.numbers.get(n);
    if (number !== undefined) return `%${number}`;
    return n.meta.cls === "pure" ? this.operation(n) : "%?";
  }
  private operation(n: RegionNode): string {
    const parts: string[] = [];
    if (n.name !== null) parts.push(n.name);
    if (n.lanes !== null && n.meta.kind !== KIND.constant) parts.push(`[${n.lanes.join(" ")}]`);
    if (n.ref !== null) parts.push(byName(`@0x${(n.ref.address + n.ref.offset).toString(16)}`));
    else if (n.imm !== 0 && n.edge === null && n.name === null) parts.push(String(n.imm));
    parts.push(...n.args.map((a) => this.value(a)));
    return `${n.op}(${parts.join(", ")})`;
  }

  private state(x: ExitState): string {
    const values: string[] = [];
    for (let s = 0; s < SLOT_COUNT; s++) {
      const v = x.slots[s];
      if (v === null || v === IN_MEMORY || !isDirty(x, s)) continue;
      values.push(`${SLOT_NAME[s]}=${this.value(v)}`);
    }
    return ` {${values.join(" ")}}`;
  }

  private list(nodes: readonly RegionNode[], indent: string): void {
    for (const n of nodes) {
      const { cls, kind } = n.meta;
      const uses = n.hot + n.cold;
      if (cls === "pure" || cls === "read") {
        // As the lowering has it: what is used once is computed there.
        if (uses === 0 || n.meta.cheap || (cls === "pure" && !(n.hot > 1 || (n.hot === 1 && n.cold > 0)))) continue;
      }
      if (kind === KIND.phiSet) {
        const phi = this.ir.phis[n.imm];
        if (phi.hot + phi.cold > 0) this.out += `${indent}phi${n.imm} = ${this.value(n.args[0])}\n`;
        continue;
      }
      if (n.op === "if") {
        this.out += `${indent}if ${this.value(n.args[0])}\n`;
        this.list(n.bodies[0], `${indent}  `);
        if (n.bodies[1].length > 0) {
          this.out += `${indent}else\n`;
          this.list(n.bodies[1], `${indent}  `);
        }
        continue;
      }
      this.out += indent + this.line(n) + "\n";
    }
  }

  private line(n: RegionNode): string {
    const x = n.exit;
    if (n.op === "edge" && n.edge !== null && x !== null) {
      const target = n.edge.target;
      if (target === null) return `leave ${hex(x.offset)} after ${x.count}${this.state(x)}`;
      const moved: string[] = [];
      for (let s = 0; s < SLOT_COUNT; s++) {
        const v = x.slots[s];
        if (!this.live.assigns(n.edge, s) || v === null) continue;
        moved.push(`${SLOT_NAME[s]}=${v === IN_MEMORY ? "memory" : this.value(v)}`);
      }
      return `goto ${blockName(target)}${target.predecessors > 1 ? ` after ${x.count} {${moved.join(" ")}}` : ""}`;
    }
    const back = n.op === "edge.call" ? (n.edge?.target ?? null) : null;
    if (back !== null && x !== null) return `call ${this.value(n.args[0])}, back in ${blockName(back)}, after ${x.count}${this.state(x)}`;
    if (n.op === "edge.indirect" && x !== null) return `leave ${this.value(n.args[0])} after ${x.count}${this.state(x)}`;
    const text = this.operation(n);
    let result = "";
    if (n.type !== null && n.op !== "call") {
      this.numbers.set(n, this.numbers.size);
      result = n.hot + n.cold === 0 ? "" : `%${this.numbers.size - 1} = `;
    }
    return `${result}${text}${x === null || n.op === "sync" ? "" : `  else ${hex(x.offset)} after ${x.count}${this.state(x)}`}`;
  }
}

/** After simplification while it was built, and after `analyse`: what has no use has no line. */
export function optimisedText(ir: RegionIr, live: Liveness): string {
  const { assumptions: a } = ir;
  const taken: string[] = [];
  if (a.fpuGate !== 0) taken.push(`fpuGate & ${hex(a.fpuGate)} == 0`);
  if (a.mxcsr) taken.push("MXCSR's control is the default");
  return `${taken.length === 0 ? "" : `assumes ${taken.join("; ")}\n`}${new RegionPrinter(ir, live).print()}`;
}

// --- WebAssembly ---------------------------------------------------------------------------------------------------------

export function codeText(ir: RegionIr, live: Liveness, tlbBase: number = TLB_BASE): string {
  const built = buildModule([{ ir, live, options: { tlbBase, name: "region" } }], false);
  const { body } = built.functions[0];
  return wasmText(body.codeBytes(), {
    functionName: (index) => {
      const name = built.functionName(index);
      return name === null ? null : `$${name}`;
    },
    offsetName: (offset) => STATE_NAME.get(offset) ?? null,
  });
}

// --- All of it -------------------------------------------------------------------------------------------------------------

export function dumpRegion(region: Region, page: bigint, read: CodeReader, stages: readonly Stage[] = STAGES, tlbBase?: number): string {
  const ir = buildRegion(region);
  const live = analyse(ir);
  const text: Record<Stage, () => string> = {
    decode: () => decodedText(region, page, read),
    ir: () => liftedText(region, page, read),
    optimised: () => optimisedText(ir, live),
    wasm: () => codeText(ir, live, tlbBase),
  };
  return stages.map((s) => `== ${s} ==\n${text[s]()}`).join("\n");
}

