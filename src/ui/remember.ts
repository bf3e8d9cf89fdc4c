/** Small choices that are remembered between visits. A browser that keeps nothing forgets them. */

export function remembered(key: string): string | null {
  try {
    return localStorage.getItem(`tabvisor.${key}`);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`tabvisor.${key}`);
    else localStorage.setItem(`tabvisor.${key}`, value);
  } catch {
    // Not remembered, then.
  }
}
