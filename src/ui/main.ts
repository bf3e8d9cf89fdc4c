/** The entry: starts what takes long (worker, guest images) before the terminal's code is even loaded. */
import { connectDisplay } from "./client.ts";
import { openPageManager } from "./manager.ts";

/** What this browser lacks, or null. */
function missingFeature(): string | null {
  if (typeof WebAssembly === "undefined") return "WebAssembly";
  if (typeof Worker === "undefined") return "web workers";
  if (typeof DecompressionStream === "undefined") return "gzip decompression";
  return null;
}

const autostart = new URLSearchParams(location.search).get("autostart") !== "0";
const lacking = missingFeature();
// The worker is started before the terminal's code is loaded.
const opening = openPageManager(autostart && lacking === null);
const [manager, { startPage }] = await Promise.all([opening, import("./page.ts")]);
await startPage({ manager, connectDisplay, autostart, lacking });
