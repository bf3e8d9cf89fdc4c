/**
 * Random programs for comparing tiers and the real CPU: loops, branches, calls, indirect jumps, flags, memory across pages, SSE,
 * string instructions, faults. Deterministic by seed. Undefined flags are overwritten before anything reads them.
 */
import { assembleProgram } from "../../src/cpu/isa/assembler.ts";
import { AREA, CODE, type Case, DATA } from "../silicon/format.ts";
import { interesting, Prng } from "../silicon/pool.ts";

/** Registers that programs compute with. RCX and R15 count loops; RDI, RSI and RBP point into the data area; RSP is the stack. */
const FREE = ["ax", "bx", "dx", "8", "9", "10", "11", "12", "13", "14"] as const;
const CONDITIONS = ["o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"] as const;
const WIDTHS = [8, 16, 32, 64] as const;
const SIZE_WORD = { 8: "byte", 16: "word", 32: "dword", 64: "qword" } as const;
/** The harness has a byte for a program's length, and UD2 ends it. */
const MAX_BYTES = 253;

type Width = (typeof WIDTHS)[number];

function name(r: (typeof FREE)[number], width: Width): string {
  if (/^\d/.test(r)) return `r${r}${{ 8: "b", 16: "w", 32: "d", 64: "" }[width]}`;
  return width === 8 ? `${r[0]}l` : width === 16 ? r : `${width === 32 ? "e" : "r"}${r}`;
}

class Writer {
  readonly lines: string[] = [];
  private labels = 0;
  private readonly functions: string[][] = [];

  constructor(private readonly r: Prng) {}

  private label(): string {
    return `l${this.labels++}`;
  }
  private reg(width: Width = 64): string {
    return name(this.r.pick(FREE), width);
  }
  private emit(...lines: string[]): void {
    this.lines.push(...lines);
  }
  /** Mostly inside the area, often where a page ends. */
  private memory(width: Width | 128): string {
    const { r } = this;
    const base = r.pick(["rdi", "rsi", "rbp"]);
    if (r.chance(0.2)) {
      const index = this.reg(64);
      this.emit(`and ${index}, 0x7f`);
      return `[${base}+${index}*${r.pick([1, 2, 4])}]`;
    }
    const displacement = width === 128 ? 16 * (r.below(12) - 6) : r.below(96) - 48;
    return displacement < 0 ? `[${base}-${-displacement}]` : `[${base}+${displacement}]`;
  }
  private sized(width: Width): string {
    return `${SIZE_WORD[width]} ${this.memory(width)}`;
  }

  statement(depth: number): void {
    const { r } = this;
    const w = r.pick(WIDTHS);
    switch (r.below(depth > 1 ? 17 : 22)) {
      case 0: case 1: case 2: this.emit(`${r.pick(["add", "sub", "and", "or", "xor", "cmp", "adc", "sbb", "test", "mov"])} ${this.reg(w)}, ${this.reg(w)}`); return;
      case 3: this.emit(`${r.pick(["add", "sub", "cmp", "and", "xor", "adc"])} ${this.reg(w)}, ${r.pick([0, 1, 7, 100, -1, -128])}`); return;
      case 4: this.emit(`${r.pick(["inc", "dec", "neg", "not"])} ${this.reg(w)}`); return;
      case 5: {
        const v = this.reg(w);
        const by = r.chance(0.5) ? "cl" : String(r.pick([0, 1, 3, 7, 8, 31, 32, 33, 63]));
        this.emit(`${r.pick(["shl", "shr", "sar", "rol", "ror"])} ${v}, ${by}`, `add ${this.reg(w)}, ${v}`);
        return;
      }
      case 6: this.emit(`${r.pick(["movzx", "movsx"])} ${this.reg(r.pick([32, 64]))}, ${this.reg(r.pick([8, 16]))}`); return;
      case 7: this.emit(`lea ${this.reg(64)}, [${this.reg(64)}+${this.reg(64)}*${r.pick([1, 2, 4, 8])}+${r.below(256)}]`); return;
      case 8: this.emit(`set${r.pick(CONDITIONS)} ${this.reg(8)}`); return;
      case 9: this.emit(`cmov${r.pick(CONDITIONS)} ${this.reg(64)}, ${this.reg(64)}`); return;
      case 10: this.emit(`mov ${this.reg(w)}, ${this.memory(w)}`); return;
      case 11: this.emit(`mov ${this.memory(w)}, ${this.reg(w)}`); return;
      case 12: this.emit(`${r.pick(["add", "sub", "xor", "or"])} ${r.chance(0.5) ? `${this.sized(w)}, ${this.reg(w)}` : `${this.reg(w)}, ${this.memory(w)}`}`); return;
      case 13: this.emit(`${r.pick(["inc", "dec", "neg"])} ${this.sized(w)}`); return;
      case 14: this.sse(); return;
      case 15: {
        const a = this.reg(r.pick([32, 64]));
        this.emit(`imul ${a}, ${a}`, `add ${a}, 1`);
        return;
      }
      case 16: this.emit(`xchg ${this.reg(64)}, ${this.reg(64)}`, `bswap ${this.reg(64)}`); return;
      case 17: this.branch(depth); return;
      case 18: this.loop(depth); return;
      case 19: this.string(); return;
      case 20: this.call(depth); return;
      case 21: if (r.chance(0.4)) this.mayFault(); else this.indirect(); return;
    }
  }

