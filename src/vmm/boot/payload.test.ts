/** Kernel extraction from bzImages in every compression, and its refusal of damaged ones. */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { buildBzImage } from "../../../test/boot/images.ts";
import * as packed from "../../../test/boot/packed.ts";
import { UserError } from "../../base/errors.ts";
import { crc32 } from "./crc32.ts";
import { decodeLz4Legacy } from "./lz4.ts";
import { extractKernel, findPayload } from "./payload.ts";
import { decodeXz } from "./xz.ts";

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** As Linux's build does: the unpacked size follows the data. */
function withSize(data: Uint8Array, size = packed.SIZE): Uint8Array {
  const bytes = new Uint8Array(data.length + 4);
  bytes.set(data);
  new DataView(bytes.buffer).setUint32(data.length, size, true);
  return bytes;
}

const original = decodeLz4Legacy(packed.LZ4, packed.SIZE, "test");
const PAYLOADS: [string, Uint8Array][] = [
  ["lz4", withSize(packed.LZ4)],
  ["xz", withSize(packed.XZ)],
  ["zstd", withSize(packed.ZSTD)],
  ["gzip", new Uint8Array(gzipSync(original))],
  ["none", original],
];

describe("extractKernel", () => {
  it.each(PAYLOADS)("%s", async (format, payload) => {
    const image = buildBzImage({ payload });
    expect(findPayload(image).format).toBe(format);
    expect(sha256(await extractKernel(image))).toBe(packed.SHA256);
  });

  it("refuses damaged payloads with a UserError", async () => {
    for (const [format, payload] of PAYLOADS) {
      for (let at = 6; at < payload.length; at += 97) {
        for (const damage of [(p: Uint8Array) => p.fill(0xff, at, at + 3), (p: Uint8Array) => p.subarray(0, at)]) {
          const damaged = buildBzImage({ payload: damage(payload.slice()) });
          try {
            await extractKernel(damaged);
          } catch (error) {
            if (!(error instanceof UserError)) throw new Error(`${format} damaged at ${at}`, { cause: error });
            expect(error.message).toMatch(/^kernel: [^\n]*$/);
          }
        }
      }
    }
  });

  it("names what it cannot do", async () => {
    await expect(extractKernel(new Uint8Array(4096))).rejects.toThrow("not a bzImage");
    await expect(extractKernel(buildBzImage())).rejects.toThrow("does not say where its payload is");
    await expect(extractKernel(buildBzImage({ payload: new TextEncoder().encode("BZh91AY&SY and more") }))).rejects.toThrow("compression is not supported (it starts with 42 5a 68 39");
    await expect(extractKernel(buildBzImage({ payload: withSize(packed.LZ4, 0x7fffffff) }))).rejects.toThrow("it is corrupt");
    await expect(extractKernel(buildBzImage({ payload: new Uint8Array(gzipSync("hello, world, this is no kernel")) }))).rejects.toThrow("not an ELF file");
    const cut = buildBzImage({ payload: withSize(packed.LZ4) });
    new DataView(cut.buffer).setUint32(0x24c, 0x100000, true);
    await expect(extractKernel(cut)).rejects.toThrow("truncated");
  });
});

describe("XZ", () => {
  it.each([["one block with BCJ", packed.XZ], ["several blocks with BCJ", packed.XZ_BLOCKS], ["no filter, CRC64", packed.XZ_PLAIN]])("%s", async (_, data) => {
    expect(sha256(await decodeXz(data, 1 << 20, "test"))).toBe(packed.SHA256);
  });

  it("stops at the size limit", async () => {
    await expect(decodeXz(packed.XZ, 3000, "test")).rejects.toThrow("at most 3000");
  });
});

describe("LZ4 legacy frames", () => {
  it("decodes literals, extended lengths and overlapping copies", () => {
    // Token 0x1F: one literal, copy of 15 + 4 + 1 = 20 from 1 back; token 0x50: five literals.
    const block = [0x1f, 0x61, 1, 0, 1, 0x50, 0x76, 0x77, 0x78, 0x79, 0x7a];
    const data = Uint8Array.of(0x02, 0x21, 0x4c, 0x18, block.length, 0, 0, 0, ...block);
    expect(Buffer.from(decodeLz4Legacy(data, 26, "test")).toString()).toBe(`${"a".repeat(21)}vwxyz`);
    expect(() => decodeLz4Legacy(data, 25, "test")).toThrow("corrupt");
    expect(() => decodeLz4Legacy(data, 27, "test")).toThrow("corrupt");
  });

  it("refuses copies from before the block", () => {
    const block = [0x10, 0x61, 2, 0, 0x00];
    expect(() => decodeLz4Legacy(Uint8Array.of(0x02, 0x21, 0x4c, 0x18, block.length, 0, 0, 0, ...block), 5, "test")).toThrow("corrupt");
  });
});

it("crc32 gives the catalogued check value", () => {
  expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
});
