/** The machine's web worker: MachineApi over Comlink. */
import * as Comlink from "comlink";
import { UserError } from "../base/errors.ts";
import type { KernelImages, MachineApi, MachineConfig, MachineEvents, MachineStats } from "./api.ts";
import { provideFirmware } from "./firmware.ts";
import { provideInterpreter, type StoredInfo } from "./interpreter.ts";
import { Runner } from "./runner.ts";

/**
 * The interpreter made at build time: fetched while the page fetches its guest, compiled as it streams in, and cached by the
 * browser with its machine code. Where it cannot be had, the first machine generates its own.
 */
async function fetchInterpreter(): Promise<void> {
  const wasm = fetch(new URL("../../build/interpreter/interpreter.wasm", import.meta.url));
  const info = fetch(new URL("../../build/interpreter/interpreter.json", import.meta.url));
  const module = await WebAssembly.compileStreaming(wasm);
  provideInterpreter(module, (await (await info).json()) as StoredInfo);
}
const interpreterReady = fetchInterpreter().catch((e: unknown) => {
  console.warn("tabvisor: no ready-made interpreter, generating one:", e);
});

/** Keeps images for a reset as blobs, which the browser may put on disk. */
function keepImages(images: KernelImages): () => Promise<KernelImages> {
  const blob = (bytes: Uint8Array): Blob => new Blob([bytes as Uint8Array<ArrayBuffer>]);
  const kernel = images.kernel === null ? null : blob(images.kernel);
  const firmware = images.firmware === undefined ? null : blob(images.firmware);
  const initrds = images.initrds.map(blob);
  const { cmdline } = images;
  const read = async (b: Blob): Promise<Uint8Array> => new Uint8Array(await b.arrayBuffer());
  return async () => ({
    kernel: kernel === null ? null : await read(kernel), initrds: await Promise.all(initrds.map(read)), cmdline,
    ...(firmware === null ? {} : { firmware: await read(firmware) }),
  });
}

let firmware: Promise<void> | null = null;

/** Our BIOS, made at build time; fetched when a machine without a kernel wants it. */
function fetchFirmware(): Promise<void> {
  firmware ??= (async () => {
    const response = await fetch(new URL("../../build/bios/bios.bin", import.meta.url));
    if (!response.ok) throw new UserError(`the firmware could not be fetched (HTTP ${response.status})`);
    provideFirmware(new Uint8Array(await response.arrayBuffer()));
  })().catch((e: unknown) => {
    firmware = null;
    throw e;
  });
  return firmware;
}

class WorkerMachine implements MachineApi {
  private runner: Runner | null = null;

  private need(): Runner {
    if (this.runner === null) throw new UserError("there is no machine: power one on first");
    return this.runner;
  }

  // Events are Comlink proxies: calls are queued messages. Only serial output is waited for, by the Runner, when too much is under way.
  async powerOn(config: MachineConfig, events: MachineEvents): Promise<void> {
    this.runner?.powerOff();
    this.runner = null;
    await interpreterReady;
    if (config.boot.kernel === null && config.boot.firmware === undefined) await fetchFirmware();
    const runner = new Runner(config, {
      serial: (bytes) => events.serial(Comlink.transfer(bytes, [bytes.buffer])),
      status: (status) => events.status(status),
      stopped: (report) => events.stopped(report),
    }, { images: keepImages(config.boot) });
    this.runner = runner;
    runner.resume();
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
    return this.need().reset();
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
