/** A tree of files in memory. */
import { FileError, MODE, type DirectoryEntry, type FileNode, type FileStat, type FileTree, type OpenFile, type StatChanges, type TreeSpace } from "./tree.ts";

const BLOCK = 512;

class Inode implements FileNode {
  data = new Uint8Array(0);
  size = 0;
  target = "";
  readonly children = new Map<string, Inode>();
  parent: Inode | null = null;
  name = "";
  nlink = 1;
  uid = 0;
  gid = 0;
  atimeNs: bigint;
  mtimeNs: bigint;
  ctimeNs: bigint;

  constructor(
    readonly ino: bigint,
    public mode: number,
    now: bigint,
  ) {
    this.atimeNs = this.mtimeNs = this.ctimeNs = now;
  }

  get isFolder(): boolean {
    return (this.mode & MODE.type) === MODE.directory;
  }

  path(): readonly string[] | null {
    const names: string[] = [];
    // Only the root has no parent and its own name.
    for (let at = this as Inode; at.parent !== at; at = at.parent) {
      if (at.parent === null) return null;
      names.unshift(at.name);
    }
    return names;
  }

  stat(): FileStat {
    const { ino, mode, nlink, uid, gid, size, atimeNs, mtimeNs, ctimeNs } = this;
    return { ino, mode, nlink, uid, gid, size, blocks: Math.ceil(size / BLOCK), atimeNs, mtimeNs, ctimeNs };
  }

  resize(size: number, most: number): void {
    if (size > most) throw new FileError("ENOSPC");
    if (size > this.data.length) {
      const larger = new Uint8Array(Math.min(most, Math.max(size, this.data.length * 2)));
      larger.set(this.data.subarray(0, this.size));
      this.data = larger;
    } else if (size < this.size) this.data.fill(0, size, this.size);
    this.size = size;
  }
}

export class MemoryTree implements FileTree {
  readonly root: Inode;
  private nextIno = 2n;
  /** Called after each change. */
  onChange: () => void = () => undefined;

  /** `nowNs`: nanoseconds since 1970. `maxFileBytes` bounds each file. */
  constructor(
    private readonly nowNs: () => bigint,
    readonly readOnly = false,
    private readonly maxFileBytes = 2 ** 30,
  ) {
    this.root = new Inode(1n, MODE.directory | 0o755, nowNs());
    this.root.parent = this.root;
    this.root.nlink = 2;
  }

  private inode(node: FileNode): Inode {
    return node as Inode;
  }
  private folder(node: FileNode): Inode {
    const inode = this.inode(node);
    if (!inode.isFolder) throw new FileError("ENOTDIR");
    return inode;
  }
  private touch(inode: Inode): void {
    inode.mtimeNs = inode.ctimeNs = this.nowNs();
    this.onChange();
  }
  private writable(): void {
    if (this.readOnly) throw new FileError("EROFS");
  }

  lookup(folder: FileNode, name: string): Inode {
    const found = this.folder(folder).children.get(name);
    if (found === undefined) throw new FileError("ENOENT");
    return found;
  }
  parent(folder: FileNode): Inode {
    return this.inode(folder).parent ?? this.root;
  }
  stat(node: FileNode): FileStat {
    return this.inode(node).stat();
  }

  change(node: FileNode, changes: StatChanges): void {
    this.writable();
    const inode = this.inode(node);
    const now = this.nowNs();
    if (changes.size !== undefined) {
      if (inode.isFolder) throw new FileError("EISDIR");
      inode.resize(changes.size, this.maxFileBytes);
      inode.mtimeNs = now;
    }
    if (changes.mode !== undefined) inode.mode = (inode.mode & MODE.type) | (changes.mode & 0o7777);
    if (changes.uid !== undefined) inode.uid = changes.uid;
    if (changes.gid !== undefined) inode.gid = changes.gid;
    if (changes.atimeNs !== undefined) inode.atimeNs = changes.atimeNs === "now" ? now : changes.atimeNs;
    if (changes.mtimeNs !== undefined) inode.mtimeNs = changes.mtimeNs === "now" ? now : changes.mtimeNs;
    inode.ctimeNs = now;
    this.onChange();
  }

  readLink(node: FileNode): string {
    const inode = this.inode(node);
    if ((inode.mode & MODE.type) !== MODE.link) throw new FileError("EINVAL");
    return inode.target;
  }
  list(folder: FileNode): DirectoryEntry[] {
    return [...this.folder(folder).children].map(([name, { ino, mode }]) => ({ name, ino, type: mode & MODE.type }));
  }

