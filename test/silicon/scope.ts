/** What of the instruction table is tested: which entries and forms, in which mode, and why the others are not. */
import { type IsaEntry } from "../../src/cpu/isa/isa.ts";
import { type Form, liftName } from "../../src/cpu/lift/form.ts";
import { LIFTERS } from "../../src/cpu/lift/index.ts";

/** Left out, and why. */
export const SKIPPED: Readonly<Record<string, string>> = {
  ...reason("reports the machine or its environment", "cpuid rdtsc rdtscp rdpmc rdpid rdrand rdseed xgetbv sgdt sidt sldt str smsw lar lsl verr verw rdfsbase rdgsbase"),
  ...reason("enters the kernel", "syscall sysenter int int1 int3 into iret rdpkru wrpkru"),
  ...reason("needs the host's descriptors", "mov_to_seg les lds lss lfs lgs jmpf callf retf"),
  ...reason("would change the harness's own thread state", "wrfsbase wrgsbase"),
  ...reason("state that depends on the host's XSAVE features", "xsave xsaveopt xsavec xrstor fxsave fxrstor"),
  ...reason("approximations differ between vendors", "rcpps rcpss rsqrtps rsqrtss vrcpps vrcpss vrsqrtps vrsqrtss"),
  ...reason("privileged: only #GP could be seen", "sysret sysexit"),
};
function reason(text: string, names: string): Record<string, string> {
  return Object.fromEntries(names.split(" ").map((n) => [n, text]));
}

/** Table features that the host CPU must have for an entry to be tested there, by their names in /proc/cpuinfo. */
export const HOST_FLAG: Readonly<Record<string, string>> = {
  sse3: "pni", ssse3: "ssse3", sse4_1: "sse4_1", sse4_2: "sse4_2", popcnt: "popcnt", lzcnt: "abm", bmi1: "bmi1", movbe: "movbe", adx: "adx",
  aes: "aes", pclmulqdq: "pclmulqdq", sha: "sha_ni", clflushopt: "clflushopt", clwb: "clwb", invpcid: "invpcid", smap: "smap", cx16: "cx16", prfchw: "3dnowprefetch",
  avx: "avx", avx2: "avx2", fma: "fma", f16c: "f16c", bmi2: "bmi2",
};
/** What every x86-64 CPU has. */
const BASELINE = new Set(["base", "cmov", "mmx", "sse", "sse2", "cx8", "fxsr", "clfsh", "sep", "x87"]);

const PRIVILEGED = new Set(["base", "invpcid", "smap", "sep"]);

export type Exclusion = "not in this mode" | "privileged" | "no lifter" | "x87" | "host lacks it" | "environment";

export type Mode = 32 | 64;

/** Why an entry is not tested, or null. */
export function exclusion(entry: IsaEntry, hostFlags: ReadonlySet<string> | null, mode: Mode = 64): Exclusion | null {
  if (mode === 64 ? entry.i64 : entry.o64 || (entry.w === 1 && !entry.vex)) return "not in this mode";
  // At CPL 3 they fault; the virtualization extensions fault in ways of their own.
  if (entry.cpl0 && !PRIVILEGED.has(entry.feature)) return "privileged";
  if (LIFTERS[liftName(entry)] === undefined) return "no lifter";
  if (entry.feature === "x87" || (entry.map === 0 && entry.opcode >= 0xd8 && entry.opcode <= 0xdf)) return "x87";
  if (SKIPPED[liftName(entry)] !== undefined || ["ES", "SS", "DS", "FS", "GS"].includes(entry.operands[0]?.fixed ?? "") && entry.mnemonic === "POP") return "environment";
  // 0F 0D with a register: a reserved NOP at Intel, #UD at AMD.
  if (entry.source.startsWith("NOP Ev | 0F 0D")) return "environment";
  if (!BASELINE.has(entry.feature) && HOST_FLAG[entry.feature] === undefined) return "host lacks it";
  if (hostFlags !== null && !BASELINE.has(entry.feature) && !hostFlags.has(HOST_FLAG[entry.feature])) return "host lacks it";
  return null;
}

