/** A shared folder that the page keeps: a tree in memory, saved into two files in turn, and the host's way in. */
import { UserError } from "../../base/errors.ts";
import type { ByteStore } from "../storage/byte-store.ts";
import { packTree, readFile, unpackTree } from "./archive.ts";
import { MemoryTree } from "./memory-tree.ts";
import { checkName, FileError, MODE, type FileNode, type FileTree } from "./tree.ts";

/** An entry of the folder; `path` has slashes. */
export interface FolderEntry {
  readonly path: string;
  readonly kind: "file" | "folder" | "link";
  readonly bytes: number;
  readonly modifiedMs: number;
}

/** After the last change. */
const SAVE_MS = 1500;
/** Sequence number (u64) in front of the archive. */
const SLOT_HEADER = 8;

/** Names on the wire are byte strings, on the page they are text. */
const toBytes = (text: string): string => String.fromCharCode(...new TextEncoder().encode(text));
const toText = (bytes: string): string => new TextDecoder().decode(Uint8Array.from(bytes, (ch) => ch.charCodeAt(0)));

const SAYS: Readonly<Partial<Record<string, string>>> = {
  ENOENT: "there is no such file or folder", EEXIST: "it is there already", ENOTDIR: "it is not a folder", EISDIR: "it is a folder", ENOSPC: "it is too large",
  EROFS: "the folder is read-only", EINVAL: "the name is not allowed", ENAMETOOLONG: "the name is too long",
};

export class KeptFolder {
  readonly tree: MemoryTree;
  private sequence = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private failed: string | null = null;

  /** `slots`: two stores that are written in turn, so that one of them is always whole; none: nothing is kept. */
  constructor(
    private readonly slots: readonly ByteStore[],
    private readonly changed: () => void,
    nowNs: () => bigint = () => BigInt(Date.now()) * 1_000_000n,
  ) {
    let tree: MemoryTree | null = null;
    for (const slot of slots) {
      const head = new Uint8Array(SLOT_HEADER);
      if (slot.read(0, head) < SLOT_HEADER) continue;
      const sequence = Number(new DataView(head.buffer).getBigUint64(0, true));
      if (sequence <= this.sequence) continue;
      const bytes = new Uint8Array(slot.size() - SLOT_HEADER);
      slot.read(SLOT_HEADER, bytes);
      try {
        tree = unpackTree(bytes, nowNs);
        this.sequence = sequence;
      } catch {
        // Cut short while it was written: the other one is whole.
      }
    }
    this.tree = tree ?? new MemoryTree(nowNs);
    this.tree.onChange = () => {
      this.changed();
      this.timer ??= setTimeout(() => this.trySave(), SAVE_MS);
    };
  }

  /** The guest's view. */
  view(readOnly: boolean): FileTree {
    return readOnly ? readOnlyView(this.tree) : this.tree;
  }

  private trySave(): void {
    try {
      this.save();
    } catch (e) {
      this.failed = e instanceof Error ? e.message : String(e);
      console.warn("tabvisor: a shared folder cannot be kept:", this.failed);
    }
  }

  /** Writes what has changed since the last time. */
  save(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    else if (this.sequence > 0 || this.slots.length === 0) return;
    this.timer = null;
    if (this.slots.length === 0) return;
    const slot = this.slots[(this.sequence + 1) % this.slots.length];
    const bytes = packTree(this.tree);
    const head = new Uint8Array(SLOT_HEADER);
    slot.truncate(SLOT_HEADER + bytes.length);
    slot.write(SLOT_HEADER, bytes);
    slot.flush();
    new DataView(head.buffer).setBigUint64(0, BigInt(this.sequence + 1), true);
    slot.write(0, head);
    slot.flush();
    this.sequence++;
  }

  close(): void {
    this.trySave();
    for (const slot of this.slots) slot.close();
  }

  // --- The host's side -----------------------------------------------------------------------------------------------

  private names(path: string): string[] {
    return path.split("/").filter((name) => name !== "").map((name) => checkName(toBytes(name)));
  }

