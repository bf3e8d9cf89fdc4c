/** A machine in a web page: `import { Machine } from "tabvisor"`. */
import { managerFor } from "./host.ts";
import type {
  ConsoleListener, FileSource, MachineConsole, MachineDefinition, MachineInput, MachinePhase, MachineSummary, Manager, Screenshot, SharedFolder, SnapshotInfo,
} from "../vmm/api.ts";

export interface MachineOptions {
  /** What relative addresses in the definition are relative to; default: the definition's own address, or the page. */
  readonly base?: string | URL;
  /** A name under which the browser keeps what the machine changes (its disks and folders) for the next visit. Default: all is forgotten. */
  readonly keep?: string;
}

export interface WaitOptions {
  /** Default 60 000. */
  readonly timeoutMs?: number;
}

/** Output that `waitFor` can look back on. */
const MEMORY_CHARACTERS = 1 << 20;

/** CSI and OSC sequences (ECMA-48 §8.3). */
const ESCAPES = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))/g;

const hex = (text: string): string => [...new TextEncoder().encode(text)].map((b) => b.toString(16).padStart(2, "0")).join("");

export class Machine {
  private readonly console: MachineConsole;
  private readonly decoder = new TextDecoder();
  private readonly output = new Set<(bytes: Uint8Array) => void>();
  private readonly changes = new Set<(machine: MachineSummary) => void>();
  private readonly unsubscribe: () => void;
  /** Serial output that no `waitFor` has taken. */
  private text = "";
  private waiting: (() => void)[] = [];

  private constructor(
    private readonly manager: Manager,
    readonly id: string,
  ) {
    this.console = manager.console(id, {
      serial: (bytes, port) => {
        if (port !== 0) return;
        this.text = (this.text + this.decoder.decode(bytes, { stream: true })).slice(-MEMORY_CHARACTERS);
        for (const listener of this.output) listener(bytes);
        for (const wake of this.waiting.splice(0)) wake();
      },
    });
    this.unsubscribe = manager.subscribe((event) => {
      if (event.kind !== "machine" || event.id !== id) return;
      for (const listener of this.changes) listener(event.machine);
      for (const wake of this.waiting.splice(0)) wake();
    });
  }

  /** The machine that a file describes (YAML or JSON, docs/MACHINES.md). Rejects with `FILE:LINE: FIELD: what`. */
  static async load(address: string | URL, options: MachineOptions = {}): Promise<Machine> {
    const url = new URL(address, document.baseURI);
    let response: Response;
    try {
      response = await fetch(url);
    } catch (e) {
      throw new Error(`cannot fetch ${url.pathname}: no connection to the server`, { cause: e });
    }
    if (!response.ok) throw new Error(`cannot fetch ${url.pathname}: the server answers ${response.status}`);
    const manager = await managerFor(options.keep !== undefined);
    const definition = await manager.parse(await response.text(), url.pathname.split("/").at(-1) ?? url.pathname);
    return Machine.in(manager, definition, { base: url, ...options });
  }

  /** A machine out of a definition's fields. Rejects with `machine: FIELD: what`. */
  static async create(definition: MachineInput | MachineDefinition = {}, options: MachineOptions = {}): Promise<Machine> {
    return Machine.in(await managerFor(options.keep !== undefined), definition, options);
  }

  private static async in(manager: Manager, definition: MachineInput | MachineDefinition, { base = document.baseURI, keep }: MachineOptions): Promise<Machine> {
    if (keep === undefined) return new Machine(manager, await manager.create(definition, String(base)));
    const id = `embed-${hex(keep)}`;
    const there = manager.get(id);
    // The page's definition of today counts; what the machine has written stays.
    if (there === null || !["running", "paused", "loading"].includes(there.state)) await manager.create(definition, String(base), id);
    return new Machine(manager, id);
  }

  get summary(): MachineSummary {
    const summary = this.manager.get(this.id);
    if (summary === null) throw new Error("the machine has been removed");
    return summary;
  }
  get state(): MachinePhase {
    return this.summary.state;
  }
  get name(): string {
    return this.summary.name;
  }
  get definition(): MachineDefinition {
    return this.summary.definition;
  }

  /** Loads what it needs and runs it. A machine that was saved goes on from where it was. */
  start(): Promise<void> {
    this.text = "";
    return this.manager.start(this.id);
  }
  pause(): Promise<void> {
    return this.manager.pause(this.id);
  }
  resume(): Promise<void> {
    return this.manager.resume(this.id);
  }
  reset(): Promise<void> {
    return this.manager.reset(this.id);
  }
  /** ACPI. False: the guest does not listen. */
  powerButton(): Promise<boolean> {
    return this.manager.powerButton(this.id);
  }
  powerOff(): Promise<void> {
    return this.manager.powerOff(this.id);
  }
  /** Switches it off and removes it with what it has kept. */
  async remove(): Promise<void> {
    this.close();
    await this.manager.remove(this.id);
  }
  /** Listens no more. The machine itself goes on. */
  close(): void {
    this.unsubscribe();
    this.console.close();
  }

