/** What a debugger shows and takes, as plain data that crosses a worker's boundary. */
import type { Walk } from "../../cpu/mmu/inspect.ts";
import type { Access, StopCause } from "../../jit/debug.ts";
export type { Access, StopCause } from "../../jit/debug.ts";
export type { PagingMode, Walk, WalkStep } from "../../cpu/mmu/inspect.ts";

/** `id` is the caller's, and not negative. */
export type Breakpoint = { readonly id: number } & (
  | { readonly kind: "code"; readonly address: bigint; /** Of memory; otherwise linear. */ readonly physical?: boolean }
  /** A watchpoint on `length` bytes from a linear address on. */
  | { readonly kind: "data"; readonly address: bigint; readonly length: number; readonly access: Access }
  /** `last` is inclusive, here and below. */
  | { readonly kind: "port"; readonly first: number; readonly last: number; readonly access: Access }
  | { readonly kind: "vector"; readonly first: number; readonly last: number }
);

/**
 * What a single step does with an interrupt that is pending. `hold`: it waits. `over`: it is handled, and the step goes on; the run is the
 * same as without a debugger. `into`: the step ends at the handler's first instruction. Exceptions always do that.
 */
export type StepInterrupts = "hold" | "over" | "into";

export type StopReason =
  | StopCause
  | { readonly kind: "pause" }
  /** A step, step over, finish or run-to has come to its end; `event`: the vector that it ended in, or null. */
  | { readonly kind: "step"; readonly event: number | null };

export interface DebugState {
  /** `ended`: the machine has stopped for good; it can be looked at. */
  readonly state: "running" | "paused" | "ended";
  /** Why it is paused; null where it runs, or the user of another control paused it. */
  readonly reason: StopReason | null;
  /** How it ended. */
  readonly message: string | null;
  readonly exitCode: number | null;
}

export interface SegmentView {
  readonly name: string;
  readonly selector: number;
  readonly base: bigint;
  /** Bytes, inclusive. */
  readonly limit: number;
  /** `code 64 r-x dpl 0`, … */
  readonly text: string;
}

export interface RegistersView {
  readonly codeBits: 16 | 32 | 64;
  /** Linear address of the next instruction, and the pointer in CS. */
  readonly rip: bigint;
  readonly ip: bigint;
  readonly cpl: number;
  readonly halted: boolean;
  /** RAX to R15 in their numbers' order. */
  readonly general: readonly bigint[];
  readonly flags: number;
  readonly segments: readonly SegmentView[];
  /** CR0, CR2, CR3, CR4, CR8, EFER, XCR0, DR0 to DR7: name and value. */
  readonly control: readonly (readonly [name: string, value: bigint])[];
  readonly msrs: readonly (readonly [name: string, value: bigint])[];
  /** XMM0 to XMM15, 128 bits; ST0 to ST7 as 80-bit images; MXCSR, x87 control and status word. */
  readonly xmm: readonly bigint[];
  readonly st: readonly bigint[];
  readonly mxcsr: number;
  readonly fpuControl: number;
  readonly fpuStatus: number;
}

export interface CodeLine {
  /** Linear. */
  readonly address: bigint;
  /** `name+0x12` where known; "" elsewhere. */
  readonly symbol: string;
  /** The symbol begins here. */
  readonly first: boolean;
  readonly bytes: string;
  readonly text: string;
  readonly here: boolean;
}

export interface StackLine {
  readonly address: bigint;
  /** Null: not mapped. */
  readonly value: bigint | null;
  /** Where it points, if into code or data with a name. */
  readonly symbol: string;
}

export interface TlbView {
  /** Filled entries altogether, by kind. */
  readonly counts: Readonly<Record<string, number>>;
  /** Some of them: those near what is looked for first. */
  readonly entries: readonly { readonly kind: string; readonly linear: bigint; readonly physical: number; readonly rights: string }[];
}

export interface ActivityView {
  /** Handlers entered since the machine was made: vector, count, what it interrupted last. Those with a count only. */
  readonly vectors: readonly { readonly vector: number; readonly count: number; readonly lastAt: bigint; readonly lastSymbol: string }[];
  /** Accesses that left for a device: `port` or `memory`, region, reads, writes. */
  readonly exits: readonly { readonly bus: "port" | "memory"; readonly name: string; readonly reads: number; readonly writes: number }[];
  readonly instructions: number;
  /** Those of compiled code. */
  readonly compiled: number;
  readonly guestTimeNs: number;
  readonly regions: { readonly installed: number; readonly queue: number; readonly wasmBytes: number } | null;
  readonly hottest: readonly { readonly address: bigint; readonly symbol: string; readonly entries: number; readonly instructions: number; readonly wasmBytes: number }[];
}

export type MemorySpace = "linear" | "physical";
export interface MemoryView {
  readonly space: MemorySpace;
  readonly address: bigint;
  /** A byte, or -1 where nothing can be read. */
  readonly bytes: Int16Array;
}

/** What one look takes along; the more, the dearer. */
export interface LookRequest {
  readonly registers?: boolean;
  /** Null: around RIP. */
  readonly code?: { readonly address: bigint | null; readonly lines: number };
  readonly stack?: { readonly lines: number };
  readonly walk?: { readonly address: bigint | null };
  readonly tlb?: { readonly near: bigint | null; readonly most: number };
  readonly activity?: boolean;
  readonly memory?: { readonly space: MemorySpace; readonly address: bigint; readonly length: number };
}
export interface Look {
  readonly state: DebugState;
  /** Instructions retired: two looks with the same number see the same moment. */
  readonly retired: number;
  readonly registers: RegistersView | null;
  readonly code: readonly CodeLine[] | null;
  readonly stack: readonly StackLine[] | null;
  readonly walk: (Walk & { readonly address: bigint }) | null;
  readonly tlb: TlbView | null;
  readonly activity: ActivityView | null;
  readonly memory: MemoryView | null;
}

/** A debugger of one machine. Calls that fail reject with an Error whose message is the one clear line. */
export interface MachineDebugger {
  look(request: LookRequest): Promise<Look>;
  /** Is told of every change of DebugState. One listener at a time; null: none. */
  listen(listener: ((state: DebugState) => void) | null): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** One instruction; one element of a repeated one, except in deterministic mode. */
  step(interrupts?: StepInterrupts): Promise<void>;
  /** The same, calls and repeated instructions in full. */
  stepOver(): Promise<void>;
  /** To behind the present function's return. */
  finish(): Promise<void>;
  runTo(address: bigint): Promise<void>;
  /** All of them: those that are not in the list go. */
  setBreakpoints(list: readonly Breakpoint[]): Promise<void>;
  /** By the names of RegistersView and of x86: `rax`, `rip`, `eflags`, `cr3`, … */
  setRegister(name: string, value: bigint): Promise<void>;
  writeMemory(space: MemorySpace, address: bigint, bytes: Uint8Array): Promise<void>;
  /** An ELF file's symbol table, a System.map, or the text of /proc/kallsyms; adds to what is known. How many names. */
  addSymbols(file: Uint8Array): Promise<number>;
  /** A number (hexadecimal), a register, a symbol, with `+` and `-`: `$rsp+8`, `start_kernel`. */
  evaluate(text: string): Promise<bigint>;
  /** Takes the debugger away: breakpoints go, a paused machine stays paused. */
  close(): Promise<void>;
}
