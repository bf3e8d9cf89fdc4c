/** The terminals: one for each machine that is looked at, one or several side by side. A hidden one goes on listening. */
import type { ConsoleListener, MachineConsole } from "../../vmm/api.ts";
import { h, icon } from "../dom.ts";
import { TerminalView } from "../terminal.ts";
import { InputQueue } from "../serial-queue.ts";

export interface PanesActions {
  connect(id: string, listener: ConsoleListener): MachineConsole;
  name(id: string): string;
  resized(columns: number, rows: number): void;
  /** What is typed, before it is sent. */
  transform(text: string): string;
  /** Another terminal has the focus, or has been closed. */
  changed(): void;
}

export interface Pane {
  readonly id: string;
  readonly terminal: TerminalView;
  readonly console: MachineConsole;
  readonly element: HTMLElement;
}

export class Panes {
  private readonly panes = new Map<string, Pane>();
  /** Shown beside the chosen machine's, in order. */
  private beside: string[] = [];
  private chosen: string | null = null;
  private active: string | null = null;
  private dark = false;
  private screenReader = false;

  constructor(
    private readonly host: HTMLElement,
    private readonly actions: PanesActions,
  ) {}

  /** The terminal that is in use, or the chosen machine's. */
  get current(): Pane | null {
    const id = this.active !== null && this.shown.includes(this.active) ? this.active : this.chosen;
    return id === null ? null : (this.panes.get(id) ?? null);
  }

  of(id: string): Pane | null {
    return this.panes.get(id) ?? null;
  }

  /** Machines whose terminals are seen, the chosen one's first. */
  get shown(): readonly string[] {
    return this.chosen === null ? this.beside : [this.chosen, ...this.beside.filter((id) => id !== this.chosen)];
  }

  get focused(): boolean {
    return this.host.contains(document.activeElement);
  }

  choose(id: string | null): void {
    this.chosen = id;
    this.active = id;
    if (id !== null) this.open(id);
    this.arrange();
  }

  /** Shows one more terminal beside the others. */
  add(id: string): void {
    this.open(id);
    if (!this.shown.includes(id)) this.beside.push(id);
    this.active = id;
    this.arrange();
    this.focus();
  }

  removeMachine(id: string): void {
    const pane = this.panes.get(id);
    this.beside = this.beside.filter((other) => other !== id);
    if (this.chosen === id) this.chosen = null;
    if (this.active === id) this.active = null;
    if (pane === undefined) return;
    pane.console.close();
    pane.terminal.dispose();
    pane.element.remove();
    this.panes.delete(id);
    this.arrange();
  }

  rename(id: string): void {
    const title = this.panes.get(id)?.element.querySelector("header span");
    if (title) title.textContent = this.actions.name(id);
  }

  focus(): void {
    this.current?.terminal.focus();
  }

  fit(): void {
    for (const id of this.shown) this.panes.get(id)?.terminal.fit();
  }

  setDark(dark: boolean): void {
    this.dark = dark;
    for (const { terminal } of this.panes.values()) terminal.setDark(dark);
  }

  setScreenReader(on: boolean): void {
    this.screenReader = on;
    for (const { terminal } of this.panes.values()) terminal.setScreenReader(on);
  }

  private open(id: string): Pane {
    const known = this.panes.get(id);
    if (known !== undefined) return known;
    const close = h("button", { type: "button", class: "tool icon-only", "aria-label": "Close this terminal", title: "Close" }, icon("close"));
    const box = h("div", { class: "terminal" });
    const element = h("div", { class: "pane", "data-machine": id }, h("header", {}, h("span", {}, this.actions.name(id)), close), box);
    this.host.append(element);
    const terminal: TerminalView = new TerminalView(box, {
      onInput: (bytes) => input.push(bytes),
      onResize: (columns, rows) => {
        if (this.current?.id === id || this.panes.size === 0) this.actions.resized(columns, rows);
      },
      transform: (text) => this.actions.transform(text),
      dark: this.dark,
      screenReader: this.screenReader,
    });
    const console = this.actions.connect(id, {
      serial: (bytes) => terminal.write(bytes),
      restarted: (byGuest) => terminal.restart(byGuest),
    });
    const input = new InputQueue((bytes) => Promise.resolve(console.type(bytes)), () => undefined);
    const pane: Pane = { id, terminal, console, element };
    this.panes.set(id, pane);
    element.addEventListener("focusin", () => {
      if (this.active === id) return;
      this.active = id;
      this.actions.resized(terminal.columns, terminal.rows);
      this.actions.changed();
    });
    close.addEventListener("click", () => {
      if (this.chosen === id) {
        // The chosen machine's own terminal gives way to the others.
        this.chosen = this.beside.find((other) => other !== id) ?? id;
      }
      this.beside = this.beside.filter((other) => other !== id);
      this.active = this.chosen;
      this.arrange();
      this.focus();
      this.actions.changed();
    });
    return pane;
  }

  private arrange(): void {
    const { shown } = this;
    this.host.dataset["many"] = String(shown.length > 1);
    this.host.style.setProperty("--columns", String(shown.length > 1 && this.host.clientWidth > 760 ? Math.min(shown.length, shown.length === 4 ? 2 : 3) : 1));
    for (const { id, element } of this.panes.values()) {
      element.hidden = !shown.includes(id);
      element.style.order = String(shown.indexOf(id));
    }
    this.fit();
    const { current } = this;
    if (current !== null) this.actions.resized(current.terminal.columns, current.terminal.rows);
  }
}
