/** The default guest, as tools/image/ prepares it: described by guest.json, fetched, unzipped. */
import { fetchJson, fetchStream, NotFoundError, ProgressMeter, readUnzipped, unzip, type LoadProgress } from "./fetch-progress.ts";

/** The files of the image that the page uses, gzipped as they are on the server. */
const KERNEL = "vmlinux";
const INITRAMFS = "initramfs.cpio";

export interface GuestManifest {
  readonly cmdline: string;
  /** Bytes of each file of the image, unzipped. */
  readonly sizes: Readonly<Record<string, number | undefined>>;
  /** What is inside, for a person. */
  readonly description: string;
}

/** The default guest has not been built. */
export class GuestMissingError extends Error {
  override readonly name = "GuestMissingError";
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

export function parseManifest(json: unknown): GuestManifest {
  const from = fieldsOf(json);
  const { cmdline, release } = from;
  if (typeof cmdline !== "string") throw new Error("guest.json: 'cmdline' is missing");
  const files = fieldsOf(from["files"]);
  const packaged = (field: string): string[] => {
    const { name, version } = fieldsOf(from[field]);
    return typeof name === "string" ? [`${name} ${typeof version === "string" ? version : ""}`.trim()] : [];
  };
  return {
    cmdline,
    sizes: Object.fromEntries(
      Object.entries(files).map(([name, file]) => {
        const { size } = fieldsOf(file);
        return [name, typeof size === "number" ? size : undefined];
      }),
    ),
    description: [...(typeof release === "string" ? [`Linux ${release}`] : packaged("kernelPackage")), ...packaged("busyboxPackage")].join(", "),
  };
}

export interface GuestImages {
  readonly kernel: Uint8Array;
  readonly initramfs: Uint8Array;
}

/** A download on its way. Who waits for it may come later. */
interface Download {
  readonly images: Promise<GuestImages>;
  readonly abort: AbortController;
  listener: (progress: LoadProgress) => void;
  last: LoadProgress | null;
}

/** Keeps the downloaded files, so that the machine can start again without the server. */
export class DefaultGuest {
  private manifestPromise: Promise<GuestManifest> | null = null;
  private readonly blobs = new Map<string, Blob>();
  private ahead: Download | null = null;

  constructor(private readonly folder: URL) {}

  manifest(): Promise<GuestManifest> {
    this.manifestPromise ??= this.fetchManifest().catch((error: unknown) => {
      this.manifestPromise = null;
      throw error;
    });
    return this.manifestPromise;
  }

  /** Starts the download before anyone asks for the images. */
  prefetch(): void {
    this.ahead ??= this.begin();
  }

  async images(onProgress: (progress: LoadProgress) => void, signal: AbortSignal): Promise<GuestImages> {
    const download = this.ahead ?? this.begin();
    this.ahead = null;
    download.listener = onProgress;
    if (download.last !== null) onProgress(download.last);
    const abort = (): void => download.abort.abort();
    signal.addEventListener("abort", abort);
    try {
      return await download.images;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  private begin(): Download {
    const abort = new AbortController();
    const meter = new ProgressMeter((progress) => {
      download.last = progress;
      download.listener(progress);
    });
    // The names are known: the download need not wait for guest.json, which has the sizes.
    for (const name of [KERNEL, INITRAMFS]) if (!this.blobs.has(name)) meter.expect(this.url(name).pathname, null);
    const images = Promise.all([this.read(KERNEL, meter, abort.signal), this.read(INITRAMFS, meter, abort.signal)]).then(
      ([kernel, initramfs]) => ({ kernel, initramfs }),
    );
    images.catch(() => abort.abort()); // one failed: no use for the other
    const download: Download = { images, abort, listener: () => undefined, last: null };
    return download;
  }

  private async read(name: string, meter: ProgressMeter, signal: AbortSignal): Promise<Uint8Array> {
    const known = this.manifest();
    known.catch(() => undefined);
    const blob = this.blobs.get(name);
    if (blob !== undefined) return readUnzipped(blob, `${name}.gz`, (await known).sizes[name] ?? null);
    const url = this.url(name);
    try {
      const [use, keep] = (await fetchStream(url, meter, signal)).tee();
      const size = (await known).sizes[name] ?? null;
      const [bytes, kept] = await Promise.allSettled([unzip(use, `${name}.gz`, size), new Response(keep).blob()]);
      if (kept.status === "rejected") throw new Error(`cannot fetch ${url.pathname}: the connection was lost`, { cause: kept.reason });
      if (bytes.status === "rejected") throw bytes.reason;
      this.blobs.set(name, kept.value);
      return bytes.value;
    } catch (error) {
      if (error instanceof NotFoundError) throw new GuestMissingError(error.message, { cause: error });
      throw error;
    }
  }

  private url(name: string): URL {
    return new URL(`${name}.gz`, this.folder);
  }

  private async fetchManifest(): Promise<GuestManifest> {
    try {
      return parseManifest(await fetchJson(new URL("guest.json", this.folder), AbortSignal.timeout(15_000)));
    } catch (error) {
      if (error instanceof NotFoundError) throw new GuestMissingError(error.message, { cause: error });
      throw error;
    }
  }
}
