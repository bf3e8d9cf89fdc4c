/** Machines that were saved: `--save`, `resume`, `snapshots`, `export`, `import`, `remove`, over a store in a folder or one file. */
import { existsSync } from "node:fs";
import { UserError } from "../base/errors.ts";
import { checkDefinition } from "../vmm/definition/check.ts";
import type { MachineDefinition } from "../vmm/definition/definition.ts";
import { RunnerSnapshots } from "../vmm/runner-snapshots.ts";
import type { Runner, StartFrom } from "../vmm/runner.ts";
import { checkRecord, references, type SnapshotRecord } from "../vmm/snapshot/record.ts";
import { Restore } from "../vmm/snapshot/restore.ts";
import type { StoreRecord } from "../vmm/store/api.ts";
import { DurableStore } from "../vmm/store/durable.ts";
import { MemoryHost } from "../vmm/store/memory-host.ts";
import type { ObjectReader } from "../vmm/store/objects.ts";
import { openReader } from "../vmm/store/reader.ts";
import type { StoreCommand } from "./commands.ts";
import { exportToFile, importFromFile, openFolderStore } from "./store.ts";

const SNAPSHOT = "snapshot/";
const MACHINE = "machine/";
/** The manager's copies below machines' disks. */
const BELOW = "below-";

/** What the page's manager keeps of a machine, as far as the command needs it. */
interface MachineData {
  readonly version: 1;
  readonly id: string;
  readonly definition: MachineDefinition;
  readonly base: string;
  readonly createdMs: number;
  readonly current: string | null;
  readonly below: string | null;
  readonly saved: string | null;
}

/** A snapshot that a machine can go on from. */
export interface Saved {
  readonly record: SnapshotRecord;
  readonly definition: MachineDefinition;
  /** The address of the folder that paths are relative to; empty: none is known. */
  readonly base: string;
  readonly reader: ObjectReader;
  start(): StartFrom;
}

const stored = (record: SnapshotRecord): StoreRecord => ({ key: SNAPSHOT + record.id, data: record, references: references(record) });
const NOTHING = { objects: [], tables: [] };

async function snapshotsOf(store: DurableStore): Promise<SnapshotRecord[]> {
  const { records } = await store.records(SNAPSHOT);
  return records.map(({ data }) => checkRecord(data)).filter((r) => !r.id.startsWith(BELOW)).sort((a, b) => a.createdMs - b.createdMs);
}

/** By its name or the beginning of its id; the newest of several with one name. Throws UserError. */
async function find(store: DurableStore, what: string): Promise<SnapshotRecord> {
  const all = await snapshotsOf(store);
  const found = all.filter((r) => r.name === what).at(-1) ?? all.filter((r) => r.id.startsWith(what)).at(-1);
  if (found === undefined) throw new UserError(`there is no snapshot '${what}'${all.length === 0 ? "" : `; there are: ${[...new Set(all.map((r) => r.name))].join(", ")}`}`);
  return found;
}

async function machineOf(store: DurableStore, id: string): Promise<MachineData | null> {
  return ((await store.record(MACHINE + id))?.data as MachineData | undefined) ?? null;
}

/** Takes an export's records over under their own names; answers the machine. */
async function bringIn(store: DurableStore, file: string): Promise<MachineData> {
  const { transaction, records } = await importFromFile(store, file);
  const machine = records.find(({ key }) => key.startsWith(MACHINE));
  if (machine === undefined) {
    await transaction.abort();
    throw new UserError(`${file}: the file does not hold a machine`);
  }
  await transaction.commit(records);
  return machine.data as MachineData;
}

