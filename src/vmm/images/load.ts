/** Brings images into memory: streamed, unzipped on the way, each into one array, with little garbage beside it. */
import { ProgressMeter, type LoadProgress } from "./progress.ts";
import { release } from "./release.ts";
import { NOT_FOUND, type ImageSource, type ImageSources } from "./source.ts";

export interface LoadedImages {
  readonly kernel: Uint8Array;
  readonly initrds: readonly Uint8Array[];
  /** The same images out of blobs, as they came: for another load without the server, or of a file that has changed since. */
  readonly kept: ImageSources;
}

/** A file is not there (or the server answers with a page instead): different from a broken connection. */
class NotFoundError extends Error {
  override readonly name = NOT_FOUND;
}

/** Throws errors of one clear line. */
export async function loadImages(sources: ImageSources, onProgress: (progress: LoadProgress) => void): Promise<LoadedImages> {
  const meter = new ProgressMeter(onProgress);
  const abort = new AbortController();
  const all = [sources.kernel, ...sources.initrds];
  for (const { from } of all) if ("url" in from) meter.expect(from.url, null);
  try {
    const [kernel, ...initrds] = await Promise.all(all.map((source) => loadImage(source, meter, abort.signal)));
    return {
      kernel: kernel.bytes,
      initrds: initrds.map(({ bytes }) => bytes),
      kept: { kernel: kernel.kept, initrds: initrds.map(({ kept }) => kept) },
    };
  } catch (error) {
    abort.abort(); // one failed: no use for the others
    throw error;
  }
}

interface LoadedImage {
  readonly bytes: Uint8Array;
  readonly kept: ImageSource;
}

type Bytes = Uint8Array<ArrayBuffer>;
type ByteStream = ReadableStream<Bytes>;

export async function loadImage(source: ImageSource, meter: ProgressMeter, signal: AbortSignal): Promise<LoadedImage> {
  const { from, name, unzip, size } = source;
  if ("blob" in from) {
    const keeper = new Keeper();
    const hint = size ?? (await sizeHint(from.blob, unzip).catch((e: unknown) => Promise.reject(unreadable(name, e))));
    const bytes = await read({ stream: from.blob.stream(), keeper, meter: () => undefined, failed: (e) => unreadable(name, e) }, name, unzip, size, hint);
    return { bytes, kept: { ...source, from: { blob: keeper.blob() } } };
  }
  const url = new URL(from.url);
  const stream = await open(url, from.url, meter, signal);
  const keeper = new Keeper();
  const input: Input = {
    stream,
    keeper,
    meter: (bytes) => meter.add(from.url, bytes),
    failed: (e) => new Error(`cannot fetch ${url.pathname}: the connection was lost`, { cause: e }),
  };
  const bytes = await read(input, name, unzip, size, size);
  return { bytes, kept: { ...source, from: { blob: keeper.blob() } } };
}

/** A file of the server as it is there. */
async function open(url: URL, file: string, meter: ProgressMeter, signal: AbortSignal): Promise<ByteStream> {
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Error(`cannot fetch ${url.pathname}: no connection to the server`, { cause: error });
  }
  if (response.status === 404 || (response.ok && (response.headers.get("content-type") ?? "").startsWith("text/html"))) {
    throw new NotFoundError(`${url.pathname} is not on the server`);
  }
  if (!response.ok) throw new Error(`cannot fetch ${url.pathname}: the server answers ${response.status}`);
  // With a content encoding the length is of something else than what we read.
  const length = response.headers.has("content-encoding") ? Number.NaN : Number(response.headers.get("content-length") ?? Number.NaN);
  meter.expect(file, Number.isFinite(length) ? length : null);
  if (response.body === null) throw new Error(`cannot fetch ${url.pathname}: the answer is empty`);
  return response.body;
}

/** Collects what comes in as a blob, which the browser may put on disk; the pieces' memory is given back soon. */
class Keeper {
  private whole: Blob | null = null;
  private parts: Bytes[] = [];
  private size = 0;

  add(piece: Bytes): void {
    this.parts.push(piece);
    this.size += piece.length;
    if (this.size >= KEEP_BYTES) this.blob();
  }

  blob(): Blob {
    this.whole = new Blob(this.whole === null ? this.parts : [this.whole, ...this.parts]);
    this.parts = [];
    this.size = 0;
    return this.whole;
  }
}

