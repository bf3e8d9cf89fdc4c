/** A lock among the tabs of a browser (Web Locks): held until it is given back, or until the page or worker that holds it ends. */

/**
 * What gives it back; null: another tab has had it for `waitMs`. A page that is reloaded asks while the one before it, which is ending, may
 * still hold it: on a slow host for some seconds.
 */
export function holdWebLock(name: string, waitMs: number): Promise<(() => void) | null> {
  return new Promise((resolve, reject) => {
    navigator.locks
      .request(name, { signal: AbortSignal.timeout(waitMs) }, () => new Promise<void>((release) => resolve(release)))
      .catch((e: Error) => (e.name === "TimeoutError" || e.name === "AbortError" ? resolve(null) : reject(e)));
  });
}
