/** The build of the page, and the unit tests. */
import { defineConfig } from "vitest/config";
import { ensureBios } from "./bios/build.ts";
import { ensureInterpreter } from "./src/cli/interpreter.ts";
import { guestPlugin, laterPlugin, sizePlugin } from "./tools/vite-guest.ts";
import { pwaPlugin } from "./tools/vite-pwa.ts";

// The worker fetches them as assets.
if (process.env["VITEST"] === undefined) {
  ensureInterpreter();
  ensureBios();
}

export default defineConfig({
  base: "./",
  plugins: [guestPlugin(), laterPlugin(), pwaPlugin(), sizePlugin()],
  worker: { format: "es" },
  build: { target: "es2022" },
  // Not what tests have built.
  optimizeDeps: { entries: ["index.html"] },
  server: { host: "127.0.0.1" },
  preview: { host: "127.0.0.1" },
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts", "bench/**/*.test.ts"],
    exclude: ["test/e2e/**", "node_modules/**"],
    setupFiles: ["test/setup.ts"],
    testTimeout: 120_000,
  },
});
