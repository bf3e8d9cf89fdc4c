/**
 * A folder of the host as a tree of files. Nodes are places in the folder, not host files: a path is put together from names that were
 * checked, links are never followed, and a folder is used only while its real path is the one that we think it has.
 */
import {
  chmodSync, closeSync, constants, fstatSync, fsyncSync, ftruncateSync, lchownSync, linkSync, lstatSync, lutimesSync, mkdirSync, openSync, readdirSync,
  readlinkSync, readvSync, realpathSync, renameSync, rmdirSync, statfsSync, statSync, symlinkSync, unlinkSync, writevSync, type BigIntStats,
} from "node:fs";
import { UserError } from "../base/errors.ts";
import {
  ERRNO, FileError, MODE, type DirectoryEntry, type Errno, type FileNode, type FileStat, type FileTree, type OpenFile, type StatChanges, type TreeSpace,
} from "../vmm/files/tree.ts";
import { reason } from "./reason.ts";

/** Segments that one system call takes (IOV_MAX on Linux). */
const MAX_SEGMENTS = 1024;
/** Never through a link, never waiting for a pipe's other end. */
const SAFE = constants.O_NOFOLLOW | constants.O_NONBLOCK;

class Place implements FileNode {
  readonly children = new Map<string, Place>();
  constructor(
    /** Null: removed, or the root. */
    public parent: Place | null,
    public name: string,
    readonly isRoot = false,
  ) {}
  path(): readonly string[] | null {
    const names: string[] = [];
    for (let at = this as Place; !at.isRoot; at = at.parent) {
      if (at.parent === null) return null;
      names.unshift(at.name);
    }
    return names;
  }
}

function statOf(s: BigIntStats): FileStat {
  return {
    ino: s.ino, mode: Number(s.mode), nlink: Number(s.nlink), uid: Number(s.uid), gid: Number(s.gid), size: Number(s.size), blocks: Number(s.blocks),
    atimeNs: s.atimeNs, mtimeNs: s.mtimeNs, ctimeNs: s.ctimeNs,
  };
}

/** Runs a host call; its error is the guest's. */
function host<T>(call: () => T): T {
  try {
    return call();
  } catch (e) {
    if (e instanceof FileError) throw e;
    const code = (e as NodeJS.ErrnoException).code ?? "";
    throw new FileError(code in ERRNO ? (code as Errno) : "EIO");
  }
}

const SLASH = Buffer.from("/");

export class HostTree implements FileTree {
  readonly root = new Place(null, "", true);
  private readonly base: Buffer;

  /** Throws UserError. */
  constructor(
    path: string,
    readonly readOnly: boolean,
  ) {
    try {
      if (!statSync(path).isDirectory()) throw new UserError(`-virtfs: '${path}' is not a folder`);
      this.base = realpathSync.native(path, "buffer");
    } catch (e) {
      if (e instanceof UserError) throw e;
      throw new UserError(`-virtfs: cannot use '${path}': ${reason(e)}`);
    }
  }

  private place(node: FileNode): Place {
    return node as Place;
  }

  /** The host's path of a place, as bytes. */
  private pathOf(node: FileNode): Buffer {
    const names = node.path();
    if (names === null) throw new FileError("ESTALE");
    return names.length === 0 ? this.base : Buffer.concat([this.base, SLASH, Buffer.from(names.join("/"), "latin1")]);
  }

  /** A place whose folder is checked: somebody else may have put a link in its way. */
  private checked(node: FileNode): Buffer {
    const { parent } = this.place(node);
    if (parent !== null) this.checkedFolder(parent);
    return this.pathOf(node);
  }
  private checkedFolder(folder: FileNode): Buffer {
    const path = this.pathOf(folder);
    const real = host(() => realpathSync.native(path, "buffer"));
    if (!real.equals(path)) throw new FileError("ELOOP");
    return path;
  }
  private inFolder(folder: FileNode, name: string): Buffer {
    return Buffer.concat([this.checkedFolder(folder), SLASH, Buffer.from(name, "latin1")]);
  }
  private child(folder: FileNode, name: string): Place {
    const parent = this.place(folder);
    let child = parent.children.get(name);
    if (child === undefined) parent.children.set(name, (child = new Place(parent, name)));
    return child;
  }
  private forget(folder: FileNode, name: string): void {
    const parent = this.place(folder);
    const child = parent.children.get(name);
    if (child !== undefined) child.parent = null;
    parent.children.delete(name);
  }
  private writable(): void {
    if (this.readOnly) throw new FileError("EROFS");
  }

  lookup(folder: FileNode, name: string): Place {
    const path = this.inFolder(folder, name);
    host(() => lstatSync(path));
    return this.child(folder, name);
  }
  parent(folder: FileNode): Place {
    return this.place(folder).parent ?? this.root;
  }
  stat(node: FileNode): FileStat {
    const path = this.checked(node);
    return statOf(host(() => lstatSync(path, { bigint: true })));
  }

