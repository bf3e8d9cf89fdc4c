/** The manager over stand-in workers: records, states, terminals, and workers that misbehave. */
import { describe, expect, it, vi } from "vitest";
import type { FolderAnswer, FolderCall, ImageSources, MachineConnection, MachineEvents, MachineSpec, ManagerEvent, SharedCompiler, WorkerConfig } from "../api.ts";
import type { MachineStatus, StopReport } from "../config.ts";
import { MachineManager } from "./manager.ts";
import { DefaultGuest } from "../images/guest.ts";
import { memoryRecords, type Records } from "./records.ts";

class Worker implements MachineConnection {
  calls: string[] = [];
  spec: MachineSpec | null = null;
  images: ImageSources | null = null;
  events!: MachineEvents;
  ended = false;
  hangs = false;
  constructor(readonly crash: (message: string) => void) {}
  private call(name: string): Promise<void> {
    this.calls.push(name);
    return this.hangs ? new Promise(() => undefined) : Promise.resolve();
  }
  load(images: ImageSources): Promise<ImageSources> {
    this.images = images;
    return this.call("load").then(() => images);
  }
  prepare(spec: MachineSpec): Promise<void> {
    this.spec = structuredClone(spec);
    return this.call("prepare");
  }
  powerOn(_config: WorkerConfig | "prepared", events: MachineEvents): Promise<void> {
    this.events = events;
    return this.call("powerOn");
  }
  pause = (): Promise<void> => this.call("pause");
  resume = (): Promise<void> => this.call("resume");
  reset = (): Promise<void> => this.call("reset");
  powerOff = (): Promise<void> => this.call("powerOff");
  powerButton = (): Promise<boolean> => this.call("powerButton").then(() => true);
  serialInput = (bytes: Uint8Array, port = 0): Promise<void> => this.call(`input ${new TextDecoder().decode(bytes)}${port === 0 ? "" : ` at ${port}`}`);
  key = (code: string | null): Promise<void> => this.call(`key ${code}`);
  mouse = (): Promise<void> => this.call("mouse");
  attachDisplay = (): Promise<void> => this.call("display");
  stats = (): Promise<never> => Promise.reject(new Error("none"));
  startRecording = (): Promise<never> => Promise.reject(new Error("none"));
  stopRecording = (): Promise<never> => Promise.reject(new Error("none"));
  setShare = (share: number): Promise<void> => this.call(`share ${share}`);
  folder = (_tag: string, call: FolderCall): Promise<FolderAnswer> => this.call(`folder ${call.kind}`).then(() => null);
  openFolder = (): Promise<void> => this.call("openFolder");
  screenshot = (): Promise<null> => Promise.resolve(null);
  debugger = (): Promise<never> => Promise.reject(new Error("no debugger"));
  warm = (): Promise<void> => this.call("warm");
  foresee = (): Promise<void> => this.call("foresee");
  useStore = (): Promise<void> => this.call("store");
  snapshot = (): Promise<never> => Promise.reject(new Error("none"));
  fork = (): Promise<never> => Promise.reject(new Error("none"));
  useCompiler = (): Promise<void> => this.call("compiler");
  compilerLost = (): Promise<void> => this.call("compilerLost");
  terminate = (): void => {
    this.ended = true;
  };
}

const status = (state: "running" | "paused", load = 0.5): MachineStatus =>
  ({ state, guestTimeNs: 1, instructions: 1, instructionsPerSecond: 1, memoryMib: 64, idle: false, load, tiers: null });
const report = (kind: StopReport["kind"], message: string = kind): StopReport => ({ kind, message, exitCode: 0, registers: [], disassembly: [] });
const text = (s: string): Uint8Array => new TextEncoder().encode(s);
const KERNEL = { boot: { kernel: "kernel.elf", cmdline: "quiet" } };

async function setup(records: Records = memoryRecords(), spawnCompiler?: () => SharedCompiler) {
  const workers: Worker[] = [];
  const guest = new DefaultGuest(new URL("http://127.0.0.1:9/guest/"));
  const manager = await MachineManager.open({
    spawn: (crash) => {
      const worker = new Worker(crash);
      workers.push(worker);
      return worker;
    }, guest, base: "http://127.0.0.1:9/lesson/page.html", ...(spawnCompiler === undefined ? {} : { spawnCompiler }),
  }, records);
  const events: ManagerEvent[] = [];
  manager.subscribe((e) => events.push(e));
  return { manager, workers, events, records };
}

