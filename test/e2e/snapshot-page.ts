/** A page of the snapshots' browser tests and figures: machines in workers, the store's worker, and what the tests call. */
import { connectCompiler, connectMachine } from "../../src/ui/client.ts";
import type { Manager, ImageSources, MachineConnection, MachineStats, SnapshotResult, StartSource, WorkerConfig } from "../../src/vmm/api.ts";
import { openManager } from "../../src/vmm/manager/open.ts";
import { compareSnapshots } from "../../src/vmm/snapshot/compare.ts";
import { checkRecord, type SnapshotRecord } from "../../src/vmm/snapshot/record.ts";
import { startStore, type StoreConnection } from "../../src/vmm/store/client.ts";

interface Made {
  readonly connection: MachineConnection;
  text: string;
  stopped: string | null;
}

let store: StoreConnection | null = null;
const opened = (): StoreConnection => (store ??= startStore((message) => console.error(message)));
const machines = new Map<string, Made>();
let images: ImageSources | null = null;
let config: WorkerConfig | null = null;

function need<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error("it is not there");
  return value;
}
const machine = (name: string): Made => need(machines.get(name));

const compiler = connectCompiler();

/** A worker with a machine of this name to come; its scripts are loaded when this resolves. */
async function spawn(name: string): Promise<Made> {
  const connection = connectMachine((message) => console.error(message));
  compiler.connect(connection);
  const made: Made = { connection, text: "", stopped: null };
  machines.set(name, made);
  await connection.useStore((await opened().openPort()).port);
  return made;
}

async function start(name: string, source?: StartSource): Promise<void> {
  const made = machine(name);
  await made.connection.powerOn(need(config), {
    serial: (bytes) => void (made.text += new TextDecoder().decode(bytes)),
    status: () => undefined, input: () => undefined, folder: () => undefined, restarted: () => undefined,
    stopped: (report) => void (made.stopped = report.message),
  }, source);
}

let manager: Promise<Manager> | null = null;
/** When each of the manager's machines last went on, by id. */
const wentOn = new Map<string, number>();
const managed = (): Promise<Manager> => (manager ??= openManager({
  spawn: connectMachine, spawnCompiler: connectCompiler, guest: new URL("guest/", location.href), base: location.href,
}).then((m) => {
  m.subscribe((event) => {
    if (event.kind !== "log") return;
    if (event.message.startsWith("goes on")) wentOn.set(event.id, performance.now());
    const pause = /stood still for ([\d.]+) ms/.exec(event.message);
    if (pause !== null) stoodStill.set(event.id, Number(pause[1]));
  });
  return m;
}));
/** What the last fork has cost its parent, by id: ms. */
const stoodStill = new Map<string, number>();
const texts = new Map<string, string>();
async function hear(id: string): Promise<void> {
  texts.set(id, "");
  (await managed()).console(id, { serial: (bytes) => void texts.set(id, (texts.get(id) ?? "") + new TextDecoder().decode(bytes)), restarted: () => void texts.set(id, "") });
}
async function heard(id: string, what: string): Promise<void> {
  for (const until = performance.now() + 90_000; !(texts.get(id) ?? "").includes(what); await new Promise((resolve) => setTimeout(resolve, 20))) {
    if (performance.now() > until) throw new Error(`no '${what}' in: ${(texts.get(id) ?? "").slice(-300)}`);
  }
}

/** Until the machine has retired more than `instructions`: ms since `from`. */
async function firstInstruction(name: string, instructions: number, from: number): Promise<number> {
  for (;;) {
    const { instructions: now } = await machine(name).connection.stats();
    if (now > instructions) return performance.now() - from;
  }
}

const record = async (id: string): Promise<SnapshotRecord> => checkRecord(need(await opened().record(`snapshot/${id}`)).data);

