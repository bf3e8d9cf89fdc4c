/** The inspector: a machine's inside, live, and the controls to stop and step it. Self-contained: a container and a MachineDebugger are all it needs. */
import "./inspector.css";
import type { Breakpoint, DebugState, MachineDebugger, StopReason } from "../../vmm/api.ts";
import { h, messageOf } from "../dom.ts";
import { ActivityView } from "./activity-view.ts";
import { BreakpointsView, describe } from "./breakpoints-view.ts";
import { CpuView } from "./cpu-view.ts";
import { hex, vectorName } from "./format.ts";
import { setMoment } from "./live.ts";
import { MemoryView } from "./memory-view.ts";
import type { NewBreakpoint, View, ViewHost } from "./view.ts";

export interface InspectorOptions {
  /** Gives the present machine's debugger; rejects where there is none. */
  connect(): Promise<MachineDebugger>;
  /** For screen readers. */
  announce(text: string): void;
}

/** Between looks at a machine that runs; and at one that is not there. */
const LOOK_MS = 250;
const RETRY_MS = 1000;

type Command = "pause" | "step" | "over" | "finish";
const COMMANDS: readonly (readonly [command: Command, label: string, key: string, title: string])[] = [
  ["pause", "Pause", "c", "Pause or go on"], ["step", "Step", "s", "One instruction"], ["over", "Over", "n", "One instruction, calls in full"], ["finish", "Finish", "f", "To behind the function's return"],
];

export function openInspector(host: HTMLElement, options: InspectorOptions): { close(): void } {
  const panel = new Inspector(host, options);
  return { close: () => panel.close() };
}

class Inspector implements ViewHost {
  breakpoints: readonly Breakpoint[] = [];
  private debug: MachineDebugger | null = null;
  private state: DebugState | null = null;
  private closed = false;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private looking = false;
  private again = false;
  private nextId = 1;
  private readonly symbolFiles: Uint8Array[] = [];
  private readonly root = h("div", { class: "inspector" });
  private readonly pill = h("span", { class: "pill", role: "status" });
  private readonly why = h("span", { class: "ins-why" });
  private readonly buttons = new Map<Command, HTMLButtonElement>();
  private readonly message = h("p", { class: "ins-error", role: "alert", hidden: true });
  private readonly body = h("div", { class: "ins-body" });
  private readonly tabs: { readonly view: View; readonly tab: HTMLButtonElement; readonly page: HTMLElement }[] = [];
  private readonly memory: MemoryView;
  private current = 0;

  constructor(host: HTMLElement, private readonly options: InspectorOptions) {
    this.memory = new MemoryView(this);
    const views: View[] = [new CpuView(this), this.memory, new ActivityView(), new BreakpointsView(this, (file) => this.addSymbols(file))];
    this.root.append(this.controls(), this.message, this.tabList(views), this.body);
    host.replaceChildren(this.root);
    this.root.addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("visibilitychange", this.visible);
    void this.look();
  }

  private controls(): HTMLElement {
    const bar = h("div", { class: "ins-controls", role: "toolbar", "aria-label": "Execution" });
    for (const [command, label, key, title] of COMMANDS) {
      const button = h("button", { type: "button", class: "button", title: `${title} (${key.toUpperCase()})`, "aria-keyshortcuts": key }, label);
      button.addEventListener("click", () => void this.run(command));
      this.buttons.set(command, button);
      bar.append(button);
    }
    const to = h("input", { type: "text", placeholder: "symbol or address", "aria-label": "Run to", spellcheck: "false", autocapitalize: "off", autocomplete: "off" });
    const form = h("form", { class: "ins-runto" }, to, h("button", { type: "submit", class: "button" }, "Run to"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.attempt(async (d) => d.runTo(await d.evaluate(to.value.trim())));
    });
    bar.append(form);
    return h("header", { class: "ins-head" }, h("div", { class: "ins-state" }, this.pill, this.why), bar);
  }

  private tabList(views: readonly View[]): HTMLElement {
    const list = h("div", { class: "ins-tabs", role: "tablist", "aria-label": "Inspector" });
    views.forEach((view, i) => {
      const id = `ins-tab-${i}`;
      const tab = h("button", { type: "button", role: "tab", id, "aria-controls": `ins-page-${i}`, "aria-selected": "false", tabindex: -1 }, view.name);
      const page = h("div", { role: "tabpanel", id: `ins-page-${i}`, "aria-labelledby": id, tabindex: 0, hidden: true }, view.element);
      tab.addEventListener("click", () => this.select(i));
      list.append(tab);
      this.body.append(page);
      this.tabs.push({ view, tab, page });
    });
    list.addEventListener("keydown", (event) => {
      const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
      if (by === 0) return;
      event.preventDefault();
      this.select((this.current + by + this.tabs.length) % this.tabs.length);
      this.tabs[this.current].tab.focus();
    });
    this.select(0);
    return list;
  }

  private select(index: number): void {
    this.current = index;
    this.tabs.forEach(({ tab, page }, i) => {
      tab.setAttribute("aria-selected", String(i === index));
      tab.tabIndex = i === index ? 0 : -1;
      page.hidden = i !== index;
    });
    this.refresh();
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
    const found = COMMANDS.find(([, , key]) => key === event.key.toLowerCase());
    if (found === undefined) return;
    event.preventDefault();
    void this.run(found[0]);
  }

