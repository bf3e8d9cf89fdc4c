/** `<tab-machine src="machine.yaml">`: a machine with its terminal, its screen and its controls, anywhere in a page. */
import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import xtermCss from "@xterm/xterm/css/xterm.css?inline";
import { connectDisplay } from "../ui/client.ts";
import { ScreenInput } from "../ui/screen-input.ts";
import { OutputQueue } from "../ui/serial-queue.ts";
import type { DisplayApi, MachineConsole, MachineSummary } from "../vmm/api.ts";
import css from "./element.css?inline";
import { Machine } from "./machine.ts";

export { configure } from "./host.ts";
export { Machine } from "./machine.ts";

/** Bytes that may wait for the terminal before the guest is held back. */
const HIGH_WATER = 256 * 1024;

const BUTTONS = [
  ["start", "Start", "Start the machine"], ["pause", "Pause", "Pause or go on"], ["reset", "Reset", "Reset the machine"], ["off", "Power off", "Switch the machine off"],
] as const;
type Command = (typeof BUTTONS)[number][0];
type View = "terminal" | "screen" | "both";

const SAYS: Readonly<Record<MachineSummary["state"], string>> = {
  off: "Off", loading: "Loading", running: "Running", paused: "Paused", stopped: "Ended", saved: "Saved",
};

/**
 * Attributes: `src` (a definition; without it the default guest), `view` (terminal, screen or both), `autostart`, `keep` (a name: what the machine
 * writes is kept for the next visit), `controls="none"`. Events: `machine-ready`, `machine-change` (detail: the summary), `machine-error` (detail: the
 * message). Style it from outside by its size and the parts `bar`, `terminal` and `screen`.
 */
export class TabMachineElement extends HTMLElement {
  static readonly observedAttributes = ["view"];
  private parts: Parts | null = null;
  private opened: Promise<Machine> | null = null;

  /** The machine, once its definition is here. */
  get machine(): Promise<Machine> {
    return (this.opened ??= this.open());
  }

  connectedCallback(): void {
    if (this.parts !== null) return;
    this.parts = new Parts(this.attachShadow({ mode: "open" }), (command) => void this.obey(command));
    this.parts.show(this.view);
    this.machine.then(
      (machine) => {
        this.parts?.join(machine);
        machine.onChange((summary) => {
          this.parts?.state(summary);
          this.dispatchEvent(new CustomEvent("machine-change", { detail: summary, bubbles: true }));
        });
        this.parts?.state(machine.summary);
        this.dispatchEvent(new CustomEvent("machine-ready", { detail: machine, bubbles: true }));
        if (this.hasAttribute("autostart")) void this.obey("start");
      },
      (e: unknown) => this.failed(e),
    );
  }

  disconnectedCallback(): void {
    // Moved, not removed?
    queueMicrotask(() => {
      if (this.isConnected) return;
      void this.opened?.then((machine) => machine.powerOff()).catch(() => undefined);
    });
  }

  attributeChangedCallback(): void {
    this.parts?.show(this.view);
  }

  private get view(): View {
    const view = this.getAttribute("view");
    return view === "screen" || view === "both" ? view : "terminal";
  }

  private open(): Promise<Machine> {
    const keep = this.getAttribute("keep");
    const options = keep === null ? {} : { keep };
    const src = this.getAttribute("src");
    return src === null ? Machine.create({}, options) : Machine.load(src, options);
  }

  private async obey(command: Command): Promise<void> {
    try {
      const machine = await this.machine;
      if (command === "start") await machine.start();
      else if (command === "pause") await (machine.state === "paused" ? machine.resume() : machine.pause());
      else if (command === "reset") await machine.reset();
      else await machine.powerOff();
      this.parts?.focus(this.view);
    } catch (e) {
      this.failed(e);
    }
  }

  private failed(e: unknown): void {
    const message = e instanceof Error ? e.message : String(e);
    this.parts?.error(message);
    this.dispatchEvent(new CustomEvent("machine-error", { detail: message, bubbles: true }));
  }
}

/** What is inside the shadow. */
class Parts {
  private readonly buttons = new Map<Command, HTMLButtonElement>();
  private readonly status = document.createElement("span");
  private readonly message = document.createElement("p");
  private readonly terminalBox = document.createElement("div");
  private readonly screenBox = document.createElement("div");
  private readonly terminal: Terminal;
  private readonly fitter = new FitAddon();
  private readonly output: OutputQueue;
  private console: MachineConsole | null = null;
  private display: DisplayApi | null = null;
  private input: ScreenInput | null = null;
  private view: View = "terminal";

  constructor(root: ShadowRoot, obey: (command: Command) => void) {
    const style = document.createElement("style");
    style.textContent = `${xtermCss}\n${css}`;
    const bar = document.createElement("div");
    bar.className = "bar";
    bar.part.add("bar");
    bar.setAttribute("role", "toolbar");
    bar.setAttribute("aria-label", "Machine");
    for (const [command, label, title] of BUTTONS) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = label;
      button.title = title;
      button.dataset["command"] = command;
      button.addEventListener("click", () => obey(command));
      this.buttons.set(command, button);
      bar.append(button);
    }
    this.status.className = "status";
    this.status.setAttribute("role", "status");
    bar.append(this.status);
    this.message.className = "message";
    this.message.setAttribute("role", "alert");
    this.message.hidden = true;
    const stages = document.createElement("div");
    stages.className = "stages";
    this.terminalBox.className = "terminal";
    this.terminalBox.part.add("terminal");
    this.screenBox.className = "screen";
    this.screenBox.part.add("screen");
    this.screenBox.tabIndex = 0;
    this.screenBox.setAttribute("role", "application");
    this.screenBox.setAttribute("aria-label", "The PC's screen and keyboard");
    stages.append(this.terminalBox, this.screenBox);
    root.append(style, bar, this.message, stages);

