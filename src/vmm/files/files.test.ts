/** 9P2000.L and FUSE sessions over trees in memory and on the host; what a hostile guest sends; paths that lead outside. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { UserError } from "../../base/errors.ts";
import { StateReader } from "../../base/persist.ts";
import { HostTree } from "../../cli/host-tree.ts";
import type { MessageServer } from "../../devices/virtio/message-device.ts";
import { pseudoRandom } from "../../devices/testing/rig.ts";
import { MessageReader, MessageWriter } from "./bytes.ts";
import { FuseServer } from "./fuse.ts";
import { MemoryTree } from "./memory-tree.ts";
import { NinepServer } from "./ninep.ts";
import { ERRNO, FileError, type FileTree } from "./tree.ts";

let scratch: string;
let share: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "tabvisor-files-"));
  share = join(scratch, "share");
  mkdirSync(share);
});
afterEach(() => rmSync(scratch, { recursive: true }));

const memoryTree = (): FileTree => new MemoryTree(() => 1_700_000_000_123_456_789n);

/** Request and reply in odd pieces, as rings give them. */
function exchange(server: MessageServer, message: Uint8Array, room = 8192): Uint8Array {
  const reply = new Uint8Array(room);
  const n = server.serve([message.subarray(0, 9), message.subarray(9)], [reply.subarray(0, 5), reply.subarray(5, 30), reply.subarray(30)]);
  return reply.subarray(0, n);
}

/** One 9P request: what follows the header of the reply, or the error number. */
function ninep(server: MessageServer, type: number, fill: (w: MessageWriter) => void): MessageReader | number {
  const w = new MessageWriter();
  w.u32(0).u8(type).u16(77);
  fill(w);
  w.patch32(0, w.length);
  const reply = exchange(server, w.done().slice());
  const r = new MessageReader(reply.slice());
  expect(r.u32()).toBe(reply.length);
  const kind = r.u8();
  expect(r.u16()).toBe(77);
  if (kind === 7) return r.u32();
  expect(kind).toBe(type + 1);
  return r;
}
function answer(r: MessageReader | number): MessageReader {
  if (typeof r === "number") throw new Error(`error ${r}`);
  return r;
}
/** Version and attach of fid 0. */
function ninepStart(server: MessageServer): void {
  const v = answer(ninep(server, 100, (w) => w.u32(8192).string("9P2000.L")));
  expect([v.u32(), v.string()]).toEqual([8192, "9P2000.L"]);
  answer(ninep(server, 104, (w) => w.u32(0).u32(0xffff_ffff).string("root").string("").u32(0)));
}
const walk = (server: MessageServer, from: number, to: number, ...names: string[]): MessageReader | number =>
  ninep(server, 110, (w) => {
    w.u32(from).u32(to).u16(names.length);
    for (const n of names) w.string(n);
  });

