/** Vite plugins: the guest images under /guest/, the size budget, and the stand-in worker of page tests. */
import { createReadStream, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { cp } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
export const GUEST_FOLDER = join(ROOT, ".cache", "guest");
/** The application at first load without the guest, gzipped. */
export const BUDGET_BYTES = 400_000;

/** What the page fetches; the folder also holds the raw images for Node. */
const PUBLISHED = ["guest.json", "vmlinux.gz", "initramfs.cpio.gz", "modules.cpio.gz"] as const;

const TYPES: Readonly<Record<string, string>> = { json: "application/json", gz: "application/gzip" };

/** One range of bytes as `Range` asks for it (RFC 9110 §14.1); null: the whole, or what cannot be given. */
export function rangeOf(header: string | undefined, size: number): { readonly first: number; readonly last: number } | "unsatisfiable" | null {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (match === null || (match[1] === "" && match[2] === "")) return null;
  const first = match[1] === "" ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const last = match[1] === "" || match[2] === "" ? size - 1 : Math.min(size - 1, Number(match[2]));
  if (first > last) return first >= size ? "unsatisfiable" : null;
  return { first, last };
}

/**
 * Serves `GUEST_FOLDER` as /guest/, with the Debian disk below it. The files go out as they are: the page unzips them, so that
 * it can show progress, and asks for pieces of a disk.
 */
function serve(folder: string) {
  return (request: IncomingMessage, response: ServerResponse, next: () => void): void => {
    const path = (request.url ?? "").split("?", 1)[0];
    const name = /^\/guest\/((?:debian\/)?[\w+-][\w.+-]*)$/.exec(path)?.[1];
    if (name === undefined) {
      next();
      return;
    }
    const file = join(folder, name);
    const stat = existsSync(file) ? statSync(file) : undefined;
    if (stat?.isFile() !== true) {
      response.writeHead(404, { "content-type": "text/plain" }).end("not found\n");
      return;
    }
    const { size } = stat;
    const etag = `"${size.toString(36)}-${Math.round(stat.mtimeMs).toString(36)}"`;
    const headers = { etag, "cache-control": "no-cache", "accept-ranges": "bytes", "content-type": TYPES[name.split(".").at(-1) ?? ""] ?? "application/octet-stream" };
    if (request.headers["if-none-match"] === etag) {
      response.writeHead(304, headers).end();
      return;
    }
    const range = rangeOf(request.headers.range, size);
    if (range === "unsatisfiable") {
      response.writeHead(416, { ...headers, "content-range": `bytes */${size}` }).end();
      return;
    }
    const { first, last } = range ?? { first: 0, last: size - 1 };
    response.writeHead(range === null ? 200 : 206, {
      ...headers,
      "content-length": last - first + 1,
      ...(range === null ? {} : { "content-range": `bytes ${first}-${last}/${size}` }),
    });
    if (request.method === "HEAD" || size === 0) {
      response.end();
      return;
    }
    createReadStream(file, { start: first, end: last }).on("error", () => response.destroy()).pipe(response);
  };
}

export interface GuestOptions {
  /** Where the images are. */
  readonly folder?: string;
  /** Copy them into the build. */
  readonly copy?: boolean;
}

export function guestPlugin({ folder = GUEST_FOLDER, copy = true }: GuestOptions = {}): Plugin {
  let outDir = "";
  let building = false;
  return {
    name: "tabvisor-guest",
    configResolved(config) {
      outDir = resolve(config.root, config.build.outDir);
      building = config.command === "build";
    },
    configureServer(server) {
      server.middlewares.use(serve(folder));
    },
    configurePreviewServer(server) {
      server.middlewares.use(serve(folder));
    },
    async writeBundle() {
      if (!building || !copy || !existsSync(join(folder, "guest.json"))) return;
      for (const name of PUBLISHED) await cp(join(folder, name), join(outDir, "guest", name));
    },
  };
}

/** Folder of what the page loads when it is first used: not needed to show a running machine. */
const LATER = "later";

/** Names the chunks that only `import()` reaches, the entry's own page aside, so that they are told apart from the first load. */
export function laterPlugin(): Plugin {
  const first = new Set<string>();
  const isFirst = (ids: readonly string[]): boolean => ids.some((id) => first.has(id));
  return {
    name: "tabvisor-later",
    config: () => ({
      build: {
        rollupOptions: {
          output: {
            chunkFileNames: (chunk) => `${isFirst(chunk.moduleIds) ? "assets" : LATER}/[name]-[hash].js`,
            // Style sheets are named after the chunks that bring them.
            assetFileNames: ({ names }) => `${names.some((name) => /\.css$/.test(name) && !/^(index|page)\.css$/.test(name)) ? LATER : "assets"}/[name]-[hash][extname]`,
          },
        },
      },
      worker: {
        rollupOptions: {
          // Every start goes through `prepare`; the rest is for who wants it, as is the decompressor of disk images that such parts share.
          output: { chunkFileNames: (chunk) => `${(chunk.isDynamicEntry && chunk.name !== "prepare") || chunk.moduleIds.some((id) => id.includes("/zstddec/")) ? LATER : "assets"}/[name]-[hash].js` },
        },
      },
    }),
    buildEnd() {
      first.clear();
      const visit = (id: string): void => {
        if (first.has(id)) return;
        first.add(id);
        const info = this.getModuleInfo(id);
        for (const next of info?.importedIds ?? []) visit(next);
        for (const next of info?.dynamicallyImportedIds ?? []) if (next.endsWith("/src/ui/page.ts")) visit(next);
      };
      for (const id of this.getModuleIds()) if (this.getModuleInfo(id)?.isEntry === true) visit(id);
    },
  };
}

/** What a first visit loads, besides the guest. */
const FIRST = new RegExp(`^(index\\.html|favicon\\.svg|assets\\${sep}.*)$`);

/** The store's worker and its compressor: loaded when something is saved. docs/RATIONALE.md says what counts. */
const OF_STORE = /^(store-worker|zstd|index\.web)-[\w-]+\.(js|wasm)$/;
/** Of the guest: what runs inside the machine. */
const OF_GUEST = /^(bios|vgabios)-.*\.bin$/;

/** Gzipped bytes of the files below a folder that a first visit loads, the guest's left out: its kernel, initramfs and firmware. */
export function applicationBytes(folder: string): number {
  let sum = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    const first = FIRST.test(relative(folder, file)) && !OF_STORE.test(entry.name) && !OF_GUEST.test(entry.name);
    if (entry.isFile() && first) sum += gzipSync(readFileSync(file), { level: 9 }).length;
  }
  return sum;
}

