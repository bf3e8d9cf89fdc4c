/** A shared folder's answers: written down, and given again without a folder; names and nodes stay what they were. */
import { expect, it } from "vitest";
import type { StateValue } from "../../base/persist.ts";
import { MemoryTree } from "../files/memory-tree.ts";
import { FileError, type FileNode, type FileTree } from "../files/tree.ts";
import { decodeState, encodeState } from "../state-codec.ts";
import { TapedTree } from "./taped-tree.ts";

/** Does things to a tree, and notes what it answers. */
function session(tree: FileTree): unknown[] {
  const seen: unknown[] = [];
  const note = <T>(what: () => T): T | null => {
    try {
      const v = what();
      seen.push(v === undefined ? "done" : typeof v === "object" && v !== null && "path" in v ? (v as FileNode).path() : v);
      return v;
    } catch (e) {
      expect(e).toBeInstanceOf(FileError);
      seen.push((e as FileError).code);
      return null;
    }
  };
  const { root } = tree;
  const a = note(() => tree.makeFolder(root, "a", 0o755)) as FileNode;
  const f = note(() => tree.create(a, "f", 0o644)) as FileNode;
  note(() => tree.create(a, "f", 0o644));
  const file = tree.open(f, { write: true, truncate: false });
  note(() => file.write(3, [Uint8Array.of(1, 2), Uint8Array.of(3)]));
  const into = [new Uint8Array(4), new Uint8Array(9)];
  note(() => file.read(1, into));
  seen.push(into);
  note(() => file.stat());
  note(() => file.resize(2));
  note(() => file.sync());
  file.close();
  note(() => tree.stat(f));
  note(() => tree.makeLink(a, "l", "f"));
  note(() => tree.readLink(tree.lookup(a, "l")));
  note(() => tree.hardLink(root, "g", f));
  note(() => tree.lookup(root, "g") === f);
  note(() => tree.list(a));
  note(() => tree.rename(a, "f", root, "h"));
  seen.push(f.path());
  note(() => tree.rename(root, "a", root, "b"));
  seen.push(a.path());
  note(() => tree.lookup(root, "a"));
  note(() => tree.parent(a) === root);
  note(() => tree.remove(root, "b", true));
  note(() => tree.remove(a, "l", false));
  note(() => tree.remove(root, "b", true));
  seen.push(a.path());
  note(() => tree.change(f, { mode: 0o600, mtimeNs: "now" }));
  note(() => tree.stat(f));
  note(() => tree.space());
  return seen;
}

it("is the same with, under and without a recording", () => {
  const now = 5n;
  const plain = session(new MemoryTree(() => now));
  const answers: Uint8Array[] = [];
  const recorded = session(new TapedTree(new MemoryTree(() => now), false, { mode: "record", answer: (a) => void answers.push(encodeState(a)) }));
  expect(recorded).toEqual(plain);
  let next = 0;
  const replayed = session(new TapedTree(null, false, {
    mode: "replay",
    answer: (name) => {
      const answer = decodeState(answers[next++]) as readonly StateValue[];
      expect(answer[0]).toBe(name);
      return answer;
    },
  }));
  expect(replayed).toEqual(plain);
  expect(next).toBe(answers.length);
});
