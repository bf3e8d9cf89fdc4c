/** Where things are. */
import { join } from "node:path";

export const ROOT = join(import.meta.dirname, "..", "..");
export const RESULTS = join(ROOT, "bench", "results");
/** What the bench makes: guest programs and its own build of the page. */
export const BUILD = join(ROOT, "build", "bench");
