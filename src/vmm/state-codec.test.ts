/** State as bytes: every value comes back, and damage is refused. */
import { describe, expect, it } from "vitest";
import { UserError } from "../base/errors.ts";
import type { StateValue } from "../base/persist.ts";
import { decodeSections, decodeState, encodeSections, encodeState } from "./state-codec.ts";

const VALUES: readonly StateValue[] = [
  null, true, false, 0, 1, 127, 128, -1, -300, 2 ** 32, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 0.1, -0, Infinity, 2 ** 60, 0n, 255n, 256n, -1n,
  2n ** 200n + 5n, "", "Größe\0", new Uint8Array(0), Uint8Array.of(1, 2, 255), [], [1, [2n, ["x"]], null], {}, { a: 1, b: { c: [Uint8Array.of(9)] }, "": null },
  { __proto__x: 1, constructor: 2 },
];

describe("encodeState", () => {
  it.each(VALUES.map((value) => [value]))("%o comes back", (value) => {
    expect(decodeState(encodeState(value))).toStrictEqual(value);
  });
  it("keeps sections", () => {
    const sections = [{ name: "a", version: 3, fields: { x: 1n, y: Uint8Array.of(4) } }, { name: "b", version: 1, fields: {} }];
    expect(decodeSections(encodeSections(sections))).toStrictEqual(sections);
  });
  it("refuses what is cut, longer, or no value", () => {
    const whole = encodeState([...VALUES]);
    for (let length = 0; length < whole.length; length++) expect(() => decodeState(whole.subarray(0, length))).toThrow(UserError);
    expect(() => decodeState(Uint8Array.of(...whole, 0))).toThrow("more behind its end");
    expect(() => decodeState(Uint8Array.of(99))).toThrow("no value of kind 99");
    expect(() => decodeState(new Uint8Array(100).fill(10).map((b, i) => (i % 2 ? 1 : b)))).toThrow("nested too deeply");
    expect(() => decodeSections(encodeState([{ name: "a" }]))).toThrow(UserError);
  });
  it("random damage never throws anything else", () => {
    const whole = encodeState([...VALUES]);
    let seed = 7;
    for (let i = 0; i < 2000; i++) {
      const broken = whole.slice();
      for (let k = 0; k < 3; k++) {
        seed = (Math.imul(seed, 69069) + 1) >>> 0;
        broken[seed % broken.length] = seed >>> 24;
      }
      try {
        decodeState(broken);
      } catch (e) {
        expect(e).toBeInstanceOf(UserError);
      }
    }
  });
});