/** Prints the size of the application after a build, and fails the build when it is over the budget. */
export function sizePlugin(): Plugin {
  let outDir = "";
  let building = false;
  return {
    name: "tabvisor-size",
    configResolved(config) {
      outDir = resolve(config.root, config.build.outDir);
      building = config.command === "build";
    },
    writeBundle() {
      if (!building) return;
      const bytes = applicationBytes(outDir);
      const line = `application at first load, without the guest: ${(bytes / 1000).toFixed(1)} KB gzipped, of ${BUDGET_BYTES / 1000} KB`;
      if (bytes > BUDGET_BYTES) throw new Error(`${line}: over the budget`);
      console.log(line);
    },
  };
}

/** Page tests only: the page gets its machines from test/e2e/fake-manager.ts. */
export function fakeManagerPlugin(): Plugin {
  return {
    name: "tabvisor-fake-manager",
    enforce: "pre",
    transform(_code, id) {
      if (!id.split("?", 1)[0].endsWith("/src/ui/manager.ts")) return null;
      return { code: 'export { openPageManager } from "../../test/e2e/fake-manager.ts";', map: null };
    },
  };
}

/** Page tests only: the page talks to test/e2e/fake-worker.ts instead of the machine. */
export function fakeWorkerPlugin(): Plugin {
  return {
    name: "tabvisor-fake-worker",
    enforce: "pre",
    transform(code, id) {
      if (!id.split("?", 1)[0].endsWith("/src/ui/client.ts")) return null;
      const changed = code.replaceAll('"../vmm/worker.ts"', '"../../test/e2e/fake-worker.ts"');
      if (changed === code) throw new Error("src/ui/client.ts no longer names its worker as the fake worker plugin expects");
      return { code: changed, map: null };
    },
  };
}