export const BRANCHES = new Set(["jmp", "call", "ret", "loop", "loope", "loopne", "jcxz"]);
export const isBranch = (entry: IsaEntry): boolean => BRANCHES.has(entry.lift) || entry.lift === "jcc";
export const STRINGS = new Set(["movs", "cmps", "stos", "lods", "scas", "ins", "outs"]);
/** What only stands alone: it moves a pointer or leaves, so that what follows would only fault. */
export const ALONE = new Set([...STRINGS, "xlat", "enter", "leave", "popf", "maskmovq", "maskmovdqu", "div", "idiv", "in", "out", "cli", "sti",
  "cmpxchg8b", "cmpxchg16b", "pusha", "popa", "bound", "aam", "ud0", "ud1", "ud2", "ldmxcsr", "pushf",
  // Shows the sticky exception flags, which are not compared yet.
  "stmxcsr", "vldmxcsr", "vstmxcsr", "vmaskmovdqu"]);
/** What compilers emit most: the interpreter has handlers of its own for these, and for pairs of them. */
export const COMMON = new Set("mov add sub cmp test and or xor lea push pop inc dec shl shr sar movzx movsx movsxd imul2 xchg neg not".split(" "));
const OPERAND_SIZED = new Set(["v", "z", "y", "p", "a", "bs", "at", "pt", ""]);

export interface Shape {
  readonly entry: IsaEntry;
  readonly opSize: 16 | 32 | 64;
  readonly mod: "reg" | "mem" | "none";
}

/** Operand-size prefixes make a form of their own, although no operand shows it. */
const SIZED_FORMS = new Set([...STRINGS, "push", "pop", "enter", "leave", "xlat", "maskmovq", "maskmovdqu", "pcmpestrm", "pcmpestri"]);

/** Encodings of an entry by operand size and operand kind. */
export function shapesOf(entry: IsaEntry, mode: Mode): Shape[] {
  const sized = entry.operands.length === 0 || entry.operands.some((o) => (o.fixed ? o.fixed === "rAX" || o.fixed === "eAX" : OPERAND_SIZED.has(o.size)))
    || SIZED_FORMS.has(liftName(entry));
  const mods = !entry.hasModrm ? ["none" as const] : entry.modKind === "reg" ? ["reg" as const] : entry.modKind === "mem" ? ["mem" as const] : ["reg" as const, "mem" as const];
  const mandatory = entry.prefix === "66" || entry.prefix === "NP";
  const sizes: (16 | 32 | 64)[] = [];
  if (entry.vex) {
    sizes.push(32);
    if (mode === 64 && entry.w < 0 && entry.operands.some((o) => o.size === "y")) sizes.push(64);
  } else if (mode === 32) {
    // 16-bit branches leave for the first 64 KiB, where nothing is mapped: the fault shows the target.
    if ((sized || isBranch(entry)) && !mandatory && entry.lift !== "bswap") sizes.push(16);
    sizes.push(32);
  } else if (entry.f64) sizes.push(64);
  else {
    if (sized && !mandatory && !(["bswap"].includes(entry.lift))) sizes.push(16);
    if (entry.d64) sizes.push(64);
    else {
      if (entry.w !== 1) sizes.push(32);
      if ((sized && entry.w !== 0) || entry.w === 1) sizes.push(64);
    }
  }
  // BSWAP with 16 bits is undefined. MOVSXD with 16 bits reads 16 bits of memory at Intel, 32 at AMD.
  return sizes.flatMap((opSize) => mods.map((mod) => ({ entry, opSize, mod }))).filter((s) => entry.lift !== "movsxd" || s.opSize !== 16 || s.mod === "reg");
}

/** Whether any bytes decode to this form in that mode: the form list is made without asking. */
export function reachable(form: Form, mode: Mode): boolean {
  const { entry, opSize } = form;
  if (entry.vex) {
    if (opSize === 16 || (mode === 64 ? form.mode === "legacy" : opSize === 64 || form.mode === "64" || entry.o64)) return false;
    // VEX.W is the operand size where the form keeps it.
    const kept = form.mode !== null || entry.operands.some((o) => o.size === "y");
    return mode === 32 || !kept || entry.w < 0 || (entry.w === 1) === (opSize === 64);
  }
  if (opSize === 16 && (entry.prefix === "66" || entry.prefix === "NP")) return false;
  if (mode === 32) return opSize !== 64 && form.mode !== "64" && !entry.o64 && entry.w !== 1;
  return form.mode !== "legacy" && !entry.i64 && !(entry.f64 && opSize !== 64) && !(entry.d64 && opSize === 32);
}
