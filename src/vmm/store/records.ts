/** Records and the store's own bookkeeping: names, forms, checks of what comes back from the host or out of an export. */
import { UserError } from "../../base/errors.ts";
import type { StoreRecord } from "./api.ts";
import { isObjectId, StoreError, type RecordReferences } from "./objects.ts";

/** The packs that belong to the store: written in the same step as the records that need them. */
export const PACK_PREFIX = "pack/";
/** Present while objects may be there that nobody needs. */
export const COLLECT_KEY = "store/collect";
const OWN = /^(pack|store)\//;
const KEY = /^[\w.-]+(\/[\w.-]+)+$/;
const KEY_MAX = 200;

export interface PackRecord {
  readonly bytes: number;
  readonly objects: number;
}

/** False for the store's own bookkeeping, and for names that are nobody's here. */
export function isUserKey(key: string): boolean {
  return KEY.test(key) && key.length <= KEY_MAX && !OWN.test(key) && !key.split("/").some((part) => /^\.+$/.test(part));
}

/** UserError: not a name that a record can have. */
export function checkKey(key: string): void {
  if (!isUserKey(key)) throw new UserError(`'${key}' cannot be a record's name`);
}

function isIds(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((id) => typeof id === "string" && isObjectId(id));
}

export function isReferences(value: unknown): value is RecordReferences {
  const { objects, tables } = (value ?? {}) as Partial<RecordReferences>;
  return isIds(objects) && isIds(tables);
}

/** StoreError: it is no record. */
export function decodeRecord(key: string, value: unknown): StoreRecord {
  const { key: own, data, references } = (value ?? {}) as Partial<StoreRecord>;
  if (own !== key || data === undefined || !isReferences(references)) throw new StoreError(`the record '${key}' is damaged`);
  return { key, data, references };
}

export function decodePackRecord(key: string, value: unknown): PackRecord {
  const { bytes, objects } = (value ?? {}) as Partial<PackRecord>;
  if (typeof bytes !== "number" || typeof objects !== "number") throw new StoreError(`the record '${key}' is damaged`);
  return { bytes, objects };
}
