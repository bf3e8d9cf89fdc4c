/**
 * A shared folder under a recording: the host's answers are written down, and a replay takes them from there without a folder.
 * Nodes are ours in both, so that what is saved of them is the same.
 */
import { InternalError, UserError } from "../../base/errors.ts";
import { StateReader, type StateFields, type StateValue } from "../../base/persist.ts";
import {
  ERRNO, FileError, type DirectoryEntry, type Errno, type FileNode, type FileStat, type FileTree, type OpenFile, type StatChanges, type TreeSpace,
} from "../files/tree.ts";

/** Writes an answer down, or gives the next one that was. */
export type TreeTape =
  | { readonly mode: "record"; answer(answer: StateValue): void }
  /** The answer's `name`, and its value, or null and an error's code. */
  | { readonly mode: "replay"; answer(name: string): readonly StateValue[] };

class Node implements FileNode {
  /** Null: removed, or the root. */
  parent: Node | null = null;
  name = "";
  readonly children = new Map<string, Node>();
  constructor(
    readonly number: number,
    /** The host's; null in a replay. */
    readonly inner: FileNode | null,
  ) {}
  path(): readonly string[] | null {
    const names: string[] = [];
    for (let at = this as Node; at.number !== ROOT; at = at.parent) {
      if (at.parent === null) return null;
      names.unshift(at.name);
    }
    return names;
  }
}

const ROOT = 0;

export class TapedTree implements FileTree {
  readonly root: Node;
  private readonly nodes: Node[] = [];
  /** Of the host's nodes that are known. */
  private readonly numbers = new Map<FileNode, number>();

  /** `inner`: the host's; null in a replay. */
  constructor(
    private readonly inner: FileTree | null,
    readonly readOnly: boolean,
    private readonly tape: TreeTape,
  ) {
    this.root = new Node(ROOT, inner?.root ?? null);
    this.nodes.push(this.root);
    if (inner !== null) this.numbers.set(inner.root, ROOT);
  }

  /** One call: its name, then what it gave, or the error's. */
  private call<T>(name: string, ask: (inner: FileTree) => T, pack: (value: T) => StateValue, unpack: (value: StateValue) => T): T {
    const { tape } = this;
    if (tape.mode === "record") {
      try {
        const value = ask(this.inner as FileTree);
        tape.answer([name, pack(value)]);
        return value;
      } catch (e) {
        // Whatever else a host throws is an I/O error to the guest.
        const error = e instanceof FileError ? e : new FileError("EIO");
        tape.answer([name, null, error.code]);
        throw error;
      }
    }
    const answer = tape.answer(name);
    if (answer.length > 2) throw new FileError(Object.hasOwn(ERRNO, answer[2] as string) ? (answer[2] as Errno) : "EIO");
    return unpack(answer[1]);
  }
  private nothing(name: string, ask: (inner: FileTree) => void): void {
    this.call(name, ask, () => null, () => undefined);
  }
  private stats(name: string, ask: (inner: FileTree) => FileStat): FileStat {
    return this.call(name, ask, (s) => ({ ...s }), statOf);
  }

  /** A call that gives a node. */
  private node(name: string, ask: (inner: FileTree) => FileNode): Node {
    let inner: FileNode | null = null;
    const number = this.call(name, (tree) => {
      inner = ask(tree);
      let known = this.numbers.get(inner);
      if (known === undefined) this.numbers.set(inner, (known = this.nodes.length));
      return known;
    }, (n) => n, Number);
    return (this.nodes[number] ??= new Node(number, inner));
  }
  private placed(folder: FileNode, name: string, node: Node): Node {
    if (node.number !== ROOT) {
      node.parent = folder as Node;
      node.name = name;
      node.parent.children.set(name, node);
    }
    return node;
  }
  private innerOf(node: FileNode): FileNode {
    const { inner } = node as Node;
    if (inner === null) throw new InternalError("a replay has no folder");
    return inner;
  }
  private forget(folder: FileNode, name: string): void {
    const { children } = folder as Node;
    const node = children.get(name);
    children.delete(name);
    // A file with several names may be known by another one.
    if (node?.parent === folder && node.name === name) node.parent = null;
  }

