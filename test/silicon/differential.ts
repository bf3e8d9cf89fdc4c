/** Runs generated cases on the real CPU and on ours and collects what differs and what was covered. */
import { DECODE_OK, decode, Insn } from "../../src/cpu/decode/decoder.ts";
import { ISA } from "../../src/cpu/isa/isa.ts";
import { formKey } from "../../src/cpu/lift/form.ts";
import { allForms, formOf } from "../../src/jit/interpreter/forms.ts";
import { describeCase, differences } from "./compare.ts";
import { type Case, OutcomeReader } from "./format.ts";
import { Generator, type GeneratorOptions } from "./generate.ts";
import type { Host } from "./host.ts";
import { Machine } from "./machine.ts";
import { makePool } from "./pool.ts";
import { exclusion, reachable } from "./scope.ts";
import { adapt, type RuleName, type Vendor } from "./vendor.ts";

export interface Mismatch {
  readonly source: string;
  readonly sequence: boolean;
  /** What differs, without values. */
  readonly kinds: string;
  readonly text: string;
}

export interface Report {
  executions: number;
  readonly mismatches: Mismatch[];
  mismatchCount: number;
  readonly forms: Set<string>;
  readonly vectors: Map<number, number>;
  /** Executions that agree by a rule for the vendor's differences. */
  readonly adapted: Map<RuleName, number>;
}

export const emptyReport = (): Report => ({ executions: 0, mismatches: [], mismatchCount: 0, forms: new Set(), vectors: new Map(), adapted: new Map() });

const insn = new Insn();
/** 15 bytes may be read from any instruction. */
const window = new Uint8Array(256);
const keys = new Map<string, string>();

function noteForms(c: Case, forms: Set<string>): number {
  window.fill(0);
  window.set(c.code);
  let count = 0;
  for (let at = 0; at < c.code.length; at += Math.max(1, insn.length)) {
    if (decode(window, at, window.length, c.mode ?? 64, insn) !== DECODE_OK) continue;
    count++;
    // What formOf looks at, as a cheap key.
    const key = `${insn.mode} ${insn.entry} ${insn.opSize} ${insn.addrSize} ${insn.rep} ${insn.mod === 3}`;
    let form = keys.get(key);
    if (form === undefined) {
      form = formKey(formOf(insn));
      keys.set(key, form);
    }
    forms.add(form);
  }
  return count;
}

const kindOf = (difference: string): string => difference.split(":")[0].replace(/^(xmm|upper)\d+$/, "$1").replace(/^mm\d$/, "mm").replace(/^r(?!ip)\w+$/, "register").replace(/^memory.*/, "memory");

/** `results`: what the real CPU, of that vendor, did with these cases, as the harness writes it. */
export function compareAll(machine: Machine, pool: Uint8Array, cases: readonly Case[], results: Uint8Array, vendor: Vendor, report: Report): void {
  const reader = new OutcomeReader(results, pool);
  // A guest fault is an Error inside the CPU; its stack trace would take most of the time.
  const traces = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  for (const c of cases) {
    const real = reader.next(c);
    const ours = machine.run(c);
    const count = noteForms(c, report.forms);
    report.executions++;
    report.vectors.set(real.vector, (report.vectors.get(real.vector) ?? 0) + 1);
    let found = differences(c, real, ours);
    if (found.length === 0) continue;
    const rules = adapt(vendor, c, pool, real, ours);
    if (rules.length > 0) found = differences(c, real, ours);
    if (found.length === 0) {
      for (const rule of rules) report.adapted.set(rule, (report.adapted.get(rule) ?? 0) + 1);
      continue;
    }
    report.mismatchCount++;
    if (report.mismatches.length >= 5000) continue;
    const kinds = [...new Set(found.map(kindOf))].join(", ");
    report.mismatches.push({ source: ISA[c.entry].source, sequence: count > 2, kinds, text: `${describeCase(c)}\n  ${found.join("\n  ")}` });
  }
  Error.stackTraceLimit = traces;
}

const BATCH = 20_000;

export interface DifferentialOptions extends Omit<GeneratorOptions, "pool" | "hostFlags" | "vendor"> {
  readonly cases: number;
  /** Every form in every specialisation, outlined. */
  readonly profile?: boolean;
  readonly progress?: (report: Report) => void;
}

/** Stops after the batch in which the cases are used up. */
export function runDifferential(host: Host, options: DifferentialOptions): Report {
  const report = emptyReport();
  for (let batch = 0; report.executions < options.cases; batch++) {
    const seed = options.seed + batch * 7919;
    const pool = makePool(seed);
    const generator = new Generator({ ...options, seed, pool, hostFlags: host.flags, vendor: host.vendor, firstTurn: report.executions });
    const cases = Array.from({ length: Math.min(BATCH, options.cases - report.executions) }, () => generator.next());
    compareAll(new Machine(pool, options.profile === true), pool, cases, host.run(pool, cases), host.vendor, report);
    options.progress?.(report);
  }
  return report;
}

/** Forms that 64-bit or 32-bit code can have: all, and those that this suite can test on a host with these flags. */
export function formCounts(hostFlags: ReadonlySet<string> | null): { table: number; testable: Set<string>; excluded: Map<string, number> } {
  const excluded = new Map<string, number>();
  const testable = new Set<string>();
  let table = 0;
  for (const f of allForms(true)) {
    const modes = ([64, 32] as const).filter((m) => reachable(f, m));
    if (modes.length === 0) continue;
    table++;
    const reasons = modes.map((m) => exclusion(f.entry, hostFlags, m));
    if (reasons.includes(null)) testable.add(formKey(f));
    else {
      const why = reasons[0] ?? "";
      excluded.set(why, (excluded.get(why) ?? 0) + 1);
    }
  }
  return { table, testable, excluded };
}

export function summary(report: Report, hostFlags: ReadonlySet<string> | null): string {
  const { table, testable, excluded } = formCounts(hostFlags);
  const why = [...excluded].map(([name, n]) => `${name} ${n}`).join(", ");
  const covered = [...testable].filter((key) => report.forms.has(key)).length;
  const adapted = [...report.adapted].map(([name, n]) => `${name} ${n}`).join(", ");
  return `${report.executions} executions compared${adapted === "" ? "" : ` (by rules for this vendor: ${adapted})`}, ${report.mismatchCount} mismatches, ${covered} forms covered of ${testable.size} testable, ${table} in the table (not tested here: ${why})`;
}

/** Testable forms that no case had. */
export const uncovered = (report: Report, hostFlags: ReadonlySet<string> | null): string[] =>
  [...formCounts(hostFlags).testable].filter((key) => !report.forms.has(key));

/** The mismatches by instruction and kind, most frequent first. */
export function mismatchText(report: Report, groups = 20, each = 1): string {
  const byKey = new Map<string, Mismatch[]>();
  for (const m of report.mismatches) {
    const key = `${m.sequence ? "(in a sequence) " : ""}${m.source} :: ${m.kinds}`;
    const list = byKey.get(key);
    if (list) list.push(m);
    else byKey.set(key, [m]);
  }
  return [...byKey].sort((a, b) => b[1].length - a[1].length).slice(0, groups)
    .map(([key, list]) => [`### ${list.length} x ${key}`, ...list.slice(0, each).map((m) => m.text)].join("\n")).join("\n");
}
