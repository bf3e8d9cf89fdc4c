/** The snapshot tree, drawn: a row for each snapshot, lines beside them; keys go along the tree. */
import type { SnapshotInfo } from "../../../vmm/api.ts";
import { h, icon } from "../../dom.ts";
import { formatAgo, formatBytes } from "../../format.ts";
import { layoutTree, type Placed, type TreeItem } from "./layout.ts";

const SVG = "http://www.w3.org/2000/svg";
/** In px, as in the style sheet. */
const ROW = 66;
const LANE = 18;
const MARGIN = 14;
const NOW = "now";

export interface TreeActions {
  selected(id: string | null): void;
  /** Enter or a double click. */
  restore(id: string): void;
  rename(id: string): void;
  remove(id: string): void;
}

interface Node extends TreeItem {
  /** Null: the machine as it is now. */
  readonly snapshot: SnapshotInfo | null;
}

export class TreeView {
  readonly element = h("div", { class: "tree", role: "tree", "aria-label": "Snapshots" });
  private placed: readonly Placed<Node>[] = [];
  private readonly urls = new Map<Blob, string>();
  private chosen: string | null = null;
  private second: string | null = null;

  constructor(private readonly actions: TreeActions) {
    this.element.addEventListener("keydown", (event) => this.onKey(event));
  }

  /** `now` says what the machine does at present. */
  render(snapshots: readonly SnapshotInfo[], now: string): void {
    const focused = this.element.contains(document.activeElement);
    const current = snapshots.find((s) => s.current)?.id ?? null;
    const nodes: Node[] = [
      ...snapshots.map((s): Node => ({ id: s.id, parent: s.parent, createdMs: s.createdMs, snapshot: s })),
      { id: NOW, parent: current, createdMs: Number.MAX_SAFE_INTEGER, snapshot: null },
    ];
    const { placed, lanes } = layoutTree(nodes, NOW);
    this.placed = placed;
    if (!placed.some((p) => p.item.id === this.chosen)) this.chosen = null;
    const used = new Set(snapshots.flatMap((s) => (s.thumbnail === null ? [] : [s.thumbnail])));
    for (const [blob, url] of this.urls) {
      if (used.has(blob)) continue;
      URL.revokeObjectURL(url);
      this.urls.delete(blob);
    }
    const width = MARGIN * 2 + (lanes - 1) * LANE;
    this.element.style.setProperty("--gutter", `${width}px`);
    this.element.replaceChildren(this.lines(width), ...placed.map((p) => this.row(p, now)));
    this.mark();
    if (focused) this.focus();
  }

  get selected(): string | null {
    return this.chosen;
  }

  /** `second` is what the first is compared with. */
  select(id: string | null, second: string | null = null): void {
    this.chosen = id;
    this.second = second;
    this.mark();
    this.actions.selected(id);
  }

  focus(): void {
    this.element.querySelector<HTMLElement>('[tabindex="0"]')?.focus();
  }

  close(): void {
    for (const url of this.urls.values()) URL.revokeObjectURL(url);
    this.urls.clear();
  }

  private picture(snapshot: SnapshotInfo | null): HTMLElement {
    const blob = snapshot?.thumbnail ?? null;
    if (blob === null) return h("span", { class: "thumb", "aria-hidden": true }, icon(snapshot === null ? "play" : "terminal"));
    let url = this.urls.get(blob);
    if (url === undefined) {
      url = URL.createObjectURL(blob);
      this.urls.set(blob, url);
    }
    return h("span", { class: "thumb", "aria-hidden": true }, h("img", { src: url, alt: "" }));
  }