/** What a store's folder or an export holds, for `resume`. */
export async function openSaved(what: string, store: DurableStore | null): Promise<Saved> {
  let from = store;
  let wanted = what;
  if (existsSync(what) && (store === null || what.endsWith(".tabvisor"))) {
    from = await DurableStore.open(new MemoryHost("a file"));
    const { saved, current } = await bringIn(from, what);
    const id = saved ?? current;
    if (id === null) throw new UserError(`${what}: the machine in it has no saved state`);
    wanted = id;
  }
  if (from === null) throw new UserError(`resume: '${what}' is no file: name a snapshot with --store FOLDER, or an exported machine`);
  const record = await find(from, wanted);
  const reader = await openReader(await from.reader());
  const base = (await machineOf(from, record.machineId))?.base ?? "";
  return { record, reader, base, definition: checkDefinition(record.definition as MachineDefinition, "the saved machine"), start: () => ({ from: Restore.ofSnapshot(record, reader), snapshots: RunnerSnapshots }) };
}

/** `--save NAME`: what the machine is now. It does not run meanwhile. */
export async function saveMachine(runner: Runner, store: DurableStore, name: string, definition: MachineDefinition, base: string, from: SnapshotRecord | null): Promise<void> {
  const known = (await store.records(MACHINE)).records.map(({ data }) => data as MachineData).find((m) => m.definition.name === definition.name);
  const machineId = from?.machineId ?? known?.id ?? crypto.randomUUID().slice(0, 8);
  const transaction = await store.begin();
  const parent = from !== null && (await store.record(SNAPSHOT + from.id)) !== null ? from.id : null;
  const id = crypto.randomUUID();
  await runner.snapshot({ id, machineId, parent, name, notes: "", createdMs: Date.now(), definition }, {
    put: (objects) => transaction.put(objects),
    commit: (record) => {
      const machine: MachineData = { version: 1, id: machineId, definition, base, createdMs: known?.createdMs ?? Date.now(), current: id, below: null, saved: id };
      return transaction.commit([stored(record), { key: MACHINE + machineId, data: machine, references: NOTHING }]);
    },
    abort: () => transaction.abort(),
  });
}

/** Commands that start no machine. Answers what is to be printed. */
export async function storeCommand(command: StoreCommand, args: readonly string[], folder: string | null): Promise<string> {
  if (folder === null) throw new UserError(`${command}: say where the machines are: --store FOLDER`);
  const need = (count: number, usage: string): void => {
    if (args.length !== count) throw new UserError(`${command}: usage: tabvisor ${command} ${usage} --store FOLDER`);
  };
  const store = await openFolderStore(folder);
  try {
    switch (command) {
      case "snapshots": {
        need(0, "");
        const lines = (await snapshotsOf(store)).map(({ id, name, createdMs, ramBytes, storedBytes, instructions }) =>
          `${id.slice(0, 8)}  ${new Date(createdMs).toISOString().slice(0, 19)}Z  ${String(ramBytes / 2 ** 20).padStart(5)} MiB  ${(storedBytes / 1e6).toFixed(1).padStart(8)} MB  ${String(instructions).padStart(14)} instructions  ${name}`);
        return lines.length === 0 ? "no snapshots\n" : `${lines.join("\n")}\n`;
      }
      case "export": {
        need(2, "SNAPSHOT FILE");
        const record = await find(store, args[0]);
        if (existsSync(args[1])) throw new UserError(`export: '${args[1]}' is there already`);
        const machine = await machineOf(store, record.machineId);
        const data: MachineData = {
          version: 1, id: record.machineId, definition: record.definition as MachineDefinition, base: machine?.base ?? "", createdMs: machine?.createdMs ?? record.createdMs, current: record.id, below: null,
          saved: record.id,
        };
        await exportToFile(store, args[1], [{ key: MACHINE + record.machineId, data, references: NOTHING }, stored({ ...record, parent: null })]);
        return "";
      }
      case "import": {
        need(1, "FILE");
        const { saved, definition } = await bringIn(store, args[0]);
        return `${definition.name}${saved === null ? "" : `: go on with 'tabvisor resume ${saved.slice(0, 8)} --store ${folder}'`}\n`;
      }
      case "remove": {
        need(1, "SNAPSHOT");
        const record = await find(store, args[0]);
        const children = (await snapshotsOf(store)).filter((r) => r.parent === record.id).map((r) => stored({ ...r, parent: record.parent }));
        await store.write(children, [SNAPSHOT + record.id]);
        return "";
      }
    }
  } finally {
    await store.close();
  }
}
