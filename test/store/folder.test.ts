/** The store in a folder: kills at random points, two processes, damaged and foreign files, exports as files. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { build } from "vite";
import { exportToFile, importFromFile, openFolderStore } from "../../src/cli/store.ts";
import { openReader } from "../../src/vmm/store/reader.ts";
import { Chance, Expected, load, verify } from "./load.ts";

const ROOT = join(import.meta.dirname, "../..");
const OUT = join(ROOT, "build", "store-crash");
const KILLS = Number(process.env["STORE_KILLS"] ?? 50);

let work: string;
beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), "tabvisor-store-"));
  await build({
    root: ROOT, configFile: false, logLevel: "warn", publicDir: false,
    build: { ssr: join(ROOT, "test/store/crash-child.ts"), outDir: OUT, emptyOutDir: true, target: "node20", minify: false },
  });
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** Runs the load until it is `ms` beyond so many commits; answers what it said. */
function killed(folder: string, seed: number, commits: number, ms: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(OUT, "crash-child.js"), folder, String(seed)], { stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    let errors = "";
    let started = false;
    child.stderr.on("data", (data: Buffer) => (errors += data.toString()));
    child.stdout.on("data", (data: Buffer) => {
      text += data.toString();
      if (started || !text.includes("ready") || text.split("+").length - 1 < commits) return;
      started = true;
      setTimeout(() => child.kill("SIGKILL"), ms);
    });
    child.on("close", (_code, signal) => (signal === "SIGKILL" ? resolve(text.split("\n").slice(0, -1)) : reject(new Error(`the load ended by itself: ${errors}`))));
  });
}

