/** Writes cpio archives in the "newc" format that Linux unpacks as initramfs (Documentation/driver-api/early-userspace/buffer-format.rst). */

export type CpioEntry =
  | { readonly kind: "file"; readonly path: string; readonly mode: number; readonly data: Uint8Array }
  | { readonly kind: "directory"; readonly path: string; readonly mode: number }
  | { readonly kind: "symlink"; readonly path: string; readonly target: string }
  | { readonly kind: "character-device"; readonly path: string; readonly mode: number; readonly major: number; readonly minor: number };

const S_IFCHR = 0o020000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;

/** All owned by root, dated 1970: the same entries give the same bytes. Parents must come before their children. */
export function writeCpio(entries: readonly CpioEntry[]): Uint8Array {
  const pieces: Uint8Array[] = [];
  let inode = 1;
  for (const entry of entries) pieces.push(...member(entry, inode++));
  pieces.push(...record("TRAILER!!!", 0, 0, 1, new Uint8Array(0), 0, 0));
  return Buffer.concat(pieces);
}

function member(entry: CpioEntry, inode: number): Uint8Array[] {
  const none = new Uint8Array(0);
  switch (entry.kind) {
    case "file":
      return record(entry.path, inode, S_IFREG | entry.mode, 1, entry.data, 0, 0);
    case "directory":
      return record(entry.path, inode, S_IFDIR | entry.mode, 2, none, 0, 0);
    case "symlink":
      return record(entry.path, inode, S_IFLNK | 0o777, 1, Buffer.from(entry.target), 0, 0);
    case "character-device":
      return record(entry.path, inode, S_IFCHR | entry.mode, 1, none, entry.major, entry.minor);
  }
}

function record(path: string, inode: number, mode: number, links: number, data: Uint8Array, major: number, minor: number): Uint8Array[] {
  const name = Buffer.from(`${path}\0`);
  // ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
  const fields = [inode, mode, 0, 0, links, 0, data.length, 0, 0, major, minor, name.length, 0];
  const header = Buffer.from(`070701${fields.map((f) => f.toString(16).padStart(8, "0")).join("")}`);
  return [header, name, padding(header.length + name.length), data, padding(data.length)];
}

function padding(length: number): Uint8Array {
  return new Uint8Array((4 - (length % 4)) % 4);
}
