/** `tabvisor up machine.yaml`: a definition, with what it names opened on this host. */
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";
import type { BlockBackend } from "../base/block.ts";
import { UserError } from "../base/errors.ts";
import type { KernelImages, MachineConfig } from "../vmm/config.ts";
import type { FileSource, MachineDefinition } from "../vmm/definition/definition.ts";
import { parseDefinition } from "../vmm/definition/parse.ts";
import { drivesOf, epochOf, machineConfig, machineOptions, needsModules, type DriveSpec, type WiredOptions } from "../vmm/definition/wiring.ts";
import { KeptFolder } from "../vmm/files/kept-folder.ts";
import type { FileTree } from "../vmm/files/tree.ts";
import { SnapshotDisk } from "../vmm/snapshot/disk.ts";
import type { DiskLayer } from "../vmm/snapshot/disk-layer.ts";
import { HttpDisk } from "../vmm/storage/http-disk.ts";
import { MemoryStore } from "../vmm/storage/memory-store.ts";
import { openImage, probeFormat } from "../vmm/storage/open-image.ts";
import { Overlay } from "../vmm/storage/overlay.ts";
import { HostFile, openHostDisk } from "./host-file.ts";
import { HostTree } from "./host-tree.ts";
import { reason } from "./reason.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const GUEST = join(ROOT, ".cache", "guest");
const DEBIAN = join(ROOT, ".cache", "debian");
const SECTOR_BYTES = 512;
/** Nothing that boots is larger. */
const IMAGE_MAX = 2 ** 30;

export interface OpenMachine {
  readonly definition: MachineDefinition;
  /** The address of the folder that its paths are relative to. */
  readonly base: string;
  /** Drives that snapshots hold. */
  readonly snapshotDisks: ReadonlyMap<string, SnapshotDisk>;
  readonly options: WiredOptions;
  readonly kernelName: string;
  readonly moduleStrings: readonly string[];
  /** Reads the images: once more for each reset. */
  config(): Promise<MachineConfig>;
  /** Flushes disks and folders, and closes them. */
  close(): void;
}

const isRemote = (url: string): boolean => /^https?:\/\//i.test(url);

/** A local path, or an http address. */
function placeOf(source: FileSource, folder: string, ofGuest: (guest: "default" | "debian") => string): { readonly path: string } | { readonly url: string } {
  if ("guest" in source) return { path: ofGuest(source.guest) };
  if ("file" in source) return { path: resolve(folder, source.file) };
  if (isRemote(source.url)) return { url: source.url };
  return { path: source.url.startsWith("file://") ? fileURLToPath(source.url) : resolve(folder, decodeURI(source.url)) };
}

async function readAll(what: string, place: { readonly path: string } | { readonly url: string }): Promise<Uint8Array> {
  let data: Uint8Array;
  if ("url" in place) {
    const response = await fetch(place.url).catch(() => null);
    if (response === null) throw new UserError(`${what}: cannot fetch ${place.url}: no connection to the server`);
    if (!response.ok) throw new UserError(`${what}: cannot fetch ${place.url}: the server answers ${response.status}`);
    data = new Uint8Array(await response.arrayBuffer());
  } else {
    try {
      const stat = statSync(place.path);
      if (!stat.isFile()) throw new UserError(`${what}: '${place.path}' is not a file`);
      if (stat.size > IMAGE_MAX) throw new UserError(`${what}: '${place.path}' has ${Math.ceil(stat.size / 2 ** 20)} MiB, at most ${IMAGE_MAX / 2 ** 20} are taken`);
      data = readFileSync(place.path);
    } catch (e) {
      if (e instanceof UserError) throw e;
      throw new UserError(`${what}: cannot read '${place.path}': ${reason(e)}`);
    }
  }
  if (what === "kernel" && data[0] === 0x1f && data[1] === 0x8b) {
    try {
      data = gunzipSync(data);
    } catch {
      throw new UserError(`${what}: the gzip data is damaged or cut short`);
    }
  }
  // Small files stand in a buffer that Node shares with others: the machine may give this one's memory back.
  return data.byteLength === data.buffer.byteLength ? new Uint8Array(data.buffer) : Uint8Array.from(data);
}

