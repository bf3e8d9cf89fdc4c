/** What the machine is at: interrupts by vector, exits by device, tier share and the hottest compiled code, with rates. */
import type { ActivityView as Activity, Look, LookRequest } from "../../vmm/api.ts";
import { h } from "../dom.ts";
import { countText, hex, rateText, vectorName } from "./format.ts";
import { Cell, Rows, section, table } from "./live.ts";
import type { View } from "./view.ts";

export class ActivityView implements View {
  readonly name = "Activity";
  readonly element = h("div", { class: "ins-view" });
  private readonly share = h("meter", { min: 0, max: 1, value: 0, class: "ins-meter", "aria-label": "Instructions that compiled code executed" });
  private readonly tiers = new Cell(h("p", { class: "ins-note" }));
  private readonly vectors: Rows;
  private readonly exits: Rows;
  private readonly hottest: Rows;
  private before: { readonly atMs: number; readonly activity: Activity } | null = null;

  constructor(private readonly nowMs: () => number = () => performance.now()) {
    const vectors = table(["Vector", "", "Count", "Rate", "Last at"]);
    this.vectors = new Rows(vectors.body, new Set([2]));
    const exits = table(["Bus", "Device", "Reads", "Writes", "Rate"]);
    this.exits = new Rows(exits.body, new Set([2, 3]));
    const hottest = table(["Address", "", "Entered", "Instructions", "Bytes"]);
    this.hottest = new Rows(hottest.body, new Set([2]));
    this.element.append(
      section("Tiers", this.share, this.tiers.element),
      section("Interrupts and exceptions", h("div", { class: "ins-scroll" }, vectors.element)),
      section("Exits to devices", h("div", { class: "ins-scroll" }, exits.element)),
      section("Hottest compiled code", h("div", { class: "ins-scroll" }, hottest.element)),
    );
  }

  request(): LookRequest {
    return { activity: true };
  }

  show({ activity }: Look): void {
    if (activity === null) return;
    const now = this.nowMs();
    const { before } = this;
    const seconds = before === null ? 0 : (now - before.atMs) / 1000;
    // A new machine counts from zero.
    const old = before !== null && before.activity.instructions <= activity.instructions ? before.activity : null;
    const rate = (count: number, earlier: number | undefined): string => (old === null || seconds <= 0 ? "" : rateText((count - (earlier ?? 0)) / seconds));
    const done = activity.instructions - (old?.instructions ?? 0);
    const share = done > 0 ? (activity.compiled - (old?.compiled ?? 0)) / done : 0;
    if (done > 0) this.share.value = share;
    const { regions } = activity;
    this.tiers.set(regions === null ? "The interpreter alone" : `${done > 0 ? `${(100 * share).toFixed(0)} % compiled` : "standing still"}, ${countText(activity.instructions)} instructions, ${
      regions.installed} regions of ${Math.round(regions.wasmBytes / 1024)} KiB${regions.queue > 0 ? `, ${regions.queue} waiting` : ""}`, false);
    const earlierVectors = new Map(old?.vectors.map((v) => [v.vector, v.count]));
    this.vectors.set(activity.vectors.map((v) => ({
      key: String(v.vector),
      cells: [hex(v.vector, 2), vectorName(v.vector), countText(v.count), rate(v.count, earlierVectors.get(v.vector)), v.lastSymbol === "" ? hex(v.lastAt, 8) : v.lastSymbol],
    })));
    const name = (e: Activity["exits"][number]): string => `${e.bus} ${e.name}`;
    const earlierExits = new Map(old?.exits.map((e) => [name(e), e.reads + e.writes]));
    const exits = [...activity.exits].sort((a, b) => b.reads + b.writes - a.reads - a.writes);
    this.exits.set(exits.map((e) => ({ key: name(e), cells: [e.bus, e.name, countText(e.reads), countText(e.writes), rate(e.reads + e.writes, earlierExits.get(name(e)))] })));
    this.hottest.set(activity.hottest.map((r) => ({ key: hex(r.address), cells: [hex(r.address, 8), r.symbol, countText(r.entries), String(r.instructions), String(r.wasmBytes)] })));
    this.before = { atMs: now, activity };
  }
}
