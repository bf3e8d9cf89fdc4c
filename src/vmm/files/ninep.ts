/** 9P2000.L over a tree of files (Linux' Documentation/filesystems/9p.rst; the diod project's protocol.md). */
import type { StateFields, StateReader } from "../../base/persist.ts";
import { gather, scatter, sliceSegments } from "../../devices/virtio/chain.ts";
import type { MessageServer } from "../../devices/virtio/message-device.ts";
import { MessageReader, MessageWriter } from "./bytes.ts";
import { checkName, errnoOf, FileError, MODE, nodeAt, type DirectoryEntry, type FileNode, type FileStat, type FileTree, type OpenFile, type StatChanges } from "./tree.ts";

const T = {
  statfs: 8, lopen: 12, lcreate: 14, symlink: 16, mknod: 18, rename: 20, readlink: 22, getattr: 24, setattr: 26, xattrwalk: 30, xattrcreate: 32,
  readdir: 40, fsync: 50, lock: 52, getlock: 54, link: 70, mkdir: 72, renameat: 74, unlinkat: 76, version: 100, auth: 102, attach: 104,
  flush: 108, walk: 110, read: 116, write: 118, clunk: 120, remove: 122,
} as const;
const R_LERROR = 7;
const VERSION = "9P2000.L";

const HEADER_BYTES = 7;
/** Rread and Twrite before their data. */
const READ_HEADER = HEADER_BYTES + 4;
const WRITE_HEADER = HEADER_BYTES + 4 + 8 + 4;
/** Longest message without data: a walk of 16 names, a link's target. */
const MAX_MESSAGE = 16 * 1024;
const MIN_MSIZE = 4096;
const MAX_MSIZE = 1 << 20;
const MAX_WALK = 16;
const MAX_FIDS = 1 << 16;

const QID = { directory: 0x80, link: 0x02, file: 0 } as const;
const OPEN = { accessMode: 3, create: 0o100, exclusive: 0o200, truncate: 0o1000 } as const;
/** Tsetattr's valid bits. */
const SET = { mode: 1, uid: 2, gid: 4, size: 8, atime: 0x10, mtime: 0x20, atimeSet: 0x80, mtimeSet: 0x100 } as const;
const GETATTR_BASIC = 0x7ff;
const UNLINK_FOLDER = 0x200;
const UNLOCKED = 2;
/** V9FS_MAGIC. */
const MAGIC = 0x01021997;

interface Fid {
  node: FileNode;
  file: OpenFile | null;
  openFlags: number | null;
  /** The folder's listing as of the last read from its start. */
  listing: DirectoryEntry[] | null;
}

export class NinepServer implements MessageServer {
  private readonly fids = new Map<number, Fid>();
  private msize = MIN_MSIZE;

  constructor(private readonly tree: FileTree) {}

  serve(request: readonly Uint8Array[], reply: readonly Uint8Array[]): number {
    const head = gather(request, HEADER_BYTES);
    if (head.length < HEADER_BYTES) return 0;
    const type = head[4];
    const message = gather(request, type === T.write ? WRITE_HEADER : MAX_MESSAGE);
    const r = new MessageReader(message, HEADER_BYTES);
    const tag = message[5] | (message[6] << 8);
    if (type === T.read) return this.readInto(r, tag, reply);
    const w = new MessageWriter();
    w.u32(0).u8(type + 1).u16(tag);
    try {
      this.handle(type, r, w, request);
    } catch (e) {
      w.truncate(0);
      w.u32(0).u8(R_LERROR).u16(tag).u32(errnoOf(e));
    }
    w.patch32(0, w.length);
    return scatter(w.done(), reply);
  }

