/**
 * What assembler sources can say beside instructions: `%include "FILE"`, `%macro NAME COUNT` … `%endmacro` with `%1`… for the
 * arguments and `%%name` for labels of one use, and `%rep COUNT` … `%endrep`.
 */
import { UserError } from "../../base/errors.ts";
import { splitOperands } from "./assembler-operands.ts";

export interface SourceLine {
  readonly text: string;
  /** `file:line` of the source. */
  readonly where: string;
}

/** Gives the text of an included file; throws UserError where there is none. */
export type ReadSource = (name: string) => string;

interface Macro {
  readonly parameters: number;
  readonly body: readonly SourceLine[];
}

const MAX_DEPTH = 32;
const MAX_LINES = 1_000_000;

export function preprocess(name: string, read: ReadSource): SourceLine[] {
  const macros = new Map<string, Macro>();
  const out: SourceLine[] = [];
  let uses = 0;

  const fail = (line: SourceLine, why: string): never => {
    throw new UserError(`${line.where}: ${why}`);
  };
  const load = (file: string): SourceLine[] => read(file).split("\n").map((text, i) => ({ text, where: `${file}:${i + 1}` }));

  /** The lines up to the matching end, and the index behind it. */
  const block = (lines: readonly SourceLine[], from: number, open: string, close: string): { body: SourceLine[]; next: number } => {
    let depth = 1;
    for (let i = from; i < lines.length; i++) {
      const word = /^\s*(%\w+)/.exec(lines[i].text)?.[1];
      if (word === open) depth++;
      else if (word === close && --depth === 0) return { body: lines.slice(from, i), next: i + 1 };
    }
    return fail(lines[from - 1], `${open} without ${close}`);
  };

  const expand = (lines: readonly SourceLine[], depth: number): void => {
    for (let i = 0; i < lines.length; ) {
      const line = lines[i++];
      if (depth > MAX_DEPTH) fail(line, "included or expanded too deeply");
      if (out.length > MAX_LINES) fail(line, "the program is too long");
      const directive = /^\s*%(\w+)\s*(.*?)\s*(?:;.*)?$/.exec(line.text);
      if (directive === null) {
        const call = /^(\s*(?:[\w.$?]+:\s*)?)(\w+)(?:\s+(.*?))?\s*(?:;[^'"]*)?$/.exec(line.text);
        const macro = call === null ? undefined : macros.get(call[2]);
        if (call === null || macro === undefined) {
          out.push(line);
          continue;
        }
        const values = call[3] === undefined || call[3] === "" ? [] : splitOperands(call[3]);
        if (values.length !== macro.parameters) fail(line, `${call[2]} takes ${macro.parameters} arguments, not ${values.length}`);
        const mark = `..@${uses++}.`;
        if (call[1].trim() !== "") out.push({ text: call[1], where: line.where });
        expand(macro.body.map((b) => ({
          text: b.text.replace(/%%(\w+)/g, (_all, label: string) => `${mark}${label}`).replace(/%(\d)/g, (_all, n: string) => values[Number(n) - 1] ?? ""),
          where: line.where,
        })), depth + 1);
        continue;
      }
      const [, word, rest] = directive;
      if (word === "include") expand(load(rest.replace(/^["']|["']$/g, "")), depth + 1);
      else if (word === "macro") {
        const m = /^(\w+)\s+(\d+)$/.exec(rest);
        if (m === null) fail(line, "%macro takes a name and a number of arguments");
        else {
          const { body, next } = block(lines, i, "%macro", "%endmacro");
          macros.set(m[1], { parameters: Number(m[2]), body });
          i = next;
        }
      } else if (word === "rep") {
        const count = Number(rest);
        if (!Number.isInteger(count) || count < 0) fail(line, "%rep takes a number");
        const { body, next } = block(lines, i, "%rep", "%endrep");
        for (let n = 0; n < count; n++) expand(body, depth + 1);
        i = next;
      } else fail(line, `unknown directive %${word}`);
    }
  };
  expand(load(name), 0);
  return out;
}
