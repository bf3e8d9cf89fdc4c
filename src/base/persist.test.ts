/** Snapshots fail loudly: unknown, missing and mistyped sections and fields. */
import { describe, expect, it } from "vitest";
import { UserError } from "./errors.ts";
import { restoreSections, StateReader } from "./persist.ts";
import type { Persistent, StateFields } from "./persist.ts";

function component(read: (r: StateReader) => void = (r) => r.int("a")): Persistent {
  return { sectionName: "thing", sectionVersion: 2, save: () => ({ a: 1 }), restore: read };
}
const section = (fields: StateFields, name = "thing", version = 2) => ({ name, version, fields });

describe("restoreSections", () => {
  it("accepts what fits", () => {
    expect(() => restoreSections([component()], [section({ a: 1 })])).not.toThrow();
  });
  it.each([
    ["a missing section", [], "section 'thing' is missing"],
    ["an unknown section", [section({ a: 1 }), section({}, "other")], "unknown section 'other'"],
    ["a section twice", [section({ a: 1 }), section({ a: 1 })], "appears twice"],
    ["another version", [section({ a: 1 }, "thing", 1)], "version 1, expected 2"],
    ["a missing field", [section({})], "'thing.a' is missing"],
    ["an unknown field", [section({ a: 1, b: 2 })], "'thing.b' is unknown"],
    ["a mistyped field", [section({ a: "1" })], "'thing.a' is not an integer"],
  ])("rejects %s", (_what, sections, message) => {
    const restore = () => restoreSections([component()], sections);
    expect(restore).toThrow(UserError);
    expect(restore).toThrow(message);
  });
});

describe("StateReader", () => {
  const reader = (fields: StateFields) => new StateReader("s", fields);
  it("checks bounds, types and sizes", () => {
    expect(() => reader({ v: 256 }).int("v", 0, 255)).toThrow("'s.v' is outside 0..255");
    expect(() => reader({ v: 1.5 }).int("v")).toThrow("is not an integer");
    expect(() => reader({ v: 1 }).bool("v")).toThrow("is not a boolean");
    expect(() => reader({ v: 1 }).bytes("v")).toThrow("is not bytes");
    expect(() => reader({ v: new Uint8Array(3) }).bytes("v", 4)).toThrow("has 3 bytes, expected 4");
    expect(() => reader({ v: [1, "2"] }).ints("v")).toThrow("is not a list of numbers");
    expect(() => reader({ v: 1 }).string("v")).toThrow("is not a string");
    expect(() => reader({ v: 1 }).bigint("v")).toThrow("is not a bigint");
    expect(() => reader({}).intOrNull("v")).toThrow("is missing");
    expect(reader({ v: null }).intOrNull("v")).toBe(null);
  });
  it("reads records by name", () => {
    expect(reader({ r: { a: 7 } }).record("r").int("a")).toBe(7);
    expect(() => reader({ r: [] }).record("r")).toThrow("'s.r' is not a record");
    expect(reader({ l: [{ a: 1 }, { a: 2 }] }).records("l", 2)[1].int("a")).toBe(2);
    expect(() => reader({ l: [{ a: 1 }] }).records("l", 2)).toThrow("is not a list of 2 records");
    expect(() => reader({ l: [1] }).records("l", 1)).toThrow("'s.l[0]' is not a record");
    expect(() => reader({ l: [{ a: "x" }] }).records("l", 1)[0].int("a")).toThrow("'s.l[0].a' is not an integer");
  });
});
