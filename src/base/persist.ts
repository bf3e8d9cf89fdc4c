/** The persistence contract: every stateful component saves a named, versioned, typed section. */
import { UserError } from "./errors.ts";

export type StateValue = number | bigint | boolean | string | null | Uint8Array | readonly StateValue[] | StateFields;
export interface StateFields {
  readonly [field: string]: StateValue;
}

export interface StateSection {
  readonly name: string;
  readonly version: number;
  readonly fields: StateFields;
}

export interface Persistent {
  /** Unique within the machine, e.g. `pic` or `uart.0`. */
  readonly sectionName: string;
  readonly sectionVersion: number;
  save(): StateFields;
  /** Restores into a freshly constructed object. Throws UserError through StateReader on any misfit. */
  restore(fields: StateReader): void;
}

export function saveSection(p: Persistent): StateSection {
  return { name: p.sectionName, version: p.sectionVersion, fields: p.save() };
}

/** Restores sections into components. An unknown, missing or wrong-version section is an error. */
export function restoreSections(components: readonly Persistent[], sections: readonly StateSection[]): void {
  const byName = new Map(sections.map((s) => [s.name, s]));
  if (byName.size !== sections.length) throw new UserError("snapshot: a section appears twice");
  for (const c of components) {
    const s = byName.get(c.sectionName);
    if (s === undefined) throw new UserError(`snapshot: section '${c.sectionName}' is missing`);
    if (s.version !== c.sectionVersion) {
      throw new UserError(`snapshot: section '${s.name}' has version ${s.version}, expected ${c.sectionVersion}`);
    }
    byName.delete(c.sectionName);
    const reader = new StateReader(s.name, s.fields);
    c.restore(reader);
    reader.finish();
  }
  for (const name of byName.keys()) throw new UserError(`snapshot: unknown section '${name}'`);
}

/** Typed access to saved fields: a missing, extra or mistyped field is a UserError that names it. */
export class StateReader {
  private readonly seen = new Set<string>();
  constructor(
    private readonly section: string,
    private readonly fields: StateFields,
  ) {}

  private take(field: string): StateValue {
    const v = this.fields[field];
    if (v === undefined) throw this.bad(field, "is missing");
    this.seen.add(field);
    return v;
  }
  private bad(field: string, why: string): UserError {
    return new UserError(`snapshot: field '${this.section}.${field}' ${why}`);
  }
  /** Integer number, optionally bounded (inclusive). */
  int(field: string, min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER): number {
    const v = this.take(field);
    if (typeof v !== "number" || !Number.isInteger(v)) throw this.bad(field, "is not an integer");
    if (v < min || v > max) throw this.bad(field, `is outside ${min}..${max}`);
    return v;
  }
  intOrNull(field: string): number | null {
    if (this.fields[field] === null) {
      this.seen.add(field);
      return null;
    }
    return this.int(field);
  }
  null(field: string): void {
    if (this.take(field) !== null) throw this.bad(field, "is not empty");
  }
  bigint(field: string): bigint {
    const v = this.take(field);
    if (typeof v !== "bigint") throw this.bad(field, "is not a bigint");
    return v;
  }
  bool(field: string): boolean {
    const v = this.take(field);
    if (typeof v !== "boolean") throw this.bad(field, "is not a boolean");
    return v;
  }
  string(field: string): string {
    const v = this.take(field);
    if (typeof v !== "string") throw this.bad(field, "is not a string");
    return v;
  }
  stringOrNull(field: string): string | null {
    if (this.fields[field] === null) {
      this.seen.add(field);
      return null;
    }
    return this.string(field);
  }
  /** Bytes; `length` checks the exact size when given. */
  bytes(field: string, length?: number): Uint8Array {
    const v = this.take(field);
    if (!(v instanceof Uint8Array)) throw this.bad(field, "is not bytes");
    if (length !== undefined && v.length !== length) throw this.bad(field, `has ${v.length} bytes, expected ${length}`);
    return v;
  }
  ints(field: string): number[] {
    const v = this.take(field);
    if (!Array.isArray(v) || !v.every((x) => typeof x === "number")) throw this.bad(field, "is not a list of numbers");
    return v as number[];
  }
  /** A list of byte strings. */
  byteLists(field: string): Uint8Array[] {
    const v = this.take(field);
    if (!Array.isArray(v) || !v.every((x) => x instanceof Uint8Array)) throw this.bad(field, "is not a list of bytes");
    return v as Uint8Array[];
  }
  record(field: string): StateReader {
    const v = this.take(field);
    if (v === null || typeof v !== "object" || Array.isArray(v) || v instanceof Uint8Array) {
      throw this.bad(field, "is not a record");
    }
    return new StateReader(`${this.section}.${field}`, v as StateFields);
  }
  recordOrNull(field: string): StateReader | null {
    if (this.fields[field] === null) {
      this.seen.add(field);
      return null;
    }
    return this.record(field);
  }
  /** A list of records of any length. */
  recordList(field: string): StateReader[] {
    const v = this.fields[field];
    return this.records(field, Array.isArray(v) ? v.length : 0);
  }
  recordListOrNull(field: string): StateReader[] | null {
    if (this.fields[field] === null) {
      this.seen.add(field);
      return null;
    }
    return this.recordList(field);
  }
  stringsOrNull(field: string): string[] | null {
    const v = this.take(field);
    if (v === null) return null;
    if (!Array.isArray(v) || !v.every((x) => typeof x === "string")) throw this.bad(field, "is not a list of strings");
    return v as string[];
  }
  /** A list of exactly `length` records. */
  records(field: string, length: number): StateReader[] {
    const v = this.take(field);
    if (!Array.isArray(v) || v.length !== length) throw this.bad(field, `is not a list of ${length} records`);
    return v.map((item: StateValue, i) => {
      if (item === null || typeof item !== "object" || Array.isArray(item) || item instanceof Uint8Array) {
        throw this.bad(`${field}[${i}]`, "is not a record");
      }
      return new StateReader(`${this.section}.${field}[${i}]`, item as StateFields);
    });
  }
  /** Fails on fields that nobody read. */
  finish(): void {
    for (const f of Object.keys(this.fields)) if (!this.seen.has(f)) throw this.bad(f, "is unknown");
  }
}