  /** Tread: the file's bytes go straight into the reply. */
  private readInto(r: MessageReader, tag: number, reply: readonly Uint8Array[]): number {
    const w = new MessageWriter();
    try {
      const fid = this.fid(r.u32());
      const position = r.position();
      const count = Math.min(r.u32(), this.msize - READ_HEADER);
      if (fid.file === null) throw new FileError("EBADF");
      const n = fid.file.read(position, sliceSegments(reply, READ_HEADER, count));
      w.u32(READ_HEADER + n).u8(T.read + 1).u16(tag).u32(n);
      scatter(w.done(), reply);
      return READ_HEADER + n;
    } catch (e) {
      w.u32(HEADER_BYTES + 4).u8(R_LERROR).u16(tag).u32(errnoOf(e));
      return scatter(w.done(), reply);
    }
  }

  private fid(number: number): Fid {
    const fid = this.fids.get(number);
    if (fid === undefined) throw new FileError("EBADF");
    return fid;
  }
  private addFid(number: number, node: FileNode): Fid {
    if (this.fids.has(number)) throw new FileError("EBADF");
    if (this.fids.size >= MAX_FIDS) throw new FileError("EMFILE");
    const fid: Fid = { node, file: null, openFlags: null, listing: null };
    this.fids.set(number, fid);
    return fid;
  }

  private qid(w: MessageWriter, stat: { readonly ino: bigint; readonly mode: number }): MessageWriter {
    const type = stat.mode & MODE.type;
    return w.u8(type === MODE.directory ? QID.directory : type === MODE.link ? QID.link : QID.file).u32(0).u64(stat.ino);
  }
  private qidOf(w: MessageWriter, node: FileNode): MessageWriter {
    return this.qid(w, this.tree.stat(node));
  }
  private statOf(fid: Fid): FileStat {
    return fid.file !== null && fid.node.path() === null ? fid.file.stat() : this.tree.stat(fid.node);
  }

  private handle(type: number, r: MessageReader, w: MessageWriter, request: readonly Uint8Array[]): void {
    const { tree } = this;
    switch (type) {
      case T.version: {
        this.reset();
        this.msize = Math.min(MAX_MSIZE, Math.max(MIN_MSIZE, r.u32()));
        w.u32(this.msize).string(r.string() === VERSION ? VERSION : "unknown");
        return;
      }
      case T.attach: {
        const number = r.u32();
        this.addFid(number, tree.root);
        this.qidOf(w, tree.root);
        return;
      }
      case T.flush:
        return; // Requests are answered in order: there is nothing left to flush.
      case T.walk:
        this.walk(r, w);
        return;
      case T.clunk:
        this.clunk(r.u32());
        return;
      case T.remove: {
        const number = r.u32();
        const { node } = this.fid(number);
        try {
          const path = node.path();
          const name = path?.at(-1);
          if (path === null || name === undefined) throw new FileError("ENOENT");
          const folder = nodeAt(tree, path.slice(0, -1));
          if (folder === null) throw new FileError("ENOENT");
          tree.remove(folder, name, (tree.stat(node).mode & MODE.type) === MODE.directory);
        } finally {
          this.clunk(number); // Even when it fails (intro(9p), remove).
        }
        return;
      }
      case T.lopen: {
        const fid = this.fid(r.u32());
        this.open(fid, r.u32());
        this.qidOf(w, fid.node).u32(0);
        return;
      }
      case T.lcreate: {
        const fid = this.fid(r.u32());
        const name = checkName(r.string());
        const flags = r.u32();
        const mode = r.u32();
        fid.node = this.createOrFind(fid.node, name, flags, mode);
        this.open(fid, flags & ~(OPEN.create | OPEN.exclusive));
        this.qidOf(w, fid.node).u32(0);
        return;
      }
      case T.write: {
        const fid = this.fid(r.u32());
        const position = r.position();
        const count = r.u32();
        if (fid.file === null) throw new FileError("EBADF");
        w.u32(fid.file.write(position, sliceSegments(request, WRITE_HEADER, count)));
        return;
      }
      case T.readdir:
        this.readdir(r, w);
        return;
      case T.getattr: {
        const fid = this.fid(r.u32());
        this.getattr(w, this.statOf(fid));
        return;
      }
      case T.setattr:
        this.setattr(this.fid(r.u32()), r);
        return;
      case T.readlink:
        w.string(tree.readLink(this.fid(r.u32()).node));
        return;
      case T.symlink: {
        const { node } = this.fid(r.u32());
        const name = checkName(r.string());
        this.qidOf(w, tree.makeLink(node, name, r.string()));
        return;
      }
      case T.mkdir: {
        const { node } = this.fid(r.u32());
        const name = checkName(r.string());
        this.qidOf(w, tree.makeFolder(node, name, r.u32()));
        return;
      }
      case T.link: {
        const { node } = this.fid(r.u32());
        const target = this.fid(r.u32()).node;
        tree.hardLink(node, checkName(r.string()), target);
        return;
      }
      case T.rename: {
        const { node } = this.fid(r.u32());
        const folder = this.fid(r.u32()).node;
        const path = node.path();
        const old = path?.at(-1);
        const from = path === null ? null : nodeAt(tree, path.slice(0, -1));
        if (from === null || old === undefined) throw new FileError("ENOENT");
        tree.rename(from, old, folder, checkName(r.string()));
        return;
      }
      case T.renameat: {
        const from = this.fid(r.u32()).node;
        const name = checkName(r.string());
        const to = this.fid(r.u32()).node;
        tree.rename(from, name, to, checkName(r.string()));
        return;
      }
      case T.unlinkat: {
        const { node } = this.fid(r.u32());
        const name = checkName(r.string());
        tree.remove(node, name, (r.u32() & UNLINK_FOLDER) !== 0);
        return;
      }
      case T.fsync:
        this.fid(r.u32()).file?.sync();
        return;
      case T.statfs: {
        this.fid(r.u32());
        const s = tree.space();
        w.u32(MAGIC).u32(4096).u64(s.blocks).u64(s.freeBlocks).u64(s.freeBlocks).u64(s.files).u64(s.freeFiles).u64(0).u32(255);
        return;
      }
      case T.lock:
        // One guest: its own kernel keeps the locks, and we grant what it asks.
        this.fid(r.u32());
        w.u8(0);
        return;
      case T.getlock: {
        this.fid(r.u32());
        r.u8();
        const [start, length, process] = [r.u64(), r.u64(), r.u32()];
        w.u8(UNLOCKED).u64(start).u64(length).u32(process).string(r.string());
        return;
      }
      default:
        // Extended attributes, device nodes, authentication.
        throw new FileError("EOPNOTSUPP");
    }
  }

