/** The panel beside the machine: snapshots, drives, files, inspection, log. What is in it is loaded when it is first opened. */
import type { Manager } from "../../vmm/api.ts";
import { byId, h, messageOf } from "../dom.ts";
import { remember, remembered } from "../remember.ts";
import type { PageServices, PanelContent, PanelMaker } from "../services.ts";

export const PANELS = ["snapshots", "drives", "files", "inspect", "log"] as const;
export type PanelName = (typeof PANELS)[number];

const MAKERS: Readonly<Record<PanelName, () => Promise<PanelMaker>>> = {
  snapshots: async () => (await import("../later/snapshots/panel.ts")).openSnapshots,
  drives: async () => (await import("../later/drives.ts")).openDrives,
  files: async () => (await import("../later/files.ts")).openFiles,
  inspect: async () => (await import("../later/inspect.ts")).openInspect,
  log: async () => (await import("../later/log.ts")).openLog,
};
const TITLES: Readonly<Record<PanelName, string>> = { snapshots: "Snapshots", drives: "Drives", files: "Shared folder", inspect: "Inspect", log: "Log" };

export class Panel {
  private readonly element = byId("panel");
  private readonly body = byId("panel-body");
  private readonly buttons = [...document.querySelectorAll<HTMLButtonElement>("#panel-tabs [data-panel]")];
  private name: PanelName | null = null;
  private machine: string | null = null;
  private content: PanelContent | null = null;
  /** Counts openings: content that is late is not shown. */
  private turn = 0;

  constructor(
    private readonly services: PageServices & { readonly manager: Manager },
    private readonly changed: () => void,
  ) {
    for (const button of this.buttons) {
      const name = button.dataset["panel"] as PanelName;
      button.setAttribute("aria-pressed", "false");
      button.setAttribute("aria-controls", "panel");
      button.setAttribute("aria-label", TITLES[name]);
      button.title = TITLES[name];
      button.addEventListener("click", () => this.toggle(name));
    }
    byId("panel-close").addEventListener("click", () => this.close());
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      event.preventDefault();
      this.close();
    });
    const before = remembered("panel");
    // Not on a small screen: it would hide the machine.
    if (before !== null && (PANELS as readonly string[]).includes(before) && window.innerWidth > 1000) this.name = before as PanelName;
  }

  get open(): PanelName | null {
    return this.name;
  }

  /** Another machine was chosen, or none is there. */
  choose(id: string | null): void {
    if (this.machine === id && this.content !== null) return;
    this.machine = id;
    for (const button of this.buttons) button.disabled = id === null;
    void this.fill(false);
  }

  toggle(name: PanelName): void {
    if (this.name === name) this.close();
    else this.show(name);
  }

  show(name: PanelName): void {
    this.name = name;
    remember("panel", name);
    void this.fill(true);
  }

  close(): void {
    const button = this.buttons.find((b) => b.dataset["panel"] === this.name);
    this.name = null;
    remember("panel", null);
    void this.fill(false);
    button?.focus();
  }

  private async fill(focus: boolean): Promise<void> {
    const turn = ++this.turn;
    this.content?.close();
    this.content = null;
    const { name, machine } = this;
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(button.dataset["panel"] === name));
    const shown = name !== null && machine !== null;
    this.element.hidden = !shown;
    this.body.replaceChildren();
    this.changed();
    if (!shown) return;
    this.element.dataset["panel"] = name;
    byId("panel-title").textContent = TITLES[name];
    if (focus) this.element.focus();
    try {
      const make = await MAKERS[name]();
      if (turn === this.turn) this.content = make(this.body, machine, this.services);
    } catch (error) {
      if (turn === this.turn) this.body.replaceChildren(h("p", { class: "empty" }, messageOf(error)));
    }
  }
}
