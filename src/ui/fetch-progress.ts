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

/** Fetches a file as it is on the server, reporting each piece. */
export async function fetchBlob(url: URL, meter: ProgressMeter, signal: AbortSignal): Promise<Blob> {
  const response = await request(url, signal, "default");
  if ((response.headers.get("content-type") ?? "").startsWith("text/html")) throw new NotFoundError(`${url.pathname} is not on the server`);
  // With a content encoding the length is of something else than what we read.
  const length = response.headers.has("content-encoding") ? null : Number(response.headers.get("content-length") ?? Number.NaN);
  meter.expect(url.pathname, length !== null && Number.isFinite(length) ? length : null);
  if (response.body === null) throw new Error(`cannot fetch ${url.pathname}: the answer is empty`);
  const counted = response.body.pipeThrough(
    new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform(piece, controller) {
        meter.add(url.pathname, piece.length);
        controller.enqueue(piece);
      },
    }),
  );
  try {
    return await new Response(counted).blob();
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Error(`cannot fetch ${url.pathname}: the connection was lost`, { cause: error });
  }
}

export function isGzip(head: Uint8Array): boolean {
  return head.length >= 3 && head[0] === 0x1f && head[1] === 0x8b && head[2] === 8;
}

/** The bytes of a file, decompressed if it is gzip. `expected`: the size that it must then have. */
export async function readUnzipped(blob: Blob, name: string, expected: number | null = null): Promise<Uint8Array> {
  let bytes: Uint8Array;
  const head = await readBlob(blob.slice(0, 3), name);
  if (isGzip(head)) {
    try {
      const plain = blob.stream().pipeThrough(new DecompressionStream("gzip"));
      bytes = expected === null ? new Uint8Array(await new Response(plain).arrayBuffer()) : await collect(plain, expected);
    } catch (error) {
      throw new Error(`${name}: the gzip data is damaged or cut short`, { cause: error });
    }
  } else {
    bytes = await readBlob(blob, name);
  }
  if (expected !== null && bytes.length !== expected) throw new Error(`${name} has ${bytes.length} bytes, expected ${expected}`);
  return bytes;
}

/** Into one array of the known size: half the memory of collecting first. */
async function collect(stream: ReadableStream<Uint8Array>, size: number): Promise<Uint8Array> {
  const all = new Uint8Array(size);
  let at = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return all.subarray(0, at);
    if (at + value.length > size) throw new Error("too long");
    all.set(value, at);
    at += value.length;
  }
}

export async function readBlob(blob: Blob, name: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (error) {
    throw new Error(`${name} cannot be read: it was moved, changed, or is too large for this browser`, { cause: error });
  }
}
