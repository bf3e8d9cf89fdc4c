/** The entry: starts what takes long (worker, guest images) before the terminal's code is even loaded. */
import { connectDisplay, earlyConnect } from "./client.ts";
import { DefaultGuest } from "./guest.ts";

/** What this browser lacks, or null. */
function missingFeature(): string | null {
  if (typeof WebAssembly === "undefined") return "WebAssembly";
  if (typeof Worker === "undefined") return "web workers";
  if (typeof DecompressionStream === "undefined") return "gzip decompression";
  return null;
}

const autostart = new URLSearchParams(location.search).get("autostart") !== "0";
const lacking = missingFeature();
const { first, connect } = earlyConnect(lacking === null);
const guest = new DefaultGuest(new URL("guest/", document.baseURI));
if (autostart && first !== null) guest.prefetch(first);

const { startPage } = await import("./page.ts");
await startPage({ guest, connect, connectDisplay, autostart, lacking });
