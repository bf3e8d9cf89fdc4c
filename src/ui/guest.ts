/** The default guest, as tools/image/ prepares it: described by guest.json, fetched, unzipped. */
import { fetchBlob, fetchJson, NotFoundError, ProgressMeter, readUnzipped, type LoadProgress } from "./fetch-progress.ts";

/** The files of the image that the page uses, gzipped as they are on the server. */
const KERNEL = "vmlinux";
const INITRAMFS = "initramfs.cpio";

interface GuestFile {
  readonly file: string;
  /** Bytes over the wire, and once unzipped; null where guest.json does not say. */
  readonly zipped: number | null;
  readonly size: number | null;
}

export interface GuestManifest {
  readonly cmdline: string;
  readonly kernel: GuestFile;
  readonly initramfs: GuestFile;
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
  const size = (name: string): number | null => {
    const { size: bytes } = fieldsOf(files[name]);
    return typeof bytes === "number" ? bytes : null;
  };
  const file = (name: string): GuestFile => ({ file: `${name}.gz`, zipped: size(`${name}.gz`), size: size(name) });
  const packaged = (field: string): string[] => {
    const { name, version } = fieldsOf(from[field]);
    return typeof name === "string" ? [`${name} ${typeof version === "string" ? version : ""}`.trim()] : [];
  };
  return {
    cmdline,
    kernel: file(KERNEL),
    initramfs: file(INITRAMFS),
    description: [...(typeof release === "string" ? [`Linux ${release}`] : packaged("kernelPackage")), ...packaged("busyboxPackage")].join(", "),
  };
}

/** Keeps the downloaded files, so that the machine can start again without the server. */
export class DefaultGuest {
  private manifestPromise: Promise<GuestManifest> | null = null;
  private readonly blobs = new Map<string, Blob>();

  constructor(private readonly folder: URL) {}

  manifest(): Promise<GuestManifest> {
    this.manifestPromise ??= this.fetchManifest().catch((error: unknown) => {
      this.manifestPromise = null;
      throw error;
    });
    return this.manifestPromise;
  }

  async images(onProgress: (progress: LoadProgress) => void, signal: AbortSignal): Promise<{ kernel: Uint8Array; initramfs: Uint8Array }> {
    const manifest = await this.manifest();
    const meter = new ProgressMeter(onProgress);
    // Both are announced before the first byte, or the sum would seem complete too early.
    for (const { file, zipped } of [manifest.kernel, manifest.initramfs]) {
      if (!this.blobs.has(file)) meter.expect(new URL(file, this.folder).pathname, zipped);
    }
    const read = async (from: GuestFile): Promise<Uint8Array> => {
      let blob = this.blobs.get(from.file);
      if (blob === undefined) {
        try {
          blob = await fetchBlob(new URL(from.file, this.folder), meter, signal);
        } catch (error) {
          if (error instanceof NotFoundError) throw new GuestMissingError(error.message, { cause: error });
          throw error;
        }
        this.blobs.set(from.file, blob);
      }
      try {
        return await readUnzipped(blob, from.file, from.size);
      } catch (error) {
        this.blobs.delete(from.file);
        throw error;
      }
    };
    const [kernel, initramfs] = await Promise.all([read(manifest.kernel), read(manifest.initramfs)]);
    signal.throwIfAborted();
    return { kernel, initramfs };
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
