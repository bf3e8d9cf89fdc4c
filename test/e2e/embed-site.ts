/** The library and its examples, built, and a dumb static server for them. */
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { build } from "vite";
import { GUEST_FOLDER } from "../../tools/vite-guest.ts";
import { ROOT } from "./harness.ts";

const TYPES: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript", ".json": "application/json", ".wasm": "application/wasm", ".css": "text/css", ".svg": "image/svg+xml", ".yaml": "text/yaml" };

/** Files and nothing else: no headers that a plain host would not send. */
export async function staticSite(folder: string): Promise<{ readonly url: string; close(): void }> {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent((request.url ?? "/").split("?", 1)[0]));
    let file = path.startsWith("/guest/") ? join(GUEST_FOLDER, path.slice(7)) : join(folder, path);
    if (existsSync(file) && statSync(file).isDirectory()) file = join(file, "index.html");
    if (!existsSync(file)) {
      response.writeHead(404).end("not found");
      return;
    }
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream", "content-length": statSync(file).size });
    createReadStream(file).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** The library and the examples as `npm run build` makes them. */
export async function buildEmbed(): Promise<string> {
  const folder = join(ROOT, "build", "e2e-embed");
  process.env["TABVISOR_EMBED_OUT"] = join(folder, "embed");
  await build({ root: ROOT, configFile: join(ROOT, "vite.embed.config.ts"), logLevel: "warn" });
  return folder;
}

export interface EmbedSite {
  readonly url: string;
  readonly folder: string;
  close(): void;
}

export async function serveEmbed(): Promise<EmbedSite> {
  const folder = await buildEmbed();
  return { folder, ...(await staticSite(folder)) };
}
