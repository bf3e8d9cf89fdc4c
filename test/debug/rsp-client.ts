/** A plain client of GDB's remote protocol, for tests that speak packets themselves. */
import { connect, type Socket } from "node:net";
import { encodePacket } from "../../src/cli/gdb/packets.ts";

export class RspClient {
  private buffer = "";
  private wake = (): void => undefined;
  private ended = false;

  private constructor(readonly socket: Socket) {
    socket.on("data", (d: Buffer) => {
      this.buffer += d.toString("latin1");
      this.wake();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.ended = true;
      this.wake();
    });
  }

  static connect(port: number): Promise<RspClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () => resolve(new RspClient(socket)));
      socket.once("error", reject);
      socket.setNoDelay(true);
    });
  }

  raw(text: string): void {
    this.socket.write(Buffer.from(text, "latin1"));
  }

  /** The next packet's text; null when the connection has ended. */
  async receive(ms = 20_000): Promise<string | null> {
    const until = performance.now() + ms;
    for (;;) {
      const match = /\$([^#]*)#[0-9a-f]{2}/.exec(this.buffer);
      if (match !== null) {
        this.buffer = this.buffer.slice(match.index + match[0].length);
        this.socket.write("+");
        return match[1];
      }
      if (this.ended) return null;
      const left = until - performance.now();
      if (left <= 0) throw new Error(`no answer; so far: ${this.buffer}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async ask(command: string): Promise<string> {
    this.socket.write(encodePacket(command));
    return (await this.receive()) ?? "(closed)";
  }

  close(): void {
    this.socket.destroy();
  }
}
