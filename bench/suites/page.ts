/** What a visitor waits for. */
import type { Suite } from "../lib/context.ts";
import { most, row } from "../lib/report.ts";

export const page: Suite = {
  name: "page",
  about: "size of the application, page open to the first kernel line",
  async run(context) {
    const site = await context.site();
    const rows = [row("application without the guest, gzipped", "build", "KB", [site.bytes / 1000], { target: most(400) })];
    const chromium = await context.chromium();
    if (chromium === null) return rows;
    const cold: number[] = [], warm: number[] = [];
    for (let run = 1; run <= context.runs; run++) {
      const fresh = await chromium.context();
      try {
        cold.push((await chromium.firstLine(fresh)) / 1000);
        warm.push((await chromium.firstLine(fresh)) / 1000);
      } finally {
        await fresh.close();
      }
      context.log(`page ${run}: first kernel line after ${cold.at(-1)?.toFixed(2)} s, on the second visit ${warm.at(-1)?.toFixed(2)} s`);
    }
    rows.push(row("page open to the first kernel line", "chromium", "s", cold, { target: most(1.5), note: "first visit" }));
    rows.push(row("page open to the first kernel line", "chromium", "s", warm, { note: "second visit" }));
    return rows;
  },
};
