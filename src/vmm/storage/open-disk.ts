/** A disk as the page or a saved machine describes it: where its image is, and where the guest's writes go. In a worker. */
import type { BlockBackend } from "../../base/block.ts";
import { UserError } from "../../base/errors.ts";
import { BlobDisk } from "./blob-disk.ts";
import type { ByteStore } from "./byte-store.ts";
import { HttpDisk, type HttpProgress } from "./http-disk.ts";
import { MemoryStore } from "./memory-store.ts";
import { openImage, probeFormat, type ImageFile, type ImageFormat } from "./open-image.ts";
import { hasOpfs, openOpfs } from "./opfs-store.ts";
import { Overlay } from "./overlay.ts";
import { QuotaStore, type Quota } from "./quota-store.ts";

export type DiskSource =
  /** Files that the user picked: the image first, then what it may be based on. */
  | { readonly kind: "files"; readonly files: readonly File[] }
  | { readonly kind: "url"; readonly url: string }
  /** Nothing: a new disk. */
  | { readonly kind: "blank"; readonly sectors: number };

export interface DiskConfig {
  readonly source: DiskSource;
  /** Null: what the image looks like. */
  readonly format: ImageFormat | null;
  /** Where the guest's writes go: nowhere (read-only), into memory, or into a file of OPFS. */
  readonly writes: { readonly kind: "none" } | { readonly kind: "memory"; readonly limitBytes?: number } | { readonly kind: "opfs"; readonly path: string };
}

export interface DiskEvents {
  /** Of images on a server; `name` is the image's. */
  progress?(name: string, progress: HttpProgress): void;
}

export interface OpenDisk {
  readonly disk: BlockBackend;
  /** What lies below the guest's writes. */
  readonly identity: string;
  /** Flushes, and gives files free for the next machine. */
  close(): void;
}

/** The identity of what is below a new disk. */
const BLANK = "a new disk";

/** Where images of servers are kept between sessions. */
const CACHE_FOLDER = "http-cache";

/** Throws UserError, one clear line, for whatever is wrong. `quota` bounds what is kept in OPFS. */
export async function openDisk(config: DiskConfig, events: DiskEvents = {}, quota?: Quota): Promise<OpenDisk> {
  const closers: (() => void)[] = [];
  const close = (): void => {
    for (const closer of closers.splice(0).reverse()) closer();
  };
  try {
    const { source } = config;
    const file = source.kind === "blank" ? null : source.kind === "files" ? picked(source.files, 0) : await remote(source.url, events, closers);
    const image = file === null ? null : await openImage(file, config.format ?? (await probeFormat(file.bytes)));
    const store = await writable(config, quota);
    if (store === null) {
      if (image === null) throw new UserError("a new disk needs a place for what is written to it");
      return { disk: image, identity: file?.identity ?? BLANK, close };
    }
    closers.push(() => store.close());
    const overlay = Overlay.open(store, {
      base: image,
      baseId: file?.identity ?? BLANK,
      ...(source.kind === "blank" ? { sectors: source.sectors } : {}),
    });
    closers.pop();
    closers.push(() => overlay.close());
    return { disk: overlay, identity: file?.identity ?? BLANK, close };
  } catch (e) {
    close();
    throw e;
  }
}

async function writable({ writes }: DiskConfig, quota: Quota | undefined): Promise<ByteStore | null> {
  switch (writes.kind) {
    case "none":
      return null;
    case "memory":
      return new MemoryStore("the disk's changes in memory", writes.limitBytes);
    case "opfs":
      return limited(await openOpfs(writes.path), quota);
  }
}

const limited = (store: ByteStore, quota: Quota | undefined): ByteStore => (quota === undefined ? store : new QuotaStore(store, quota));

function picked(files: readonly File[], index: number): ImageFile {
  const file = files[index];
  if (file === undefined) throw new UserError("no disk image was chosen");
  return {
    name: file.name,
    identity: `${file.name} ${file.size} ${file.lastModified}`,
    bytes: new BlobDisk(file, file.name),
    backing: (name) => {
      const wanted = name.split("/").at(-1) ?? name;
      const at = files.findIndex((f) => f.name === wanted);
      if (at < 0) return Promise.reject(new UserError(`${file.name} is based on '${name}': choose that file, too`));
      return Promise.resolve(picked(files, at));
    },
  };
}

async function remote(url: string, events: DiskEvents, closers: (() => void)[]): Promise<ImageFile> {
  const name = url.split(/[?#]/, 1)[0].split("/").at(-1) ?? url;
  const store = await cacheFor(url);
  let disk: HttpDisk;
  try {
    disk = await HttpDisk.open({ url, ...(store === null ? {} : { cache: store }), onProgress: (p) => events.progress?.(name, p) });
  } catch (e) {
    store?.close();
    throw e;
  }
  closers.push(() => {
    disk.close();
    store?.close();
  });
  return { name, identity: disk.identity, bytes: disk, backing: (other) => remote(new URL(other, url).href, events, closers) };
}

/** A disk works without its cache: another tab may have it open, or the browser has no OPFS. */
async function cacheFor(url: string): Promise<ByteStore | null> {
  if (!hasOpfs()) return null;
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(url));
  const name = [...new Uint8Array(digest, 0, 12)].map((b) => b.toString(16).padStart(2, "0")).join("");
  return openOpfs(`${CACHE_FOLDER}/${name}`).catch(() => null);
}
