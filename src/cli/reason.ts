/** Why something failed, in words. */
import { UserError } from "../base/errors.ts";

const KNOWN: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder", EACCES: "permission denied", EISDIR: "it is a folder", ENOTDIR: "it is not a folder",
  ENOSPC: "the disk is full", EROFS: "the file system is read-only", EIO: "input/output error",
  ELOOP: "its symbolic links form a loop", EPERM: "not permitted",
};

export function reason(e: unknown): string {
  if (e instanceof UserError) return e.message;
  const code = (e as NodeJS.ErrnoException).code;
  return KNOWN[code ?? ""] ?? code ?? (e instanceof Error ? e.message : String(e));
}
