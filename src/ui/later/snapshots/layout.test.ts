/** Tests of the tree's layout: rows, lanes, bad data. */
import { describe, expect, it } from "vitest";
import { layoutTree, subtree, type TreeItem } from "./layout.ts";

const tree = (text: string): TreeItem[] => text.split(" ").map((pair, i) => {
  const [id, parent] = pair.split("<");
  return { id, parent: parent ?? null, createdMs: i };
});
const drawn = (text: string, current: string | null = null): string =>
  layoutTree(tree(text), current).placed.map((p) => `${p.item.id}@${p.lane}/${p.level}`).join(" ");

describe("the tree of snapshots", () => {
  it("draws a chain in one lane", () => expect(drawn("a b<a c<b")).toBe("a@0/1 b@0/2 c@0/3"));
  it("lets the latest child go on below its siblings", () => expect(drawn("a b<a c<a")).toBe("a@0/1 b@1/2 c@0/2"));
  it("keeps the present line straight", () => expect(drawn("a b<a c<a d<b", "d")).toBe("a@0/1 c@1/2 b@0/2 d@0/3"));
  it("gives several branches lanes that do not cross", () => expect(drawn("a b<a c<a d<a")).toBe("a@0/1 b@2/2 c@1/2 d@0/2"));
  it("draws several roots", () => expect(drawn("a b c<a")).toBe("a@0/1 c@0/2 b@0/1"));
  it("takes an unknown parent for none", () => expect(drawn("a<gone b<a")).toBe("a@0/1 b@0/2"));
  it("cuts loops and draws everything once", () => {
    const { placed } = layoutTree(tree("a<b b<a c d<d"), null);
    expect(placed.map((p) => p.item.id).sort()).toEqual(["a", "b", "c", "d"]);
  });
  it("never crosses a line with a node, in random trees", () => {
    let seed = 1;
    const random = (n: number): number => (seed = (seed * 48271) % 2147483647) % n;
    for (let round = 0; round < 200; round++) {
      const items = Array.from({ length: 30 }, (_, i): TreeItem => ({ id: String(i), parent: i === 0 || random(9) === 0 ? null : String(random(i)), createdMs: random(50) }));
      const { placed, lanes } = layoutTree(items, String(random(30)));
      expect(placed).toHaveLength(30);
      for (const child of placed) {
        expect(child.lane).toBeLessThan(lanes);
        if (child.parentRow === null) continue;
        expect(child.parentRow).toBeLessThan(child.row);
        // The line goes right at its parent's row, then down in the child's lane.
        for (const other of placed) {
          if (other.row > child.parentRow && other.row < child.row) expect(other.lane === child.lane && other.parentRow !== null && other.row !== child.row).toBe(false);
        }
      }
    }
  });
  it("finds what lies below", () => expect([...subtree(tree("a b<a c<b d<a"), "b")]).toEqual(["b", "c"]));
});
