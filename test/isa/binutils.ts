/** Runs objdump and as, the independent reference for the ISA tables, and reads their output. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const OBJDUMP = "/usr/bin/objdump";
const AS = "/usr/bin/as";
const OBJCOPY = "/usr/bin/objcopy";

export const HAVE_BINUTILS = existsSync(OBJDUMP) && existsSync(AS);
if (!HAVE_BINUTILS) console.warn("test/isa: /usr/bin/objdump or /usr/bin/as is missing (install binutils): comparisons are SKIPPED");

export interface ReferenceLine {
  readonly address: bigint;
  readonly bytes: Uint8Array;
  readonly text: string;
}

const MAX_OUTPUT = 1 << 30;
const MACHINES = { 16: "i8086", 32: "i386", 64: "i386:x86-64" } as const;

function inTemporaryFile<T>(use: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), "isa-"));
  try {
    return use(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function parseLine(line: string): ReferenceLine | undefined {
  const m = /^\s*([0-9a-f]+):\t((?:[0-9a-f]{2} )+)\s*(?:\t(.*))?$/.exec(line);
  if (!m) return undefined;
  return { address: BigInt(`0x${m[1]}`), bytes: Uint8Array.from(m[2].trim().split(" "), (h) => parseInt(h, 16)), text: (m[3] ?? "").trim() };
}

function parseListing(listing: string): ReferenceLine[] {
  const lines: ReferenceLine[] = [];
  for (const line of listing.split("\n")) {
    const parsed = parseLine(line);
    if (parsed) lines.push(parsed);
  }
  return lines;
}

/** Disassembles raw bytes from address 0. */
export function objdumpRaw(bytes: Uint8Array, mode: 16 | 32 | 64): ReferenceLine[] {
  return inTemporaryFile((directory) => {
    const file = join(directory, "code.bin");
    writeFileSync(file, bytes);
    return parseListing(execFileSync(OBJDUMP,
      ["-D", "-z", "-w", "-b", "binary", "-m", MACHINES[mode], "-M", "intel,intel64", file], { maxBuffer: MAX_OUTPUT, encoding: "utf8" }));
  });
}

/** The instructions of an ELF file between two addresses. */
export function objdumpFile(file: string, start: number, stop: number): ReferenceLine[] {
  return parseListing(execFileSync(OBJDUMP,
    ["-d", "-z", "-w", "-M", "intel,intel64", `--start-address=${start}`, `--stop-address=${stop}`, file],
    { maxBuffer: MAX_OUTPUT, encoding: "utf8" }));
}

/** Start address and size of .text. */
export function textSection(file: string): { start: number; size: number } {
  const headers = execFileSync(OBJDUMP, ["-h", file], { encoding: "utf8" });
  const m = /\.text\s+([0-9a-f]+)\s+([0-9a-f]+)/.exec(headers);
  return m ? { start: parseInt(m[2], 16), size: parseInt(m[1], 16) } : { start: 0, size: 0 };
}

export interface ReferenceAssembly {
  /** Bytes of each accepted line, in a slot of `slot` bytes filled up with NOPs. */
  readonly bytes: Uint8Array;
  /** Lines that GNU as accepted, in slot order. */
  readonly accepted: readonly number[];
  /** Its message for each line that it rejected. */
  readonly rejected: ReadonlyMap<number, string>;
}

/** Assembles Intel-syntax lines with GNU as, each at the next multiple of `slot`; `$` in a line is its own address. */
export function assembleReference(lines: readonly string[], mode: 16 | 32 | 64, slot: number): ReferenceAssembly {
  return inTemporaryFile((directory) => {
    const input = join(directory, "in.s"), object = join(directory, "out.o"), raw = join(directory, "out.bin");
    const rejected = new Map<number, string>();
    let accepted = lines.map((_, i) => i);
    for (;;) {
      const body = accepted.map((i) => `${lines[i].replace("$", ".")}; .balign ${slot},0x90`);
      writeFileSync(input, `.intel_syntax noprefix; .code${mode}\n${body.join("\n")}\n`);
      const run = spawnSync(AS, ["-o", object, input], { encoding: "utf8", maxBuffer: MAX_OUTPUT });
      if (run.status === 0) break;
      const before = rejected.size;
      for (const m of run.stderr.matchAll(/in\.s:(\d+): Error: (.*)/g)) rejected.set(accepted[Number(m[1]) - 2], m[2]);
      if (rejected.size === before) throw new Error(run.stderr);
      accepted = accepted.filter((i) => !rejected.has(i));
    }
    execFileSync(OBJCOPY, ["-O", "binary", "-j", ".text", object, raw]);
    return { bytes: Uint8Array.from(readFileSync(raw)), accepted, rejected };
  });
}

/** Prefix words that objdump prints when a prefix has no effect on the instruction. */
const IDLE_PREFIX = /^(?:rex(?:\.[WRXB]+)?|data16|data32|addr16|addr32|es|cs|ss|ds|fs|gs|bnd|notrack|xacquire|xrelease)\s+/;
const REPEATED = /^(?:movs|cmps|stos|lods|scas|ins|outs)\s/;

/** objdump's text without comments, symbols, idle prefixes, and with single spaces. */
export function normalise(text: string): string {
  let t = text.replace(/#.*$/, "").replace(/<[^>]*>/, "").replace(/\s+/g, " ").trim();
  t = t.replace(/,p[nt]\b/, "").replace(/\+[re]iz\*[1248]/, "").replace(/ ?\(\d+ only\)$/, "").replace("OWORD PTR", "XMMWORD PTR");
  t = t.replace(/(j\w+|call|loop\w*|xbegin) ([0-9a-f]+)$/, "$1 0x$2"); // objdump leaves out 0x where it knows a symbol
  let lock = "", rep = "";
  for (;;) {
    const next = t.replace(IDLE_PREFIX, "");
    if (next !== t) { t = next; continue; }
    const m = /^(lock|repz|repnz|rep) /.exec(t);
    if (!m) break;
    if (m[1] === "lock") lock = "lock "; else rep = m[0];
    t = t.slice(m[0].length);
  }
  if (!REPEATED.test(t)) rep = "";
  // Sizes that objdump writes only now and then: 16-byte operands, the pseudo-descriptor's width.
  t = t.replace(/^((?:v?lddqu|invpcid|invept|invvpid|movdir64b) .*,)[XY]MMWORD PTR /, "$1").replace(/^([sl][gi]dt)[wd] /, "$1 ");
  return lock + rep + t;
}