  change(node: FileNode, changes: StatChanges): void {
    this.writable();
    const path = this.checked(node);
    const stat = host(() => lstatSync(path, { bigint: true }));
    const isLink = (Number(stat.mode) & MODE.type) === MODE.link;
    if (changes.size !== undefined) {
      const { size } = changes;
      const fd = host(() => openSync(path, constants.O_WRONLY | SAFE));
      try {
        host(() => ftruncateSync(fd, size));
      } finally {
        closeSync(fd);
      }
    }
    if (changes.uid !== undefined || changes.gid !== undefined) {
      try {
        lchownSync(path, changes.uid ?? Number(stat.uid), changes.gid ?? Number(stat.gid));
      } catch {
        // security_model=none: an owner that the host does not let us give is not given (QEMU's documentation of -fsdev).
      }
    }
    if (changes.mode !== undefined && !isLink) {
      const mode = changes.mode & 0o7777;
      host(() => chmodSync(path, mode));
    }
    if (changes.atimeNs !== undefined || changes.mtimeNs !== undefined) {
      const now = Date.now() / 1000;
      const seconds = (t: bigint | "now" | undefined, old: bigint): number => (t === "now" ? now : Number(t ?? old) / 1e9);
      host(() => lutimesSync(path, seconds(changes.atimeNs, stat.atimeNs), seconds(changes.mtimeNs, stat.mtimeNs)));
    }
  }

  readLink(node: FileNode): string {
    const path = this.checked(node);
    return host(() => readlinkSync(path, "buffer")).toString("latin1");
  }
  list(folder: FileNode): DirectoryEntry[] {
    const path = this.checkedFolder(folder);
    const entries = host(() => readdirSync(path, { withFileTypes: true, encoding: "buffer" }));
    // A listing has no inode numbers, and 0 would hide an entry from getdents' users: stat has the true one.
    return entries.map((e, i) => ({
      name: e.name.toString("latin1"), ino: BigInt(i + 1), type: e.isDirectory() ? MODE.directory : e.isSymbolicLink() ? MODE.link : e.isFile() ? MODE.file : 0,
    }));
  }

  create(folder: FileNode, name: string, mode: number): Place {
    this.writable();
    const path = this.inFolder(folder, name);
    closeSync(host(() => openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | SAFE, mode & 0o7777)));
    return this.child(folder, name);
  }
  makeFolder(folder: FileNode, name: string, mode: number): Place {
    this.writable();
    const path = this.inFolder(folder, name);
    host(() => mkdirSync(path, mode & 0o7777));
    return this.child(folder, name);
  }
  makeLink(folder: FileNode, name: string, target: string): Place {
    this.writable();
    const path = this.inFolder(folder, name);
    host(() => symlinkSync(Buffer.from(target, "latin1"), path));
    return this.child(folder, name);
  }
  hardLink(folder: FileNode, name: string, node: FileNode): void {
    this.writable();
    const from = this.checked(node);
    const path = this.inFolder(folder, name);
    host(() => linkSync(from, path));
  }

  remove(folder: FileNode, name: string, isFolder: boolean): void {
    this.writable();
    const path = this.inFolder(folder, name);
    host(() => (isFolder ? rmdirSync(path) : unlinkSync(path)));
    this.forget(folder, name);
  }
  rename(folder: FileNode, name: string, newFolder: FileNode, newName: string): void {
    this.writable();
    const from = this.inFolder(folder, name);
    const to = this.inFolder(newFolder, newName);
    host(() => renameSync(from, to));
    const moved = this.place(folder).children.get(name);
    if (folder === newFolder && name === newName) return;
    this.forget(newFolder, newName);
    this.place(folder).children.delete(name);
    if (moved === undefined) return;
    moved.parent = this.place(newFolder);
    moved.name = newName;
    moved.parent.children.set(newName, moved);
  }

  open(node: FileNode, access: { readonly write: boolean; readonly truncate: boolean }): OpenFile {
    if (access.write || access.truncate) this.writable();
    const path = this.checked(node);
    const flags = (access.write ? constants.O_RDWR : constants.O_RDONLY) | (access.truncate ? constants.O_TRUNC : 0) | SAFE;
    const type = Number(host(() => lstatSync(path)).mode) & MODE.type;
    if (type === MODE.directory) throw new FileError("EISDIR");
    // Pipes, sockets and devices of the host are not the guest's.
    if (type !== MODE.file) throw new FileError("ENXIO");
    const fd = host(() => openSync(path, flags));
    return new HostFile(fd);
  }

  space(): TreeSpace {
    const s = host(() => statfsSync(this.base));
    const scale = s.bsize / 4096;
    return { blocks: Math.floor(s.blocks * scale), freeBlocks: Math.floor(s.bavail * scale), files: s.files, freeFiles: s.ffree };
  }
}

class HostFile implements OpenFile {
  constructor(private readonly fd: number) {}

  /** As many system calls as it takes; stops where one moves less than it could. */
  private move(position: number, segments: readonly Uint8Array[], io: (fd: number, buffers: Uint8Array[], position: number) => number): number {
    let moved = 0;
    for (let i = 0; i < segments.length; i += MAX_SEGMENTS) {
      const part = segments.slice(i, i + MAX_SEGMENTS);
      const n = host(() => io(this.fd, part, position + moved));
      moved += n;
      if (n < part.reduce((sum, s) => sum + s.length, 0)) break;
    }
    return moved;
  }
  read(position: number, into: readonly Uint8Array[]): number {
    return this.move(position, into, readvSync);
  }
  write(position: number, from: readonly Uint8Array[]): number {
    return this.move(position, from, writevSync);
  }
  stat(): FileStat {
    return statOf(host(() => fstatSync(this.fd, { bigint: true })));
  }
  resize(size: number): void {
    host(() => ftruncateSync(this.fd, size));
  }
  sync(): void {
    host(() => fsyncSync(this.fd));
  }
  close(): void {
    closeSync(this.fd);
  }
}
