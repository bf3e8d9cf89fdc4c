/** JSON from the server. */

/** A file is not there (or the server answers with a page instead): different from a broken connection. */
export class NotFoundError extends Error {
  override readonly name = "NotFoundError";
}

async function request(url: URL, signal: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { signal, cache: "no-cache" });
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
  const response = await request(url, signal);
  if ((response.headers.get("content-type") ?? "").startsWith("text/html")) throw new NotFoundError(`${url.pathname} is not on the server`);
  try {
    return (await response.json()) as unknown;
  } catch (error) {
    throw new Error(`${url.pathname} is not valid JSON`, { cause: error });
  }
}