describe("manager", () => {
  it("keeps machines over visits, by definitions that were checked", async () => {
    const { manager, records } = await setup();
    const id = await manager.create({ name: "One", memory: "64M", ...KERNEL });
    await manager.create();
    await manager.rename(id, " Two ");
    await expect(manager.create({ memory: 1 })).rejects.toThrow("memory: must be a whole number of MiB from 2 to 3072");
    await expect(manager.rename(id, "")).rejects.toThrow("name: must not be empty");
    const again = (await setup(records)).manager;
    expect(again.list().map((m) => [m.name, m.state, m.definition.memory])).toEqual([["Two", "off", 64], ["Machine", "off", 256]]);
    await again.remove(id);
    expect((await setup(records)).manager.list().map((m) => m.name)).toEqual(["Machine"]);
    expect(await again.describe(again.list()[0].id)).toBe("{}\n");
  });

  it("tells machines that rest, once, that a snapshot or a fork may come, and keeps a worker ready", async () => {
    const { manager, workers } = await setup();
    const [resting, starting] = [await manager.create(KERNEL), await manager.create(KERNEL)];
    await manager.start(resting);
    await manager.start(starting);
    workers[0].events.status({ ...status("running"), idle: true });
    workers[1].events.status(status("running"));
    expect(workers.flatMap((w) => w.calls)).not.toContain("foresee");
    manager.foresee();
    await vi.waitFor(() => expect(workers[2]?.calls).toContain("warm"));
    await manager.snapshots(resting);
    expect(workers.map((w) => w.calls.filter((call) => call === "foresee").length)).toEqual([1, 0, 0]);
  });

  it("gives each machine a worker, and the files that its definition names", async () => {
    const { manager, workers } = await setup();
    const a = await manager.create({ ...KERNEL, disks: [{ image: "disk.img" }], deterministic: true });
    const b = await manager.create(KERNEL);
    await manager.start(a);
    await manager.start(b);
    expect(workers).toHaveLength(2);
    expect(workers[0].images?.kernel.from).toEqual({ url: "http://127.0.0.1:9/lesson/kernel.elf" });
    expect(workers[0].spec).toMatchObject({ cmdline: "quiet", drives: { disk0: { source: { kind: "url", url: "http://127.0.0.1:9/lesson/disk.img" } } }, epochSeconds: 1_767_225_600 });
    expect(manager.list().map((m) => m.state)).toEqual(["running", "running"]);
    await manager.powerOff(a);
    expect(workers.map((w) => w.ended)).toEqual([true, false]);
    expect(manager.get(b)?.state).toBe("running");
  });

  it("lets several terminals watch and type, the late ones with what was said before", async () => {
    const { manager, workers } = await setup();
    const id = await manager.create(KERNEL);
    const seen = ["", "", ""];
    const listen = (i: number) => manager.console(id, { serial: (bytes) => void (seen[i] += new TextDecoder().decode(bytes)) });
    listen(0);
    await manager.start(id);
    void workers[0].events.serial(text("hello "));
    const late = listen(1);
    void workers[0].events.serial(text("world"));
    late.type(text("ls"));
    expect(seen).toEqual(["hello world", "hello world", ""]);
    expect(workers[0].calls).toContain("input ls");
    late.close();
    void workers[0].events.serial(text("!"));
    expect(seen).toEqual(["hello world!", "hello world", ""]);
  });

  it("keeps a machine's serial ports apart, for terminals that are opened later, too", async () => {
    const { manager, workers } = await setup();
    const id = await manager.create({ ...KERNEL, console: { ports: 2 } });
    await manager.start(id);
    void workers[0].events.serial(text("first"));
    void workers[0].events.serial(text("second"), 1);
    const seen: string[] = [];
    const console = manager.console(id, { serial: (bytes, port) => void seen.push(`${port} ${new TextDecoder().decode(bytes)}`) });
    void workers[0].events.serial(text("!"), 1);
    expect(seen).toEqual(["0 first", "1 second", "1 !"]);
    console.type(text("a"));
    console.type(text("b"), 1);
    await vi.waitFor(() => expect(workers[0].calls).toEqual(expect.arrayContaining(["input a", "input b at 1"])));
  });

  it("holds the guest back until the slowest terminal has taken its output", async () => {
    const { manager, workers } = await setup();
    const id = await manager.create(KERNEL);
    let release: () => void = () => undefined;
    manager.console(id, { serial: () => new Promise<void>((resolve) => (release = resolve)) });
    manager.console(id, { serial: () => undefined });
    await manager.start(id);
    let taken = false;
    const wait = Promise.resolve(workers[0].events.serial(text("x"))).then(() => (taken = true));
    await new Promise((r) => setTimeout(r, 5));
    expect(taken).toBe(false);
    release();
    await wait;
    expect(taken).toBe(true);
  });

  it("reports a worker that dies, and starts the machine anew", async () => {
    const { manager, workers } = await setup();
    const [a, b] = [await manager.create(KERNEL), await manager.create(KERNEL)];
    await manager.start(a);
    await manager.start(b);
    workers[0].crash("out of memory");
    expect(manager.get(a)).toMatchObject({ state: "stopped", report: { kind: "error", message: "out of memory" } });
    expect(manager.get(b)?.state).toBe("running");
    await manager.start(a);
    expect(manager.get(a)?.state).toBe("running");
  });

  it("reports a worker that dies while it loads: its calls reject as well", async () => {
    const { manager, workers } = await setup();
    const id = await manager.create(KERNEL);
    const load = vi.spyOn(Worker.prototype, "load").mockImplementationOnce(function (this: Worker) {
      const rejected = Promise.reject<ImageSources>(new Error("the script did not come"));
      this.crash("the script did not come");
      return rejected;
    });
    await expect(manager.start(id)).rejects.toThrow("the script did not come");
    expect(manager.get(id)).toMatchObject({ state: "off", error: "the script did not come" });
    await manager.start(id);
    expect(manager.get(id)?.state).toBe("running");
    expect(workers).toHaveLength(2);
    load.mockRestore();
  });

  it("connects each worker to one compiler, for as long as it lives", async () => {
    const connected: unknown[] = [];
    const spawnCompiler = vi.fn((): SharedCompiler => ({
      connect: (machine) => {
        connected.push(machine);
        return () => void connected.splice(connected.indexOf(machine), 1);
      },
      terminate: () => undefined,
    }));
    const { manager, workers } = await setup(memoryRecords(), spawnCompiler);
    const [a, b] = [await manager.create(KERNEL), await manager.create(KERNEL)];
    await manager.start(a);
    await manager.start(b);
    expect(connected).toEqual(workers);
    await manager.powerOff(a);
    expect(connected).toEqual([workers[1]]);
    workers[1].crash("out of memory");
    expect(connected).toEqual([]);
    await manager.start(a);
    expect(connected).toEqual([workers[2]]);
    expect(spawnCompiler).toHaveBeenCalledTimes(1);
  });

  it("ends a worker that does not answer", async () => {
    const { manager, workers } = await setup();
    const id = await manager.create(KERNEL);
    await manager.start(id);
    workers[0].hangs = true;
    await manager.powerOff(id);
    expect(workers[0].ended).toBe(true);
    expect(manager.get(id)?.state).toBe("off");
  });

  it("ends a guest that resets itself without end, and lets one reset", async () => {
    const { manager, workers } = await setup();
    const id = await manager.create(KERNEL);
    const restarts: boolean[] = [];
    manager.console(id, { restarted: (byGuest) => void restarts.push(byGuest) });
    await manager.start(id);
    workers[0].events.restarted();
    expect(manager.get(id)?.state).toBe("running");
    expect(restarts).toEqual([false, true]);
    for (let i = 0; i < 5; i++) workers[0].events.restarted();
    expect(manager.get(id)).toMatchObject({ state: "stopped", report: { kind: "reset" } });
    expect(workers[0].ended).toBe(true);
  });

  it("says why a start failed", async () => {
    const { manager, workers } = await setup();
    const id = await manager.create({ ...KERNEL, disks: [{ image: { file: "lost.img" } }] });
    await expect(manager.start(id)).rejects.toThrow("disk0: the file 'lost.img' is not here: add it again");
    expect(manager.get(id)).toMatchObject({ state: "off", error: "disk0: the file 'lost.img' is not here: add it again" });
    expect(workers[0].ended).toBe(true);
  });

  it("obeys the share at once, and pauses what is to pause while the page is hidden", async () => {
    const { manager, workers } = await setup();
    const a = await manager.create({ ...KERNEL, background: "pause" });
    const b = await manager.create(KERNEL);
    await manager.start(a);
    await manager.start(b);
    await manager.update(b, { ...KERNEL, cpu: { share: "25%" } });
    expect(workers[1].calls).toContain("share 0.25");
    manager.setVisible(false);
    await new Promise((r) => setTimeout(r, 5));
    expect([manager.get(a)?.state, manager.get(b)?.state]).toEqual(["paused", "running"]);
    manager.setVisible(true);
    await new Promise((r) => setTimeout(r, 5));
    expect(manager.get(a)?.state).toBe("running");
    // What the user paused stays so.
    await manager.pause(a);
    manager.setVisible(false);
    manager.setVisible(true);
    await new Promise((r) => setTimeout(r, 5));
    expect(manager.get(a)?.state).toBe("paused");
  });

  it("takes a machine's load and state from what its worker says", async () => {
    const { manager, workers } = await setup();
    const id = await manager.create(KERNEL);
    await manager.start(id);
    workers[0].events.status(status("running", 0.25));
    expect(manager.get(id)).toMatchObject({ load: 0.25, responding: true });
    workers[0].events.stopped(report("power-off"));
    workers[0].events.status(status("running", 0.9));
    expect(manager.get(id)).toMatchObject({ load: 0, state: "stopped" });
  });
});
