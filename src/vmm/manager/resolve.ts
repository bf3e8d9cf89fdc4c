/** From a definition's sources to addresses and files that a worker can open. On the page's main thread. */
import { UserError } from "../../base/errors.ts";
import type { ImageSource, ImageSources, MachineSpec } from "../api.ts";
import type { FileSource, MachineDefinition } from "../definition/definition.ts";
import { drivesOf, epochOf, type DriveSpec } from "../definition/wiring.ts";
import type { DiskConfig, DiskSource } from "../storage/open-disk.ts";
import { folderPath, overlayPath } from "./places.ts";

export interface Sources {
  /** A file that the user gave. Rejects with a UserError. */
  file(name: string): Promise<File>;
  /** Where what `npm run image` makes is served from. */
  readonly guestFolder: URL;
  /** Overlays and folders can be kept. */
  readonly canKeep: boolean;
}

export interface Place {
  readonly machineId: string;
  /** What relative addresses are relative to. */
  readonly base: string;
}

const SECTOR_BYTES = 512;

function address(url: string, base: string): string {
  try {
    return new URL(url, base).href;
  } catch {
    throw new UserError(`'${url}' is not an address`);
  }
}

const lastName = (url: string): string => url.split(/[?#]/, 1)[0].split("/").at(-1) ?? url;

/** An image that is loaded as a whole. `unzip`: gzip is undone. */
export async function imageOf(source: FileSource, unzip: boolean, { base }: Place, sources: Sources): Promise<ImageSource> {
  if ("guest" in source) throw new UserError("a guest of `npm run image` can only be the kernel or a disk");
  if ("file" in source) return { name: source.file, from: { blob: await sources.file(source.file) }, unzip, size: null };
  return { name: lastName(source.url), from: { url: address(source.url, base) }, unzip, size: null };
}

/** Kernel and initrds that are not the default guest's. */
export async function imagesOf(boot: { readonly kernel: FileSource; readonly initrds: readonly FileSource[] }, place: Place, sources: Sources): Promise<ImageSources> {
  const [kernel, ...initrds] = await Promise.all([imageOf(boot.kernel, true, place, sources), ...boot.initrds.map((s) => imageOf(s, false, place, sources))]);
  return { kernel, initrds };
}

async function diskSource(image: NonNullable<DriveSpec["image"]>, place: Place, sources: Sources): Promise<DiskSource> {
  if ("blank" in image) return { kind: "blank", sectors: Math.ceil(image.blank / SECTOR_BYTES) };
  if ("file" in image) return { kind: "files", files: [await sources.file(image.file)] };
  if ("guest" in image) return { kind: "url", url: new URL(`${image.guest}/disk.img`, sources.guestFolder).href };
  return { kind: "url", url: address(image.url, place.base) };
}

export async function driveConfig(drive: DriveSpec & { readonly image: NonNullable<DriveSpec["image"]> }, place: Place, sources: Sources): Promise<DiskConfig> {
  const { id, format, writes } = drive;
  const kept = writes === "keep" && sources.canKeep;
  return {
    source: await diskSource(drive.image, place, sources),
    format,
    writes: kept ? { kind: "opfs", path: overlayPath(place.machineId, id) } : { kind: writes === "none" ? "none" : "memory" },
  };
}

export async function specOf(definition: MachineDefinition, cmdline: string | null, nowMs: number, place: Place, sources: Sources): Promise<MachineSpec> {
  const { boot } = definition;
  const drives: Record<string, DiskConfig> = {};
  for (const drive of drivesOf(definition)) {
    const { image } = drive;
    if (image === null) continue;
    try {
      drives[drive.id] = await driveConfig({ ...drive, image }, place, sources);
    } catch (e) {
      throw e instanceof UserError ? new UserError(`${drive.id}: ${e.message}`) : e;
    }
  }
  return {
    definition,
    firmware: "firmware" in boot && boot.firmware !== "own" ? await imageOf(boot.firmware, true, place, sources) : null,
    cmdline: "kernel" in boot ? (cmdline ?? "") : null,
    drives,
    folders: Object.fromEntries(definition.sharedFolders.map(({ tag }) => [tag, sources.canKeep ? folderPath(place.machineId, tag) : null])),
    epochSeconds: epochOf(definition, nowMs),
  };
}
