/** Opens a disk image with the images that it is based on. */
import type { BlockBackend } from "../../base/block.ts";
import { UserError } from "../../base/errors.ts";
import { isQcow2 } from "./qcow2-format.ts";
import { Qcow2Disk, readBytes } from "./qcow2.ts";

export type ImageFormat = "raw" | "qcow2";
export const IMAGE_FORMATS: readonly ImageFormat[] = ["raw", "qcow2"];

/** A file with an image in it, as a front end can reach it. */
export interface ImageFile {
  /** For messages. */
  readonly name: string;
  /** The same for the same file, whatever way led to it: shows loops. */
  readonly identity: string;
  /** The file's bytes. */
  readonly bytes: BlockBackend;
  /** The file that this one calls so. Rejects with a UserError where there is none. */
  backing(name: string): Promise<ImageFile>;
}

const CHAIN_MAX = 64;

/** What a file's content looks like. A guest can write anything into a raw disk: trust the user's word first. */
export async function probeFormat(file: BlockBackend): Promise<ImageFormat> {
  return isQcow2(await readBytes(file, 0, 8)) ? "qcow2" : "raw";
}

/** Throws UserError, one clear line, for whatever is wrong with the image or its chain. */
export async function openImage(file: ImageFile, format: ImageFormat): Promise<BlockBackend> {
  return openLink(file, format, []);
}

async function openLink(file: ImageFile, format: ImageFormat, above: readonly ImageFile[]): Promise<BlockBackend> {
  if (format === "raw") return file.bytes;
  const chain = [...above, file];
  const header = await Qcow2Disk.readHeader(file.bytes, file.name);
  return Qcow2Disk.open(file.bytes, file.name, header, header.backing === null ? null : await openBacking(file, header.backing, chain));
}

async function openBacking(file: ImageFile, { name, format }: { name: string; format: string | null }, chain: readonly ImageFile[]): Promise<BlockBackend> {
  if (name.startsWith("json:")) throw new UserError(`${file.name}: a backing file that is described in JSON is not supported`);
  const next = await file.backing(name);
  if (chain.some((link) => link.identity === next.identity)) {
    throw new UserError(`${chain[0].name}: the backing files form a loop: ${[...chain, next].map((link) => link.name).join(" → ")}`);
  }
  if (chain.length >= CHAIN_MAX) throw new UserError(`${chain[0].name}: more than ${CHAIN_MAX} images are based on each other`);
  const known = IMAGE_FORMATS.find((f) => f === format);
  if (format !== null && known === undefined) throw new UserError(`${file.name}: its backing file ${name} has the format '${format}', which is not known (raw and qcow2 are)`);
  return openLink(next, known ?? (await probeFormat(next.bytes)), chain);
}