    // A blinking cursor is an animation that costs an idle page some percent of a core.
    this.terminal = new Terminal({ cursorBlink: false, fontSize: 14, scrollback: 5000, minimumContrastRatio: 4.5, ignoreBracketedPasteMode: true });
    this.terminal.loadAddon(this.fitter);
    this.terminal.open(this.terminalBox);
    this.terminal.textarea?.setAttribute("aria-label", "Serial terminal");
    this.output = new OutputQueue((bytes, done) => this.terminal.write(bytes, done), () => HIGH_WATER);
    const encoder = new TextEncoder();
    this.terminal.onData((text) => this.console?.type(encoder.encode(text)));
    this.terminal.onBinary((text) => this.console?.type(Uint8Array.from(text, (ch) => ch.charCodeAt(0))));
    new ResizeObserver(() => {
      if (this.terminalBox.clientWidth > 0) this.fitter.fit();
    }).observe(this.terminalBox);
  }

  join(machine: Machine): void {
    this.console = machine.terminal({
      serial: (bytes, port) => (port === 0 ? this.output.push(bytes) : undefined),
      restarted: (byGuest) => {
        if (!byGuest) this.terminal.reset();
      },
    });
    if (machine.definition.display !== "none") this.fitScreen(this.console);
  }

  /** The screen's worker starts when somebody looks. */
  private fitScreen(console: MachineConsole): void {
    const start = (): DisplayApi => {
      const canvas = document.createElement("canvas");
      canvas.width = 720;
      canvas.height = 400;
      this.screenBox.append(canvas);
      const offscreen = "transferControlToOffscreen" in canvas ? canvas.transferControlToOffscreen() : null;
      const context = offscreen === null ? canvas.getContext("2d", { alpha: false }) : null;
      const display = connectDisplay(offscreen, {
        size: (width, height) => {
          if (context !== null) [canvas.width, canvas.height] = [width, height];
        },
        pixels: (pixels, width, first) => {
          context?.putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer as ArrayBuffer, pixels.byteOffset, pixels.byteLength), width), 0, first);
        },
      });
      this.input = new ScreenInput(this.screenBox, {
        key: (code, pressed) => console.key(code, pressed),
        mouse: (input) => console.mouse(input),
        captured: () => undefined,
      });
      console.attachDisplay(() => {
        const { port1, port2 } = new MessageChannel();
        void display.attach(port1);
        return port2;
      });
      return display;
    };
    this.startDisplay = () => (this.display ??= start());
    this.tellVisible();
    document.addEventListener("visibilitychange", () => this.tellVisible());
    new IntersectionObserver((entries) => {
      this.onScreen = entries.some((e) => e.isIntersecting);
      this.tellVisible();
    }).observe(this.screenBox);
  }
  private startDisplay: (() => DisplayApi) | null = null;
  private onScreen = false;

  private tellVisible(): void {
    const visible = this.view !== "terminal" && this.onScreen && !document.hidden;
    if (visible) this.startDisplay?.();
    void this.display?.setVisible(visible);
  }

  show(view: View): void {
    this.view = view;
    this.terminalBox.hidden = view === "screen";
    this.screenBox.hidden = view === "terminal";
    if (!this.terminalBox.hidden && this.terminalBox.clientWidth > 0) this.fitter.fit();
    this.tellVisible();
  }

  focus(view: View): void {
    if (view === "screen") this.screenBox.focus({ preventScroll: true });
    else this.terminal.focus();
  }

  state({ state, progress, report, error, input }: MachineSummary): void {
    const alive = state === "running" || state === "paused";
    const set = (command: Command, enabled: boolean, label?: string): void => {
      const button = this.buttons.get(command);
      if (button === undefined) return;
      button.disabled = !enabled;
      if (label !== undefined) button.textContent = label;
    };
    set("start", !alive && state !== "loading", state === "stopped" ? "Start again" : "Start");
    set("pause", alive, state === "paused" ? "Go on" : "Pause");
    set("reset", alive);
    set("off", alive || state === "loading");
    const percent = progress?.total ? ` ${Math.floor((100 * progress.received) / progress.total)} %` : "";
    this.status.textContent = state === "stopped" && report !== null ? `${SAYS[state]}: ${report.message}` : `${SAYS[state]}${percent}`;
    if (this.input !== null) this.input.mouseWanted = input.mouse;
    this.error(error);
  }

  error(message: string | null): void {
    this.message.hidden = message === null;
    this.message.textContent = message ?? "";
  }
}

if (!customElements.get("tab-machine")) customElements.define("tab-machine", TabMachineElement);

declare global {
  interface HTMLElementTagNameMap {
    "tab-machine": TabMachineElement;
  }
}