  private at(names: readonly string[]): FileNode {
    return names.reduce<FileNode>((node, name) => this.tree.lookup(node, name), this.tree.root);
  }

  /** Errors as one clear line. */
  private say<T>(path: string, f: () => T): T {
    try {
      return f();
    } catch (e) {
      if (e instanceof FileError) throw new UserError(`${path === "" ? "the shared folder" : path}: ${SAYS[e.code] ?? e.code}`);
      throw e;
    }
  }

  list(path: string): FolderEntry[] {
    return this.say(path, () => {
      const names = this.names(path);
      const folder = this.at(names);
      return this.tree.list(folder).map(({ name, type }): FolderEntry => {
        const { size, mtimeNs } = this.tree.stat(this.tree.lookup(folder, name));
        const kind = type === MODE.directory ? "folder" : type === MODE.link ? "link" : "file";
        return { path: [...names, name].map(toText).join("/"), kind, bytes: kind === "folder" ? 0 : size, modifiedMs: Number(mtimeNs / 1_000_000n) };
      });
    });
  }

  read(path: string): Uint8Array<ArrayBuffer> {
    return this.say(path, () => {
      let names = this.names(path);
      let node = this.at(names);
      for (let depth = 0; (this.tree.stat(node).mode & MODE.type) === MODE.link; depth++) {
        if (depth === 8) throw new FileError("ELOOP");
        const target = this.tree.readLink(node);
        names = resolve(target.startsWith("/") ? [] : names.slice(0, -1), target);
        node = this.at(names);
      }
      return readFile(this.tree, node);
    });
  }

  private folderFor(names: readonly string[]): FileNode {
    return names.reduce<FileNode>((folder, name) => {
      const there = this.tree.list(folder).some((entry) => entry.name === name);
      return there ? this.tree.lookup(folder, name) : this.tree.makeFolder(folder, name, 0o755);
    }, this.tree.root);
  }

  /** Bytes at a position of a file: at 0 the file begins anew, and the folders on the way are made. */
  write(path: string, position: number, bytes: Uint8Array): void {
    this.say(path, () => {
      const names = this.names(path);
      const name = names.pop();
      if (name === undefined) throw new FileError("EISDIR");
      const folder = this.folderFor(names);
      const there = this.tree.list(folder).some((entry) => entry.name === name);
      const node = there ? this.tree.lookup(folder, name) : this.tree.create(folder, name, 0o644);
      const file = this.tree.open(node, { write: true, truncate: position === 0 });
      file.write(position, [bytes]);
      file.close();
    });
  }

  makeFolder(path: string): void {
    this.say(path, () => void this.folderFor(this.names(path)));
  }

  remove(path: string): void {
    this.say(path, () => {
      const names = this.names(path);
      const name = names.pop();
      if (name === undefined) throw new FileError("EINVAL");
      this.removeAll(this.at(names), name);
    });
  }

  private removeAll(folder: FileNode, name: string): void {
    const node = this.tree.lookup(folder, name);
    const isFolder = (this.tree.stat(node).mode & MODE.type) === MODE.directory;
    if (isFolder) for (const entry of this.tree.list(node)) this.removeAll(node, entry.name);
    this.tree.remove(folder, name, isFolder);
  }
}

function resolve(from: readonly string[], target: string): string[] {
  const names = [...from];
  for (const name of target.split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return names;
}

/** The same files, which cannot be changed through it. */
export function readOnlyView(tree: FileTree): FileTree {
  const refuse = (): never => {
    throw new FileError("EROFS");
  };
  return {
    readOnly: true,
    root: tree.root,
    lookup: (folder, name) => tree.lookup(folder, name),
    parent: (folder) => tree.parent(folder),
    stat: (node) => tree.stat(node),
    readLink: (node) => tree.readLink(node),
    list: (folder) => tree.list(folder),
    open: (node, access) => (access.write || access.truncate ? refuse() : tree.open(node, access)),
    space: () => tree.space(),
    change: refuse, create: refuse, makeFolder: refuse, makeLink: refuse, hardLink: refuse, remove: refuse, rename: refuse,
  };
}