  close(): void {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.visible);
    this.root.remove();
    this.debug?.close().catch(() => undefined);
  }

  // --- The machine ---------------------------------------------------------------------------------------------------

  private async connected(): Promise<MachineDebugger> {
    if (this.debug !== null) return this.debug;
    const debug = await this.options.connect();
    // What was set on the machine before holds for this one.
    for (const file of this.symbolFiles) await debug.addSymbols(file);
    await debug.setBreakpoints(this.breakpoints);
    await debug.listen((state) => {
      if (this.debug === debug) this.stateChanged(state);
    });
    return (this.debug = debug);
  }

  private stateChanged(state: DebugState): void {
    const before = this.state?.state;
    this.showState(state);
    if (state.state !== before && state.state !== "running") this.options.announce(`${this.pill.textContent ?? ""} ${this.why.textContent ?? ""}`);
    this.refresh();
  }

  /** Does something with the debugger; what fails is said. */
  private async attempt(f: (debug: MachineDebugger) => Promise<void>): Promise<void> {
    try {
      await f(await this.connected());
      this.message.hidden = true;
    } catch (error) {
      this.message.textContent = messageOf(error);
      this.message.hidden = false;
    }
    this.refresh();
  }

  private run(command: Command): Promise<void> {
    return this.attempt((d) => {
      switch (command) {
        case "pause": return this.state?.state === "running" ? d.pause() : d.resume();
        case "step": return d.step();
        case "over": return d.stepOver();
        case "finish": return d.finish();
      }
    });
  }

  private readonly visible = (): void => {
    if (!document.hidden) this.refresh();
  };

  refresh(): void {
    if (this.looking) this.again = true;
    else void this.look();
  }

  private async look(): Promise<void> {
    if (this.closed || this.looking) return;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.looking = true;
    this.again = false;
    let wait = RETRY_MS;
    try {
      const debug = await this.connected();
      const { view } = this.tabs[this.current];
      if (view === this.memory) await this.memory.before();
      const look = await debug.look(view.request());
      if (this.isClosed) return;
      this.showState(look.state);
      setMoment(look.retired);
      view.show(look, this);
      this.root.dataset["connected"] = "";
      wait = look.state.state === "running" ? LOOK_MS : Infinity;
    } catch (error) {
      // Its machine has gone; the next look connects anew.
      this.debug = null;
      delete this.root.dataset["connected"];
      this.showState(null);
      this.why.textContent = messageOf(error);
    } finally {
      this.looking = false;
    }
    if (this.isClosed) return;
    if (this.again) wait = 0;
    if (wait !== Infinity && (!document.hidden || wait === 0)) this.timer = setTimeout(() => void this.look(), wait);
  }
  private get isClosed(): boolean {
    return this.closed;
  }

  private showState(state: DebugState | null): void {
    this.state = state;
    const running = state?.state === "running";
    this.root.dataset["state"] = state?.state ?? "none";
    this.pill.textContent = state === null ? "No machine" : running ? "Running" : state.state === "paused" ? "Paused" : "Ended";
    this.pill.dataset["tone"] = state === null ? "quiet" : running ? "good" : state.state === "paused" ? "warn" : "quiet";
    this.why.textContent = state === null ? "" : (state.message ?? this.reasonText(state.reason));
    for (const [command, button] of this.buttons) {
      button.disabled = state === null || state.state === "ended" || (running && command !== "pause");
      if (command === "pause") button.textContent = running ? "Pause" : "Continue";
    }
  }

  private reasonText(reason: StopReason | null): string {
    if (reason === null) return "";
    const named = (id: number): string => {
      const found = this.breakpoints.find((b) => b.id === id);
      return found === undefined ? "a breakpoint" : describe(found);
    };
    switch (reason.kind) {
      case "pause": return "";
      case "step": return reason.event === null ? "" : `in the handler of ${hex(reason.event, 2)} (${vectorName(reason.event)})`;
      case "code": return `at ${named(reason.id)}`;
      case "data": return `after a ${reason.write ? "write" : "read"} of ${hex(reason.address, 8)}`;
      case "port": return `after ${reason.write ? "out" : "in"} of ${hex(reason.value, 2 * reason.width)} at port ${hex(reason.port, 4)}`;
      case "vector": return `in the handler of ${hex(reason.vector, 2)} (${vectorName(reason.vector)})${reason.errorCode < 0 ? "" : `, error code ${hex(reason.errorCode)}`}`;
    }
  }

  // --- ViewHost ------------------------------------------------------------------------------------------------------

  async evaluate(text: string): Promise<bigint> {
    return (await this.connected()).evaluate(text);
  }

  get hit(): number | null {
    const reason = this.state?.reason ?? null;
    return reason !== null && "id" in reason ? reason.id : null;
  }

  hasCode(address: bigint): boolean {
    return this.codeAt(address) !== undefined;
  }
  private codeAt(address: bigint): Breakpoint | undefined {
    return this.breakpoints.find((b) => b.kind === "code" && b.physical !== true && b.address === address);
  }

  toggleCode(address: bigint): void {
    const found = this.codeAt(address);
    if (found !== undefined) this.remove(found.id);
    else void this.attempt(() => this.add({ kind: "code", address }));
  }

  async add(breakpoint: NewBreakpoint): Promise<void> {
    const next = [...this.breakpoints, { id: this.nextId, ...breakpoint }];
    await (await this.connected()).setBreakpoints(next);
    this.nextId++;
    this.breakpoints = next;
    this.refresh();
  }

  remove(id: number): void {
    this.breakpoints = this.breakpoints.filter((b) => b.id !== id);
    void this.attempt((d) => d.setBreakpoints(this.breakpoints));
  }

  private async addSymbols(file: File): Promise<string> {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const count = await (await this.connected()).addSymbols(bytes);
    this.symbolFiles.push(bytes);
    this.refresh();
    return count === 0 ? `${file.name} has no symbols` : `${count} symbols of ${file.name}`;
  }
}
