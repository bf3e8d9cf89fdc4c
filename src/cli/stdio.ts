/** The terminal as a serial console: raw input, Ctrl-A commands, output byte for byte. */
import { spawnSync } from "node:child_process";
import { writeSync } from "node:fs";

const CTRL_A = 1;

export class StdioConsole {
  private escaped = false;
  private raw = false;

  open(handlers: { input: (bytes: Uint8Array) => void; quit: () => void }): void {
    const { stdin } = process;
    if (stdin.isTTY) {
      stdin.setRawMode(true);
      this.raw = true;
      // Node's raw mode still turns LF into CR LF. setRawMode(false) brings the terminal's own settings back.
      spawnSync("stty", ["-opost"], { stdio: ["inherit", "ignore", "ignore"] });
    }
    stdin.on("data", (data: Buffer) => {
      const out: number[] = [];
      for (const byte of data) {
        if (this.escaped) {
          this.escaped = false;
          if (byte === CTRL_A) out.push(CTRL_A);
          else if (byte === 0x78 || byte === 0x58) {
            handlers.quit();
            return;
          }
        } else if (byte === CTRL_A && this.raw) this.escaped = true;
        else out.push(byte);
      }
      if (out.length > 0) handlers.input(Uint8Array.from(out));
    });
    stdin.resume();
  }

  /** False when nobody reads any more. */
  write(bytes: Uint8Array): boolean {
    try {
      writeAll(1, bytes);
      return true;
    } catch (e) {
      if ((e as NodeJS.ErrnoException).code === "EPIPE") return false;
      throw e;
    }
  }

  close(): void {
    if (this.raw) process.stdin.setRawMode(false);
    process.stdin.pause();
  }
}

/** Synchronously, so that nothing is lost when the process ends; a full pipe says EAGAIN. */
export function writeAll(fd: number, bytes: Uint8Array): void {
  let at = 0;
  while (at < bytes.length) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (e) {
      if ((e as NodeJS.ErrnoException).code !== "EAGAIN") throw e;
      Atomics.wait(PAUSE, 0, 0, 1);
    }
  }
}

const PAUSE = new Int32Array(new SharedArrayBuffer(4));
