/** The kernel inside a bzImage: finds the compressed payload, decompresses it, and checks that it is an ELF file. */
import { UserError } from "../../base/errors.ts";
import { hasSetupHeader, parseSetupHeader } from "./bootParams.ts";
import { MIB } from "./bytes.ts";
import { isElf } from "./elf.ts";
import { decodeLz4Legacy } from "./lz4.ts";
import { decodeXz } from "./xz.ts";

export type PayloadFormat = "gzip" | "xz" | "lz4" | "zstd" | "none";

/** Kernels unpack to 15 to 80 MiB; more than this is a corrupt size field. */
const UNPACKED_MAX = 512 * MIB;

export interface Payload {
  readonly format: PayloadFormat;
  readonly data: Uint8Array;
}

/** The compressed kernel in a bzImage (boot.rst: payload_offset, payload_length). */
export function findPayload(bzImage: Uint8Array): Payload {
  if (!hasSetupHeader(bzImage)) throw new UserError("kernel: not a bzImage: the magic HdrS is missing");
  const { payload } = parseSetupHeader(bzImage);
  if (payload === null) throw new UserError("kernel: the bzImage does not say where its payload is (boot protocol 2.08 or later does)");
  if (payload.offset + payload.length > bzImage.length) {
    throw new UserError(`kernel: the bzImage is truncated: its payload ends at ${payload.offset + payload.length}, the file at ${bzImage.length}`);
  }
  const data = bzImage.subarray(payload.offset, payload.offset + payload.length);
  return { format: compressionOf(data), data };
}

function compressionOf(data: Uint8Array): PayloadFormat {
  const starts = (...magic: number[]): boolean => magic.every((b, i) => data[i] === b);
  if (starts(0x1f, 0x8b)) return "gzip";
  if (starts(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)) return "xz";
  if (starts(0x02, 0x21, 0x4c, 0x18)) return "lz4";
  if (starts(0x28, 0xb5, 0x2f, 0xfd)) return "zstd";
  if (isElf(data)) return "none";
  const head = [...data.subarray(0, 4)].map((b) => b.toString(16).padStart(2, "0")).join(" ");
  throw new UserError(`kernel: the payload's compression is not supported (it starts with ${head}; xz, lz4, zstd and gzip are)`);
}

/** Extracts the uncompressed kernel, an ELF file. Throws UserError, and nothing else, for a bad image. */
export async function extractKernel(bzImage: Uint8Array): Promise<Uint8Array> {
  const { format, data } = findPayload(bzImage);
  const kernel = await decompress(format, data);
  if (!isElf(kernel)) throw new UserError("kernel: the bzImage's payload is not an ELF file");
  return kernel;
}

/** Linux's build appends the unpacked size to every format but gzip, which ends in it by itself. */
async function decompress(format: PayloadFormat, data: Uint8Array): Promise<Uint8Array> {
  if (format === "none") return data;
  if (data.length < 24) throw new UserError("kernel: the payload is truncated");
  const size = new DataView(data.buffer, data.byteOffset).getUint32(data.length - 4, true);
  if (size === 0 || size > UNPACKED_MAX) throw new UserError(`kernel: the payload says it unpacks to ${size} bytes: it is corrupt`);
  const packed = data.subarray(0, data.length - 4);
  let out: Uint8Array;
  switch (format) {
    case "lz4":
      return decodeLz4Legacy(packed, size, "kernel");
    case "xz":
      out = await decodeXz(packed, size, "kernel");
      break;
    case "zstd":
      out = await decodeZstd(packed, size);
      break;
    case "gzip":
      out = await decodeGzip(data);
      break;
  }
  if (out.length !== size) throw new UserError(`kernel: the payload unpacks to ${out.length} bytes instead of ${size}: it is corrupt`);
  return out;
}

/** Kernels are packed with a window of 128 MiB (`zstd --ultra -22`), which rules out decoders that stop at 32 MiB. */
async function decodeZstd(data: Uint8Array, size: number): Promise<Uint8Array> {
  const { ZSTDDecoder } = await import("zstddec");
  const decoder = new ZSTDDecoder();
  await decoder.init();
  try {
    // An error inside comes back as an empty result.
    return decoder.decode(data, size);
  } catch {
    throw new UserError("kernel: the ZSTD payload is corrupt");
  }
}

async function decodeGzip(data: Uint8Array): Promise<Uint8Array> {
  const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller): void {
      controller.enqueue(Uint8Array.from(data));
      controller.close();
    },
  });
  const reader = source.pipeThrough(new DecompressionStream("gzip")).getReader();
  const pieces: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      size += value.length;
      if (size > UNPACKED_MAX) throw new RangeError("too large");
      pieces.push(value);
    }
  } catch {
    await reader.cancel().catch(() => undefined);
    throw new UserError("kernel: the gzip payload is corrupt");
  }
  const out = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}
