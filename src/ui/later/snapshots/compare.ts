/** Two snapshots compared: how much of the RAM and of each disk differs, and where. */
import type { SnapshotDifference, SnapshotInfo } from "../../../vmm/api.ts";
import { h } from "../../dom.ts";
import { formatBytes } from "../../format.ts";
import type { PageServices } from "../../services.ts";
import { Sheet } from "../sheet.ts";

const PAGE_BYTES = 4096;
/** Strips of the picture of the RAM. */
const STRIPS = 128;

/** For each strip of the RAM the part of its pages that differs, 0 to 1. */
export function strips(pages: SnapshotDifference["pages"], count = STRIPS): readonly number[] {
  const size = pages.total / count;
  return Array.from({ length: count }, (_, i) => {
    const [from, to] = [i * size, (i + 1) * size];
    const differing = pages.ranges.reduce((n, [first, end]) => n + Math.max(0, Math.min(end, to) - Math.max(first, from)), 0);
    return size > 0 ? Math.min(1, differing / size) : 0;
  });
}

export async function openCompare(a: SnapshotInfo, b: SnapshotInfo, { manager, tasks, fail }: PageServices): Promise<void> {
  let found: SnapshotDifference;
  try {
    found = await tasks.run("Comparing snapshots", (report) => manager.compare(a.id, b.id, report));
  } catch (error) {
    fail(error);
    return;
  }
  const { pages, disks } = found;
  const sheet = new Sheet({ id: "compare", title: "What differs" });
  const share = pages.total > 0 ? (pages.differing / pages.total) * 100 : 0;
  const map = h("div", { class: "ram-map", role: "img", "aria-label": `Where in ${formatBytes(pages.total * PAGE_BYTES)} of RAM the pages differ` });
  map.append(...strips(pages).map((part) => {
    const strip = h("i");
    strip.style.setProperty("--part", part === 0 ? "0" : (0.25 + 0.75 * part).toFixed(2));
    return strip;
  }));
  const rows = Object.entries(disks).map(([id, { differing, clusterBytes }]) =>
    h("tr", {}, h("th", { scope: "row" }, id), h("td", {}, `${differing.toLocaleString()} blocks`), h("td", {}, formatBytes(differing * clusterBytes))));
  sheet.body.append(
    h("p", { class: "note" }, h("strong", {}, a.name), " and ", h("strong", {}, b.name)),
    h("table", { class: "figures-table" },
      h("tbody", {},
        h("tr", {}, h("th", { scope: "row" }, "RAM"), h("td", { id: "compare-pages" }, `${pages.differing.toLocaleString()} of ${pages.total.toLocaleString()} pages`),
          h("td", {}, `${formatBytes(pages.differing * PAGE_BYTES)}, ${share.toFixed(share < 10 ? 1 : 0)} %`)),
        ...rows)),
    map,
    h("p", { class: "hint" }, "From physical address 0 on the left to the end of the RAM on the right."),
  );
  sheet.open();
}
