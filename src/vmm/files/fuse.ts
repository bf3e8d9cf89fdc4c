/** FUSE over a tree of files (Linux' uapi/linux/fuse.h, protocol 7.31), as virtio-fs carries it (virtio 1.2 §5.11). */
import type { StateFields, StateReader } from "../../base/persist.ts";
import { gather, scatter, sliceSegments } from "../../devices/virtio/chain.ts";
import type { MessageServer } from "../../devices/virtio/message-device.ts";
import { MessageReader, MessageWriter } from "./bytes.ts";
import { checkName, errnoOf, FileError, MODE, nodeAt, type DirectoryEntry, type FileNode, type FileStat, type FileTree, type OpenFile } from "./tree.ts";

const OP = {
  lookup: 1, forget: 2, getattr: 3, setattr: 4, readlink: 5, symlink: 6, mknod: 8, mkdir: 9, unlink: 10, rmdir: 11, rename: 12, link: 13, open: 14,
  read: 15, write: 16, statfs: 17, release: 18, fsync: 20, flush: 25, init: 26, opendir: 27, readdir: 28, releasedir: 29, fsyncdir: 30, access: 34,
  create: 35, interrupt: 36, destroy: 38, batchForget: 42, readdirplus: 44, rename2: 45,
} as const;

const IN_HEADER = 40;
const OUT_HEADER = 16;
const WRITE_IN = 40;
const MAX_MESSAGE = 16 * 1024;
const VERSION = { major: 7, minor: 31 } as const;
const INIT = { asyncRead: 1, atomicTruncate: 1 << 3, bigWrites: 1 << 5, readdirplus: 1 << 13, readdirplusAuto: 1 << 14, parallelFolders: 1 << 18, maxPages: 1 << 22 } as const;
const OFFERED = INIT.asyncRead | INIT.atomicTruncate | INIT.bigWrites | INIT.readdirplus | INIT.readdirplusAuto | INIT.parallelFolders | INIT.maxPages;
const MAX_PAGES = 256;
const SET = { mode: 1, uid: 2, gid: 4, size: 8, atime: 16, mtime: 32, handle: 64, atimeNow: 128, mtimeNow: 256 } as const;
const OPEN = { accessMode: 3, exclusive: 0o200, truncate: 0o1000 } as const;
const ROOT_ID = 1;
/** Seconds for which the kernel may believe names and attributes: others may change the folder on the host. */
const CACHE_SECONDS = 1;
const MAX_HANDLES = 1 << 16;
const RENAME_NOREPLACE = 1;
const ATTR_BYTES = 88;
const ENTRY_BYTES = 40 + ATTR_BYTES;

interface Inode {
  readonly node: FileNode;
  /** Lookups that the kernel has not forgotten. */
  count: number;
}
interface Handle {
  readonly node: FileNode;
  readonly flags: number;
  readonly file: OpenFile | null;
  listing: DirectoryEntry[] | null;
}

export class FuseServer implements MessageServer {
  private readonly inodes = new Map<number, Inode>();
  private readonly ids = new Map<FileNode, number>();
  private readonly handles = new Map<number, Handle>();
  private nextId = ROOT_ID + 1;
  private nextHandle = 1;

  constructor(private readonly tree: FileTree) {
    this.reset();
  }

  serve(request: readonly Uint8Array[], reply: readonly Uint8Array[]): number {
    const head = gather(request, IN_HEADER);
    if (head.length < IN_HEADER) return 0;
    const h = new MessageReader(head, 4);
    const opcode = h.u32();
    const unique = h.u64();
    const id = Number(h.u64());
    const message = gather(request, opcode === OP.write ? IN_HEADER + WRITE_IN : MAX_MESSAGE);
    const r = new MessageReader(message, IN_HEADER);
    const w = new MessageWriter();
    w.zeroes(OUT_HEADER);
    let error = 0;
    let data = 0;
    try {
      if (opcode === OP.forget || opcode === OP.batchForget) {
        this.forget(opcode, id, r);
        return 0;
      }
      if (opcode === OP.interrupt) return 0;
      if (opcode === OP.read) data = this.read(r, reply);
      else this.handle(opcode, id, r, w, request);
    } catch (e) {
      error = errnoOf(e);
      w.truncate(OUT_HEADER);
    }
    const out = new MessageWriter();
    out.u32(w.length + data).u32(-error >>> 0).u64(unique);
    const header = w.done();
    header.set(out.done());
    return scatter(header, reply) + data;
  }

  private inode(id: number): Inode {
    const inode = this.inodes.get(id);
    if (inode === undefined) throw new FileError("ESTALE");
    return inode;
  }
  private theHandle(id: bigint): Handle {
    const handle = this.handles.get(Number(id));
    if (handle === undefined) throw new FileError("EBADF");
    return handle;
  }
  private theFile(id: bigint): OpenFile {
    const { file } = this.theHandle(id);
    if (file === null) throw new FileError("EISDIR");
    return file;
  }

