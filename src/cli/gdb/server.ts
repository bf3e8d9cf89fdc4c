/** The socket that GDB connects to: one connection at a time, any number of them in turn. */
import { createServer, type Socket } from "node:net";
import { UserError } from "../../base/errors.ts";
import { Debugger } from "../../vmm/debug/debugger.ts";
import type { Runner } from "../../vmm/runner.ts";
import { reason } from "../reason.ts";
import { GdbStub } from "./stub.ts";

export interface GdbAddress {
  readonly host: string;
  readonly port: number;
}

export interface GdbServer {
  close(): void;
}

/** How long a second client waits for the first to be gone. */
const GRACE_MS = 150;

/** Answers GDB when it listens, rejects with a UserError when it cannot. The machine is not started by it. */
export function serveGdb(address: GdbAddress, runner: () => Runner, quit: () => void): Promise<GdbServer> {
  let present: Socket | null = null;
  const take = (socket: Socket): boolean => {
    if (present !== null || socket.destroyed) return false;
    present = socket;
    attach(socket, runner(), quit, () => (present = null));
    return true;
  };
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    if (take(socket)) return;
    // Somebody debugs already; or has just left, and the end of that connection is still to be heard of.
    setTimeout(() => {
      if (!take(socket)) socket.destroy();
    }, GRACE_MS);
  });
  return new Promise((resolve, reject) => {
    server.once("error", (e) => reject(new UserError(`-gdb: cannot listen at ${address.host}:${address.port}: ${reason(e)}`)));
    server.listen(address.port, address.host, () => resolve({
      close: () => {
        present?.end();
        server.close();
      },
    }));
  });
}

function attach(socket: Socket, runner: Runner, quit: () => void, gone: () => void): void {
  const debug = new Debugger(runner);
  const stub = new GdbStub(debug, {
    send: (bytes) => {
      if (socket.writable) socket.write(bytes);
    },
    close: () => socket.end(),
    reset: () => void runner.reset(),
    powerButton: () => runner.powerButton(),
    quit: () => {
      socket.end();
      quit();
    },
  });
  socket.setNoDelay(true);
  // Whatever ends a connection, `close` follows.
  socket.on("data", (bytes) => stub.receive(bytes));
  socket.on("close", () => {
    stub.disconnected();
    debug.close();
    gone();
  });
}
