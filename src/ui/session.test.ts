/** One machine's life as the page sees it, against a worker that does what the test says. */
import { describe, expect, it } from "vitest";
import type { ImageSources, MachineEvents, StopKind, StopReport, WorkerConfig } from "../vmm/api.ts";
import type { MachineConnection } from "./client.ts";
import { Session, type MachineSource, type Phase } from "./session.ts";

const CONFIG: WorkerConfig = {
  memoryMib: 64,
  cpu: "x",
  boot: { cmdline: "" },
  deterministic: false,
  debugExit: null,
  epochSeconds: 0,
  noReboot: true,
};
const SOURCE: MachineSource = { load: () => Promise.resolve(CONFIG) };
const report = (kind: StopKind): StopReport => ({ kind, message: kind, exitCode: 0, registers: [], disassembly: [] });

class FakeConnection implements MachineConnection {
  calls: string[] = [];
  events: MachineEvents | null = null;
  ended = false;
  failOn: string | null = null;
  constructor(readonly crash: (message: string) => void) {}
  private call(name: string): Promise<void> {
    this.calls.push(name);
    return this.failOn === name ? Promise.reject(new Error(`${name} failed`)) : Promise.resolve();
  }
  powerOn(_config: WorkerConfig | "prepared", events: MachineEvents): Promise<void> {
    this.events = events;
    return this.call("powerOn");
  }
  load = (images: ImageSources): Promise<ImageSources> => Promise.resolve(images);
  pause = (): Promise<void> => this.call("pause");
  resume = (): Promise<void> => this.call("resume");
  reset = (): Promise<void> => this.call("reset");
  powerOff = (): Promise<void> => this.call("powerOff");
  heard = true;
  powerButton = (): Promise<boolean> => this.call("powerButton").then(() => this.heard);
  serialInput = (bytes: Uint8Array): Promise<void> => this.call(`input ${[...bytes].join()}`);
  key = (code: string | null, pressed: boolean): Promise<void> => this.call(`key ${code} ${pressed}`);
  mouse = (): Promise<void> => this.call("mouse");
  attachDisplay = (): Promise<void> => this.call("display");
  stats = (): Promise<never> => Promise.reject(new Error("none"));
  debugger = (): Promise<never> => Promise.reject(new Error("none"));
  prepare = (): Promise<void> => this.call("prepare");
  setShare = (): Promise<void> => this.call("share");
  folder = (): Promise<null> => Promise.resolve(null);
  openFolder = (): Promise<void> => this.call("folder");
  screenshot = (): Promise<null> => Promise.resolve(null);
  warm = (): Promise<void> => this.call("warm");
  useStore = (): Promise<void> => this.call("store");
  snapshot = (): Promise<never> => Promise.reject(new Error("none"));
  fork = (): Promise<never> => Promise.reject(new Error("none"));
  useCompiler = (): Promise<void> => Promise.resolve();
  terminate = (): void => {
    this.ended = true;
  };
}

function setup(now: () => number = () => 0) {
  const connections: FakeConnection[] = [];
  const phases: Phase[] = [];
  const failures: string[] = [];
  const session = new Session(
    (onCrash) => {
      const connection = new FakeConnection(onCrash);
      connections.push(connection);
      return connection;
    },
    {
      phase: (phase) => phases.push(phase),
      failed: (error, fatal) => failures.push(`${fatal ? "fatal " : ""}${error instanceof Error ? error.message : ""}`),
      progress: () => undefined,
      status: () => undefined,
      serial: () => Promise.resolve(),
      restarted: () => undefined,
      input: () => undefined,
      displayPort: () => null,
    },
    now,
  );
  const last = (): FakeConnection => connections[connections.length - 1];
  return { session, connections, phases, failures, last };
}

describe("Session", () => {
  it("goes through loading and starting to running, pauses, resumes and powers off", async () => {
    const { session, phases, last } = setup();
    await session.powerOn(SOURCE);
    await session.pause();
    await session.pause(); // no second call
    await session.resume();
    session.type(Uint8Array.of(65));
    await session.powerOff();
    expect(phases).toEqual(["off", "loading", "starting", "running", "paused", "running", "off"].slice(1));
    expect(last().calls).toEqual(["powerOn", "pause", "resume", "input 65", "powerOff"]);
    expect(last().ended).toBe(true);
  });

  it("presses the power button of a machine that runs, and says whether the guest listens", async () => {
    const { session, last } = setup();
    expect(await session.powerButton()).toBe(false);
    await session.powerOn(SOURCE);
    expect(await session.powerButton()).toBe(true);
    last().heard = false;
    expect(await session.powerButton()).toBe(false);
    await session.pause();
    expect(await session.powerButton()).toBe(false);
    expect(last().calls).toEqual(["powerOn", "powerButton", "powerButton", "pause"]);
  });

  it("uses a prewarmed worker, and a fresh one for each further start", async () => {
    const { session, connections } = setup();
    session.prewarm();
    await session.powerOn(SOURCE);
    expect(connections.length).toBe(1);
    const first = connections.length;
    await session.powerOn(SOURCE);
    expect(connections.length).toBe(first + 1);
    expect(connections.slice(0, -1).every((c) => c.ended)).toBe(true);
    expect(connections.slice(-1)[0].ended).toBe(false);
  });

  it("reports a start that fails, and starts again", async () => {
    const { session, phases, failures } = setup();
    await session.powerOn({ load: () => Promise.reject(new Error("no such file")) });
    expect(failures).toEqual(["fatal no such file"]);
    expect(phases.slice(-1)).toEqual(["off"]);
    await session.powerOn(SOURCE);
    expect(session.phase).toBe("running");
  });

  it("shows a command that fails without losing the machine", async () => {
    const { session, failures, last } = setup();
    await session.powerOn(SOURCE);
    last().failOn = "pause";
    await session.pause();
    expect(failures).toEqual(["pause failed"]);
    expect(session.phase).toBe("running");
  });

  it("ends loading with its worker on power off and ignores what arrives later", async () => {
    const { session, phases, last } = setup();
    let deliver: (config: WorkerConfig) => void = () => undefined;
    const started = session.powerOn({
      load: () =>
        new Promise((resolve) => {
          deliver = resolve;
        }),
    });
    const loader = last();
    await session.powerOff();
    expect(loader.ended).toBe(true);
    deliver(CONFIG);
    await started;
    expect(phases).toEqual(["loading", "off"]);
  });

  it("ignores events of a machine that is gone", async () => {
    const { session, last } = setup();
    await session.powerOn(SOURCE);
    const old = last();
    await session.powerOn(SOURCE);
    old.events?.stopped(report("triple-fault"));
    expect(session.phase).toBe("running");
  });

  it("starts again when the guest resets, but not for ever", async () => {
    let now = 0;
    const { session, last, connections } = setup(() => now);
    await session.powerOn(SOURCE);
    for (let i = 0; i < 5; i++) {
      now += 60_000;
      last().events?.stopped(report("reset"));
      await expect.poll(() => session.phase).toBe("running");
    }
    expect(connections.length).toBe(6);
    for (let i = 0; i < 3; i++) {
      last().events?.stopped(report("reset"));
      await expect.poll(() => session.phase).not.toMatch(/loading|starting/);
    }
    expect(session.phase).toBe("stopped");
    expect(connections.length).toBe(8);
  });

  it("reports a worker that dies, and starts another", async () => {
    const { session, last, connections } = setup();
    await session.powerOn(SOURCE);
    last().crash("out of memory");
    expect(session.phase).toBe("stopped");
    await session.reset();
    expect(session.phase).toBe("running");
    expect(connections.length).toBe(2);
  });
});