  private idOf(node: FileNode): number {
    let id = this.ids.get(node);
    if (id === undefined) {
      id = this.nextId++;
      this.ids.set(node, id);
      this.inodes.set(id, { node, count: 0 });
    }
    this.inode(id).count++;
    return id;
  }

  private forget(opcode: number, id: number, r: MessageReader): void {
    if (opcode === OP.forget) {
      this.forgetOne(id, Number(r.u64()));
      return;
    }
    const count = Math.min(r.u32(), MAX_MESSAGE / 16);
    r.skip(4);
    for (let i = 0; i < count; i++) this.forgetOne(Number(r.u64()), Number(r.u64()));
  }
  private forgetOne(id: number, lookups: number): void {
    const inode = this.inodes.get(id);
    if (inode === undefined || id === ROOT_ID) return;
    inode.count -= lookups;
    if (inode.count > 0) return;
    this.inodes.delete(id);
    this.ids.delete(inode.node);
  }

  private attributes(w: MessageWriter, s: FileStat): void {
    w.u64(s.ino).u64(s.size).u64(s.blocks);
    for (const ns of [s.atimeNs, s.mtimeNs, s.ctimeNs]) w.u64(ns / 1_000_000_000n);
    for (const ns of [s.atimeNs, s.mtimeNs, s.ctimeNs]) w.u32(Number(ns % 1_000_000_000n));
    w.u32(s.mode).u32(s.nlink).u32(s.uid).u32(s.gid).u32(0).u32(4096).u32(0);
  }
  private entry(w: MessageWriter, node: FileNode): void {
    const stat = this.tree.stat(node);
    w.u64(this.idOf(node)).u64(0).u64(CACHE_SECONDS).u64(CACHE_SECONDS).u32(0).u32(0);
    this.attributes(w, stat);
  }
  private attrOut(w: MessageWriter, stat: FileStat): void {
    w.u64(CACHE_SECONDS).u32(0).u32(0);
    this.attributes(w, stat);
  }

  private open(node: FileNode, flags: number): number {
    if (this.handles.size >= MAX_HANDLES) throw new FileError("EMFILE");
    const isFolder = (this.tree.stat(node).mode & MODE.type) === MODE.directory;
    const file = isFolder ? null : this.tree.open(node, { write: (flags & OPEN.accessMode) !== 0, truncate: (flags & OPEN.truncate) !== 0 });
    const id = this.nextHandle++;
    this.handles.set(id, { node, flags: flags & ~OPEN.truncate, file, listing: null });
    return id;
  }

  private read(r: MessageReader, reply: readonly Uint8Array[]): number {
    const file = this.theFile(r.u64());
    const position = r.position();
    return file.read(position, sliceSegments(reply, OUT_HEADER, r.u32()));
  }

