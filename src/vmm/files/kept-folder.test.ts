import { describe, expect, it } from "vitest";
import { MemoryStore } from "../storage/memory-store.ts";
import { KeptFolder } from "./kept-folder.ts";

const text = (s: string): Uint8Array => new TextEncoder().encode(s);
const slots = (): MemoryStore[] => [new MemoryStore("a"), new MemoryStore("b")];
const string = (b: Uint8Array): string => new TextDecoder().decode(b);

describe("a kept folder", () => {
  it("is the same when it is opened again: files, folders, links, modes, names beyond ASCII", () => {
    const stores = slots();
    const one = new KeptFolder(stores, () => undefined);
    one.write("lesson/grüße.txt", 0, text("hello "));
    one.write("lesson/grüße.txt", 6, text("world"));
    one.makeFolder("empty");
    one.tree.makeLink(one.tree.root, "link", "lesson/../lesson/gr\u00c3\u00bc\u00c3\u009fe.txt");
    one.tree.change(one.tree.lookup(one.tree.root, "empty"), { mode: 0o700 });
    one.save();
    const two = new KeptFolder(stores, () => undefined);
    expect(two.list("").map((e) => [e.path, e.kind])).toEqual([["lesson", "folder"], ["empty", "folder"], ["link", "link"]]);
    expect(two.list("lesson")[0].path).toBe("lesson/grüße.txt");
    expect(string(two.read("lesson/grüße.txt"))).toBe("hello world");
    expect(string(two.read("link"))).toBe("hello world");
    expect(two.tree.stat(two.tree.lookup(two.tree.root, "empty")).mode & 0o777).toBe(0o700);
    expect(two.list("lesson")[0].modifiedMs).toBe(one.list("lesson")[0].modifiedMs);
  });

  it("keeps the last whole state when a save is cut short anywhere", () => {
    const stores = slots();
    const folder = new KeptFolder(stores, () => undefined);
    folder.write("f", 0, text("first"));
    folder.save();
    folder.write("f", 0, text("second, and longer"));
    folder.save();
    const whole = stores[0]; // sequence 2
    const bytes = new Uint8Array(whole.size());
    whole.read(0, bytes);
    for (let cut = 0; cut < bytes.length; cut++) {
      const other = new MemoryStore("b");
      const old = new Uint8Array(stores[1].size());
      stores[1].read(0, old);
      other.write(0, old);
      const opened = new KeptFolder([MemoryStore.of(bytes.slice(0, cut)), other], () => undefined);
      expect(string(opened.read("f"))).toBe("first");
    }
    expect(string(new KeptFolder(stores, () => undefined).read("f"))).toBe("second, and longer");
  });

  it("says in one line what does not work", () => {
    const folder = new KeptFolder([], () => undefined);
    folder.write("a", 0, text("x"));
    expect(() => folder.read("b/c")).toThrow("b/c: there is no such file or folder");
    expect(() => folder.write("a/b", 0, text("x"))).toThrow("a/b: it is not a folder");
    expect(() => folder.write("../a", 0, text("x"))).toThrow("../a: the name is not allowed");
    folder.makeFolder("d/e");
    folder.remove("d");
    expect(folder.list("").map((e) => e.path)).toEqual(["a"]);
  });
});
