/** The build of the embedding library: dist/embed, with its workers and assets beside it, and the examples. */
import { readFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import { defineConfig } from "vite";
import { ensureBios } from "./bios/build.ts";
import { ensureInterpreter } from "./src/cli/interpreter.ts";

ensureInterpreter();
ensureBios();
const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };

export default defineConfig({
  // Addresses of workers and assets are relative to the module that names them: the folder can be anywhere.
  base: "./",
  publicDir: false,
  define: { __TABVISOR_VERSION__: JSON.stringify(version) },
  worker: { format: "es" },
  build: {
    target: "es2022",
    outDir: process.env["TABVISOR_EMBED_OUT"] ?? "dist/embed",
    emptyOutDir: true,
    modulePreload: false,
    // Vite's library mode would put every asset into the script as base64: the interpreter, the firmware and the workers.
    rollupOptions: {
      input: { tabvisor: "src/embed/index.ts", "tab-machine": "src/embed/element.ts" },
      preserveEntrySignatures: "strict",
      output: { format: "es", entryFileNames: "[name].js", chunkFileNames: "assets/[name]-[hash].js" },
    },
  },
  plugins: [{
    name: "tabvisor-examples",
    async writeBundle({ dir }) {
      if (dir?.endsWith("embed") === true) await cp("examples", `${dir}/../examples`, { recursive: true });
    },
  }],
});
