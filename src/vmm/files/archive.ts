/** A whole tree of files as bytes, and back: how a shared folder is kept. */
import { UserError } from "../../base/errors.ts";
import { crc32 } from "../boot/crc32.ts";
import { MemoryTree } from "./memory-tree.ts";
import { checkName, MODE, type FileNode, type FileTree } from "./tree.ts";

/**
 * Layout, little-endian: magic, u32 CRC-32 of all that follows the header, u32 length of the index, the index (JSON, Latin-1: names are byte
 * strings), then the files' bytes in the index's order.
 */
const MAGIC = "TVFOLD1\n";
const HEADER_BYTES = 16;

interface Entry {
  /** Names from the root. */
  readonly path: readonly string[];
  /** Type and permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Decimal. */
  readonly mtimeNs: string;
  /** Of a regular file. */
  readonly bytes?: number;
  /** Of a link. */
  readonly target?: string;
}

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (ch) => ch.charCodeAt(0));
const fromLatin1 = (bytes: Uint8Array): string => {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return text;
};

export function readFile(tree: FileTree, node: FileNode): Uint8Array<ArrayBuffer> {
  const file = tree.open(node, { write: false, truncate: false });
  try {
    const bytes = new Uint8Array(file.stat().size);
    return bytes.subarray(0, file.read(0, [bytes]));
  } finally {
    file.close();
  }
}

/** Files with several names are stored once for each. */
export function packTree(tree: FileTree): Uint8Array<ArrayBuffer> {
  const entries: Entry[] = [];
  const files: Uint8Array[] = [];
  const walk = (folder: FileNode, above: readonly string[]): void => {
    for (const { name } of tree.list(folder)) {
      const node = tree.lookup(folder, name);
      const { mode, uid, gid, mtimeNs } = tree.stat(node);
      const path = [...above, name];
      const common = { path, mode, uid, gid, mtimeNs: String(mtimeNs) };
      if ((mode & MODE.type) === MODE.directory) {
        entries.push(common);
        walk(node, path);
      } else if ((mode & MODE.type) === MODE.link) entries.push({ ...common, target: tree.readLink(node) });
      else {
        const bytes = readFile(tree, node);
        files.push(bytes);
        entries.push({ ...common, bytes: bytes.length });
      }
    }
  };
  walk(tree.root, []);
  const index = latin1(JSON.stringify(entries));
  const out = new Uint8Array(HEADER_BYTES + index.length + files.reduce((n, f) => n + f.length, 0));
  const view = new DataView(out.buffer);
  out.set(latin1(MAGIC));
  view.setUint32(12, index.length, true);
  out.set(index, HEADER_BYTES);
  let at = HEADER_BYTES + index.length;
  for (const file of files) {
    out.set(file, at);
    at += file.length;
  }
  view.setUint32(8, crc32(out.subarray(HEADER_BYTES)), true);
  return out;
}

/** Throws UserError for what is damaged. */
export function unpackTree(bytes: Uint8Array, nowNs: () => bigint): MemoryTree {
  const tree = new MemoryTree(nowNs);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER_BYTES || fromLatin1(bytes.subarray(0, 8)) !== MAGIC || view.getUint32(8, true) !== crc32(bytes.subarray(HEADER_BYTES))) {
    throw new UserError("the shared folder's file is damaged");
  }
  const length = view.getUint32(12, true);
  let at = HEADER_BYTES + length;
  for (const entry of JSON.parse(fromLatin1(bytes.subarray(HEADER_BYTES, at))) as Entry[]) {
    const folder = entry.path.slice(0, -1).reduce<FileNode>((node, name) => tree.lookup(node, name), tree.root);
    const name = checkName(entry.path[entry.path.length - 1]);
    const mode = entry.mode & 0o7777;
    let node: FileNode;
    if ((entry.mode & MODE.type) === MODE.directory) node = tree.makeFolder(folder, name, mode);
    else if (entry.target !== undefined) node = tree.makeLink(folder, name, entry.target);
    else {
      node = tree.create(folder, name, mode);
      const file = tree.open(node, { write: true, truncate: false });
      file.write(0, [bytes.subarray(at, at + (entry.bytes ?? 0))]);
      file.close();
      at += entry.bytes ?? 0;
    }
    tree.change(node, { uid: entry.uid, gid: entry.gid, mtimeNs: BigInt(entry.mtimeNs) });
  }
  return tree;
}
