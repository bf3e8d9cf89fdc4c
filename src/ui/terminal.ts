/** A serial terminal: xterm.js with flow control, copy and paste, fit. */
import "@xterm/xterm/css/xterm.css";
import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import { copyText } from "./dom.ts";
import { OutputQueue } from "./serial-queue.ts";
import { terminalTheme } from "./theme.ts";

const SCROLLBACK_LINES = 10_000;
const HIGH_WATER = 256 * 1024;
/** A hidden page is given little time by the browser: let it hold more before the guest is slowed down. */
const HIGH_WATER_HIDDEN = 8 * 1024 * 1024;

export interface TerminalOptions {
  readonly onInput: (bytes: Uint8Array) => void;
  readonly onResize: (columns: number, rows: number) => void;
  /** What is typed, before it is sent: the phone's Control key changes it. */
  readonly transform: (text: string) => string;
  readonly dark: boolean;
  readonly screenReader: boolean;
}

export class TerminalView {
  private readonly terminal: Terminal;
  private readonly fitter = new FitAddon();
  private readonly output: OutputQueue;
  private readonly encoder = new TextEncoder();
  private readonly observer: ResizeObserver;

  constructor(
    private readonly parent: HTMLElement,
    private readonly options: TerminalOptions,
  ) {
    this.terminal = new Terminal({
      scrollback: SCROLLBACK_LINES,
      fontFamily: getComputedStyle(document.documentElement).getPropertyValue("--mono").trim() || "monospace",
      fontSize: window.matchMedia("(max-width: 720px)").matches ? 12 : 14,
      lineHeight: 1.15,
      // A blinking cursor is an animation that costs an idle page some 5 % of a core.
      cursorBlink: false,
      minimumContrastRatio: 4.5,
      ignoreBracketedPasteMode: true,
      macOptionClickForcesSelection: true,
      allowTransparency: false,
      screenReaderMode: options.screenReader,
      theme: terminalTheme(options.dark),
    });
    this.terminal.loadAddon(this.fitter);
    this.terminal.open(parent);
    this.terminal.textarea?.setAttribute("aria-label", "Serial terminal. Alt+Shift+T leaves it.");
    this.output = new OutputQueue(
      (bytes, done) => this.terminal.write(bytes, done),
      () => (document.hidden ? HIGH_WATER_HIDDEN : HIGH_WATER),
    );
    this.terminal.onData((text) => this.typed(text));
    this.terminal.onBinary((text) => options.onInput(Uint8Array.from(text, (c) => c.charCodeAt(0) & 0xff)));
    this.terminal.onResize(({ cols, rows }) => options.onResize(cols, rows));
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(parent);
    this.fit();
    options.onResize(this.terminal.cols, this.terminal.rows);
  }

  get columns(): number {
    return this.terminal.cols;
  }

  get rows(): number {
    return this.terminal.rows;
  }

  /** Guest output. The promise holds its sender back while the terminal is behind. */
  write(bytes: Uint8Array): Promise<void> {
    return this.output.push(bytes);
  }

  /** A new machine: a clean terminal. After a reset by the guest only its modes are undone, and the log stays. */
  restart(byGuest: boolean): void {
    this.output.clear();
    void this.output.push(this.encoder.encode(byGuest ? "\x1b[?1047l\x1b[!p\x1b[0m\x1b[?25h\r\n" : "\x1bc"));
  }

  fit(): void {
    if (this.parent.clientWidth > 40 && this.parent.clientHeight > 20) this.fitter.fit();
  }

  focus(): void {
    this.terminal.focus();
  }

  get focused(): boolean {
    return this.parent.contains(document.activeElement);
  }

  setDark(dark: boolean): void {
    this.terminal.options.theme = terminalTheme(dark);
  }

  setScreenReader(on: boolean): void {
    this.terminal.options.screenReaderMode = on;
  }

  get selection(): string {
    return this.terminal.getSelection();
  }

  async copySelection(): Promise<boolean> {
    return this.selection !== "" && (await copyText(this.selection));
  }

  /** A serial line has no way to tell the guest its window size: this types the command that does. */
  syncSize(): void {
    this.options.onInput(this.encoder.encode(`stty rows ${this.rows} cols ${this.columns}\r`));
    this.focus();
  }

  /** Everything in the buffer as text, or the `last` lines down to the cursor's; wrapped lines joined. For tests and for saving. */
  text(last = Infinity): string {
    const { active } = this.terminal.buffer;
    const lines: string[] = [];
    for (let y = Math.max(0, active.baseY + active.cursorY + 1 - last); y < active.length; y++) {
      const line = active.getLine(y);
      if (line === undefined) continue;
      const next = active.getLine(y + 1);
      const text = line.translateToString(next?.isWrapped !== true);
      if (line.isWrapped && lines.length > 0) lines[lines.length - 1] += text;
      else lines.push(text);
    }
    while (lines.length > 0 && lines[lines.length - 1] === "") lines.pop();
    return lines.join("\n");
  }

  /** As if typed: passes the key bar's held Control. */
  input(text: string): void {
    this.terminal.input(text);
  }

  get applicationCursorKeys(): boolean {
    return this.terminal.modes.applicationCursorKeysMode;
  }

  dispose(): void {
    this.observer.disconnect();
    this.output.clear();
    this.terminal.dispose();
  }

  private typed(text: string): void {
    this.options.onInput(this.encoder.encode(this.options.transform(text)));
  }
}
