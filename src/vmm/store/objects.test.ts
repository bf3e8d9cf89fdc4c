/** Names of objects against the reference (GNU b2sum's vectors), tables, objects in memory. */
import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { loadHash } from "./hash.ts";
import { decodeTable, encodeTable, isZero, MemoryObjects, OBJECT_BYTES_MAX, StoreError, ZERO_ID } from "./objects.ts";

const text = (s: string): Uint8Array => new TextEncoder().encode(s);

describe("the names of objects", () => {
  it("are BLAKE2b-128", async () => {
    const hash = await loadHash();
    // b2sum -l 128 (GNU coreutils), hashlib.blake2b(digest_size=16).
    expect(hash(text(""))).toBe("cae66941d9efbd404e4d88758ea67670");
    expect(hash(text("abc"))).toBe("cf4ab791c62b8d2b2109c90275287816");
    const pages = [4096, 1, 127, 128, 129, 65536].map((length) => Uint8Array.from({ length }, (_, i) => (i * 2654435761) >>> 13));
    for (const page of pages) {
      let expected: string;
      try {
        expected = execFileSync("b2sum", ["-l", "128"], { input: page }).toString().slice(0, 32);
      } catch {
        return; // no coreutils here
      }
      expect(hash(page)).toBe(expected);
    }
  });
});

describe("zeroes", () => {
  it("are told from everything else, at any offset", () => {
    const buffer = new Uint8Array(64);
    for (let start = 0; start < 9; start++) {
      for (let end = start; end < 40; end++) {
        expect(isZero(buffer.subarray(start, end))).toBe(true);
        for (const at of [start, end - 1]) {
          if (end === start) continue;
          for (const value of [1, 0x80]) {
            buffer[at] = value;
            expect(isZero(buffer.subarray(start, end))).toBe(false);
          }
          buffer[at] = 0;
        }
      }
    }
  });
});

describe("tables", () => {
  it("come back as they were", async () => {
    const hash = await loadHash();
    const ids = [hash(text("a")), ZERO_ID, hash(text("b"))];
    expect(decodeTable(encodeTable(ids))).toEqual(ids);
    expect(() => decodeTable(new Uint8Array(17))).toThrow(StoreError);
    expect(() => encodeTable(["x"])).toThrow(StoreError);
  });
});

describe("objects in memory", () => {
  it("are kept once, zeroes not at all", async () => {
    const objects = new MemoryObjects(await loadHash());
    const page = new Uint8Array(4096).fill(7);
    const ids = await objects.put([page, new Uint8Array(4096), page, text("x")]);
    page.fill(1); // the caller's again
    expect(ids[0]).toBe(ids[2]);
    expect(ids[1]).toBe(ZERO_ID);
    expect(objects.count).toBe(2);
    expect(objects.heldBytes).toBe(4097);
    expect(objects.read(ids[0])).toEqual(new Uint8Array(4096).fill(7));
    expect(objects.has(ids[3])).toBe(true);
    expect(objects.has(ZERO_ID)).toBe(false);
  });

  it("refuse what is absent, empty or too long", async () => {
    const objects = new MemoryObjects(await loadHash());
    expect(() => objects.read("00112233445566778899aabbccddeeff")).toThrow("00112233445566778899aabbccddeeff is missing");
    await expect(objects.put([new Uint8Array(0)])).rejects.toThrow(StoreError);
    await expect(objects.put([new Uint8Array(OBJECT_BYTES_MAX + 1).fill(1)])).rejects.toThrow(StoreError);
  });
});
