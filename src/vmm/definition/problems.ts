/** What is wrong with a definition, in one line each: out of the validator's issues. */
import type * as v from "valibot";
import { UserError } from "../../base/errors.ts";

export interface DefinitionProblem {
  /** From 1; null: there is no text. */
  readonly line: number | null;
  /** As `disks[0].image.url`; empty: the definition as a whole. */
  readonly field: string;
  readonly message: string;
}

/** The message is `FILE:LINE: FIELD: what`, of the first problem. */
export class DefinitionError extends UserError {
  constructor(file: string, readonly problems: readonly DefinitionProblem[]) {
    const { line, field, message } = problems[0];
    super(`${file}${line === null ? "" : `:${line}`}: ${field === "" ? "" : `${field}: `}${message}`);
  }
}

export type Path = readonly (string | number)[];

/** A problem and the place in the value that it is about. */
export interface Placed {
  readonly path: Path;
  /** The field at the end of the path is not known: its own line counts, not its value's. */
  readonly unknown: boolean;
  /** The types are right: the value is not. */
  readonly value?: boolean;
  readonly message: string;
}

type Issue = v.BaseIssue<unknown>;

const keysOf = (issue: Issue): (string | number)[] => (issue.path ?? []).map((item) => item.key as string | number);

/** Texts of the value, cut to what a line can hold. */
function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a group of fields";
  const text = typeof value === "string" ? `'${value}'` : String(value as number | boolean);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

const KINDS: Readonly<Record<string, string>> = {
  string: "a text", number: "a number", boolean: "true or false", array: "a list", strict_object: "a group of fields", null: "null", undefined: "nothing",
};

/** What was wanted where the type is wrong. */
function wanted(issue: Issue): readonly string[] {
  switch (issue.type) {
    case "picklist":
      return (issue.expected ?? "").replace(/^\(|\)$/g, "").split(" | ").map((x) => x.replaceAll('"', ""));
    case "literal":
      return [(issue.expected ?? "").replaceAll('"', "")];
    case "union":
      return [...new Set((issue.issues ?? []).flatMap((i) => (i.path === undefined ? wanted(i) : [])))];
    case "optional":
    case "nullable":
      return [];
    default:
      return [KINDS[issue.type] ?? (issue.expected ?? issue.type)];
  }
}

const isKeyIssue = (issue: Issue): boolean => issue.type === "strict_object" && issue.path?.at(-1)?.origin === "key";

/** Unions nest: what they say is told of the branch that fits best. */
function flatten(issue: Issue, above: Path): Placed[] {
  const path = [...above, ...keysOf(issue)];
  if (issue.type === "union" && issue.issues !== undefined) {
    const all = issue.issues.flatMap((i) => flatten(i, path));
    // Of something with fields inside: what is wrong in there.
    const inside = all.filter((p) => p.path.length > path.length);
    const ofValue = all.find((p) => p.value === true);
    if (ofValue !== undefined) return [ofValue];
    const deepest = inside.filter((p) => !p.unknown && p.message !== MISSING);
    if (deepest.length > 0) return [deepest[0]];
    if (inside.length > 0) {
      // A field is unknown only if no branch knows it.
      const branches = issue.issues.length;
      const unknown = inside.find((p) => p.unknown && inside.filter((q) => q.unknown && q.path.at(-1) === p.path.at(-1)).length >= Math.min(2, branches)) ?? inside.find((p) => p.unknown);
      return [unknown ?? inside[0]];
    }
    return [{ path, unknown: false, message: `must be ${list(wanted(issue))}, not ${show(issue.input)}` }];
  }
  if (isKeyIssue(issue)) {
    const unknown = issue.expected === "never";
    return [unknown ? { path, unknown, message: "is not a field that is known here" } : { path, unknown, message: MISSING }];
  }
  if (issue.kind === "schema") return [{ path, unknown: false, message: `must be ${list(wanted(issue))}, not ${show(issue.input)}` }];
  return [{ path, unknown: false, value: true, message: issue.message }];
}

const MISSING = "is missing";

function list(words: readonly string[]): string {
  if (words.length < 2) return words[0] ?? "something else";
  return `${words.slice(0, -1).join(", ")} or ${words[words.length - 1]}`;
}

export function problemsOf(issues: readonly Issue[]): Placed[] {
  return issues.flatMap((issue) => flatten(issue, []));
}

export function fieldOf(path: Path): string {
  return path.map((key, i) => (typeof key === "number" ? `[${key}]` : i === 0 ? key : `.${key}`)).join("");
}
