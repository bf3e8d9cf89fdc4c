/** The terminals: of machines and their serial ports, one or several side by side. A hidden one goes on listening. */
import type { ConsoleListener, MachineConsole } from "../../vmm/api.ts";
import { h, icon } from "../dom.ts";
import { TerminalView } from "../terminal.ts";

export interface PanesActions {
  connect(id: string, listener: ConsoleListener): MachineConsole;
  name(id: string, port: number): string;
  resized(columns: number, rows: number): void;
  /** What is typed, before it is sent. */
  transform(text: string): string;
}

/** Of a terminal beside another, in px. */
const MIN_WIDTH = 380;

/** A machine with one of its ports. */
export type PaneKey = `${string}#${number}`;
export const paneKey = (id: string, port = 0): PaneKey => `${id}#${port}`;

export interface Pane {
  readonly key: PaneKey;
  readonly id: string;
  /** Serial port, 0 is COM1. */
  readonly port: number;
  readonly terminal: TerminalView;
  readonly console: MachineConsole;
  readonly element: HTMLElement;
}

export class Panes {
  private readonly panes = new Map<PaneKey, Pane>();
  /** Shown beside the chosen machine's, in order. */
  private beside: PaneKey[] = [];
  private chosen: PaneKey | null = null;
  private active: PaneKey | null = null;
  private dark = false;
  private screenReader = false;

  constructor(
    private readonly host: HTMLElement,
    private readonly actions: PanesActions,
  ) {
    new ResizeObserver(() => this.columns()).observe(host);
  }

  /** The terminal that is in use, or the chosen machine's. */
  get current(): Pane | null {
    const key = this.active !== null && this.shown.includes(this.active) ? this.active : this.chosen;
    return key === null ? null : (this.panes.get(key) ?? null);
  }

  /** The terminal at a machine's first port. */
  of(id: string): Pane | null {
    return this.panes.get(paneKey(id)) ?? null;
  }

  /** What is seen, the chosen machine's first. */
  get shown(): readonly PaneKey[] {
    return this.chosen === null ? this.beside : [this.chosen, ...this.beside.filter((key) => key !== this.chosen)];
  }

  get focused(): boolean {
    return this.host.contains(document.activeElement);
  }

  choose(id: string | null): void {
    this.chosen = id === null ? null : paneKey(id);
    this.active = this.chosen;
    if (id !== null) this.open(id, 0);
    this.arrange();
  }

  /** Shows one more terminal beside the others. */
  add(id: string, port: number): void {
    const { key } = this.open(id, port);
    if (!this.shown.includes(key)) this.beside.push(key);
    this.active = key;
    this.arrange();
    this.focus();
  }

  removeMachine(id: string): void {
    for (const pane of [...this.panes.values()]) {
      if (pane.id !== id) continue;
      this.hide(pane.key);
      if (this.chosen === pane.key) this.chosen = null;
      pane.console.close();
      pane.terminal.dispose();
      pane.element.remove();
      this.panes.delete(pane.key);
    }
    this.arrange();
  }

  rename(id: string): void {
    for (const pane of this.panes.values()) {
      const title = pane.element.querySelector("header span");
      if (pane.id === id && title !== null) title.textContent = this.actions.name(id, pane.port);
    }
  }

  focus(): void {
    this.current?.terminal.focus();
  }

  fit(): void {
    for (const key of this.shown) this.panes.get(key)?.terminal.fit();
  }

  setDark(dark: boolean): void {
    this.dark = dark;
    for (const { terminal } of this.panes.values()) terminal.setDark(dark);
  }

  setScreenReader(on: boolean): void {
    this.screenReader = on;
    for (const { terminal } of this.panes.values()) terminal.setScreenReader(on);
  }

  private hide(key: PaneKey): void {
    this.beside = this.beside.filter((other) => other !== key);
    if (this.active === key) this.active = null;
  }

  private open(id: string, port: number): Pane {
    const key = paneKey(id, port);
    const known = this.panes.get(key);
    if (known !== undefined) return known;
    const close = h("button", { type: "button", class: "tool icon-only", "aria-label": "Close this terminal", title: "Close" }, icon("close"));
    const box = h("div", { class: "terminal" });
    const element = h("div", { class: "pane", "data-pane": key }, h("header", {}, h("span", {}, this.actions.name(id, port)), close), box);
    this.host.append(element);
    const terminal: TerminalView = new TerminalView(box, {
      onInput: (bytes) => console.type(bytes, port),
      onResize: (columns, rows) => {
        if (this.current?.key === key || this.panes.size === 0) this.actions.resized(columns, rows);
      },
      transform: (text) => this.actions.transform(text),
      dark: this.dark,
      screenReader: this.screenReader,
    });
    const console = this.actions.connect(id, {
      serial: (bytes, from) => (from === port ? terminal.write(bytes) : undefined),
      restarted: (byGuest) => terminal.restart(byGuest),
    });
    const pane: Pane = { key, id, port, terminal, console, element };
    this.panes.set(key, pane);
    element.addEventListener("focusin", () => {
      if (this.active === key) return;
      this.active = key;
      this.actions.resized(terminal.columns, terminal.rows);
    });
    close.addEventListener("click", () => {
      const next = this.shown.find((other) => other !== key);
      this.hide(key);
      // The chosen machine's own terminal gives way to another.
      if (this.chosen === key && next !== undefined) this.chosen = next;
      this.arrange();
      this.focus();
    });
    return pane;
  }

  private arrange(): void {
    const { shown } = this;
    this.host.dataset["many"] = String(shown.length > 1);
    for (const { key, element } of this.panes.values()) {
      element.hidden = !shown.includes(key);
      element.style.order = String(shown.indexOf(key));
    }
    this.columns();
    this.fit();
    const { current } = this;
    if (current !== null) this.actions.resized(current.terminal.columns, current.terminal.rows);
  }

  /** Side by side where there is room for 80 columns of a small font, else one above the other. */
  private columns(): void {
    const many = this.shown.length;
    const fit = Math.max(1, Math.floor(this.host.clientWidth / MIN_WIDTH));
    this.host.style.setProperty("--columns", String(many === 4 && fit < 4 ? Math.min(2, fit) : Math.max(1, Math.min(many, fit))));
  }
}