describe.each([["memory", memoryTree], ["the host", () => new HostTree(share, false)]] as const)("9P2000.L on %s", (_name, make) => {
  let server: NinepServer;
  let tree: FileTree;
  beforeEach(() => {
    tree = make();
    server = new NinepServer(tree);
    ninepStart(server);
  });
  const create = (name: string, text: string): void => {
    walk(server, 0, 1);
    answer(ninep(server, 14, (w) => w.u32(1).string(name).u32(2).u32(0o644).u32(0)));
    expect(answer(ninep(server, 118, (w) => w.u32(1).u64(0).u32(text.length).raw(text))).u32()).toBe(text.length);
    answer(ninep(server, 120, (w) => w.u32(1)));
  };

  it("creates, writes, reads, lists, renames, removes", () => {
    answer(ninep(server, 72, (w) => w.u32(0).string("dir").u32(0o755).u32(0)));
    create("a.txt", "hello, file");
    answer(walk(server, 0, 2, "a.txt"));
    answer(ninep(server, 12, (w) => w.u32(2).u32(0)));
    const r = answer(ninep(server, 116, (w) => w.u32(2).u64(7).u32(100)));
    expect([r.u32(), String.fromCharCode(r.u8(), r.u8(), r.u8(), r.u8())]).toEqual([4, "file"]);
    const attributes = answer(ninep(server, 24, (w) => w.u32(2).u64(0x7ff)));
    attributes.skip(8 + 13);
    expect(attributes.u32()).toBe(0o100644);
    attributes.skip(4 + 4 + 8 + 8);
    expect(attributes.u64()).toBe(11n);
    answer(ninep(server, 74, (w) => w.u32(0).string("a.txt").u32(0).string("b.txt")));
    answer(walk(server, 0, 3));
    answer(ninep(server, 12, (w) => w.u32(3).u32(0)));
    const list = answer(ninep(server, 40, (w) => w.u32(3).u64(0).u32(4096)));
    const end = list.at + 4 + list.u32();
    const names: string[] = [];
    while (list.at < end) {
      list.skip(13 + 8 + 1);
      names.push(list.string());
    }
    expect(names.sort()).toEqual([".", "..", "b.txt", "dir"]);
    expect(ninep(server, 76, (w) => w.u32(0).string("dir").u32(0))).toBe(ERRNO.EISDIR);
    answer(ninep(server, 76, (w) => w.u32(0).string("dir").u32(0x200)));
    answer(ninep(server, 76, (w) => w.u32(0).string("b.txt").u32(0)));
    expect(walk(server, 0, 4, "b.txt")).toBe(ERRNO.ENOENT);
  });
  it("links are the guest's to follow; names never leave their folder", () => {
    answer(ninep(server, 16, (w) => w.u32(0).string("link").string("../../etc/passwd").u32(0)));
    answer(walk(server, 0, 1, "link"));
    expect(answer(ninep(server, 22, (w) => w.u32(1))).string()).toBe("../../etc/passwd");
    expect(ninep(server, 12, (w) => w.u32(1).u32(0))).not.toBeInstanceOf(MessageReader);
    for (const name of ["", ".", "a/b", "/etc", "x\0y", "../x"]) expect(walk(server, 0, 2, name)).toBe(ERRNO.EINVAL);
    answer(walk(server, 0, 3, "..", "..", ".."));
    const qid = answer(ninep(server, 24, (w) => w.u32(3).u64(0x7ff)));
    const root = answer(ninep(server, 24, (w) => w.u32(0).u64(0x7ff)));
    expect([qid.u64(), qid.u8(), qid.u32(), qid.u64()]).toEqual([root.u64(), root.u8(), root.u32(), root.u64()]);
  });
  it("goes on after a snapshot, with its open files", () => {
    create("kept", "contents");
    answer(walk(server, 0, 5, "kept"));
    answer(ninep(server, 12, (w) => w.u32(5).u32(0)));
    const copy = new NinepServer(tree);
    copy.restore(new StateReader("p9", server.save()));
    expect(copy.save()).toEqual(server.save());
    expect(answer(ninep(copy, 116, (w) => w.u32(5).u64(0).u32(100))).u32()).toBe(8);
  });
});

/** One FUSE request: what follows the header of the reply, or the error number. */
function fuse(server: MessageServer, opcode: number, node: number, fill: (w: MessageWriter) => void = () => undefined): MessageReader | number {
  const w = new MessageWriter();
  w.u32(0).u32(opcode).u64(99).u64(node).zeroes(16);
  fill(w);
  w.patch32(0, w.length);
  const reply = exchange(server, w.done().slice());
  const r = new MessageReader(reply.slice());
  expect(r.u32()).toBe(reply.length);
  const error = r.u32() | 0;
  expect(r.u64()).toBe(99n);
  return error === 0 ? r : -error;
}
const initFuse = (server: MessageServer): MessageReader => answer(fuse(server, 26, 0, (w) => w.u32(7).u32(36).u32(131072).u32(0xffff_ffff).zeroes(48)));

describe.each([["memory", memoryTree], ["the host", () => new HostTree(share, false)]] as const)("FUSE on %s", (_name, make) => {
  it("creates, writes, reads, lists with attributes; a removed file is there while it is open", () => {
    const server = new FuseServer(make());
    expect(initFuse(server).u32()).toBe(7);
    const made = answer(fuse(server, 35, 1, (w) => w.u32(2).u32(0o100644).u32(0).u32(0).raw("f\0")));
    const node = Number(made.u64());
    made.skip(120);
    const handle = made.u64();
    expect(answer(fuse(server, 16, node, (w) => w.u64(handle).u64(0).u32(5).u32(0).zeroes(16).raw("fuse!"))).u32()).toBe(5);
    const directory = answer(fuse(server, 27, 1, (w) => w.u32(0).u32(0))).u64();
    const list = answer(fuse(server, 44, 1, (w) => w.u64(directory).u64(0).u32(4096).zeroes(20)));
    list.skip(2 * (128 + 32) + 128 + 16);
    expect(list.u32()).toBe(1);
    answer(fuse(server, 10, 1, (w) => w.raw("f\0")));
    expect(fuse(server, 1, 1, (w) => w.raw("f\0"))).toBe(ERRNO.ENOENT);
    const read = answer(fuse(server, 15, node, (w) => w.u64(handle).u64(1).u32(100).zeroes(20)));
    expect([read.u8(), read.u8(), read.u8(), read.u8()]).toEqual([..."use!"].map((c) => c.charCodeAt(0)));
    const attributes = answer(fuse(server, 3, node, (w) => w.zeroes(16)));
    attributes.skip(16 + 8);
    expect(attributes.u64()).toBe(5n);
    expect(fuse(server, 15, node, (w) => w.u64(handle + 7n).u64(0).u32(1).zeroes(20))).toBe(ERRNO.EBADF);
  });
});

