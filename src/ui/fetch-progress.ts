/** Downloads with progress, and gzip undone on the way. */

export interface LoadProgress {
  /** Bytes over the wire so far, over all files. */
  readonly received: number;
  /** Null when a server does not say. */
  readonly total: number | null;
  readonly bytesPerSecond: number;
}

/** Sums the progress of several downloads and measures the rate over the last second. */
export class ProgressMeter {
  private readonly files = new Map<string, { received: number; total: number | null }>();
  private readonly samples: { at: number; received: number }[] = [];

  constructor(
    private readonly report: (progress: LoadProgress) => void,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** What is known of a file's size; null leaves what is known already. */
  expect(file: string, total: number | null): void {
    const entry = this.files.get(file) ?? { received: 0, total: null };
    entry.total = total ?? entry.total;
    this.files.set(file, entry);
  }

  add(file: string, bytes: number): void {
    const entry = this.files.get(file) ?? { received: 0, total: null };
    entry.received += bytes;
    this.files.set(file, entry);
    this.emit();
  }

  private emit(): void {
    let received = 0;
    let total: number | null = 0;
    for (const file of this.files.values()) {
      received += file.received;
      total = total === null || file.total === null ? null : total + file.total;
    }
    const at = this.nowMs();
    this.samples.push({ at, received });
    while (this.samples.length > 2 && at - this.samples[0].at > 1000) this.samples.shift();
    const first = this.samples[0];
    const seconds = (at - first.at) / 1000;
    const bytesPerSecond = seconds > 0.02 ? (received - first.received) / seconds : 0;
    this.report({ received, total, bytesPerSecond });
  }
}

/** A file is not there (or the server answers with a page instead): different from a broken connection. */
export class NotFoundError extends Error {
  override readonly name = "NotFoundError";
}

async function request(url: URL, signal: AbortSignal, cache: RequestCache): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { signal, cache });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Error(`cannot fetch ${url.pathname}: no connection to the server`, { cause: error });
  }
  if (response.status === 404) throw new NotFoundError(`${url.pathname} is not on the server`);
  if (!response.ok) throw new Error(`cannot fetch ${url.pathname}: the server answers ${response.status}`);
  return response;
}

/** Fetches JSON; a page of HTML in its place counts as missing. */
export async function fetchJson(url: URL, signal: AbortSignal): Promise<unknown> {
  const response = await request(url, signal, "no-cache");
  if ((response.headers.get("content-type") ?? "").startsWith("text/html")) throw new NotFoundError(`${url.pathname} is not on the server`);
  try {
    return (await response.json()) as unknown;
  } catch (error) {
    throw new Error(`${url.pathname} is not valid JSON`, { cause: error });
  }
}

/** Fetches a file as it is on the server, reporting each piece as it is read. */
export async function fetchStream(url: URL, meter: ProgressMeter, signal: AbortSignal): Promise<ByteStream> {
  const response = await request(url, signal, "default");
  if ((response.headers.get("content-type") ?? "").startsWith("text/html")) throw new NotFoundError(`${url.pathname} is not on the server`);
  // With a content encoding the length is of something else than what we read.
  const length = response.headers.has("content-encoding") ? Number.NaN : Number(response.headers.get("content-length") ?? Number.NaN);
  meter.expect(url.pathname, Number.isFinite(length) ? length : null);
  if (response.body === null) throw new Error(`cannot fetch ${url.pathname}: the answer is empty`);
  return response.body.pipeThrough(
    new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform(piece, controller) {
        meter.add(url.pathname, piece.length);
        controller.enqueue(piece);
      },
    }),
  );
}

export type ByteStream = ReadableStream<Uint8Array<ArrayBuffer>>;

function isGzip(head: Uint8Array): boolean {
  return head.length >= 3 && head[0] === 0x1f && head[1] === 0x8b && head[2] === 8;
}

/**
 * The bytes of a stream, decompressed if it is gzip (a server may have done it already). `expected`: the size that they
 * must then have. Errors of the stream itself come out as they are.
 */
export async function unzip(stream: ByteStream, name: string, expected: number | null = null): Promise<Uint8Array> {
  const reader = stream.getReader();
  const first = await reader.read();
  let broken = false;
  let next: Uint8Array<ArrayBuffer> | undefined = first.value;
  const source: ByteStream = new ReadableStream({
    async pull(controller) {
      try {
        const piece = next ?? (await reader.read()).value;
        next = undefined;
        if (piece === undefined) controller.close();
        else controller.enqueue(piece);
      } catch (error) {
        broken = true;
        controller.error(error);
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
  const zipped = first.value !== undefined && isGzip(first.value);
  let bytes: Uint8Array;
  try {
    bytes = await collect(zipped ? source.pipeThrough(new DecompressionStream("gzip")) : source, expected);
  } catch (error) {
    if (broken) throw error;
    if (error instanceof TooLongError) throw new Error(`${name} has more than the expected ${String(expected)} bytes`, { cause: error });
    throw new Error(`${name}: the gzip data is damaged or cut short`, { cause: error });
  }
  if (expected !== null && bytes.length !== expected) throw new Error(`${name} has ${bytes.length} bytes, expected ${expected}`);
  return bytes;
}

class TooLongError extends Error {}

/** Into one array of the expected size, if there is one: half the memory of collecting first. */
async function collect(stream: ByteStream, expected: number | null): Promise<Uint8Array> {
  if (expected === null) return new Uint8Array(await new Response(stream).arrayBuffer());
  const all = new Uint8Array(expected);
  let length = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return all.subarray(0, length);
    if (length + value.length > expected) throw new TooLongError();
    all.set(value, length);
    length += value.length;
  }
}

/** The bytes of a file of the user's, decompressed if it is gzip. */
export async function readUnzipped(blob: Blob, name: string, expected: number | null = null): Promise<Uint8Array> {
  return unzip(blob.stream(), name, expected).catch((error: unknown) => {
    if (error instanceof DOMException) throw unreadable(name, error);
    throw error;
  });
}

export async function readBlob(blob: Blob, name: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (error) {
    throw unreadable(name, error);
  }
}

function unreadable(name: string, cause: unknown): Error {
  return new Error(`${name} cannot be read: it was moved, changed, or is too large for this browser`, { cause });
}
