/** The list of machines: picture, name, state, load. */
import type { MachineSummary } from "../../vmm/api.ts";
import { byId, h, icon } from "../dom.ts";
import { describeState } from "../format.ts";

export interface MachineListActions {
  choose(id: string): void;
  /** The menu of one machine, at this button. */
  menu(id: string, at: HTMLElement): void;
}

interface Row {
  readonly element: HTMLLIElement;
  readonly open: HTMLButtonElement;
  readonly more: HTMLButtonElement;
  readonly thumb: HTMLElement;
  readonly name: HTMLElement;
  readonly state: HTMLElement;
  readonly load: HTMLElement;
  picture: Blob | null;
  url: string | null;
}

export class MachineList {
  private readonly list = byId("machine-list");
  private readonly rows = new Map<string, Row>();

  constructor(private readonly actions: MachineListActions) {
    this.list.addEventListener("keydown", (event) => this.onKey(event));
  }

  render(machines: readonly MachineSummary[], chosen: string | null): void {
    const wanted = new Set(machines.map((m) => m.id));
    for (const [id, row] of this.rows) {
      if (wanted.has(id)) continue;
      if (row.url !== null) URL.revokeObjectURL(row.url);
      row.element.remove();
      this.rows.delete(id);
    }
    machines.forEach((machine, at) => {
      const row = this.rows.get(machine.id) ?? this.row(machine.id);
      if (this.list.children[at] !== row.element) this.list.insertBefore(row.element, this.list.children[at] ?? null);
      this.update(machine);
    });
    this.mark(chosen);
  }

  mark(chosen: string | null): void {
    for (const [id, row] of this.rows) row.open.setAttribute("aria-current", String(id === chosen));
  }

  update(machine: MachineSummary): void {
    const row = this.rows.get(machine.id);
    if (row === undefined) return;
    const { label, tone } = describeState(machine);
    row.element.dataset["tone"] = tone;
    set(row.name, machine.name);
    set(row.state, machine.responding || machine.state !== "running" ? label : "Not responding");
    row.open.title = machine.error ?? machine.name;
    row.more.setAttribute("aria-label", `More about ${machine.name}`);
    const running = machine.state === "running";
    const meter = row.load.parentElement;
    if (meter !== null) {
      meter.hidden = !running;
      meter.title = `${Math.round(machine.load * 100)} % of a core`;
    }
    row.load.style.setProperty("--load", machine.load.toFixed(2));
    if (row.picture !== machine.thumbnail) {
      row.picture = machine.thumbnail;
      if (row.url !== null) URL.revokeObjectURL(row.url);
      row.url = machine.thumbnail === null ? null : URL.createObjectURL(machine.thumbnail);
      row.thumb.replaceChildren(row.url === null ? icon("terminal") : h("img", { src: row.url, alt: "" }));
    }
  }

  private row(id: string): Row {
    const thumb = h("span", { class: "thumb", "aria-hidden": true }, icon("terminal"));
    const name = h("span", { class: "machine-name" });
    const state = h("span");
    const load = h("i");
    const open = h("button", { type: "button", class: "machine-open" }, thumb, name,
      h("span", { class: "machine-state" }, h("span", { class: "dot", "aria-hidden": true }), state, h("span", { class: "load", hidden: true }, load)));
    open.addEventListener("click", () => this.actions.choose(id));
    const more = h("button", { type: "button", class: "tool icon-only machine-more", "aria-haspopup": "menu", title: "More" }, icon("more"));
    more.addEventListener("click", () => this.actions.menu(id, more));
    const element = h("li", { class: "machine", "data-machine": id }, open, more);
    element.addEventListener("contextmenu", (event) => {
      event.preventDefault();
      this.actions.menu(id, more);
    });
    const row: Row = { element, open, more, thumb, name, state, load, picture: null, url: null };
    this.rows.set(id, row);
    return row;
  }

  /** Up and down go from machine to machine. */
  private onKey(event: KeyboardEvent): void {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const buttons = [...this.list.querySelectorAll<HTMLButtonElement>(".machine-open")];
    const at = buttons.findIndex((b) => b.parentElement?.contains(document.activeElement) === true);
    const next = buttons[at + (event.key === "ArrowDown" ? 1 : -1)];
    if (next === undefined) return;
    event.preventDefault();
    next.focus();
  }
}

function set(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
