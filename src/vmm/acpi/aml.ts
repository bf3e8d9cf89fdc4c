/** A small builder of AML: named objects, methods, packages and resource templates. ACPI 6.5 chapter 20 (encoding), §6.4 (resources). */
import { InternalError } from "../../base/errors.ts";

export type Aml = readonly number[];

const le = (value: number, bytes: number): number[] => Array.from({ length: bytes }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 0xff);
const ascii = (s: string): number[] => [...s].map((c) => c.charCodeAt(0));

/** §20.2.2: `\` and `^` prefixes, segments of four characters padded with `_`, joined by dots. */
export function name(path: string): Aml {
  const prefix = /^[\\^]*/.exec(path)?.[0] ?? "";
  const segments = path.slice(prefix.length).split(".").filter((s) => s !== "");
  for (const s of segments) if (!/^[A-Z_][A-Z0-9_]{0,3}$/.test(s)) throw new InternalError(`AML name '${path}'`);
  const padded = segments.flatMap((s) => ascii(s.padEnd(4, "_")));
  const many = segments.length === 0 ? [0x00] : segments.length === 1 ? [] : segments.length === 2 ? [0x2e] : [0x2f, segments.length];
  return [...ascii(prefix), ...many, ...padded];
}

/** §20.2.4: the length counts itself. */
function withLength(body: Aml): Aml {
  for (let bytes = 1; bytes <= 4; bytes++) {
    const total = body.length + bytes;
    if (bytes === 1 && total < 64) return [total, ...body];
    if (bytes > 1 && total < 2 ** (4 + 8 * (bytes - 1))) return [((bytes - 1) << 6) | (total & 0x0f), ...le(Math.floor(total / 16), bytes - 1), ...body];
  }
  throw new InternalError("AML object too long");
}

/** §20.2.3: the shortest form of an integer, up to 2^53. */
export function integer(value: number): Aml {
  if (value === 0) return [0x00];
  if (value === 1) return [0x01];
  if (value < 0x100) return [0x0a, value];
  if (value < 0x1_0000) return [0x0b, ...le(value, 2)];
  if (value < 2 ** 32) return [0x0c, ...le(value, 4)];
  return [0x0e, ...le(value, 8)];
}

/** §19.3.4: three letters and four hexadecimal digits, compressed. */
export function eisaId(id: string): Aml {
  const m = /^([A-Z]{3})([0-9A-F]{4})$/.exec(id);
  if (m === null) throw new InternalError(`EISA ID '${id}'`);
  const [a, b, c] = ascii(m[1]).map((x) => x - 0x40);
  const letters = (a << 10) | (b << 5) | c;
  return [0x0c, letters >> 8, letters & 0xff, parseInt(m[2].slice(0, 2), 16), parseInt(m[2].slice(2), 16)];
}

export const scope = (path: string, ...content: Aml[]): Aml => [0x10, ...withLength([...name(path), ...content.flat()])];
export const device = (path: string, ...content: Aml[]): Aml => [0x5b, 0x82, ...withLength([...name(path), ...content.flat()])];
export const define = (path: string, value: Aml): Aml => [0x08, ...name(path), ...value];
export const packageOf = (...elements: Aml[]): Aml => [0x12, ...withLength([elements.length, ...elements.flat()])];
export const buffer = (bytes: Aml): Aml => [0x11, ...withLength([...integer(bytes.length), ...bytes])];
/** A method that is not serialized. */
export const method = (path: string, args: number, ...body: Aml[]): Aml => [0x14, ...withLength([...name(path), args, ...body.flat()])];
export const returns = (value: Aml): Aml => [0xa4, ...value];
export const store = (value: Aml, target: Aml): Aml => [0x70, ...value, ...target];
/** Runs `body` if `predicate` is not zero. */
export const when = (predicate: Aml, ...body: Aml[]): Aml => [0xa0, ...withLength([...predicate, ...body.flat()])];
/** §20.2.6.1 */
export const arg = (n: number): Aml => [0x68 + n];

// Resources, §6.4: each ends up in a template, which ends with a checksum of zero ("any").

export const resources = (...list: Aml[]): Aml => buffer([...list.flat(), 0x79, 0x00]);
/** I/O port descriptor, 16-bit decode. */
export const io = (base: number, length: number): Aml => [0x47, 0x01, ...le(base, 2), ...le(base, 2), 0x01, length];
/** IRQ descriptor without flags: edge-triggered, active high, exclusive. */
export const irq = (line: number): Aml => [0x22, ...le(1 << line, 2)];
/** 32-bit fixed memory range. */
export const memory32 = (base: number, length: number, writable: boolean): Aml => [0x86, ...le(9, 2), writable ? 1 : 0, ...le(base, 4), ...le(length, 4)];

/** Address space descriptors (§6.4.3.5): a window that a bridge passes on, from `min` to `max`. */
const WINDOW = { memory: 0, io: 1, bus: 2 } as const;
const MIN_AND_MAX_FIXED = 0x0c;
const space = (tag: number, size: number, kind: number, flags: number, min: number, max: number): Aml => {
  const fields = [0, min, max, 0, max - min + 1].flatMap((v) => le(v, size));
  return [tag, ...le(3 + fields.length, 2), kind, MIN_AND_MAX_FIXED, flags, ...fields];
};
export const busWindow = (min: number, max: number): Aml => space(0x88, 2, WINDOW.bus, 0, min, max);
/** The entire range, of ISA and other I/O. */
export const ioWindow = (min: number, max: number): Aml => space(0x88, 2, WINDOW.io, 3, min, max);
/** Read and write; `cacheable`: VGA memory, for example. */
export const memoryWindow = (min: number, max: number, cacheable = false): Aml => space(0x87, 4, WINDOW.memory, cacheable ? 3 : 1, min, max);
