/** A child process that is timed by what it prints: QEMU, and our command line in Node. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { ROOT } from "./paths.ts";

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
}

const LIMIT_MS = 180_000;

/** Our command line, in one process. */
export function tabvisor(args: readonly string[]): Command {
  return { file: process.execPath, args: ["--import", "tsx", "src/cli/main.ts", ...args] };
}

export class Child {
  /** All of standard output so far, one character for each byte. */
  output = "";
  errors = "";
  private readonly startedMs = performance.now();
  private readonly process: ChildProcess;
  private readonly waiting = new Set<() => void>();
  private readonly timer: NodeJS.Timeout;
  private over = false;

  constructor(private readonly command: Command, limitMs = LIMIT_MS) {
    // Standard input stays open: its end would tell a guest that its user has left.
    const child = spawn(command.file, command.args, { cwd: ROOT, stdio: ["pipe", "pipe", "pipe"] });
    this.process = child;
    this.timer = setTimeout(() => child.kill("SIGKILL"), limitMs);
    const wake = (): void => {
      for (const check of [...this.waiting]) check();
    };
    child.stdin.on("error", () => undefined);
    child.stdout.setEncoding("latin1").on("data", (text: string) => {
      this.output += text;
      wake();
    });
    child.stderr.setEncoding("latin1").on("data", (text: string) => {
      this.errors += text;
    });
    child.on("error", (error) => {
      this.errors += error.message;
    });
    child.on("close", () => {
      this.over = true;
      clearTimeout(this.timer);
      wake();
    });
  }

  get pid(): number {
    const { pid } = this.process;
    if (pid === undefined) throw new Error(`${this.command.file} cannot be run: ${this.errors}`);
    return pid;
  }

  /** Seconds from the process's start until `text` is on its standard output, at `from` or later. */
  printed(text: string, from = 0): Promise<number> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        if (this.output.includes(text, from)) resolve((performance.now() - this.startedMs) / 1000);
        else if (this.over) reject(new Error(`${this.command.file} ended without printing '${text}': ${(this.errors + this.output).slice(-500)}`));
        else return;
        this.waiting.delete(check);
      };
      this.waiting.add(check);
      check();
    });
  }

  /** Writes to its standard input. */
  type(text: string): void {
    this.process.stdin?.write(text);
  }

  /** Waits for its end; seconds from the process's start, and the exit code. */
  async ended(): Promise<{ readonly seconds: number; readonly code: number | null }> {
    if (!this.over) await once(this.process, "close");
    return { seconds: (performance.now() - this.startedMs) / 1000, code: this.process.exitCode };
  }

  write(text: string): void {
    this.process.stdin?.write(text, "latin1");
  }

  /** Calls `take` with each piece of standard output from now on, and `end` when there is no more. */
  listen(take: (text: string) => void, end: () => void): void {
    this.process.stdout?.on("data", take);
    this.process.on("close", end);
  }

  async terminate(): Promise<void> {
    if (!this.over) this.process.kill("SIGTERM");
    await this.ended();
  }
}
