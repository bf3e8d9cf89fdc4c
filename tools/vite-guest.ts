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
/** The whole application without the guest, gzipped. */
const BUDGET_BYTES = 400_000;

/** What the page fetches; the folder also holds the raw images for Node. */
const PUBLISHED = ["guest.json", "vmlinux.gz", "initramfs.cpio.gz", "modules.cpio.gz"] as const;

const TYPES: Readonly<Record<string, string>> = { json: "application/json", gz: "application/gzip" };

/** Serves `GUEST_FOLDER` as /guest/. The files go out as they are: the page unzips them, so that it can show progress. */
function serve(folder: string) {
  return (request: IncomingMessage, response: ServerResponse, next: () => void): void => {
    const path = (request.url ?? "").split("?", 1)[0];
    const name = /^\/guest\/([\w.+-]+)$/.exec(path)?.[1];
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
    const etag = `"${stat.size.toString(36)}-${Math.round(stat.mtimeMs).toString(36)}"`;
    const headers = { etag, "cache-control": "no-cache", "content-type": TYPES[name.split(".").at(-1) ?? ""] ?? "application/octet-stream" };
    if (request.headers["if-none-match"] === etag) {
      response.writeHead(304, headers).end();
      return;
    }
    response.writeHead(200, { ...headers, "content-length": stat.size });
    if (request.method === "HEAD") {
      response.end();
      return;
    }
    createReadStream(file).on("error", () => response.destroy()).pipe(response);
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

/** The store's worker and its compressor: loaded when something is saved. docs/RATIONALE.md says what counts. */
const OF_STORE = /^(store-worker|zstd|index\.web)-[\w-]+\.(js|wasm)$/;

/** What the page loads when it is first asked for: the inspector. */
const ON_DEMAND = /^(inspector|remote-debugger)-/;

/** Gzipped bytes of all files below a folder that are not the guest's, the store's, or loaded on demand. */
export function applicationBytes(folder: string): number {
  let sum = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    // The guest's kernel, initramfs and firmware: what runs inside the machine.
    const ofGuest = relative(folder, file).startsWith(`guest${sep}`) || /^bios-.*\.bin$/.test(entry.name) || OF_STORE.test(entry.name) || ON_DEMAND.test(entry.name);
    if (entry.isFile() && !ofGuest) sum += gzipSync(readFileSync(file), { level: 9 }).length;
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
      const line = `application without the guest: ${(bytes / 1000).toFixed(1)} KB gzipped, of ${BUDGET_BYTES / 1000} KB`;
      if (bytes > BUDGET_BYTES) throw new Error(`${line}: over the budget`);
      console.log(line);
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
      const changed = code.replace('"../vmm/worker.ts"', '"../../test/e2e/fake-worker.ts"');
      if (changed === code) throw new Error("src/ui/client.ts no longer names its worker as the fake worker plugin expects");
      return { code: changed, map: null };
    },
  };
}