function readJson(path: string, missing: string): { readonly cmdline: string } {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as { cmdline: string };
  } catch {
    throw new UserError(missing);
  }
}

const NO_GUEST = "boot.kernel: there is no default guest: make it with 'npm run image'";
const NO_DEBIAN = "there is no Debian disk: make it with 'npm run image -- debian'";

async function imagesOf(definition: MachineDefinition, folder: string): Promise<KernelImages> {
  const { boot } = definition;
  const place = (source: FileSource): { readonly path: string } | { readonly url: string } => placeOf(source, folder, () => {
    throw new UserError("boot: a guest of 'npm run image' can only be the kernel or a disk");
  });
  if ("firmware" in boot) {
    return { kernel: null, initrds: [], cmdline: "", ...(boot.firmware === "own" ? {} : { firmware: await readAll("firmware", place(boot.firmware)) }) };
  }
  if ("guest" in boot.kernel) {
    const { guest } = boot.kernel;
    const own = readJson(join(GUEST, "guest.json"), NO_GUEST).cmdline;
    const cmdline = boot.cmdline ?? (guest === "debian" ? readJson(join(DEBIAN, "debian.json"), `boot.kernel: ${NO_DEBIAN}`).cmdline : own);
    const files = ["initramfs.cpio", ...(guest === "debian" || needsModules(definition) ? ["modules.cpio"] : [])];
    const [kernel, ...initrds] = await Promise.all(["vmlinux", ...files].map((name) => readAll(name === "vmlinux" ? "kernel" : "initrd", { path: join(GUEST, name) })));
    return { kernel, initrds, cmdline };
  }
  return {
    kernel: await readAll("kernel", place(boot.kernel)),
    initrds: await Promise.all(boot.initrds.map((s) => readAll("initrd", place(s)))),
    cmdline: boot.cmdline ?? "",
  };
}

/** Where a machine's own things are in a store folder. */
function placeIn(store: string, definition: MachineDefinition, name: string): string {
  const folder = join(store, "machines", definition.name.replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^\.+/, "_"));
  mkdirSync(folder, { recursive: true });
  return join(folder, name);
}

interface Context {
  readonly definition: MachineDefinition;
  readonly folder: string;
  readonly store: string | null;
  readonly closers: (() => void)[];
}

async function openDrive(drive: DriveSpec & { readonly image: NonNullable<DriveSpec["image"]> }, { definition, folder, store, closers }: Context): Promise<BlockBackend> {
  const { id, image, format, writes } = drive;
  const overlay = store === null || writes !== "keep" ? null : placeIn(store, definition, `${id}.overlay`);
  const layer = (): HostFile | MemoryStore => {
    if (writes === "discard") return new MemoryStore(`${id}'s changes`);
    if (overlay === null) throw new UserError(`${id}: its changes can be kept only with --store FOLDER; or say 'writes: discard'`);
    const file = HostFile.open(overlay, "create");
    closers.push(() => {
      file.flush();
      file.close();
    });
    return file;
  };
  if ("blank" in image) return Overlay.open(layer(), { base: null, baseId: "a new disk", sectors: Math.ceil(image.blank / SECTOR_BYTES) });
  const place = placeOf(image, folder, (guest) => {
    if (guest === "default") throw new UserError(`${id}: the default guest has no disk; {guest: debian} has`);
    return join(DEBIAN, "disk.img");
  });
  if ("url" in place) {
    const remote = await HttpDisk.open({ url: place.url });
    closers.push(() => remote.close());
    const name = basename(new URL(place.url).pathname);
    const disk = await openImage({ name, identity: remote.identity, bytes: remote, backing: () => Promise.reject(new UserError(`${name}: an image on a server cannot be based on another`)) }, format ?? (await probeFormat(remote)));
    return writes === "none" ? disk : Overlay.open(layer(), { base: disk, baseId: remote.identity });
  }
  // An image of ours is written to itself, as QEMU does, where there is no store for its changes.
  const opened = await openHostDisk(place.path, { format, readOnly: writes === "none" || overlay !== null, snapshot: writes === "discard" });
  closers.push(() => opened.close());
  if (overlay !== null) return Overlay.open(layer(), { base: opened.disk, baseId: place.path });
  if (opened.disk.readOnly && writes === "keep") throw new UserError(`${id}: '${place.path}' is a qcow2 image, which cannot be written: add --store FOLDER, or 'writes: discard'`);
  return opened.disk;
}

