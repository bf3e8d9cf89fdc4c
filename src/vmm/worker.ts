/** The machine's web worker: MachineApi over Comlink. */
import * as Comlink from "comlink";
import { UserError } from "../base/errors.ts";
import type { MachineApi, MachineConfig, MachineEvents, MachineStats } from "./api.ts";
import { Runner } from "./runner.ts";

class WorkerMachine implements MachineApi {
  private runner: Runner | null = null;

  private need(): Runner {
    if (this.runner === null) throw new UserError("there is no machine: power one on first");
    return this.runner;
  }

  // Events are Comlink proxies: calls are queued messages, so nothing waits for the page.
  // eslint would have these awaited; a failed post means that the page is gone.
  async powerOn(config: MachineConfig, events: MachineEvents): Promise<void> {
    this.runner?.powerOff();
    this.runner = null;
    const runner = new Runner(config, {
      serial: (bytes) => events.serial(Comlink.transfer(bytes, [bytes.buffer])),
      status: (status) => events.status(status),
      stopped: (report) => events.stopped(report),
    });
    this.runner = runner;
    runner.resume();
    return Promise.resolve();
  }
  pause(): Promise<void> {
    this.need().pause();
    return Promise.resolve();
  }
  resume(): Promise<void> {
    this.need().resume();
    return Promise.resolve();
  }
  reset(): Promise<void> {
    this.need().reset();
    return Promise.resolve();
  }
  powerOff(): Promise<void> {
    this.need().powerOff();
    return Promise.resolve();
  }
  serialInput(bytes: Uint8Array): Promise<void> {
    this.need().serialInput(bytes);
    return Promise.resolve();
  }
  stats(): Promise<MachineStats> {
    const runner = this.need();
    return Promise.resolve(runner.stats(runner.current.vcpu.state.u8.byteLength));
  }
}

Comlink.expose(new WorkerMachine());