  private add(folder: FileNode, name: string, mode: number): Inode {
    this.writable();
    const parent = this.folder(folder);
    if (parent.children.has(name)) throw new FileError("EEXIST");
    if (parent.path() === null) throw new FileError("ENOENT");
    const inode = new Inode(this.nextIno++, mode, this.nowNs());
    inode.parent = parent;
    inode.name = name;
    parent.children.set(name, inode);
    this.touch(parent);
    return inode;
  }
  create(folder: FileNode, name: string, mode: number): Inode {
    return this.add(folder, name, MODE.file | (mode & 0o7777));
  }
  makeFolder(folder: FileNode, name: string, mode: number): Inode {
    const made = this.add(folder, name, MODE.directory | (mode & 0o7777));
    made.nlink = 2;
    this.folder(folder).nlink++;
    return made;
  }
  makeLink(folder: FileNode, name: string, target: string): Inode {
    const made = this.add(folder, name, MODE.link | 0o777);
    made.target = target;
    made.size = target.length;
    return made;
  }
  hardLink(folder: FileNode, name: string, node: FileNode): void {
    this.writable();
    const parent = this.folder(folder);
    const inode = this.inode(node);
    if (inode.isFolder) throw new FileError("EPERM");
    if (parent.children.has(name)) throw new FileError("EEXIST");
    parent.children.set(name, inode);
    inode.nlink++;
    this.touch(parent);
  }

  remove(folder: FileNode, name: string, isFolder: boolean): void {
    this.writable();
    const parent = this.folder(folder);
    const inode = this.lookup(parent, name);
    if (isFolder && !inode.isFolder) throw new FileError("ENOTDIR");
    if (!isFolder && inode.isFolder) throw new FileError("EISDIR");
    if (inode.children.size > 0) throw new FileError("ENOTEMPTY");
    this.detach(parent, name, inode);
    this.touch(parent);
  }
  private detach(parent: Inode, name: string, inode: Inode): void {
    parent.children.delete(name);
    if (inode.isFolder) parent.nlink--;
    inode.nlink--;
    if (inode.parent === parent && inode.name === name) inode.parent = this.otherName(inode);
  }
  /** Where a file with several links is still to be found. */
  private otherName(inode: Inode): Inode | null {
    if (inode.isFolder || inode.nlink === 0) return null;
    const search = (folder: Inode): Inode | null => {
      for (const [name, child] of folder.children) {
        if (child === inode) {
          inode.name = name;
          return folder;
        }
        const found = child.isFolder ? search(child) : null;
        if (found !== null) return found;
      }
      return null;
    };
    return search(this.root);
  }

  rename(folder: FileNode, name: string, newFolder: FileNode, newName: string): void {
    this.writable();
    const from = this.folder(folder);
    const to = this.folder(newFolder);
    const inode = this.lookup(from, name);
    for (let at: Inode | null = to; at !== null && at !== this.root; at = at.parent) if (at === inode) throw new FileError("EINVAL");
    const old = to.children.get(newName);
    if (old === inode) return;
    if (old !== undefined) this.remove(to, newName, inode.isFolder);
    from.children.delete(name);
    to.children.set(newName, inode);
    if (inode.isFolder) {
      from.nlink--;
      to.nlink++;
    }
    inode.parent = to;
    inode.name = newName;
    this.touch(from);
    this.touch(to);
  }

  open(node: FileNode, access: { readonly write: boolean; readonly truncate: boolean }): OpenFile {
    const inode = this.inode(node);
    if (inode.isFolder) throw new FileError("EISDIR");
    if ((inode.mode & MODE.type) !== MODE.file) throw new FileError("ELOOP");
    if (access.write || access.truncate) this.writable();
    if (access.truncate) {
      inode.resize(0, this.maxFileBytes);
      this.touch(inode);
    }
    return {
      read: (position, into) => {
        let at = position;
        for (const segment of into) {
          const part = inode.data.subarray(Math.min(at, inode.size), Math.min(inode.size, at + segment.length));
          segment.set(part);
          at += part.length;
          if (part.length < segment.length) break;
        }
        return at - position;
      },
      write: (position, from) => {
        if (!access.write) throw new FileError("EBADF");
        const end = position + from.reduce((n, s) => n + s.length, 0);
        if (end > inode.size) inode.resize(end, this.maxFileBytes);
        let at = position;
        for (const segment of from) {
          inode.data.set(segment, at);
          at += segment.length;
        }
        this.touch(inode);
        return end - position;
      },
      stat: () => inode.stat(),
      resize: (size) => {
        if (!access.write) throw new FileError("EBADF");
        inode.resize(size, this.maxFileBytes);
        this.touch(inode);
      },
      sync: () => undefined,
      close: () => undefined,
    };
  }

  space(): TreeSpace {
    const blocks = this.maxFileBytes / 4096;
    return { blocks, freeBlocks: blocks, files: 2 ** 20, freeFiles: 2 ** 20 };
  }
}