  private walk(r: MessageReader, w: MessageWriter): void {
    const number = r.u32();
    const from = this.fid(number);
    const newNumber = r.u32();
    const count = r.u16();
    if (count > MAX_WALK) throw new FileError("EINVAL");
    const at = w.length;
    w.u16(0);
    let { node } = from;
    let walked = 0;
    for (; walked < count; walked++) {
      const name = r.string();
      try {
        node = name === ".." ? this.tree.parent(node) : this.tree.lookup(node, checkName(name));
        this.qidOf(w, node);
      } catch (e) {
        if (walked === 0) throw e;
        break;
      }
    }
    w.patch16(at, walked);
    // Only a whole walk makes the new fid (walk(9p)).
    if (walked < count) return;
    if (newNumber === number) from.node = node;
    else this.addFid(newNumber, node);
  }
  private createOrFind(folder: FileNode, name: string, flags: number, mode: number): FileNode {
    try {
      return this.tree.create(folder, name, mode & 0o7777);
    } catch (e) {
      if (!(e instanceof FileError) || e.code !== "EEXIST" || (flags & OPEN.exclusive) !== 0) throw e;
      return this.tree.lookup(folder, name);
    }
  }

  private open(fid: Fid, flags: number): void {
    if (fid.openFlags !== null) throw new FileError("EBADF");
    const isFolder = (this.tree.stat(fid.node).mode & MODE.type) === MODE.directory;
    if (isFolder && (flags & OPEN.accessMode) !== 0) throw new FileError("EISDIR");
    if (!isFolder) fid.file = this.tree.open(fid.node, { write: (flags & OPEN.accessMode) !== 0, truncate: (flags & OPEN.truncate) !== 0 });
    fid.openFlags = flags & ~OPEN.truncate;
  }

