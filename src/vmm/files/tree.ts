/** A tree of files as the file servers see it; names and link targets are byte strings (one character for each byte). */

/** Linux' error numbers (errno-base.h, errno.h), which both protocols carry. */
export const ERRNO = {
  EPERM: 1, ENOENT: 2, EIO: 5, ENXIO: 6, EBADF: 9, EACCES: 13, EBUSY: 16, EEXIST: 17, EXDEV: 18, ENOTDIR: 20, EISDIR: 21, EINVAL: 22, EFBIG: 27,
  EMFILE: 24, ENOSPC: 28, EROFS: 30, EMLINK: 31, ENAMETOOLONG: 36, ENOSYS: 38, ENOTEMPTY: 39, ELOOP: 40, EOVERFLOW: 75, EOPNOTSUPP: 95, ESTALE: 116, EDQUOT: 122,
} as const;
export type Errno = keyof typeof ERRNO;

/** A request fails; the guest sees the number. */
export class FileError extends Error {
  override readonly name = "FileError";
  constructor(readonly code: Errno) {
    super(code);
  }
}

/** File type bits of a mode (inode(7)). */
export const MODE = { type: 0o170000, directory: 0o040000, file: 0o100000, link: 0o120000 } as const;

export interface FileStat {
  readonly ino: bigint;
  /** Type and permission bits. */
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** In units of 512 bytes. */
  readonly blocks: number;
  /** Nanoseconds since 1970. */
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

/** What is to change; times: "now" is the server's clock. */
export interface StatChanges {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly size?: number;
  readonly atimeNs?: bigint | "now";
  readonly mtimeNs?: bigint | "now";
}

export interface DirectoryEntry {
  readonly name: string;
  readonly ino: bigint;
  /** Type bits of the mode. */
  readonly type: number;
}

export interface TreeSpace {
  /** Blocks of 4 KiB, and file counts. */
  readonly blocks: number;
  readonly freeBlocks: number;
  readonly files: number;
  readonly freeFiles: number;
}

/** A file or folder that a server holds. Trees make them; equal files may have several. */
export interface FileNode {
  /** Names from the root, for saving; null when the file has been removed. */
  path(): readonly string[] | null;
}

/** A regular file that is open. */
export interface OpenFile {
  /** Bytes read into the front of the segments: fewer at the end of the file. */
  read(position: number, into: readonly Uint8Array[]): number;
  /** Bytes written. */
  write(position: number, from: readonly Uint8Array[]): number;
  stat(): FileStat;
  resize(size: number): void;
  sync(): void;
  close(): void;
}

/** Every method throws FileError, and nothing else. Names have been checked: not empty, no slash, neither `.` nor `..`. */
export interface FileTree {
  readonly readOnly: boolean;
  readonly root: FileNode;
  lookup(folder: FileNode, name: string): FileNode;
  /** The root's is the root. */
  parent(folder: FileNode): FileNode;
  stat(node: FileNode): FileStat;
  change(node: FileNode, changes: StatChanges): void;
  readLink(node: FileNode): string;
  list(folder: FileNode): DirectoryEntry[];
  /** A new empty file; EEXIST where there is one. `mode` has permission bits only. */
  create(folder: FileNode, name: string, mode: number): FileNode;
  makeFolder(folder: FileNode, name: string, mode: number): FileNode;
  makeLink(folder: FileNode, name: string, target: string): FileNode;
  hardLink(folder: FileNode, name: string, node: FileNode): void;
  remove(folder: FileNode, name: string, isFolder: boolean): void;
  rename(folder: FileNode, name: string, newFolder: FileNode, newName: string): void;
  open(node: FileNode, access: { readonly write: boolean; readonly truncate: boolean }): OpenFile;
  space(): TreeSpace;
}

/** Refuses names that would leave their folder. */
export function checkName(name: string): string {
  if (name === "" || name === "." || name === ".." || name.includes("/") || name.includes("\0")) throw new FileError("EINVAL");
  if (name.length > 255) throw new FileError("ENAMETOOLONG");
  return name;
}

/** The node at a saved path, or null where there is none any more. */
export function nodeAt(tree: FileTree, path: readonly string[]): FileNode | null {
  try {
    return path.reduce((node, name) => tree.lookup(node, checkName(name)), tree.root);
  } catch (e) {
    if (e instanceof FileError) return null;
    throw e;
  }
}

/** Any file system fails in ways that we have not thought of: the guest gets an I/O error. */
export function errnoOf(e: unknown): number {
  return ERRNO[e instanceof FileError ? e.code : "EIO"];
}