  private handle(opcode: number, id: number, r: MessageReader, w: MessageWriter, request: readonly Uint8Array[]): void {
    const { tree } = this;
    switch (opcode) {
      case OP.init: {
        const [major, , readahead, flags] = [r.u32(), r.u32(), r.u32(), r.u32()];
        if (major !== VERSION.major) throw new FileError("EOPNOTSUPP");
        this.reset();
        w.u32(VERSION.major).u32(VERSION.minor).u32(readahead).u32(flags & OFFERED).u16(16).u16(12).u32(MAX_PAGES * 4096).u32(1).u16(MAX_PAGES).u16(0).zeroes(32);
        return;
      }
      case OP.destroy:
        this.reset();
        return;
      case OP.lookup: {
        const { node } = this.inode(id);
        const name = r.zeroTerminated();
        this.entry(w, name === "." ? node : name === ".." ? tree.parent(node) : tree.lookup(node, checkName(name)));
        return;
      }
      case OP.getattr:
        this.attrOut(w, this.statOf(this.inode(id).node));
        return;
      case OP.setattr:
        this.setattr(id, r, w);
        return;
      case OP.readlink:
        w.raw(tree.readLink(this.inode(id).node));
        return;
      case OP.symlink: {
        const name = checkName(r.zeroTerminated());
        this.entry(w, tree.makeLink(this.inode(id).node, name, r.zeroTerminated()));
        return;
      }
      case OP.mknod: {
        const mode = r.u32();
        r.skip(12);
        if ((mode & MODE.type) !== MODE.file) throw new FileError("EOPNOTSUPP");
        this.entry(w, tree.create(this.inode(id).node, checkName(r.zeroTerminated()), mode & 0o7777));
        return;
      }
      case OP.mkdir: {
        const mode = r.u32();
        r.skip(4);
        this.entry(w, tree.makeFolder(this.inode(id).node, checkName(r.zeroTerminated()), mode & 0o7777));
        return;
      }
      case OP.unlink:
      case OP.rmdir:
        tree.remove(this.inode(id).node, checkName(r.zeroTerminated()), opcode === OP.rmdir);
        return;
      case OP.rename:
      case OP.rename2: {
        const to = this.inode(Number(r.u64())).node;
        const flags = opcode === OP.rename2 ? r.u32() : 0;
        if (opcode === OP.rename2) r.skip(4);
        const from = this.inode(id).node;
        const name = checkName(r.zeroTerminated());
        const newName = checkName(r.zeroTerminated());
        if ((flags & ~RENAME_NOREPLACE) !== 0) throw new FileError("EINVAL");
        if ((flags & RENAME_NOREPLACE) !== 0 && this.exists(to, newName)) throw new FileError("EEXIST");
        tree.rename(from, name, to, newName);
        return;
      }
      case OP.link: {
        const { node } = this.inode(Number(r.u64()));
        const name = checkName(r.zeroTerminated());
        const folder = this.inode(id).node;
        tree.hardLink(folder, name, node);
        this.entry(w, tree.lookup(folder, name));
        return;
      }
      case OP.open:
      case OP.opendir:
        w.u64(this.open(this.inode(id).node, r.u32())).u32(0).u32(0);
        return;
      case OP.create: {
        const flags = r.u32();
        const mode = r.u32();
        r.skip(8);
        const folder = this.inode(id).node;
        const name = checkName(r.zeroTerminated());
        const node = this.createOrFind(folder, name, flags, mode);
        const handle = this.open(node, flags);
        this.entry(w, node);
        w.u64(handle).u32(0).u32(0);
        return;
      }
      case OP.write: {
        const file = this.theFile(r.u64());
        const position = r.position();
        w.u32(file.write(position, sliceSegments(request, IN_HEADER + WRITE_IN, r.u32()))).u32(0);
        return;
      }
      case OP.readdir:
      case OP.readdirplus:
        this.readdir(r, w, opcode === OP.readdirplus);
        return;
      case OP.release:
      case OP.releasedir: {
        const number = r.u64();
        this.theHandle(number).file?.close();
        this.handles.delete(Number(number));
        return;
      }
      case OP.fsync:
        this.theFile(r.u64()).sync();
        return;
      case OP.flush:
      case OP.fsyncdir:
        return;
      case OP.statfs: {
        const s = tree.space();
        w.u64(s.blocks).u64(s.freeBlocks).u64(s.freeBlocks).u64(s.files).u64(s.freeFiles).u32(4096).u32(255).u32(4096).zeroes(28);
        return;
      }
      default:
        // access: the kernel then checks by itself; extended attributes, locks, fallocate: not there.
        throw new FileError("ENOSYS");
    }
  }

  private exists(folder: FileNode, name: string): boolean {
    try {
      this.tree.lookup(folder, name);
      return true;
    } catch (e) {
      if (e instanceof FileError && e.code === "ENOENT") return false;
      throw e;
    }
  }
  private createOrFind(folder: FileNode, name: string, flags: number, mode: number): FileNode {
    try {
      return this.tree.create(folder, name, mode & 0o7777);
    } catch (e) {
      if (!(e instanceof FileError) || e.code !== "EEXIST" || (flags & OPEN.exclusive) !== 0) throw e;
      return this.tree.lookup(folder, name);
    }
  }

  /** A removed file is still there for who has it open. */
  private statOf(node: FileNode): FileStat {
    if (node.path() === null) for (const h of this.handles.values()) if (h.node === node && h.file !== null) return h.file.stat();
    return this.tree.stat(node);
  }

  private setattr(id: number, r: MessageReader, w: MessageWriter): void {
    const { node } = this.inode(id);
    const valid = r.u32();
    r.skip(4);
    const handle = r.u64();
    const size = r.position();
    r.skip(8);
    const seconds = [r.u64(), r.u64(), r.u64()];
    const nanoseconds = [r.u32(), r.u32(), r.u32()];
    const time = (i: number): bigint => seconds[i] * 1_000_000_000n + BigInt(nanoseconds[i]);
    const mode = r.u32();
    r.skip(4);
    const [uid, gid] = [r.u32(), r.u32()];
    const open = (valid & SET.handle) === 0 ? undefined : this.handles.get(Number(handle));
    const resized = (valid & SET.size) !== 0 && open !== undefined && open.file !== null;
    if (resized) open.file?.resize(size);
    const changes = {
      ...((valid & SET.mode) === 0 ? {} : { mode }), ...((valid & SET.uid) === 0 ? {} : { uid }), ...((valid & SET.gid) === 0 ? {} : { gid }),
      ...((valid & SET.size) === 0 || resized ? {} : { size }),
      ...((valid & SET.atime) === 0 ? {} : { atimeNs: (valid & SET.atimeNow) === 0 ? time(0) : ("now" as const) }),
      ...((valid & SET.mtime) === 0 ? {} : { mtimeNs: (valid & SET.mtimeNow) === 0 ? time(1) : ("now" as const) }),
    };
    if (Object.keys(changes).length > 0) this.tree.change(node, changes);
    this.attrOut(w, this.statOf(node));
  }

