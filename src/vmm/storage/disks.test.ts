/** Raw disks in memory and in a host file, disks in blobs, disks on a server: contents, errors, cache. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { HostFile, openHostDisk } from "../../cli/host-file.ts";
import { BlobDisk } from "./blob-disk.ts";
import { HttpDisk, type HttpProgress } from "./http-disk.ts";
import { MemoryStore } from "./memory-store.ts";
import { openDisk } from "./open-disk.ts";
import { Overlay } from "./overlay.ts";
import { RawDisk } from "./raw-disk.ts";
import { bytesOf, Chance, compareWithModel, discard, flush, read, write, writeZeroes } from "./testing/requests.ts";

const BYTES = 1_234_944; // 2412 sectors

const folder = mkdtempSync(join(tmpdir(), "tabvisor-disks-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("raw disks", () => {
  it("in memory hold what was written, and only that", async () => {
    const store = new MemoryStore("ram");
    const disk = new RawDisk(store, { sectors: 1 << 30 });
    expect((await bytesOf(disk, (1 << 30) - 1, 1)).every((b) => b === 0)).toBe(true);
    await write(disk, 1 << 29, [new Uint8Array(512).fill(1)]);
    expect(store.heldBytes).toBe(65536);
    await discard(disk, (1 << 29) - 10, 1000);
    expect(store.heldBytes).toBe(0);
    const small = new RawDisk(new MemoryStore(), { sectors: BYTES / 512 });
    expect(await compareWithModel(small, new Uint8Array(BYTES), new Chance(2), 400)).toBeNull();
  });

  it("in memory that is used up give an error, and keep what they have", async () => {
    const disk = new RawDisk(new MemoryStore("ram", 3 * 65536), { sectors: 1000 });
    expect(await write(disk, 0, [new Uint8Array(3 * 65536).fill(1)])).toBeNull();
    expect(await write(disk, 500, [new Uint8Array(512)])).toEqual({ kind: "no-space", message: "ram: there is no space left for what the guest writes" });
    expect((await bytesOf(disk, 300, 1))[0]).toBe(1);
  });

  it("in a host file, with an end inside a sector", async () => {
    const path = join(folder, "odd.img");
    writeFileSync(path, new Uint8Array(1000).fill(9));
    const { disk, close } = await openHostDisk(path, { format: "raw", readOnly: false, snapshot: false });
    const model = new Uint8Array(1024).fill(9, 0, 1000);
    expect(disk.sectors).toBe(2);
    expect(Buffer.compare(await bytesOf(disk), model)).toBe(0);
    expect(await compareWithModel(disk, model, new Chance(3), 100)).toBeNull();
    close();
  });

  it("that are read-only, a folder, missing, empty, or cut short under way", async () => {
    const path = join(folder, "x.img");
    writeFileSync(path, new Uint8Array(4096).fill(1));
    const { disk, close } = await openHostDisk(path, { format: null, readOnly: true, snapshot: false });
    const refusal = { kind: "read-only", message: expect.stringMatching(/x.img: the disk is read-only$/) as string };
    expect(await write(disk, 0, [new Uint8Array(512)])).toEqual(refusal);
    expect(await writeZeroes(disk, 0, 1, true)).toEqual(refusal);
    expect(await discard(disk, 0, 1)).toEqual(refusal);
    expect(await flush(disk)).toBeNull();
    truncateSync(path, 100);
    expect((await bytesOf(disk, 4, 2)).every((b) => b === 0)).toBe(true);
    close();
    expect((await read(disk, 0, [new Uint8Array(512)]))?.kind).toBe("io");
    const options = { format: null, readOnly: false, snapshot: false } as const;
    await expect(openHostDisk(folder, options)).rejects.toThrow(/^disk: '.*' is a folder$/);
    await expect(openHostDisk(join(folder, "none"), options)).rejects.toThrow(/^disk: cannot open '.*none': there is no such file or folder$/);
    writeFileSync(path, "");
    await expect(openHostDisk(path, options)).rejects.toThrow(/x.img: the disk image is empty$/);
  });

  it("a host file can hold an overlay", async () => {
    const path = join(folder, "changes.overlay");
    const model = new Uint8Array(BYTES);
    for (let i = 0; i < 2; i++) {
      const overlay = Overlay.open(HostFile.open(path, "create"), { base: null, baseId: "blank", sectors: BYTES / 512 });
      expect(await compareWithModel(overlay, model, new Chance(4 + i), 100)).toBeNull();
      overlay.close();
    }
  });
});

describe("disks in blobs", () => {
  it("read as the blob, to an end inside a sector", async () => {
    const contents = new Chance(5).bytes(BYTES - 100);
    const disk = new BlobDisk(new Blob([contents]), "picked.img");
    const model = new Uint8Array(BYTES);
    model.set(contents);
    expect(await compareWithModel(disk, model, new Chance(6), 100)).toBeNull();
    expect((await write(disk, 0, [new Uint8Array(512)]))?.kind).toBe("read-only");
    expect(() => new BlobDisk(new Blob([]), "empty.img")).toThrow("empty.img: the disk image is empty");
  });
});

describe("disks on a server", () => {
  const contents = new Chance(1).bytes(BYTES - 200);
  const model = new Uint8Array(BYTES);
  model.set(contents);
  let server: Server;
  let url = "";
  /** Ranges asked for: first and last byte. */
  let asked: [number, number][] = [];
  type Answer = (range: [number, number], response: ServerResponse, good: () => void) => void;
  let answer: Answer = (_range, _response, good) => good();
  let etag = '"one"';

  beforeEach(async () => {
    asked = [];
    answer = (_range, _response, good) => good();
    etag = '"one"';
    server = createServer((request: IncomingMessage, response) => {
      const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
      const range: [number, number] = [Number(match?.[1]), Math.min(Number(match?.[2]), contents.length - 1)];
      if (range[1] > 0) asked.push(range);
      answer(range, response, () => {
        response.writeHead(206, { "content-range": `bytes ${range[0]}-${range[1]}/${contents.length}`, etag });
        response.end(contents.subarray(range[0], range[1] + 1));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/images/debian.img?x=1`;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });
  const FAST = { retryMs: [1, 1, 1], stallMs: 2000 };

  it("read as the file there, piece by piece, what is touched only", async () => {
    const seen: HttpProgress[] = [];
    const disk = await HttpDisk.open({ url, ...FAST, onProgress: (p) => seen.push(p) });
    expect([disk.sectors, disk.readOnly, asked.length]).toEqual([BYTES / 512, true, 0]);
    expect((await bytesOf(disk, 1000, 1))[0]).toBe(model[512_000]);
    expect(asked).toEqual([[7 * 65536, 8 * 65536 - 1]]);
    await expect.poll(() => seen.at(-1)).toEqual({ total: contents.length, fetched: 65536, cached: 0, pending: 0, error: null });
    expect(await compareWithModel(disk, model, new Chance(2), 100)).toBeNull();
    // Never the same twice.
    const bytes = asked.reduce((sum, [first, last]) => sum + last - first + 1, 0);
    expect(bytes).toBeLessThanOrEqual(contents.length);
  });

  it("are read ahead when the guest reads on, in ever larger requests", async () => {
    const disk = await HttpDisk.open({ url, ...FAST });
    for (let sector = 0; sector + 8 <= disk.sectors; sector += 8) await bytesOf(disk, sector, 8);
    expect(asked.length).toBeLessThan(10);
    expect(Buffer.compare(await bytesOf(disk), model)).toBe(0);
  });

  it("serve many requests at the same time, in any order", async () => {
    const disk = await HttpDisk.open({ url, ...FAST });
    let held: (() => void)[] = [];
    answer = (_range, _response, good) => {
      held.push(good);
      if (held.length >= 3) {
        for (const go of held.reverse()) go();
        held = [];
      } else setTimeout(() => { for (const go of held.splice(0)) go(); }, 20);
    };
    const parts = await Promise.all(Array.from({ length: 60 }, (_, i) => bytesOf(disk, (i * 397) % 2300, 40)));
    parts.forEach((part, i) => expect(Buffer.compare(part, model.subarray(((i * 397) % 2300) * 512, (((i * 397) % 2300) + 40) * 512))).toBe(0));
  });

  it("go on where a server failed midway", async () => {
    let n = 0;
    answer = (range, response, good) => {
      n++;
      if (n % 3 === 0) response.writeHead(503).end();
      else if (n % 3 === 1) {
        response.writeHead(206, { "content-range": `bytes ${range[0]}-${range[1]}/${contents.length}`, "content-length": range[1] + 1 - range[0], etag });
        response.write(contents.subarray(range[0], range[0] + Math.floor((range[1] + 1 - range[0]) / 2)));
        setTimeout(() => response.destroy(), 5);
      } else good();
    };
    const disk = await HttpDisk.open({ url, ...FAST }).catch(() => HttpDisk.open({ url, ...FAST }));
    expect(Buffer.compare(await bytesOf(disk), model)).toBe(0);
  });

  it("give an I/O error when the server stays broken, and work again when it comes back", async () => {
    const seen: HttpProgress[] = [];
    const disk = await HttpDisk.open({ url, ...FAST, onProgress: (p) => seen.push(p) });
    const cases: [Answer, string][] = [
      [(_r, response) => response.writeHead(500).end(), "debian.img: the server answers 500"],
      [(_r, response) => response.writeHead(404).end(), "debian.img: the server answers 404"],
      [(_r, response) => response.writeHead(200).end(contents), "debian.img: the server does not give parts of the file any more"],
      [(_r, response) => response.destroy(), "debian.img: no connection to the server"],
      [(r, response) => response.writeHead(206, { "content-range": `bytes ${r[0] + 1}-${r[1]}/${contents.length}` }).end(), "debian.img: the server gives another part of the file than was asked for"],
      [(r, response) => response.writeHead(206, { "content-range": `bytes ${r[0]}-${r[1]}/${contents.length}`, etag }).end("few"), "debian.img: the server ended its answer too early"],
      [(r, response) => response.writeHead(206, { "content-range": `bytes ${r[0]}-${r[1]}/${contents.length}`, etag: '"two"' }).end(), "debian.img: the image on the server has changed since the machine was started"],
    ];
    for (const [bad, message] of cases) {
      // A few bytes each time would be progress: only so often.
      let few = 0;
      answer = (range, response, good) => (message.includes("too early") && few++ > 8 ? response.destroy() : bad(range, response, good));
      const error = await read(disk, 0, [new Uint8Array(512)]);
      expect(error?.kind).toBe("io");
      if (!message.includes("too early")) expect(error?.message).toBe(message);
      expect(seen.at(-1)?.error).toBe(error?.message);
    }
    answer = (_range, _response, good) => good();
    expect((await bytesOf(disk, 0, 1))[0]).toBe(model[0]);
    expect(seen.at(-1)?.error).toBeNull();
  });

  it("that are silent are given up", async () => {
    const disk = await HttpDisk.open({ url, retryMs: [1], stallMs: 50 });
    answer = () => undefined;
    expect(await read(disk, 0, [new Uint8Array(512)])).toEqual({ kind: "io", message: "debian.img: no connection to the server" });
  });

  it("that cannot be used give one clear line at the start", async () => {
    answer = (_r, response) => response.writeHead(200).end(contents);
    await expect(HttpDisk.open({ url, ...FAST })).rejects.toThrow("debian.img: the server does not give parts of a file (no range requests): download the image and choose the file");
    answer = (_r, response) => response.writeHead(404).end();
    await expect(HttpDisk.open({ url, ...FAST })).rejects.toThrow("debian.img: the server answers 404");
    await expect(HttpDisk.open({ url: "http://127.0.0.1:1/a.img", ...FAST })).rejects.toThrow("a.img: no connection to the server");
  });

  it("keep chunks for another session, and fetch again what is damaged or has changed", async () => {
    const store = new MemoryStore("cache");
    const first = await HttpDisk.open({ url, ...FAST, cache: store });
    await bytesOf(first, 0, 256);
    expect(asked).toEqual([[0, 131071]]);
    const second = await HttpDisk.open({ url, ...FAST, cache: store });
    expect(second.progress.cached).toBe(131072);
    expect(Buffer.compare(await bytesOf(second, 0, 256), model.subarray(0, 131072))).toBe(0);
    expect(asked.length).toBe(1);
    // One byte of the second chunk.
    const at = store.size() - 1000;
    const byte = new Uint8Array(1);
    store.read(at, byte);
    store.write(at, Uint8Array.of(byte[0] ^ 1));
    const third = await HttpDisk.open({ url, ...FAST, cache: store });
    expect(Buffer.compare(await bytesOf(third, 0, 256), model.subarray(0, 131072))).toBe(0);
    expect(asked.slice(1)).toEqual([[65536, 131071]]);
    etag = '"three"';
    const fourth = await HttpDisk.open({ url, ...FAST, cache: store });
    expect(fourth.progress.cached).toBe(0);
    await bytesOf(fourth, 0, 1);
    expect(asked.slice(2)).toEqual([[0, 65535]]);
  });

  it("go on without a cache that is full", async () => {
    const disk = await HttpDisk.open({ url, ...FAST, cache: new MemoryStore("cache", 4 * 65536), memoryBytes: 65536 });
    for (let i = 0; i < 2; i++) expect(Buffer.compare(await bytesOf(disk), model)).toBe(0);
    expect(disk.progress.cached).toBeGreaterThan(0);
  });

  it("take writes through an overlay, also where nothing was fetched yet", async () => {
    const disk = await HttpDisk.open({ url, ...FAST });
    const overlay = Overlay.open(new MemoryStore(), { base: disk, baseId: disk.identity });
    expect(await write(overlay, 100, [new Uint8Array(512).fill(1)])).toBeNull();
    expect(asked).toEqual([]);
    const changed = model.slice();
    changed.fill(1, 100 * 512, 101 * 512);
    expect(await compareWithModel(overlay, changed, new Chance(12), 150)).toBeNull();
  });

  it("are opened as a page describes them", async () => {
    const { disk, close } = await openDisk({ source: { kind: "url", url }, format: null, writes: { kind: "memory" } });
    expect(disk.readOnly).toBe(false);
    expect(await compareWithModel(disk, model.slice(), new Chance(13), 60)).toBeNull();
    close();
  });
});

describe("disks of a page", () => {
  it("in picked files, new ones, and ones that cannot be", async () => {
    const contents = new Chance(20).bytes(70_000 - (70_000 % 512));
    const files = [new File([contents], "a.img")];
    const { disk } = await openDisk({ source: { kind: "files", files }, format: "raw", writes: { kind: "memory" } });
    expect(await compareWithModel(disk, contents.slice(), new Chance(21), 60)).toBeNull();
    const fixed = await openDisk({ source: { kind: "files", files }, format: null, writes: { kind: "none" } });
    expect((await write(fixed.disk, 0, [new Uint8Array(512)]))?.kind).toBe("read-only");
    const blank = await openDisk({ source: { kind: "blank", sectors: 100 }, format: null, writes: { kind: "memory", limitBytes: 1 << 20 } });
    expect(await compareWithModel(blank.disk, new Uint8Array(51_200), new Chance(22), 60)).toBeNull();
    await expect(openDisk({ source: { kind: "files", files: [] }, format: null, writes: { kind: "none" } })).rejects.toThrow("no disk image was chosen");
    await expect(openDisk({ source: { kind: "blank", sectors: 1 }, format: null, writes: { kind: "none" } })).rejects.toThrow("a new disk needs a place");
    await expect(openDisk({ source: { kind: "files", files }, format: "qcow2", writes: { kind: "none" } })).rejects.toThrow("a.img: not a qcow2 image");
    await expect(openDisk({ source: { kind: "files", files }, format: null, writes: { kind: "opfs", path: "x" } })).rejects.toThrow("'x' cannot be kept: this browser has no private file system");
  });
});