  private clunk(number: number): void {
    this.fid(number).file?.close();
    this.fids.delete(number);
  }

  private readdir(r: MessageReader, w: MessageWriter): void {
    const fid = this.fid(r.u32());
    const offset = r.position();
    const count = Math.min(r.u32(), this.msize - READ_HEADER);
    if (fid.listing === null || offset === 0) {
      const { tree } = this;
      const dot = (name: string, node: FileNode): DirectoryEntry => ({ name, ino: tree.stat(node).ino, type: MODE.directory });
      fid.listing = [dot(".", fid.node), dot("..", tree.parent(fid.node)), ...tree.list(fid.node)];
    }
    const at = w.length;
    w.u32(0);
    for (let i = offset; i < fid.listing.length; i++) {
      const { name, ino, type } = fid.listing[i];
      const before = w.length;
      this.qid(w, { ino, mode: type }).u64(i + 1).u8(type >> 12).string(name);
      if (w.length - at - 4 > count) {
        w.truncate(before);
        break;
      }
    }
    w.patch32(at, w.length - at - 4);
  }

  private getattr(w: MessageWriter, s: FileStat): void {
    w.u64(GETATTR_BASIC);
    this.qid(w, s).u32(s.mode).u32(s.uid).u32(s.gid).u64(s.nlink).u64(0).u64(s.size).u64(4096).u64(s.blocks);
    for (const ns of [s.atimeNs, s.mtimeNs, s.ctimeNs]) w.u64(ns / 1_000_000_000n).u64(ns % 1_000_000_000n);
    w.zeroes(32); // birth time, generation, data version: not valid
  }

  private setattr(fid: Fid, r: MessageReader): void {
    const valid = r.u32();
    const [mode, uid, gid] = [r.u32(), r.u32(), r.u32()];
    const size = r.u64();
    const time = (bit: number, setBit: number): bigint | "now" | null => {
      const ns = r.u64() * 1_000_000_000n + r.u64();
      return (valid & bit) === 0 ? null : (valid & setBit) === 0 ? "now" : ns;
    };
    const atime = time(SET.atime, SET.atimeSet);
    const mtime = time(SET.mtime, SET.mtimeSet);
    if (size > 2n ** 53n) throw new FileError("EFBIG");
    const changes: StatChanges = {
      ...((valid & SET.mode) === 0 ? {} : { mode }), ...((valid & SET.uid) === 0 ? {} : { uid }), ...((valid & SET.gid) === 0 ? {} : { gid }),
      ...((valid & SET.size) === 0 ? {} : { size: Number(size) }), ...(atime === null ? {} : { atimeNs: atime }), ...(mtime === null ? {} : { mtimeNs: mtime }),
    };
    this.tree.change(fid.node, changes);
  }

  reset(): void {
    for (const fid of this.fids.values()) fid.file?.close();
    this.fids.clear();
    this.msize = MIN_MSIZE;
  }

  save(): StateFields {
    return {
      msize: this.msize,
      fids: [...this.fids].map(([number, { node, openFlags, listing }]) => ({
        number, path: node.path(), openFlags,
        listing: listing === null ? null : listing.map((e) => ({ ...e })),
      })),
    };
  }
  /** Fids whose files are gone are gone too. */
  restore(r: StateReader): void {
    this.reset();
    this.msize = r.int("msize", MIN_MSIZE, MAX_MSIZE);
    for (const f of r.recordList("fids")) {
      const number = f.int("number", 0, 0xffff_ffff);
      const path = f.stringsOrNull("path");
      const openFlags = f.intOrNull("openFlags");
      const listing = f.recordListOrNull("listing")?.map((e) => ({ name: e.string("name"), ino: e.bigint("ino"), type: e.int("type", 0) })) ?? null;
      const node = path === null ? null : nodeAt(this.tree, path);
      if (node === null) continue;
      try {
        const fid = this.addFid(number, node);
        if (openFlags !== null) this.open(fid, openFlags);
        fid.listing = listing;
      } catch (e) {
        if (!(e instanceof FileError)) throw e;
      }
    }
  }
}