it.each([["9P", (t: FileTree) => new NinepServer(t)], ["FUSE", (t: FileTree) => new FuseServer(t)]] as const)("%s: no message hurts", (name, make) => {
  const tree = memoryTree();
  const server: MessageServer = make(tree);
  const random = pseudoRandom(42);
  for (let i = 0; i < 30_000; i++) {
    const message = Uint8Array.from({ length: random() % 120 }, () => (random() % 3 === 0 ? random() : random() % 4));
    if (name === "9P" && message.length > 4) message[4] = [8, 12, 14, 16, 18, 20, 22, 24, 26, 30, 40, 50, 52, 54, 70, 72, 74, 76, 100, 102, 104, 108, 110, 116, 118, 120, 122][random() % 27];
    if (name === "FUSE" && message.length > 24) {
      message.set([random() % 50, 0, 0, 0], 4);
      message.set([1 + (random() % 3), 0, 0, 0, 0, 0, 0, 0], 16);
    }
    const reply = new Uint8Array(random() % 300);
    const n = server.serve([message], [reply]);
    expect(n <= Math.max(reply.length, 16)).toBe(true);
    if (i % 5000 === 0) server.restore(new StateReader("s", server.save()));
  }
});

describe("a folder of the host", () => {
  const code = (f: () => unknown): string => {
    try {
      f();
      return "";
    } catch (e) {
      if (e instanceof FileError) return e.code;
      throw e;
    }
  };
  it("is not left through links that somebody puts in the way", () => {
    mkdirSync(join(share, "dir"));
    mkdirSync(join(scratch, "secret"));
    writeFileSync(join(scratch, "secret", "key"), "outside");
    const tree = new HostTree(share, false);
    const dir = tree.lookup(tree.root, "dir");
    renameSync(join(share, "dir"), join(share, "moved"));
    symlinkSync(join(scratch, "secret"), join(share, "dir"));
    expect(code(() => tree.lookup(dir, "key"))).toBe("ELOOP");
    expect(code(() => tree.list(dir))).toBe("ELOOP");
    expect(code(() => tree.create(dir, "new", 0o644))).toBe("ELOOP");
    symlinkSync(join(scratch, "secret", "key"), join(share, "file"));
    const file = tree.lookup(tree.root, "file");
    expect(code(() => tree.open(file, { write: true, truncate: true }))).toBe("ENXIO");
    expect(code(() => tree.change(file, { size: 0 }))).toBe("ELOOP");
    tree.change(file, { mode: 0o777 });
    expect(readFileSync(join(scratch, "secret", "key"), "latin1")).toBe("outside");
    expect(existsSync(join(scratch, "secret", "new"))).toBe(false);
  });
  it("does not wait for pipes, and can be read-only", () => {
    execFileSync("mkfifo", [join(share, "pipe")]);
    const tree = new HostTree(share, true);
    expect(code(() => tree.open(tree.lookup(tree.root, "pipe"), { write: false, truncate: false }))).toBe("ENXIO");
    expect(code(() => tree.create(tree.root, "x", 0o644))).toBe("EROFS");
    expect(code(() => tree.remove(tree.root, "pipe", false))).toBe("EROFS");
  });
  it("keeps names that are no UTF-8", () => {
    const tree = new HostTree(share, false);
    tree.create(tree.root, "\xff\xfe", 0o600);
    expect(tree.list(tree.root).map((e) => e.name)).toEqual(["\xff\xfe"]);
  });
  it("must be a folder", () => {
    expect(() => new HostTree(join(scratch, "none"), false)).toThrow(new UserError(`-virtfs: cannot use '${join(scratch, "none")}': there is no such file or folder`));
    writeFileSync(join(scratch, "file"), "");
    expect(() => new HostTree(join(scratch, "file"), false)).toThrow("is not a folder");
  });
});