  /** Entries from an offset, with attributes and a lookup each where `plus`. */
  private readdir(r: MessageReader, w: MessageWriter, plus: boolean): void {
    const handle = this.theHandle(r.u64());
    const offset = r.position();
    const size = r.u32();
    if (handle.file !== null) throw new FileError("ENOTDIR");
    if (handle.listing === null || offset === 0) {
      const { tree } = this;
      const dot = (name: string, node: FileNode): DirectoryEntry => ({ name, ino: tree.stat(node).ino, type: MODE.directory });
      handle.listing = [dot(".", handle.node), dot("..", tree.parent(handle.node)), ...tree.list(handle.node)];
    }
    const start = w.length;
    for (let i = offset; i < handle.listing.length; i++) {
      const { name, type, ino } = handle.listing[i];
      const padding = (8 - (name.length % 8)) % 8;
      const bytes = (plus ? ENTRY_BYTES : 0) + 24 + name.length + padding;
      if (w.length - start + bytes > size) return;
      let inode = ino;
      if (plus) inode = this.plusEntry(w, handle.node, name) ?? ino;
      w.u64(inode).u64(i + 1).u32(name.length).u32(type >> 12).raw(name).zeroes(padding);
    }
  }

  /** The entry's inode number; none, and an entry of zeroes, for the dots and for what has gone meanwhile. */
  private plusEntry(w: MessageWriter, folder: FileNode, name: string): bigint | null {
    const before = w.length;
    if (name !== "." && name !== "..") {
      try {
        const node = this.tree.lookup(folder, name);
        const { ino } = this.tree.stat(node);
        this.entry(w, node);
        return ino;
      } catch (e) {
        if (!(e instanceof FileError)) throw e;
        w.truncate(before);
      }
    }
    w.zeroes(ENTRY_BYTES);
    return null;
  }

  reset(): void {
    for (const { file } of this.handles.values()) file?.close();
    this.handles.clear();
    this.inodes.clear();
    this.ids.clear();
    this.inodes.set(ROOT_ID, { node: this.tree.root, count: 1 });
    this.ids.set(this.tree.root, ROOT_ID);
  }

  save(): StateFields {
    return {
      nextId: this.nextId, nextHandle: this.nextHandle,
      inodes: [...this.inodes].map(([id, { node, count }]) => ({ id, count, path: node.path() })),
      handles: [...this.handles].map(([id, { node, flags, listing }]) => ({
        id, inode: this.ids.get(node) ?? 0, path: node.path(), flags, listing: listing === null ? null : listing.map((e) => ({ ...e })),
      })),
    };
  }
  /** Files that are gone leave their numbers unknown: the guest gets ESTALE or EBADF. */
  restore(r: StateReader): void {
    this.reset();
    this.nextId = r.int("nextId", ROOT_ID + 1);
    this.nextHandle = r.int("nextHandle", 1);
    for (const i of r.recordList("inodes")) {
      const id = i.int("id", ROOT_ID);
      const count = i.int("count");
      const path = i.stringsOrNull("path");
      const node = path === null ? null : nodeAt(this.tree, path);
      if (node === null || id === ROOT_ID) continue;
      this.inodes.set(id, { node, count });
      this.ids.set(node, id);
    }
    for (const h of r.recordList("handles")) {
      const id = h.int("id", 1);
      const inode = h.int("inode", 0);
      const path = h.stringsOrNull("path");
      const flags = h.int("flags", 0, 0xffff_ffff);
      const listing = h.recordListOrNull("listing")?.map((e) => ({ name: e.string("name"), ino: e.bigint("ino"), type: e.int("type", 0) })) ?? null;
      const node = this.inodes.get(inode)?.node ?? (path === null ? null : nodeAt(this.tree, path));
      if (node === null) continue;
      try {
        const made = this.open(node, flags);
        const handle = this.handles.get(made) as Handle;
        this.handles.delete(made);
        handle.listing = listing;
        this.handles.set(id, handle);
      } catch (e) {
        if (!(e instanceof FileError)) throw e;
      }
    }
    this.nextHandle = r.int("nextHandle", 1);
  }
}