describe("the store in a folder", () => {
  it(`is whole after ${KILLS} kills: every committed snapshot, and nothing else`, async () => {
    const folder = join(work, "kills");
    const chance = new Chance(Date.now() >>> 0);
    const expected = new Expected();
    let commits = 0;
    for (let seed = 1; seed <= KILLS; seed++) {
      const lines = await killed(folder, seed, chance.next(4), chance.next(60));
      lines.forEach((line) => expected.hear(line));
      commits += lines.filter((line) => line.startsWith("+")).length;
      const store = await openFolderStore(folder);
      const source = await store.reader();
      const reader = await openReader(source);
      const found = await verify(store, reader);
      expect(expected.check(found, seed), `kill ${seed}`).toBe(null);
      expect(store.damaged.size).toBe(0);
      await store.collect();
      expect(await verify(store, reader), "the lease").toEqual(found);
      await store.release(source.lease);
      // Nothing is left over: each pack is in use, each file is a record.
      const packs = readdirSync(join(folder, "packs"));
      const names = readdirSync(join(folder, "records")).map(decodeURIComponent);
      expect(names.filter((name) => name.startsWith("pack/")).sort()).toEqual(packs.map((name) => `pack/${name}.json`).sort());
      expect(names.filter((name) => !/^(pack|snapshot)\//.test(name))).toEqual([]);
      await store.close();
    }
    expect(commits).toBeGreaterThan(KILLS / 2);
    console.log(`${commits} snapshots were committed over ${KILLS} kills`);
  }, 280_000);

  it("is one process's at a time, and says whose", async () => {
    const folder = join(work, "locked");
    const store = await openFolderStore(folder);
    await expect(openFolderStore(folder)).rejects.toThrow("the store is in use by this process already");
    writeFileSync(join(folder, "lock"), String(process.ppid));
    await expect(openFolderStore(folder)).rejects.toThrow(`the store is in use by another tabvisor (process ${process.ppid})`);
    await store.close();
    writeFileSync(join(folder, "lock"), "999999999"); // a process that is gone
    await (await openFolderStore(folder)).close();
    expect(existsSync(join(folder, "lock"))).toBe(false);
  });

  it("names what is wrong with a record, and goes on with the others", async () => {
    const folder = join(work, "records");
    const store = await openFolderStore(folder);
    for (const name of ["a", "b", "c"]) await store.write([{ key: `machine/${name}`, data: { name }, references: { objects: [], tables: [] } }]);
    const file = join(folder, "records", encodeURIComponent("machine/b") + ".json");
    writeFileSync(file, readFileSync(file, "utf8").replace('"b"', '"x"'));
    writeFileSync(join(folder, "records", "notes.json"), "mine");
    writeFileSync(join(folder, "records", "machine%2Fd.json"), "mine");
    const { records, damaged } = await store.records("");
    expect(records.map(({ key }) => key)).toEqual(["machine/a", "machine/c"]);
    expect(damaged.map(({ reason }) => reason.replace(/^.*records./, ""))).toEqual(["machine%2Fb.json: the record is damaged (wrong checksum)", "machine%2Fd.json: this is no record of Tabvisor's"]);
    // What a damaged record needs is not known, so nothing is taken away before it is.
    await expect(store.collect()).rejects.toThrow("nothing was cleaned up: ");
    await store.write([], ["machine/b", "machine/d"]);
    await store.collect();
    await store.close();
  });

  it("ends a change that was cut off after its journal was written, and forgets one before", async () => {
    const folder = join(work, "journal");
    const store = await openFolderStore(folder);
    const machine = (name: string, data: unknown): Parameters<typeof store.write>[0][number] => ({ key: `machine/${name}`, data, references: { objects: [], tables: [] } });
    await store.write([machine("a", 1), machine("b", 1)]);
    await store.close();
    const records = join(folder, "records");
    const version1 = Object.fromEntries(readdirSync(records).map((name) => [name, readFileSync(join(records, name))]));
    // The same change as version 2, then taken apart into the states that a cut can leave.
    const second = await openFolderStore(folder);
    await second.write([machine("a", 2), machine("b", 2)]);
    await second.close();
    const version2 = Object.fromEntries(readdirSync(records).map((name) => [name, readFileSync(join(records, name))]));
    const names = Object.keys(version1);
    const journal = (): void => {
      const text = JSON.stringify({ put: names, remove: [] });
      writeFileSync(join(records, "journal"), encode(text));
    };
    for (const [staged, withJournal, expected] of [[2, false, 1], [1, false, 1], [2, true, 2], [1, true, 2], [0, true, 2]] as const) {
      names.forEach((name, i) => {
        // Before the journal nothing has its name yet; after it the first ones may.
        writeFileSync(join(records, name), withJournal && i >= staged ? version2[name] : version1[name]);
        if (i < staged) writeFileSync(join(records, `${name}.new`), version2[name]);
      });
      if (withJournal) journal();
      const again = await openFolderStore(folder);
      expect((await again.records("machine/")).records.map(({ data }) => data), `${staged} staged`).toEqual([expected, expected]);
      await again.close();
      expect(readdirSync(records).sort()).toEqual([...names].sort());
    }
  });

  it("writes exports as files, whole or not at all", async () => {
    const store = await openFolderStore(join(work, "from"));
    await load(store, 1, () => {}, 4);
    const { records } = await store.records("");
    const path = join(work, "box.tabvisor");
    await exportToFile(store, path, records);
    const other = await openFolderStore(join(work, "to"));
    const { transaction, records: brought } = await importFromFile(other, path);
    await transaction.commit(brought);
    expect(await verify(other, await openReader(await other.reader()))).toEqual(records.map(({ key }) => key));
    const missing = { key: "snapshot/x", data: 1, references: { objects: ["00112233445566778899aabbccddeeff"], tables: [] } };
    await expect(exportToFile(store, join(work, "broken.tabvisor"), [missing])).rejects.toThrow("is missing");
    expect(readdirSync(work).filter((name) => name.startsWith("broken"))).toEqual([]);
    await store.close();
    await other.close();
  });

  it("refuses a folder that cannot be one", async () => {
    writeFileSync(join(work, "file"), "x");
    await expect(openFolderStore(join(work, "file"))).rejects.toThrow(/the store in '.*file' cannot be used: /);
  });
});

/** As a record's file: the checksum is the one of gzip (zlib's crc32). */
function encode(text: string): string {
  let c = 0xffffffff;
  for (const byte of new TextEncoder().encode(text)) {
    c ^= byte;
    for (let bit = 0; bit < 8; bit++) c = (c & 1) !== 0 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  }
  return `tabvisor-record 1 ${(~c >>> 0).toString(16).padStart(8, "0")}\n${text}\n`;
}

