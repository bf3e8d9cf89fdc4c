/** The default guest, as tools/image/ prepares it: described by guest.json, loaded into the machine's worker. */
import { NOT_FOUND, type ImageSource, type ImageSources, type LoadProgress } from "../vmm/api.ts";
import type { MachineConnection } from "./client.ts";
import { fetchJson, NotFoundError } from "./fetch-json.ts";

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

type Loader = Pick<MachineConnection, "load">;

/** A load on its way. Who waits for it may come later. */
interface Load {
  readonly worker: Loader;
  readonly done: Promise<void>;
  listener: (progress: LoadProgress) => void;
  last: LoadProgress | null;
}

/** Keeps the downloaded files as they came, so that the machine can start again without the server. */
export class DefaultGuest {
  private manifestPromise: Promise<GuestManifest> | null = null;
  private kept: ImageSources | null = null;
  private ahead: Load | null = null;

  constructor(private readonly folder: URL) {}

  manifest(): Promise<GuestManifest> {
    this.manifestPromise ??= this.fetchManifest().catch((error: unknown) => {
      this.manifestPromise = null;
      throw error;
    });
    return this.manifestPromise;
  }

  /** Starts to load into a worker before anyone asks for it. */
  prefetch(worker: Loader): void {
    this.ahead ??= this.begin(worker);
  }

  async load(worker: Loader, onProgress: (progress: LoadProgress) => void): Promise<void> {
    const load = this.ahead?.worker === worker ? this.ahead : this.begin(worker);
    this.ahead = null;
    load.listener = onProgress;
    if (load.last !== null) onProgress(load.last);
    await load.done;
  }

  private begin(worker: Loader): Load {
    const done = this.loadInto(worker, (progress) => {
      load.last = progress;
      load.listener(progress);
    });
    done.catch(() => undefined); // told to who waits for it
    const load: Load = { worker, done, listener: () => undefined, last: null };
    return load;
  }

  private async loadInto(worker: Loader, onProgress: (progress: LoadProgress) => void): Promise<void> {
    // The manifest is here before the worker's code is.
    const { sizes } = await this.manifest();
    try {
      this.kept = await worker.load(this.kept ?? { kernel: this.source(KERNEL, sizes), initrds: [this.source(INITRAMFS, sizes)] }, onProgress);
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