function openFolder({ tag, path, readOnly }: MachineDefinition["sharedFolders"][number], { definition, folder, store, closers }: Context): FileTree {
  if (path !== null) return new HostTree(resolve(folder, path), readOnly);
  const name = [...new TextEncoder().encode(tag)].map((b) => b.toString(16).padStart(2, "0")).join("");
  const slots = store === null ? [] : ["a", "b"].map((slot) => HostFile.open(placeIn(store, definition, `folder-${name}.${slot}`), "create"));
  const kept = new KeptFolder(slots, () => undefined);
  closers.push(() => kept.close());
  return kept.view(readOnly);
}

/** The definition in a file. Throws UserError: one clear line; nothing stays open then. */
export async function openMachine(file: string, store: string | null): Promise<OpenMachine> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (e) {
    throw new UserError(`cannot read '${file}': ${reason(e)}`);
  }
  return openDefinition(parseDefinition(text, file), dirname(resolve(file)), store);
}

/** `below`: what a snapshot has of a drive; what the guest writes above it is kept by another snapshot alone. */
export async function openDefinition(
  definition: MachineDefinition, folder: string, store: string | null, below: ((drive: string) => DiskLayer | undefined) | null = null,
): Promise<OpenMachine> {
  const closers: (() => void)[] = [];
  const close = (): void => {
    const failures: unknown[] = [];
    for (const closer of closers.splice(0).reverse()) {
      try {
        closer();
      } catch (e) {
        failures.push(e);
      }
    }
    if (failures.length > 0) throw failures[0];
  };
  const context = { definition, folder, store, closers };
  try {
    const drives = new Map<string, BlockBackend>();
    const snapshotDisks = new Map<string, SnapshotDisk>();
    for (const drive of drivesOf(definition)) {
      const { id, image, writes } = drive;
      if (image === null) continue;
      const disk = await openDrive({ ...drive, image, ...(below === null || writes === "none" ? {} : { writes: "discard" }) }, context).catch((e: unknown) => {
        throw e instanceof UserError && !e.message.startsWith(id) ? new UserError(`${id}: ${e.message.replace(/^disk: /, "")}`) : e;
      });
      if (!(disk instanceof Overlay)) {
        drives.set(id, disk);
        continue;
      }
      const layer = below?.(id);
      const kept = new SnapshotDisk(disk, { base: "blank" in image ? "a new disk" : JSON.stringify(image), ...(layer === undefined ? {} : { layer }), written: (range) => disk.eachWritten(range) });
      snapshotDisks.set(id, kept);
      drives.set(id, kept);
    }
    const folders = new Map(definition.sharedFolders.map((share) => [share.tag, openFolder(share, context)]));
    const { boot } = definition;
    const named = (source: FileSource): string => ("url" in source ? source.url : "file" in source ? source.file : source.guest);
    const epoch = epochOf(definition, Date.now());
    return {
      definition,
      base: `${pathToFileURL(folder).href}/`,
      snapshotDisks,
      options: machineOptions(definition, { drives, folders }),
      kernelName: "kernel" in boot ? basename(named(boot.kernel)) : "",
      moduleStrings: "kernel" in boot && !("guest" in boot.kernel) ? boot.initrds.map(named) : [],
      config: async () => machineConfig(definition, await imagesOf(definition, folder), epoch),
      close,
    };
  } catch (e) {
    close();
    throw e;
  }
}