  lookup(folder: FileNode, name: string): Node {
    return this.placed(folder, name, this.node("lookup", (t) => t.lookup(this.innerOf(folder), name)));
  }
  parent(folder: FileNode): Node {
    return this.node("parent", (t) => t.parent(this.innerOf(folder)));
  }
  stat(node: FileNode): FileStat {
    return this.stats("stat", (t) => t.stat(this.innerOf(node)));
  }
  change(node: FileNode, changes: StatChanges): void {
    this.nothing("change", (t) => t.change(this.innerOf(node), changes));
  }
  readLink(node: FileNode): string {
    return this.call("readLink", (t) => t.readLink(this.innerOf(node)), (s) => s, String);
  }
  list(folder: FileNode): DirectoryEntry[] {
    return this.call("list", (t) => t.list(this.innerOf(folder)), (l) => l.map((e) => ({ ...e })), (v) => listOf(v).map((e) => {
      const r = new StateReader("entry", e as StateFields);
      return { name: r.string("name"), ino: r.bigint("ino"), type: r.int("type", 0) };
    }));
  }
  create(folder: FileNode, name: string, mode: number): Node {
    return this.placed(folder, name, this.node("create", (t) => t.create(this.innerOf(folder), name, mode)));
  }
  makeFolder(folder: FileNode, name: string, mode: number): Node {
    return this.placed(folder, name, this.node("makeFolder", (t) => t.makeFolder(this.innerOf(folder), name, mode)));
  }
  makeLink(folder: FileNode, name: string, target: string): Node {
    return this.placed(folder, name, this.node("makeLink", (t) => t.makeLink(this.innerOf(folder), name, target)));
  }
  hardLink(folder: FileNode, name: string, node: FileNode): void {
    this.nothing("hardLink", (t) => t.hardLink(this.innerOf(folder), name, this.innerOf(node)));
  }
  remove(folder: FileNode, name: string, isFolder: boolean): void {
    this.nothing("remove", (t) => t.remove(this.innerOf(folder), name, isFolder));
    this.forget(folder, name);
  }
  rename(folder: FileNode, name: string, newFolder: FileNode, newName: string): void {
    this.nothing("rename", (t) => t.rename(this.innerOf(folder), name, this.innerOf(newFolder), newName));
    if (folder === newFolder && name === newName) return;
    const { children } = folder as Node;
    const node = children.get(name);
    children.delete(name);
    this.forget(newFolder, newName);
    if (node !== undefined) this.placed(newFolder, newName, node);
  }
  open(node: FileNode, access: { readonly write: boolean; readonly truncate: boolean }): OpenFile {
    const file = this.call<OpenFile | null>("open", (t) => t.open(this.innerOf(node), access), () => null, () => null);
    const inner = (): OpenFile => file as OpenFile;
    return {
      read: (position, into) => {
        return this.call("read", () => inner().read(position, into), (n) => gathered(into, n), (v) => {
          if (!(v instanceof Uint8Array)) throw new UserError("the recording is damaged: a file's bytes are none");
          return scattered(v, into);
        });
      },
      write: (position, from) => this.call("write", () => inner().write(position, from), (n) => n, Number),
      stat: () => this.stats("fstat", () => inner().stat()),
      resize: (size) => this.nothing("resize", () => inner().resize(size)),
      sync: () => this.nothing("sync", () => inner().sync()),
      // Nothing can be learned from it, and a machine that ends may close its files in any order.
      close: () => file?.close(),
    };
  }
  space(): TreeSpace {
    return this.call("space", (t) => t.space(), (s) => ({ ...s }), (v) => {
      const r = new StateReader("space", v as StateFields);
      return { blocks: r.int("blocks"), freeBlocks: r.int("freeBlocks"), files: r.int("files"), freeFiles: r.int("freeFiles") };
    });
  }
}

function listOf(v: StateValue): readonly StateValue[] {
  if (!Array.isArray(v)) throw new UserError("the recording is damaged: a folder's list is none");
  return v as readonly StateValue[];
}

function statOf(v: StateValue): FileStat {
  const r = new StateReader("stat", v as StateFields);
  return {
    ino: r.bigint("ino"), mode: r.int("mode"), nlink: r.int("nlink"), uid: r.int("uid"), gid: r.int("gid"), size: r.int("size"), blocks: r.int("blocks"),
    atimeNs: r.bigint("atimeNs"), mtimeNs: r.bigint("mtimeNs"), ctimeNs: r.bigint("ctimeNs"),
  };
}

/** The first `n` bytes of segments. */
function gathered(segments: readonly Uint8Array[], n: number): Uint8Array {
  const out = new Uint8Array(n);
  let at = 0;
  for (const s of segments) {
    const part = s.subarray(0, n - at);
    out.set(part, at);
    at += part.length;
  }
  return out;
}
function scattered(bytes: Uint8Array, into: readonly Uint8Array[]): number {
  let at = 0;
  for (const s of into) {
    const part = bytes.subarray(at, at + s.length);
    s.set(part);
    at += part.length;
  }
  return at;
}