  private sse(): void {
    const { r } = this;
    const x = (): string => `xmm${r.below(8)}`;
    switch (r.below(8)) {
      case 0: this.emit(`${r.pick(["addsd", "subsd", "mulsd", "divsd", "minsd", "maxsd", "sqrtsd", "addps", "mulpd"])} ${x()}, ${x()}`); return;
      case 1: this.emit(`movsd ${x()}, ${this.memory(64)}`); return;
      case 2: this.emit(`movsd ${this.memory(64)}, ${x()}`); return;
      case 3: this.emit(`movups ${x()}, ${this.memory(128)}`); return;
      case 4: this.emit(`${r.pick(["paddd", "psubw", "pxor", "pand", "pcmpeqb", "punpcklbw", "pmulld", "pmaxub"])} ${x()}, ${x()}`); return;
      case 5: this.emit(`cvttsd2si ${this.reg(64)}, ${x()}`, `cvtsi2sd ${x()}, ${this.reg(64)}`); return;
      case 6: this.emit(`ucomisd ${x()}, ${x()}`, `seta ${this.reg(8)}`); return;
      case 7: this.emit(`movups ${this.memory(128)}, ${x()}`); return;
    }
  }
  private branch(depth: number): void {
    const over = this.label();
    this.emit(`j${this.r.pick(CONDITIONS)} ${over}`);
    this.body(depth + 1, 3);
    this.emit(`${over}:`);
  }
  private loop(depth: number): void {
    const again = this.label();
    const counter = depth === 0 ? "r15" : "rcx";
    this.emit(`mov ${depth === 0 ? "r15d" : "ecx"}, ${1 + this.r.below(12)}`, `${again}:`);
    this.body(depth + 1, 4);
    this.emit(`dec ${counter}`, `jnz ${again}`);
  }
  private string(): void {
    const { r } = this;
    const op = r.pick(["rep movsb", "rep movsq", "rep stosd", "rep stosb", "repe cmpsb", "repne scasb", "lodsd", "movsq"]);
    this.emit("push rdi", "push rsi", "push rcx", `mov ecx, ${r.below(20)}`, op, "pop rcx", "pop rsi", "pop rdi");
  }
  private call(depth: number): void {
    const target = this.label();
    this.emit(`call ${target}`);
    const outer = this.lines.splice(0);
    this.emit(`${target}:`);
    this.body(depth + 2, 3);
    this.emit("ret");
    this.functions.push(this.lines.splice(0));
    this.emit(...outer);
  }
  private indirect(): void {
    const there = this.label();
    this.emit(`lea rax, [rel ${there}]`, "jmp rax", "ud2", `${there}:`);
  }
  /** On some paths alone. */
  private mayFault(): void {
    const { r } = this;
    const over = this.label();
    this.emit(`j${r.pick(CONDITIONS)} ${over}`);
    this.emit(r.pick([`mov rax, [rdi-${AREA}]`, "mov [rsi+0x4000], edx", "xor ebx, ebx", "add dword [rbp-0x3000], 5", "mov rax, 0x8000000000000000", "ud2"]));
    this.emit(r.pick(["div ebx", "mov rdx, [rax]", "nop"]), `add eax, 1`, `${over}:`);
  }
  body(depth: number, most: number): void {
    for (let n = 1 + this.r.below(most); n > 0; n--) this.statement(depth);
  }
  finish(): string {
    this.emit("ud2");
    for (const f of this.functions) this.emit(...f);
    return this.lines.join("\n");
  }
}

/** As assembly, for whoever must look at it. */
export function programText(seed: number): { text: string; bytes: Uint8Array; offset: number } {
  const r = new Prng(seed);
  const offset = r.pick([0x10, 0x400, 0x1000 - 8 - r.below(200), 0x1200]);
  for (;;) {
    const w = new Writer(r);
    for (let n = 4 + r.below(10); n > 0; n--) w.statement(0);
    const text = w.finish();
    const { bytes } = assembleProgram(text, { mode: 64, origin: CODE + offset });
    if (bytes.length <= MAX_BYTES) return { text, bytes, offset };
  }
}

const FLAGS_AT_WILL = [0, 1, 0x80, 0x8d5, 0x44];

export function programCase(seed: number): Case {
  const { bytes, offset } = programText(seed);
  const r = new Prng(seed ^ 0x7ae5);
  const gpr = BigUint64Array.from({ length: 16 }, () => interesting(r));
  // RSI and RBP beside the boundary of the two pages.
  gpr[7] = BigInt(DATA + 0x400 + 8 * r.below(64));
  gpr[6] = BigInt(DATA + 0x1000 - r.below(24));
  gpr[5] = BigInt(DATA + 0x1000 - 16 * r.below(4));
  gpr[4] = BigInt(DATA + 0x1e00);
  gpr[1] = BigInt(r.below(64));
  return {
    // The arithmetic flag AF is undefined after logic.
    code: bytes, codeOffset: offset, undefinedFlags: 0x10, flags: r.pick(FLAGS_AT_WILL), mxcsr: 0x1f80, gpr,
    xmm: Uint16Array.from({ length: 16 }, () => r.below(AREA / 16) * 16), fpr: new Uint16Array(8), fcw: 0x37f, fsw: 0, ftw: 0, useFpu: 0, mode: 64, entry: 0, patches: [],
  };
}
