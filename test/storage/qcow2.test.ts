/** qcow2 images that qemu-img has made, read by us: against what qemu-img reads; recorded ones where it is not installed. */
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { openHostDisk } from "../../src/cli/host-file.ts";
import { bytesOf, Chance, compareWithModel, flush, write } from "../../src/vmm/storage/testing/requests.ts";
import { HAVE_QEMU_IMG, qemuImg, qemuIo } from "./qemu-img.ts";

const folder = mkdtempSync(join(tmpdir(), "tabvisor-qcow2-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string): string => join(folder, name);

const READ_ONLY = { format: null, readOnly: true, snapshot: false } as const;

async function contentsOf(file: string): Promise<Uint8Array> {
  const { disk, close } = await openHostDisk(file, READ_ONLY);
  try {
    return await bytesOf(disk);
  } finally {
    close();
  }
}

/** What QEMU reads from the image. */
function reference(file: string): Uint8Array {
  qemuImg("convert", "-O", "raw", file, path("reference.raw"));
  return readFileSync(path("reference.raw"));
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Compressible and incompressible parts, zeroes, in a size that is no multiple of a cluster. */
function source(name: string, seed: number, bytes = 3_000_320): Uint8Array {
  const chance = new Chance(seed);
  const contents = new Uint8Array(bytes);
  for (let at = 0; at < bytes; ) {
    const length = Math.min(bytes - at, 1 + chance.next(300_000));
    const kind = chance.next(3);
    if (kind === 1) contents.set(chance.bytes(length), at);
    if (kind === 2) for (let i = at; i < at + length; i++) contents[i] = (i >> 8) & 0x7f;
    at += length;
  }
  writeFileSync(path(name), contents);
  return contents;
}

describe.skipIf(!HAVE_QEMU_IMG)("images of qemu-img", () => {
  const raw = HAVE_QEMU_IMG ? source("source.raw", 3) : new Uint8Array();
  const cases = [
    ["v2", ["compat=0.10"], []], ["v2 zlib", ["compat=0.10"], ["-c"]],
    ["v3", ["compat=1.1"], []], ["v3 zlib", ["compat=1.1"], ["-c"]], ["v3 zstd", ["compat=1.1", "compression_type=zstd"], ["-c"]],
  ] as const;
  for (const [name, options, flags] of cases) {
    for (const cluster of ["512", "4k", "64k", "2M"]) {
      it(`${name}, clusters of ${cluster}`, async () => {
        const file = path(`${name}-${cluster}.qcow2`);
        qemuImg("convert", ...flags, "-O", "qcow2", "-o", [...options, `cluster_size=${cluster}`].join(), path("source.raw"), file);
        expect(same(await contentsOf(file), raw)).toBe(true);
        const { disk, close } = await openHostDisk(file, READ_ONLY);
        expect(await compareWithModel(disk, raw.slice(), new Chance(7), 60)).toBeNull();
        expect((await write(disk, 0, [new Uint8Array(512)]))?.kind).toBe("read-only");
        close();
      });
    }
  }

  it("chains of backing files: holes, zero clusters, a backing file that is shorter, raw below", async () => {
    qemuImg("create", "-f", "qcow2", "-b", "source.raw", "-F", "raw", path("one.qcow2"), "6M");
    qemuIo(path("one.qcow2"), "qcow2", "write -P 17 100k 3M", "write -z 512k 256k", "write -P 5 5M 64k");
    qemuImg("create", "-f", "qcow2", "-b", "one.qcow2", "-F", "qcow2", "-o", "cluster_size=4k", path("two.qcow2"), "8M");
    qemuIo(path("two.qcow2"), "qcow2", "write -P 18 1234k 10k", "discard 2M 1M", "write -c -P 3 7M 4k", "write -P 9 8191k 1k");
    expect(same(await contentsOf(path("two.qcow2")), reference(path("two.qcow2")))).toBe(true);
  });

  it("an image with internal snapshots reads as its present state", async () => {
    qemuImg("create", "-f", "qcow2", path("snap.qcow2"), "2M");
    qemuIo(path("snap.qcow2"), "qcow2", "write -P 1 0 1M");
    qemuImg("snapshot", "-c", "before", path("snap.qcow2"));
    qemuIo(path("snap.qcow2"), "qcow2", "write -P 2 512k 1M");
    expect(same(await contentsOf(path("snap.qcow2")), reference(path("snap.qcow2")))).toBe(true);
  });

  it("a snapshot above it takes writes and leaves the image alone", async () => {
    const file = path("v3 zlib-64k.qcow2");
    const before = createHash("sha256").update(readFileSync(file)).digest("hex");
    const { disk, close } = await openHostDisk(file, { format: null, readOnly: false, snapshot: true });
    expect(await compareWithModel(disk, raw.slice(), new Chance(8), 200)).toBeNull();
    close();
    expect(createHash("sha256").update(readFileSync(file)).digest("hex")).toBe(before);
  });

  it("raw images are written so that QEMU reads the same", async () => {
    const model = source("written.raw", 4);
    const { disk, close } = await openHostDisk(path("written.raw"), { format: "raw", readOnly: false, snapshot: false });
    expect(await compareWithModel(disk, model, new Chance(11), 300)).toBeNull();
    expect(await flush(disk)).toBeNull();
    close();
    qemuImg("convert", "-f", "raw", "-O", "raw", path("written.raw"), path("again.raw"));
    expect(same(readFileSync(path("again.raw")), model)).toBe(true);
  });

  describe("that are damaged", () => {
    const damage = (name: string, change: (bytes: Buffer) => Buffer): string => {
      const file = path(`damaged-${name}.qcow2`);
      writeFileSync(file, change(readFileSync(path("v3-64k.qcow2"))));
      return file;
    };
    const cases: readonly (readonly [string, (b: Buffer) => Buffer, RegExp])[] = [
      ["cut in the header", (b) => b.subarray(0, 80), /^damaged-0.qcow2: the qcow2 header is damaged|cut short/],
      ["cut in the L1 table", (b) => b.subarray(0, b.readUInt32BE(44)), /lies beyond the end of the file$/],
      ["L1 offset", (b) => (b.writeUInt32BE(0x1234567, 44), b), /the L1 table's offset 0x1234567 cannot be$/],
      ["L2 offset", (b) => (b.writeUInt32BE(0xffff, b.readUInt32BE(44)), b), /an L2 table at 0xffff\w+ cannot be$/],
      ["cluster size", (b) => (b.writeUInt32BE(63, 20), b), /clusters of 2\^63 bytes cannot be$/],
      ["huge L1", (b) => (b.writeUInt32BE(0xffffffff, 36), b), /L1 table of 4294967295 entries is too large$/],
      ["encrypted", (b) => (b.writeUInt32BE(1, 32), b), /the qcow2 image is encrypted$/],
      ["version", (b) => (b.writeUInt32BE(4, 4), b), /qcow2 version 4 is not known/],
      ["corrupt bit", (b) => (b.writeUInt8(2, 79), b), /is marked as corrupt/],
      ["extended L2", (b) => (b.writeUInt8(16, 79), b), /needs extended L2 entries$/],
      ["external data", (b) => (b.writeUInt8(4, 79), b), /needs an external data file$/],
      ["backing name", (b) => (b.writeUInt32BE(0xfffff, 12), b.writeUInt32BE(20, 16), b), /the backing file's name lies outside of it$/],
      ["no disk", (b) => (b.writeUInt32BE(0, 28), b), /a disk of 0 bytes cannot be$/],
      ["empty", () => Buffer.alloc(0), /the disk image is empty$/],
    ];
    it.each(cases.map((c, i) => [c[0], i] as const))("%s: one clear line", async (_name, i) => {
      const file = damage(String(i), cases[i][1]);
      const error: unknown = await openHostDisk(file, { ...READ_ONLY, format: "qcow2" }).then(() => null, (e: unknown) => e);
      expect((error as Error | null)?.name).toBe("UserError");
      expect((error as Error).message).toMatch(cases[i][2]);
      expect((error as Error).message).not.toContain("\n");
    });

    it("bad places of data are I/O errors, and the rest can be read", async () => {
      const file = damage("data", (b) => {
        const l2 = Number(b.readBigUInt64BE(b.readUInt32BE(44)) & 0xfffffffffffe00n);
        let hit = 0;
        for (let i = 0; i < 70 && hit < 2; i++) {
          if (b.readBigUInt64BE(l2 + i * 8) === 0n) continue;
          b.writeBigUInt64BE(hit === 0 ? 0x00ff_0000_0000_0000n : 0x0000_0000_0001_0200n, l2 + i * 8);
          hit++;
        }
        return b;
      });
      const { disk, close } = await openHostDisk(file, READ_ONLY);
      let failed = 0;
      for (let sector = 0; sector < disk.sectors; sector += 128) {
        const got = await bytesOf(disk, sector, 1).catch((e: unknown) => (e as Error).message);
        if (typeof got === "string") {
          failed++;
          expect(got).toMatch(/^io: damaged-data.qcow2: the qcow2 image is damaged or cut short: the data of offset 0x\w+ cannot be at 0x\w+$/);
        } else expect(got[0]).toBe(raw[sector * 512]);
      }
      expect(failed).toBe(2);
      close();
    });

    it.each(["v3 zlib-64k", "v3 zstd-64k", "v2 zlib-4k"])("compressed data of %s changed at random never throws", async (name) => {
      const chance = new Chance(5);
      const bytes = readFileSync(path(`${name}.qcow2`));
      for (let round = 0; round < 6; round++) {
        const bad = Buffer.from(bytes);
        for (let i = 0; i < 400; i++) bad[1000 + chance.next(bad.length - 1000)] = chance.next(256);
        const file = path("random.qcow2");
        writeFileSync(file, bad);
        const open = await openHostDisk(file, READ_ONLY).catch((e: unknown) => e as Error);
        if (open instanceof Error) {
          expect(open.name).toBe("UserError");
          continue;
        }
        for (let sector = 0; sector < open.disk.sectors; sector += 100) await bytesOf(open.disk, sector, 1).catch((e: unknown) => expect((e as Error).message).toMatch(/^io: /));
        open.close();
      }
    });

    it("a loop of backing files", async () => {
      qemuImg("create", "-f", "qcow2", path("loop-a.qcow2"), "1M");
      qemuImg("create", "-f", "qcow2", "-b", "loop-a.qcow2", "-F", "qcow2", path("loop-b.qcow2"));
      qemuImg("rebase", "-u", "-b", "loop-b.qcow2", "-F", "qcow2", path("loop-a.qcow2"));
      await expect(openHostDisk(path("loop-a.qcow2"), READ_ONLY)).rejects.toThrow("loop-a.qcow2: the backing files form a loop: loop-a.qcow2 → loop-b.qcow2 → loop-a.qcow2");
      qemuImg("rebase", "-u", "-b", "nowhere.raw", "-F", "raw", path("loop-a.qcow2"));
      await expect(openHostDisk(path("loop-b.qcow2"), READ_ONLY)).rejects.toThrow(/^disk: cannot open '.*nowhere.raw': there is no such file or folder$/);
    });
  });
});

describe("recorded images", () => {
  const fixtures = join(import.meta.dirname, "fixtures");
  for (const name of readdirSync(fixtures).filter((f) => f.endsWith(".qcow2.gz"))) {
    it(name, async () => {
      const file = path(name.slice(0, -3));
      writeFileSync(file, gunzipSync(readFileSync(join(fixtures, name))));
      const digest = createHash("sha256").update(await contentsOf(file)).digest("hex");
      const recorded = readFileSync(join(fixtures, "sha256"), "utf8");
      expect(recorded).toContain(`${digest}  ${name.slice(0, -3)}\n`);
    });
  }
});
