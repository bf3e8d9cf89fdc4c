/** The thread that compiles for all machines of a page: started when it is wanted, and its death is told to whom it served. */
import { afterEach, expect, it, vi } from "vitest";
import type { MachineApi } from "../vmm/api.ts";
import { connectCompiler } from "./client.ts";

class Thread extends EventTarget {
  static readonly all: Thread[] = [];
  readonly ports: unknown[] = [];
  ended = false;
  constructor(
    readonly url: URL,
    readonly options: WorkerOptions,
  ) {
    super();
    Thread.all.push(this);
  }
  postMessage(port: unknown, moved: unknown[]): void {
    expect(moved).toEqual([port]);
    this.ports.push(port);
  }
  terminate(): void {
    this.ended = true;
  }
}

class Machine implements Pick<MachineApi, "useCompiler" | "compilerLost"> {
  port: MessagePort | null = null;
  wanted: () => void = () => undefined;
  lost = 0;
  useCompiler(port: MessagePort, wanted: () => void): Promise<void> {
    [this.port, this.wanted] = [port, wanted];
    return Promise.resolve();
  }
  compilerLost(): Promise<void> {
    this.lost++;
    return this.lost > 1 ? Promise.reject(new Error("the machine is gone")) : Promise.resolve();
  }
}

afterEach(() => {
  vi.unstubAllGlobals();
  Thread.all.length = 0;
});

it("is started by the first machine that wants it, and serves each once", () => {
  vi.stubGlobal("Worker", Thread);
  const compiler = connectCompiler();
  const [a, b] = [new Machine(), new Machine()];
  compiler.connect(a);
  compiler.connect(b);
  expect(a.port).not.toBeNull();
  expect(Thread.all).toHaveLength(0);
  b.wanted();
  b.wanted();
  a.wanted();
  expect(Thread.all).toHaveLength(1);
  expect(Thread.all[0].ports).toHaveLength(2);
  expect(Thread.all[0].options).toEqual({ type: "module", name: "tabvisor-compiler" });
  compiler.terminate();
  expect(Thread.all[0].ended).toBe(true);
  for (const { port } of [a, b]) port?.close();
});

it("tells its death to whom it served, and to nobody else; who comes later gets another", () => {
  vi.stubGlobal("Worker", Thread);
  const compiler = connectCompiler();
  const [served, gone, idle, late] = [new Machine(), new Machine(), new Machine(), new Machine()];
  compiler.connect(served);
  const leave = compiler.connect(gone);
  compiler.connect(idle);
  served.wanted();
  gone.wanted();
  leave();
  const died = new Event("error", { cancelable: true });
  Thread.all[0].dispatchEvent(died);
  expect(died.defaultPrevented).toBe(true);
  expect([served.lost, gone.lost, idle.lost]).toEqual([1, 0, 0]);
  expect(Thread.all[0].ended).toBe(true);
  // Said again by a thread that has been left: nothing.
  Thread.all[0].dispatchEvent(new Event("error"));
  expect(served.lost).toBe(1);
  compiler.connect(late);
  idle.wanted();
  late.wanted();
  expect(Thread.all).toHaveLength(2);
  Thread.all[1].dispatchEvent(new Event("error"));
  expect([served.lost, idle.lost, late.lost]).toEqual([1, 1, 1]);
  for (const { port } of [served, gone, idle, late]) port?.close();
});

it("is not started for a machine that has left", () => {
  vi.stubGlobal("Worker", Thread);
  const machine = new Machine();
  connectCompiler().connect(machine)();
  machine.wanted();
  expect(Thread.all).toHaveLength(0);
  machine.port?.close();
});
