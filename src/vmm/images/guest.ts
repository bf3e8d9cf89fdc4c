/** The default guest, as tools/image/ prepares it: described by guest.json, loaded into the machine's worker. */
import { fetchJson, NotFoundError } from "./fetch-json.ts";
import type { LoadProgress } from "./progress.ts";
import { NOT_FOUND, type ImageSource, type ImageSources } from "./source.ts";

/** The files of the image that the page uses, gzipped as they are on the server. */
const KERNEL = "vmlinux";
const INITRAMFS = "initramfs.cpio";
/** Drivers for virtio and file systems, in an archive of their own. */
const MODULES = "modules.cpio";

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

/** The worker that images go to. */
export interface ImageLoader {
  load(images: ImageSources, onProgress: (progress: LoadProgress) => void): Promise<ImageSources>;
}

/** A load on its way. Who waits for it may come later. */
interface Load {
  readonly worker: ImageLoader;
  readonly modules: boolean;
  readonly done: Promise<void>;
  listener: (progress: LoadProgress) => void;
  last: LoadProgress | null;
}

/** Keeps the downloaded files as they came, so that machines can start again without the server. */
export class DefaultGuest {
  private manifestPromise: Promise<GuestManifest> | null = null;
  private readonly kept = new Map<string, ImageSource>();
  private ahead: Load | null = null;

  constructor(readonly folder: URL) {}

  manifest(): Promise<GuestManifest> {
    this.manifestPromise ??= this.fetchManifest().catch((error: unknown) => {
      this.manifestPromise = null;
      throw error;
    });
    return this.manifestPromise;
  }

  /** Starts to load into a worker before anyone asks for it. */
  prefetch(worker: ImageLoader): void {
    this.ahead ??= this.begin(worker);
  }

  /** `modules`: with drivers for virtio. */
  async load(worker: ImageLoader, onProgress: (progress: LoadProgress) => void, modules = false): Promise<void> {
    const load = this.ahead?.worker === worker && this.ahead.modules === modules ? this.ahead : this.begin(worker, modules);
    this.ahead = null;
    load.listener = onProgress;
    if (load.last !== null) onProgress(load.last);
    await load.done;
  }

  private begin(worker: ImageLoader, modules = false): Load {
    const done = this.loadInto(worker, modules, (progress) => {
      load.last = progress;
      load.listener(progress);
    });
    done.catch(() => undefined); // told to who waits for it
    const load: Load = { worker, modules, done, listener: () => undefined, last: null };
    return load;
  }

  /** Where its files come from, for who loads them later. */
  async images(modules: boolean): Promise<ImageSources> {
    const { sizes } = await this.manifest();
    const [kernel, ...initrds] = [KERNEL, INITRAMFS, ...(modules ? [MODULES] : [])].map((name) => this.kept.get(name) ?? this.source(name, sizes));
    return { kernel, initrds };
  }

  private async loadInto(worker: ImageLoader, modules: boolean, onProgress: (progress: LoadProgress) => void): Promise<void> {
    // The manifest is here before the worker's code is.
    const { sizes } = await this.manifest();
    const names = [KERNEL, INITRAMFS, ...(modules ? [MODULES] : [])];
    const [kernel, ...initrds] = names.map((name) => this.kept.get(name) ?? this.source(name, sizes));
    try {
      const kept = await worker.load({ kernel, initrds }, onProgress);
      [kept.kernel, ...kept.initrds].forEach((source, i) => this.kept.set(names[i], source));
    } catch (error) {
      if (error instanceof Error && error.name === NOT_FOUND) throw new GuestMissingError(error.message, { cause: error });
      throw error;
    }
  }

  private source(name: string, sizes: GuestManifest["sizes"]): ImageSource {
    return { name: `${name}.gz`, from: { url: new URL(`${name}.gz`, this.folder).href }, unzip: true, size: sizes[name] ?? null };
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