  /** At the serial terminal: text as UTF-8, or bytes. */
  type(text: string | Uint8Array): void {
    this.console.type(typeof text === "string" ? new TextEncoder().encode(text) : text);
  }
  /** A key of the PC's keyboard by its place, as KeyboardEvent.code. */
  key(code: string | null, pressed: boolean): void {
    this.console.key(code, pressed);
  }

  /** Serial output, byte for byte. Returns the function that ends it. */
  onOutput(listener: (bytes: Uint8Array) => void): () => void {
    this.output.add(listener);
    return () => void this.output.delete(listener);
  }
  /** State, load, progress. Returns the function that ends it. */
  onChange(listener: (machine: MachineSummary) => void): () => void {
    this.changes.add(listener);
    return () => void this.changes.delete(listener);
  }
  /** A terminal of the caller's own, with what was said before. */
  terminal(listener: ConsoleListener): MachineConsole {
    return this.manager.console(this.id, listener);
  }

  /**
   * Waits until the serial output holds `pattern`, and takes everything up to its end: the next call looks at what follows. Resolves to
   * what was taken. Rejects when time is up, or the machine ends.
   */
  async waitFor(pattern: string | RegExp, { timeoutMs = 60_000 }: WaitOptions = {}): Promise<string> {
    const until = performance.now() + timeoutMs;
    for (;;) {
      const end = this.endOf(pattern);
      if (end !== null) {
        const taken = this.text.slice(0, end);
        this.text = this.text.slice(end);
        return taken;
      }
      const { state, report, error } = this.summary;
      if (state === "stopped") throw new Error(`the machine has ended: ${report?.message ?? ""}`);
      if (state === "off" && error !== null) throw new Error(error);
      const left = until - performance.now();
      if (left <= 0) throw new Error(`${typeof pattern === "string" ? JSON.stringify(pattern) : String(pattern)} did not come within ${timeoutMs / 1000} s: ${this.condition()}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** For who waited in vain. */
  private condition(): string {
    const { state, responding, load, status } = this.summary;
    const busy = status === null ? "" : `, ${Math.round(load * 100)} % busy, at ${(status.instructions / 1e6).toFixed(0)} million instructions`;
    const last = this.text.replace(ESCAPES, "").trimEnd().split(/[\r\n]+/).at(-1) ?? "";
    return `the machine is ${state}${responding ? "" : " but does not answer"}${busy}, and wrote ${last === "" ? "nothing" : `last: ${last.slice(-200)}`}`;
  }

  private endOf(pattern: string | RegExp): number | null {
    if (typeof pattern === "string") {
      const at = this.text.indexOf(pattern);
      return at < 0 ? null : at + pattern.length;
    }
    const match = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, "")).exec(this.text);
    return match === null ? null : match.index + match[0].length;
  }

  /** Types a command at a shell and resolves to what it printed, without echo, prompt and escape sequences. */
  async run(command: string, { prompt = /[#$] (?:\x1b\[6n)?$/, ...wait }: WaitOptions & { readonly prompt?: RegExp } = {}): Promise<string> {
    this.text = "";
    this.type(`${command}\n`);
    await this.waitFor("\n", wait); // the echo
    const said = (await this.waitFor(prompt, wait)).replace(ESCAPES, "").replaceAll("\r", "");
    return said.slice(0, said.lastIndexOf("\n") + 1);
  }

  /** The screen now; null: no machine, or no display. */
  screenshot(): Promise<Screenshot | null> {
    return this.manager.screenshot(this.id);
  }
  folder(tag: string): SharedFolder {
    return this.manager.folder(this.id, tag);
  }
  insert(driveId: string, image: FileSource | null): Promise<void> {
    return this.manager.insert(this.id, driveId, image);
  }
  setShare(share: number): Promise<void> {
    const { definition } = this;
    return this.manager.update(this.id, { ...definition, cpu: { ...definition.cpu, share } } as MachineDefinition);
  }

  snapshots(): Promise<readonly SnapshotInfo[]> {
    return this.manager.snapshots(this.id);
  }
  takeSnapshot(name: string, notes = ""): Promise<SnapshotInfo> {
    return this.manager.takeSnapshot(this.id, { name, notes });
  }
  restoreSnapshot(snapshotId: string): Promise<void> {
    return this.manager.restoreSnapshot(this.id, snapshotId);
  }
  /** Its independent twin, which runs. */
  async fork(): Promise<Machine> {
    return new Machine(this.manager, await this.manager.fork(this.id));
  }
  /** A new machine that begins at the snapshot when it is started. */
  async branch(snapshotId: string): Promise<Machine> {
    return new Machine(this.manager, await this.manager.branch(snapshotId));
  }
  /** Switches it off so that `start` goes on from here. */
  save(): Promise<void> {
    return this.manager.save(this.id);
  }
  /** One file with its disks and snapshots; one that runs goes on from now. */
  export(): Promise<Blob> {
    return this.manager.exportMachine(this.id);
  }
  static async import(file: Blob): Promise<Machine> {
    const manager = await managerFor(false);
    return new Machine(manager, await manager.importMachine(file));
  }
}