  private row({ item: { id, snapshot }, level }: Placed<Node>, now: string): HTMLElement {
    const words = snapshot === null
      ? h("span", { class: "tree-words" }, h("strong", {}, "Now"), h("span", {}, now))
      : h("span", { class: "tree-words" }, h("strong", {}, snapshot.name),
        h("span", {}, `${formatAgo(snapshot.createdMs, Date.now())}, ${formatBytes(snapshot.storedBytes)}`),
        ...(snapshot.notes === "" ? [] : [h("span", { class: "tree-notes" }, snapshot.notes)]));
    const row = h("div", { class: "tree-row", role: "treeitem", "aria-level": level, "data-snapshot": id, tabindex: -1 }, this.picture(snapshot), words);
    row.addEventListener("click", () => {
      this.select(snapshot === null ? null : id);
      row.focus();
    });
    row.addEventListener("dblclick", () => {
      if (snapshot !== null) this.actions.restore(id);
    });
    return row;
  }

  private mark(): void {
    const rows = [...this.element.querySelectorAll<HTMLElement>(".tree-row")];
    const first = this.chosen ?? this.placed.at(-1)?.item.id;
    for (const row of rows) {
      const id = row.dataset["snapshot"];
      row.setAttribute("aria-selected", String(id === this.chosen || id === this.second));
      row.dataset["second"] = String(id === this.second);
      row.tabIndex = id === first ? 0 : -1;
    }
  }

  private lines(width: number): SVGSVGElement {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("class", "tree-lines");
    svg.setAttribute("width", String(width));
    svg.setAttribute("height", String(this.placed.length * ROW));
    svg.setAttribute("aria-hidden", "true");
    const x = (lane: number): number => MARGIN + lane * LANE;
    const y = (row: number): number => row * ROW + ROW / 2;
    for (const p of this.placed) {
      if (p.parentRow === null) continue;
      const path = document.createElementNS(SVG, "path");
      const [px, py, cx, cy] = [x(p.parentLane), y(p.parentRow), x(p.lane), y(p.row)];
      // Down in the child's own lane; to another lane by a bend under the parent.
      path.setAttribute("d", px === cx ? `M${px} ${py}V${cy}` : `M${px} ${py}C${px} ${py + ROW / 2} ${cx} ${py + 4} ${cx} ${py + ROW / 2 + 6}V${cy}`);
      if (p.item.snapshot === null) path.setAttribute("class", "to-now");
      svg.append(path);
    }
    for (const p of this.placed) {
      const dot = document.createElementNS(SVG, "circle");
      dot.setAttribute("cx", String(x(p.lane)));
      dot.setAttribute("cy", String(y(p.row)));
      dot.setAttribute("r", p.item.snapshot === null ? "5.5" : "4.5");
      if (p.item.snapshot === null) dot.setAttribute("class", "now");
      svg.append(dot);
    }
    return svg;
  }

  private onKey(event: KeyboardEvent): void {
    const at = this.placed.findIndex((p) => p.item.id === (document.activeElement as HTMLElement | null)?.dataset["snapshot"]);
    const here = this.placed[at];
    if (here === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    const go = (to: Placed<Node> | undefined): void => {
      if (to === undefined) return;
      this.select(to.item.snapshot === null ? null : to.item.id);
      this.element.querySelector<HTMLElement>(`[data-snapshot="${CSS.escape(to.item.id)}"]`)?.focus();
    };
    const id = here.item.snapshot?.id;
    switch (event.key) {
      case "ArrowDown":
        go(this.placed[at + 1]);
        break;
      case "ArrowUp":
        go(this.placed[at - 1]);
        break;
      case "ArrowLeft":
        go(here.parentRow === null ? undefined : this.placed[here.parentRow]);
        break;
      case "ArrowRight":
        go(this.placed.find((p) => p.parentRow === at));
        break;
      case "Home":
        go(this.placed[0]);
        break;
      case "End":
        go(this.placed.at(-1));
        break;
      case "Enter":
        if (id !== undefined) this.actions.restore(id);
        break;
      case "F2":
        if (id !== undefined) this.actions.rename(id);
        break;
      case "Delete":
        if (id !== undefined) this.actions.remove(id);
        break;
      default:
        return;
    }
    event.preventDefault();
  }
}
