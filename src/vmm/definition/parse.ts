/** Definitions out of YAML, JSON or values, and back into YAML. Loaded when it is needed: the page begins without it. */
import { type Document, isMap, isScalar, isSeq, LineCounter, parseDocument, stringify } from "yaml";
import { check, checkDefinition } from "./check.ts";
import type { MachineDefinition, MachineInput } from "./definition.ts";
import { DefinitionError, type Placed } from "./problems.ts";

export { DefinitionError } from "./problems.ts";

/** No definition is larger; a disk image that was taken for one is. */
const MAX_CHARACTERS = 1 << 20;

/** YAML, of which JSON is a part. Throws DefinitionError. */
export function parseDefinition(text: string, file: string): MachineDefinition {
  if (text.length > MAX_CHARACTERS) throw new DefinitionError(file, [{ line: null, field: "", message: "is too large for a machine definition" }]);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: "1.2" });
  const lineAt = (offset: number): number => lines.linePos(offset).line;
  if (document.errors.length > 0) {
    throw new DefinitionError(file, document.errors.map((e) => ({ line: lineAt(e.pos[0]), field: "", message: oneLine(e.message) })));
  }
  let value: unknown;
  try {
    value = document.toJS();
  } catch (e) {
    throw new DefinitionError(file, [{ line: null, field: "", message: oneLine((e as Error).message) }]);
  }
  if (!isMap(document.contents)) throw new DefinitionError(file, [{ line: document.contents === null ? null : 1, field: "", message: "is no machine definition: it has no fields" }]);
  return check(value, file, (placed) => lineAt(offsetOf(document, placed)));
}

const oneLine = (text: string): string => text.split("\n", 1)[0].trim();

/** Where in the text a value stands, or what holds it if it is missing. */
function offsetOf(document: Document, { path, unknown }: Placed): number {
  let node: unknown = document.contents;
  let offset = 0;
  path.forEach((key, depth) => {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === key);
      if (pair === undefined) return;
      const at = pair.value ?? pair.key;
      const last = depth === path.length - 1;
      const keyNode = pair.key as { readonly range?: readonly number[] | null };
      offset = (last && unknown ? keyNode.range?.[0] : undefined) ?? (at as { readonly range?: readonly number[] | null }).range?.[0] ?? keyNode.range?.[0] ?? offset;
      // A group or list belongs to the line of its name.
      if (last && (isMap(pair.value) || isSeq(pair.value))) offset = keyNode.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof key === "number") {
      node = node.items[key];
      offset = (node as { readonly range?: readonly number[] | null } | undefined)?.range?.[0] ?? offset;
    }
  });
  return offset;
}

/** As YAML, without what is a default anyway. */
export function formatDefinition(definition: MachineDefinition): string {
  return stringify(shorten(definition), { lineWidth: 120 });
}

/** A shorter input that means the same. */
export function shorten(definition: MachineDefinition): MachineInput {
  const { boot, ...rest } = definition;
  const { boot: plainBoot, ...plain } = checkDefinition({});
  const short = without(rest, plain) as MachineInput;
  const sameBoot = JSON.stringify(boot) === JSON.stringify(checkDefinition({ ...short, boot: {} } as MachineInput).boot);
  if (sameBoot) return short;
  const bare = "kernel" in boot ? ("kernel" in plainBoot ? { initrds: plainBoot.initrds, cmdline: plainBoot.cmdline } : {}) : { order: ["disk", "cdrom", "floppy"], menu: false };
  return { ...short, boot: without(boot, bare) } as MachineInput;
}

/** Fields of `value` that differ from `plain`'s; in lists, those that are not null. */
function without(value: unknown, plain: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => without(item, undefined));
  if (typeof value !== "object" || value === null) return value;
  const known = (typeof plain === "object" && plain !== null ? plain : {}) as Readonly<Record<string, unknown>>;
  const fields = Object.entries(value).filter(([key, item]) => (key in known ? JSON.stringify(item) !== JSON.stringify(known[key]) : item !== null));
  return Object.fromEntries(fields.map(([key, item]) => [key, without(item, known[key])]));
}
