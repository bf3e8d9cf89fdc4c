/** The snapshots of a machine: the tree, and what can be done with the chosen one. */
import "../styles/panels.css";
import "../styles/dialogs.css";
import type { SnapshotInfo } from "../../../vmm/api.ts";
import { button, h } from "../../dom.ts";
import { describeState, formatBytes, formatGuestTime, formatMemory } from "../../format.ts";
import type { PageServices, PanelContent } from "../../services.ts";
import { ask, askText } from "../sheet.ts";
import { openCompare } from "./compare.ts";
import { subtree } from "./layout.ts";
import { takeSnapshot } from "./take.ts";
import { TreeView } from "./tree-view.ts";

export function openSnapshots(host: HTMLElement, id: string, services: PageServices): PanelContent {
  const panel = new SnapshotPanel(host, id, services);
  return { close: () => panel.close() };
}

class SnapshotPanel {
  private readonly tree: TreeView;
  private readonly details = h("section", { class: "details", "aria-label": "The chosen snapshot", hidden: true });
  private readonly empty = h("p", { class: "empty" }, "A snapshot keeps everything: memory, disks, screen. What has not changed since an earlier one is not stored again.");
  private readonly take: HTMLButtonElement;
  private readonly unsubscribe: () => void;
  private snapshots: readonly SnapshotInfo[] = [];
  /** The other one is being chosen. */
  private comparing: string | null = null;
  private turn = 0;

  constructor(
    host: HTMLElement,
    private readonly id: string,
    private readonly services: PageServices,
  ) {
    this.tree = new TreeView({
      selected: (chosen) => this.selected(chosen),
      restore: (snapshot) => void this.restore(snapshot),
      rename: (snapshot) => void this.rename(snapshot),
      remove: (snapshot) => void this.remove(snapshot),
    });
    this.take = button("Take a snapshot…", () => void takeSnapshot(id, services), { primary: true, id: "snapshots-take" });
    host.append(h("div", { class: "snapshots" }, h("div", { class: "panel-actions" }, this.take), this.empty, h("div", { class: "tree-box" }, this.tree.element), this.details));
    this.unsubscribe = services.manager.subscribe((event) => {
      if (!("id" in event) || event.id !== id) return;
      if (event.kind === "snapshots") void this.load();
      else if (event.kind === "machine" && event.machine.state !== this.state) this.draw();
    });
    void this.load();
  }

  close(): void {
    this.turn++;
    this.unsubscribe();
    this.tree.close();
  }

  private state: string | null = null;

  private async load(): Promise<void> {
    const turn = ++this.turn;
    try {
      const snapshots = await this.services.manager.snapshots(this.id);
      if (turn !== this.turn) return;
      this.snapshots = snapshots;
      this.draw();
    } catch (error) {
      this.services.fail(error);
    }
  }

  private draw(): void {
    const machine = this.services.manager.get(this.id);
    this.state = machine?.state ?? null;
    this.take.disabled = this.state !== "running" && this.state !== "paused";
    this.empty.hidden = this.snapshots.length > 0;
    this.tree.element.hidden = this.snapshots.length === 0;
    this.tree.render(this.snapshots, machine === null ? "" : describeState(machine).label);
    this.show(this.tree.selected);
  }

  private selected(id: string | null): void {
    const first = this.comparing;
    if (first !== null && id !== null && id !== first) {
      this.comparing = null;
      this.tree.select(first, id);
      void openCompare(this.of(first), this.of(id), this.services);
      return;
    }
    this.show(id);
  }

  private of(id: string): SnapshotInfo {
    const found = this.snapshots.find((s) => s.id === id);
    if (found === undefined) throw new Error("the snapshot is gone");
    return found;
  }

  private show(id: string | null): void {
    const snapshot = this.snapshots.find((s) => s.id === id);
    this.details.hidden = snapshot === undefined;
    if (snapshot === undefined) return;
    const danger = button("Delete…", () => void this.remove(snapshot.id), { id: "snapshot-delete" });
    danger.classList.add("danger");
    const compare = button(this.comparing === null ? "Compare…" : "Choose the other one", () => {
      this.comparing = this.comparing === null ? snapshot.id : null;
      this.services.announce(this.comparing === null ? "" : "Choose the snapshot to compare with");
      this.show(snapshot.id);
      this.tree.focus();
    }, { id: "snapshot-compare" });
    compare.setAttribute("aria-pressed", String(this.comparing !== null));
    compare.disabled = this.snapshots.length < 2;
    this.details.replaceChildren(
      h("h3", {}, snapshot.name),
      h("div", { class: "actions" },
        button("Restore", () => void this.restore(snapshot.id), { primary: true, id: "snapshot-restore" }),
        button("New machine from it", () => void this.branch(snapshot.id), { id: "snapshot-branch" }),
        compare,
        button("Rename…", () => void this.rename(snapshot.id), { id: "snapshot-rename" }),
        danger),
      h("dl", { class: "facts" },
        ...fact("Taken", new Date(snapshot.createdMs).toLocaleString()),
        ...fact("Stored", formatBytes(snapshot.storedBytes)),
        ...fact("RAM", formatMemory(Math.round(snapshot.ramBytes / 2 ** 20))),
        ...fact("Guest time", formatGuestTime(snapshot.guestTimeNs)),
        ...fact("Instructions", snapshot.instructions.toLocaleString())),
      ...(snapshot.notes === "" ? [] : [h("p", { class: "tree-notes" }, snapshot.notes)]),
      ...(snapshot.terminalTail === "" ? [] : [h("pre", { class: "tail", tabindex: 0, "aria-label": "End of the terminal" }, snapshot.terminalTail)]),
    );
  }

  private async attempt(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.services.fail(error);
    }
  }

  private restore(id: string): Promise<void> {
    const { manager, tasks } = this.services;
    return this.attempt(async () => {
      const snapshot = this.of(id);
      const alive = this.state === "running" || this.state === "paused";
      if (alive && !(await ask({ title: `Restore “${snapshot.name}”?`, text: "The machine goes on from there. What it has done since its last snapshot is lost.", yes: "Restore" }))) return;
      await tasks.run(`Restoring ${snapshot.name}`, () => manager.restoreSnapshot(this.id, id));
      this.services.announce(`Restored ${snapshot.name}`);
    });
  }

  private branch(id: string): Promise<void> {
    const { manager, tasks } = this.services;
    return this.attempt(async () => {
      const made = await tasks.run(`Making a machine from ${this.of(id).name}`, () => manager.branch(id));
      this.services.choose(made);
    });
  }

  private rename(id: string): Promise<void> {
    return this.attempt(async () => {
      const { name, notes } = this.of(id);
      const answer = await askText({ title: "Rename the snapshot", label: "Name", value: name, yes: "Rename", notes: { label: "Notes", value: notes } });
      if (answer !== null) await this.services.manager.describeSnapshot(id, { name: answer.text, notes: answer.notes });
    });
  }

  private remove(id: string): Promise<void> {
    return this.attempt(async () => {
      const { name } = this.of(id);
      const below = subtree(this.snapshots, id).length - 1;
      const text = below === 0 ? "What it alone has stored is freed." : `The ${below === 1 ? "snapshot" : `${below} snapshots`} after it stay whole. What it alone has stored is freed.`;
      if (await ask({ title: `Delete “${name}”?`, text, yes: "Delete", danger: true })) await this.services.manager.removeSnapshot(id);
    });
  }
}

function fact(name: string, value: string): readonly HTMLElement[] {
  return [h("dt", {}, name), h("dd", {}, value)];
}
