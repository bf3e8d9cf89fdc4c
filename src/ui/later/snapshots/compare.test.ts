/** The picture of differing pages: parts by strip. */
import { expect, it } from "vitest";
import { strips } from "./compare.ts";

it("spreads ranges of pages over strips by their shares", () => {
  const pages = { differing: 6, total: 16, ranges: [[0, 4], [7, 9]] as const };
  expect(strips(pages, 4)).toEqual([1, 0.25, 0.25, 0]);
  expect(strips({ differing: 0, total: 0, ranges: [] }, 2)).toEqual([0, 0]);
  // Strips smaller than a page.
  expect(strips({ differing: 1, total: 2, ranges: [[1, 2]] }, 4)).toEqual([0, 0, 1, 1]);
});
