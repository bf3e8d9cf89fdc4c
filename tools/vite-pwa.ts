/** Vite plugin: the page as an application that can be installed and starts offline. Manifest, icons, service worker. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";
import { drawIcon } from "./icons.ts";

const WORKER = fileURLToPath(new URL("../src/pwa/service-worker.js", import.meta.url));
/** Squares in pixels, as browsers ask for them. */
const ICONS = [192, 512] as const;
/** Not the page's: the guest has a cache of its own, examples and library are others' pages. */
const OTHERS = new Set(["guest", "embed", "examples", "sw.js"]);

const MANIFEST = {
  name: "Tabvisor",
  short_name: "Tabvisor",
  description: "An x86-64 PC in a browser tab",
  start_url: "./",
  scope: "./",
  display: "standalone",
  background_color: "#101418",
  theme_color: "#5b5fe6",
  icons: [
    { src: "./favicon.svg", sizes: "any", type: "image/svg+xml", purpose: "any" },
    ...ICONS.map((size) => ({ src: `./icon-${size}.png`, sizes: `${size}x${size}`, type: "image/png", purpose: "any maskable" })),
  ],
};

/** Registers after the machine has had its start; the first visit's guest is kept for the next. */
const REGISTER = `
if ("serviceWorker" in navigator && isSecureContext) addEventListener("load", () => setTimeout(async () => {
  try {
    await navigator.serviceWorker.register("./sw.js");
    const { active } = await navigator.serviceWorker.ready;
    const urls = ["guest.json", "vmlinux.gz", "initramfs.cpio.gz"].map((name) => new URL("guest/" + name, document.baseURI).href);
    active?.postMessage({ kind: "keep", urls });
  } catch (error) {
    console.warn("tabvisor: the page will not start offline:", error);
  }
}, 4000));
`;

export function pwaPlugin(): Plugin {
  let outDir = "";
  return {
    name: "tabvisor-pwa",
    apply: "build",
    configResolved(config) {
      outDir = resolve(config.root, config.build.outDir);
    },
    transformIndexHtml: () => [
      { tag: "link", attrs: { rel: "manifest", href: "./manifest.webmanifest" }, injectTo: "head" },
      { tag: "script", attrs: { type: "module" }, children: REGISTER, injectTo: "body" },
    ],
    generateBundle() {
      this.emitFile({ type: "asset", fileName: "manifest.webmanifest", source: JSON.stringify(MANIFEST) });
      for (const size of ICONS) this.emitFile({ type: "asset", fileName: `icon-${size}.png`, source: drawIcon(size) });
    },
    writeBundle: {
      // When every file of the page is there.
      order: "post",
      sequential: true,
      handler() {
        const files = readdirSync(outDir, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => relative(outDir, join(entry.parentPath, entry.name)).split(sep).join("/"))
          .filter((path) => !OTHERS.has(path.split("/")[0]))
          .sort();
        const hash = createHash("sha256");
        for (const path of files) hash.update(path).update(readFileSync(join(outDir, path)));
        const list = files.map((path) => ({ path, hashed: /^(assets|later)\//.test(path) }));
        const code = readFileSync(WORKER, "utf8")
          .replace("/* @files */ []", JSON.stringify(list))
          .replace('/* @version */ ""', JSON.stringify(hash.digest("hex").slice(0, 16)));
        writeFileSync(join(outDir, "sw.js"), code);
      },
    },
  };
}
