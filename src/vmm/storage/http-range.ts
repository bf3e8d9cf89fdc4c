/** Pieces of a server's file by HTTP range requests (RFC 9110 §14), tried again when they fail. */

export interface RangeOptions {
  /** For tests; default the host's. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** Before the second, third … try. */
  readonly retryMs?: readonly number[];
  /** A server that is silent for so long has failed. */
  readonly stallMs?: number;
}

export interface RemoteFile {
  readonly url: string;
  /** Bytes. */
  readonly size: number;
  /** A strong entity tag, or the date of the last change; null: the server says neither. */
  readonly validator: string | null;
}

/** A failure, in one line. `final`: another try would not help. */
export class HttpRangeError extends Error {
  override readonly name = "HttpRangeError";
  constructor(
    message: string,
    readonly final: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

const RETRY_MS = [300, 1000, 3000, 8000];
const STALL_MS = 30_000;

function nameOf(url: string): string {
  return url.split(/[?#]/, 1)[0].split("/").at(-1) ?? url;
}

function statusError(url: string, status: number): HttpRangeError {
  const passing = status >= 500 || status === 408 || status === 429;
  return new HttpRangeError(`${nameOf(url)}: the server answers ${status}`, !passing);
}

function validatorOf(headers: Headers): string | null {
  const tag = headers.get("etag");
  // A weak tag does not promise the same bytes (RFC 9110 §8.8.3).
  if (tag !== null && !tag.startsWith("W/")) return tag;
  return headers.get("last-modified");
}

/** `bytes FIRST-LAST/SIZE` */
function contentRange(headers: Headers): { readonly first: number; readonly last: number; readonly size: number } | null {
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers.get("content-range") ?? "");
  return match === null ? null : { first: Number(match[1]), last: Number(match[2]), size: Number(match[3]) };
}

async function request(url: string, first: number, last: number, options: RangeOptions, signal: AbortSignal): Promise<Response> {
  const get = options.fetch ?? ((u: string, init: RequestInit) => fetch(u, init));
  try {
    return await get(url, { headers: { range: `bytes=${first}-${last}` }, signal, cache: "no-store" });
  } catch (e) {
    throw new HttpRangeError(`${nameOf(url)}: no connection to the server`, false, { cause: e });
  }
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function withRetries<T>(options: RangeOptions, attempt: () => Promise<T>, progressed: () => boolean): Promise<T> {
  const delays = options.retryMs ?? RETRY_MS;
  for (let tries = 0; ; tries++) {
    try {
      return await attempt();
    } catch (e) {
      if (!(e instanceof HttpRangeError) || e.final) throw e;
      if (progressed()) tries = 0;
      else if (tries >= delays.length) throw e;
      await wait(delays[Math.min(tries, delays.length - 1)] ?? 0);
    }
  }
}

/** Aborts a request that is silent for too long. */
class Watchdog {
  readonly controller = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;
  constructor(private readonly ms: number) {
    this.feed();
  }
  feed(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.controller.abort(), this.ms);
  }
  end(): void {
    clearTimeout(this.timer);
  }
}

/** Asks for the first byte: whether the server has the file, its size, and whether it can give parts of it. */
export async function inspect(url: string, options: RangeOptions): Promise<RemoteFile> {
  const attempt = async (): Promise<RemoteFile> => {
    const dog = new Watchdog(options.stallMs ?? STALL_MS);
    try {
      const response = await request(url, 0, 0, options, dog.controller.signal);
      const { status, headers } = response;
      response.body?.cancel().catch(() => undefined);
      if (status === 416) throw new HttpRangeError(`${nameOf(url)}: the disk image on the server is empty`, true);
      if (status === 200) throw new HttpRangeError(`${nameOf(url)}: the server does not give parts of a file (no range requests): download the image and choose the file`, true);
      if (status !== 206) throw statusError(url, status);
      const range = contentRange(headers);
      if (range === null) throw new HttpRangeError(`${nameOf(url)}: the server does not say how large the file is (Content-Range; from another origin it must be exposed)`, true);
      return { url, size: range.size, validator: validatorOf(headers) };
    } finally {
      dog.end();
    }
  };
  return withRetries(options, attempt, () => false);
}

/** Reads [first, end), giving pieces as they arrive, in order, each byte once. Goes on where it was when it fails midway. */
export async function readRange(file: RemoteFile, first: number, end: number, piece: (bytes: Uint8Array) => void, options: RangeOptions): Promise<void> {
  let at = first;
  let before = first;
  const attempt = async (): Promise<void> => {
    const dog = new Watchdog(options.stallMs ?? STALL_MS);
    try {
      const response = await request(file.url, at, end - 1, options, dog.controller.signal);
      try {
        check(file, response, at);
      } catch (e) {
        response.body?.cancel().catch(() => undefined);
        throw e;
      }
      const reader = response.body?.getReader();
      for (;;) {
        const { value } = (await reader?.read()) ?? { value: undefined };
        if (value === undefined) break;
        dog.feed();
        const wanted = value.subarray(0, end - at);
        at += wanted.length;
        if (wanted.length > 0) piece(wanted);
      }
    } catch (e) {
      if (e instanceof HttpRangeError) throw e;
      throw new HttpRangeError(`${nameOf(file.url)}: the connection to the server was lost`, false, { cause: e });
    } finally {
      dog.end();
    }
    if (at < end) throw new HttpRangeError(`${nameOf(file.url)}: the server ended its answer too early`, false);
  };
  await withRetries(options, attempt, () => {
    const more = at > before;
    before = at;
    return more;
  });
}

function check(file: RemoteFile, response: Response, at: number): void {
  const { status, headers } = response;
  if (status === 200) throw new HttpRangeError(`${nameOf(file.url)}: the server does not give parts of the file any more`, false);
  if (status !== 206) throw statusError(file.url, status);
  const range = contentRange(headers);
  if (range === null || range.first !== at) throw new HttpRangeError(`${nameOf(file.url)}: the server gives another part of the file than was asked for`, false);
  const validator = validatorOf(headers);
  if (range.size !== file.size || (file.validator !== null && validator !== file.validator)) {
    throw new HttpRangeError(`${nameOf(file.url)}: the image on the server has changed since the machine was started`, true);
  }
}
