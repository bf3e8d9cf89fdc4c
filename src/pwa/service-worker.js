/**
 * The service worker: the page starts without its server once it was loaded. The build puts the list of its files in (tools/vite-pwa.ts).
 * What is built is served out of the cache of its version; the default guest, which changes by itself, from the server where that answers.
 */
/* global self, caches, fetch, URL */
const FILES = /* @files */ [];
const VERSION = /* @version */ "";
const APP = `tabvisor-app-${VERSION}`;
const GUEST = "tabvisor-guest";
const SCOPE = new URL("./", self.location.href);

/** Names with a hash never change; what another version has of them is taken over. */
async function fill() {
  const cache = await caches.open(APP);
  const others = (await caches.keys()).filter((name) => name.startsWith("tabvisor-app-") && name !== APP);
  await Promise.all(FILES.map(async ({ path, hashed }) => {
    const url = new URL(path, SCOPE).href;
    if ((await cache.match(url)) !== undefined) return;
    for (const name of hashed ? others : []) {
      const known = await (await caches.open(name)).match(url);
      if (known !== undefined) return cache.put(url, known);
    }
    const response = await fetch(url, { cache: "no-cache" });
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    await cache.put(url, response);
  }));
}

self.addEventListener("install", (event) => event.waitUntil(fill()));

// A page of the old version may still fetch its own later parts: the new one waits until that is closed, then clears up.
self.addEventListener("activate", (event) => event.waitUntil((async () => {
  for (const name of await caches.keys()) if (name.startsWith("tabvisor-app-") && name !== APP) await caches.delete(name);
  await self.clients.claim();
})()));

/** The server's word where it answers, and a copy for when it does not. */
async function guest(request) {
  const cache = await caches.open(GUEST);
  const known = await cache.match(request.url);
  let response;
  try {
    // With what is known the server can say that nothing has changed, in a few bytes.
    response = await fetch(request.url, { cache: "no-cache" });
  } catch (error) {
    if (known !== undefined) return known;
    throw error;
  }
  if (response.status !== 200) return response.status < 500 ? response : (known ?? response);
  const same = ["etag", "last-modified", "content-length"].every((name) => response.headers.get(name) === known?.headers.get(name));
  if (!same || known === undefined) await cache.put(request.url, response.clone()).catch(() => undefined);
  return response;
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== SCOPE.origin || !url.pathname.startsWith(SCOPE.pathname) || request.headers.has("range")) return;
  const path = url.pathname.slice(SCOPE.pathname.length);
  if (/^guest\/[^/]+$/.test(path)) {
    event.respondWith(guest(request));
    return;
  }
  const file = path === "" ? "index.html" : path;
  if (!FILES.some((f) => f.path === file)) return;
  event.respondWith((async () => (await (await caches.open(APP)).match(new URL(file, SCOPE).href)) ?? fetch(request))());
});

/** The page that registered this worker had its guest before: it is fetched once more, out of the browser's own cache mostly. */
self.addEventListener("message", (event) => {
  if (event.data?.kind !== "keep") return;
  event.waitUntil(Promise.all(event.data.urls.map(async (url) => {
    const cache = await caches.open(GUEST);
    if ((await cache.match(url)) !== undefined) return;
    const response = await fetch(url).catch(() => null);
    if (response?.status === 200) await cache.put(url, response);
  })));
});