const calls = {
  /** As the page does it: through the manager. A machine of this memory at its prompt, which computes from then on. */
  async managedBoot(memory: number): Promise<string> {
    const m = await managed();
    const id = await m.create({ memory });
    await hear(id);
    await m.start(id);
    await heard(id, "# ");
    // As the menu with the fork in it does.
    m.foresee();
    return id;
  },
  async managedType(id: string, text: string, what: string): Promise<void> {
    const to = (await managed()).console(id, {});
    to.type(new TextEncoder().encode(text));
    to.close();
    await heard(id, what);
  },
  managedSnapshot: async (id: string, name: string): Promise<string> => (await (await managed()).takeSnapshot(id, { name })).id,
  /** Ms from the call to the first instruction that the machine retires, and to the promise's end. */
  async managedRestore(id: string, snapshot: string): Promise<{ firstMs: number; endMs: number }> {
    const m = await managed();
    const from = performance.now();
    wentOn.delete(id);
    await m.restoreSnapshot(id, snapshot);
    const endMs = performance.now() - from;
    while (!wentOn.has(id)) await new Promise((resolve) => setTimeout(resolve, 1));
    return { firstMs: need(wentOn.get(id)) - from, endMs };
  },
  async managedFork(id: string): Promise<{ child: string; firstMs: number; endMs: number; pauseMs: number }> {
    const m = await managed();
    const from = performance.now();
    const child = await m.fork(id);
    const endMs = performance.now() - from;
    while (!wentOn.has(child)) await new Promise((resolve) => setTimeout(resolve, 1));
    await hear(child);
    return { child, firstMs: need(wentOn.get(child)) - from, endMs, pauseMs: stoodStill.get(id) ?? NaN };
  },
  managedRemove: async (id: string): Promise<void> => (await managed()).remove(id),

  /** A worker that waits for its machine. */
  async spawn(name: string): Promise<void> {
    await (await spawn(name)).connection.warm();
  },

  /** The default guest up to its prompt. */
  async boot(name: string, memoryMib: number): Promise<void> {
    const info = (await (await fetch("guest/guest.json")).json()) as { cmdline: string; sizes: Record<string, number> };
    const source = (file: string) => ({ name: file, from: { url: new URL(`guest/${file}.gz`, location.href).href }, unzip: true, size: info.sizes[file] });
    const made = await spawn(name);
    images = await made.connection.load({ kernel: source("vmlinux"), initrds: [source("initramfs.cpio")] }, () => undefined);
    config = {
      memoryMib, cpu: "x86-64-v2", boot: { cmdline: info.cmdline }, deterministic: false, debugExit: null, epochSeconds: 1_800_000_000, noReboot: false,
    };
    await start(name);
    await calls.until(name, "# ");
  },

  async snapshot(name: string, id: string): Promise<SnapshotResult & { totalMs: number; storedBytes: number }> {
    const from = performance.now();
    const before = (await opened().usage()).storedBytes;
    const result = await machine(name).connection.snapshot({ id, machineId: name, parent: null, name: id, notes: "", createdMs: Date.now(), definition: null });
    return { ...result, totalMs: performance.now() - from, storedBytes: (await opened().usage()).storedBytes - before };
  },

  /** Into a worker that has been spawned: ms until its first instruction was seen from here. */
  async restore(name: string, id: string): Promise<number> {
    const { instructions } = await record(id);
    const from = performance.now();
    await start(name, { kind: "snapshot", id, images });
    return firstInstruction(name, instructions, from);
  },

  async fork(name: string, child: string): Promise<{ pauseMs: number; sentMs: number; firstMs: number }> {
    const before = (await machine(name).connection.stats()).instructions;
    const { port1, port2 } = new MessageChannel();
    const from = performance.now();
    const sent = machine(name).connection.fork(port1).then(({ pauseMs }) => ({ pauseMs, sentMs: performance.now() - from }));
    await start(child, { kind: "fork", port: port2, images });
    const firstMs = await firstInstruction(child, before, from);
    return { ...(await sent), firstMs };
  },

  async compare(a: string, b: string): Promise<number> {
    return (await compareSnapshots(await record(a), await record(b), (id) => opened().read(id))).pages.length;
  },

  thumbnail: async (id: string): Promise<number> => {
    const { thumbnail } = await record(id);
    return thumbnail === null ? 0 : (await opened().read(thumbnail)).length;
  },

  type: (name: string, text: string): Promise<void> => machine(name).connection.serialInput(new TextEncoder().encode(text)),
  text: (name: string): string => machine(name).text,
  stats: (name: string): Promise<MachineStats> => machine(name).connection.stats(),

  async until(name: string, what: string): Promise<void> {
    for (const until = performance.now() + 60_000; !machine(name).text.includes(what); ) {
      if (performance.now() > until) throw new Error(`no '${what}' in: ${machine(name).text.slice(-300)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },

  end(name: string): void {
    machine(name).connection.terminate();
    machines.delete(name);
  },

  /** Ways for pages to get from one worker to another: ms to make a Blob of `megabytes`, and to read one page out of it; ms to copy and move. */
  async blobs(megabytes: number): Promise<{ blobMs: number; readMs: number; copyMs: number }> {
    const code = `onmessage = ({ data: megabytes }) => {
      const memory = new WebAssembly.Memory({ initial: megabytes * 16 });
      const bytes = new Uint8Array(memory.buffer);
      for (let i = 0; i < bytes.length; i += 64) bytes[i] = i >> 6;
      let from = performance.now();
      const blob = new Blob([bytes]);
      const blobMs = performance.now() - from;
      const reader = new FileReaderSync();
      from = performance.now();
      for (let i = 0; i < 200; i++) reader.readAsArrayBuffer(blob.slice((i * 7919 % (megabytes * 256)) * 4096, (i * 7919 % (megabytes * 256)) * 4096 + 4096));
      const readMs = (performance.now() - from) / 200;
      from = performance.now();
      for (let at = 0; at < bytes.length; at += 2 ** 21) bytes.slice(at, at + 2 ** 21);
      postMessage({ blobMs, readMs, copyMs: performance.now() - from });
    };`;
    const worker = new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
    try {
      return await new Promise((resolve) => {
        worker.onmessage = (e: MessageEvent<{ blobMs: number; readMs: number; copyMs: number }>) => resolve(e.data);
        worker.postMessage(megabytes);
      });
    } finally {
      worker.terminate();
    }
  },
};

export type SnapshotCalls = typeof calls;

declare global {
  interface Window {
    snapshotTest: SnapshotCalls;
  }
}
window.snapshotTest = calls;