/** How much a `Keeper` holds in memory. */
const KEEP_BYTES = 1 << 20;

interface Input {
  readonly stream: ByteStream;
  readonly keeper: Keeper;
  /** Told of each piece's bytes. */
  meter(bytes: number): void;
  /** What to say when the stream itself breaks. */
  failed(cause: unknown): Error;
}

/** `size`: what it must have; `hint`: what it probably has. */
async function read(input: Input, name: string, unzip: boolean, size: number | null, hint: number | null): Promise<Uint8Array> {
  const reader = input.stream.getReader();
  const broken: Error[] = [];
  const next = async (): Promise<Bytes | undefined> => {
    try {
      const { value } = await reader.read();
      if (value !== undefined) {
        input.meter(value.length);
        input.keeper.add(value);
      }
      return value;
    } catch (e) {
      broken.push(input.failed(e));
      throw broken[0];
    }
  };
  const first = await next();
  const sink = new Sink(hint ?? 0, size);
  try {
    if (unzip && first !== undefined && isGzip(first)) await inflate(first, next, sink);
    else for (let piece = first; piece !== undefined; piece = await next()) sink.add(piece);
  } catch (error) {
    reader.cancel().catch(() => undefined);
    if (broken.length > 0) throw broken[0];
    if (error instanceof TooLongError) throw new Error(`${name} has more than the expected ${String(size)} bytes`, { cause: error });
    if (error instanceof RangeError) throw new Error(`${name} is too large for this browser's memory`, { cause: error });
    throw new Error(`${name}: the gzip data is damaged or cut short`, { cause: error });
  }
  if (size !== null && sink.length !== size) throw new Error(`${name} has ${sink.length} bytes, expected ${size}`);
  return sink.take();
}

async function inflate(first: Bytes, next: () => Promise<Bytes | undefined>, sink: Sink): Promise<void> {
  const { readable, writable } = new DecompressionStream("gzip");
  const writer = writable.getWriter();
  const feed = async (): Promise<void> => {
    try {
      for (let piece: Bytes | undefined = first; piece !== undefined; piece = await next()) await writer.write(piece);
      await writer.close();
    } catch (e) {
      await writer.abort(e).catch(() => undefined);
      throw e;
    }
  };
  const drain = async (): Promise<void> => {
    const reader = readable.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      sink.add(value);
      // Tens of megabytes of pieces would wait for a collection.
      release([value]);
    }
  };
  const fed = feed();
  fed.catch(() => undefined); // a damaged stream fails on both sides; the first to say so is heard
  await Promise.all([drain(), fed]);
}

class TooLongError extends Error {}

/** One array that grows when the guess of its size was too small. */
class Sink {
  private bytes: Bytes;
  length = 0;

  constructor(
    guess: number,
    private readonly limit: number | null,
  ) {
    this.bytes = new Uint8Array(guess);
  }

  add(piece: Uint8Array): void {
    const end = this.length + piece.length;
    if (this.limit !== null && end > this.limit) throw new TooLongError();
    if (end > this.bytes.length) {
      const smaller = this.bytes;
      this.bytes = new Uint8Array(Math.max(end, Math.ceil(smaller.length * 1.5), 1 << 16));
      this.bytes.set(smaller.subarray(0, this.length));
      release([smaller]);
    }
    this.bytes.set(piece, this.length);
    this.length = end;
  }

  take(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}

function isGzip(head: Uint8Array): boolean {
  return head.length >= 3 && head[0] === 0x1f && head[1] === 0x8b && head[2] === 8;
}

/** What a blob will probably have: its size, or what gzip's last four bytes say (RFC 1952 §2.3.1) if that can be. */
async function sizeHint(blob: Blob, unzip: boolean): Promise<number> {
  if (!unzip || blob.size < 18 || !isGzip(new Uint8Array(await blob.slice(0, 3).arrayBuffer()))) return blob.size;
  const said = new DataView(await blob.slice(blob.size - 4).arrayBuffer()).getUint32(0, true);
  return said > blob.size * DEFLATE_BEST || said >= 2 ** 31 ? blob.size : said;
}

/** Deflate does not compress better. */
const DEFLATE_BEST = 1032;

function unreadable(name: string, cause: unknown): Error {
  return new Error(`${name} cannot be read: it was moved, changed, or is too large for this browser`, { cause });
}
