/** QEMU's `name,key=value,…` option values, taken apart. */
import { UserError } from "../base/errors.ts";

/** `key=value,…`: a comma in a value is written twice, as in QEMU. A key without value is `on`. */
export function parseProperties(option: string, text: string, known: readonly string[]): Map<string, string> {
  const properties = new Map<string, string>();
  for (const part of text.replaceAll(",,", "\0").split(",")) {
    if (part === "") continue;
    const equals = part.indexOf("=");
    const key = equals < 0 ? part : part.slice(0, equals);
    const value = equals < 0 ? "on" : part.slice(equals + 1).replaceAll("\0", ",");
    if (!known.includes(key)) throw new UserError(`${option}: property '${key}' is unknown; known: ${known.join(", ")}`);
    if (properties.has(key)) throw new UserError(`${option}: property '${key}' is given twice`);
    properties.set(key, value);
  }
  return properties;
}

export function parseNumber(what: string, text: string): number {
  const n = Number(text);
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(text) || !Number.isSafeInteger(n)) throw new UserError(`${what}: '${text}' is not a number`);
  return n;
}

export function parseSwitch(what: string, text: string | undefined): boolean {
  if (text === undefined || text === "off") return false;
  if (text === "on") return true;
  throw new UserError(`${what}: '${text}' is not on or off`);
}

export function oneOf<T extends string>(what: string, text: string, known: readonly T[]): T {
  const found = known.find((k) => k === text);
  if (found === undefined) throw new UserError(`${what}: '${text}' is unknown; known: ${known.join(", ")}`);
  return found;
}
