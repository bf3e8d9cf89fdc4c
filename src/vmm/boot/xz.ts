/**
 * XZ with the x86 BCJ filter (xz-file-format.txt 1.1.0). The library decodes LZMA2 but knows no filters, so a stream that
 * has one is taken apart here: each block goes to the library as a stream of its own without the filter, the filter is
 * undone on its output, and the check is verified on the result.
 */
import type * as Xz from "xz-decompress";
import { InternalError, UserError } from "../../base/errors.ts";
import { ImageReader, MIB, alignUp } from "./bytes.ts";
import { crc32 } from "./crc32.ts";

const FILTER_X86 = 0x04;
const FILTER_LZMA2 = 0x21;
const HEADER_SIZE = 12;
const FOOTER_SIZE = 12;
const CHECK_NONE = 0;
const CHECK_CRC32 = 1;
/** Bytes of a check by its type, §2.1.1.2. */
const CHECK_SIZES = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64] as const;

/** The library's dictionary limit, 64 MiB, as LZMA2 encodes it (§5.3.1). A dictionary need not be larger than the block. */
const DICTIONARY_MAX = 28;

interface Block {
  readonly lzma2: Uint8Array;
  /** LZMA2's property byte. */
  readonly dictionary: number;
  readonly x86: boolean;
  readonly size: number;
  readonly check: Uint8Array;
}

/** Decodes one XZ stream of at most `maxSize` bytes of output. Throws UserError beginning with `what`. */
export async function decodeXz(data: Uint8Array, maxSize: number, what: string): Promise<Uint8Array<ArrayBuffer>> {
  const { checkType, blocks } = parseStream(data, what);
  const total = blocks.reduce((sum, b) => sum + b.size, 0);
  if (total > maxSize) throw new UserError(`${what}: the XZ data says it unpacks to ${total} bytes, at most ${maxSize} are taken`);
  const out = new Uint8Array(total);
  let at = 0;
  for (const block of blocks) {
    const piece = out.subarray(at, at + block.size);
    await decodeLzma2(block, piece, what);
    if (block.x86) undoX86Filter(piece);
    if (checkType === CHECK_CRC32 && new DataView(block.check.buffer, block.check.byteOffset).getUint32(0, true) !== crc32(piece)) {
      throw new UserError(`${what}: the XZ data is corrupt: the check does not match`);
    }
    at += block.size;
  }
  return out;
}

/** §1.2: a multibyte integer. */
function readVli(r: ImageReader, at: number): { value: number; next: number } {
  let value = 0;
  for (let i = 0; i < 9; i++) {
    const byte = r.u8(at + i);
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) {
      if (!Number.isSafeInteger(value)) break;
      return { value, next: at + i + 1 };
    }
  }
  throw new UserError(`${r.what}: the XZ data is corrupt: a number is too long`);
}

function parseStream(data: Uint8Array, what: string): { checkType: number; blocks: Block[] } {
  const r = new ImageReader(data, what);
  const corrupt = (): UserError => new UserError(`${what}: the XZ data is corrupt`);
  if (!r.has(0, HEADER_SIZE + FOOTER_SIZE)) throw corrupt();
  const checkType = r.u8(7) & 0x0f;
  const footer = r.length - FOOTER_SIZE;
  if (r.u8(footer + 10) !== 0x59 || r.u8(footer + 11) !== 0x5a) throw corrupt();
  const indexAt = footer - (r.u32(footer + 4) + 1) * 4;
  if (indexAt < HEADER_SIZE || r.u8(indexAt) !== 0) throw corrupt();

  const blocks: Block[] = [];
  let { value: count, next } = readVli(r, indexAt + 1);
  let at = HEADER_SIZE;
  for (; count > 0; count--) {
    const unpadded = readVli(r, next);
    const size = readVli(r, unpadded.next);
    next = size.next;
    if (next > footer || at + unpadded.value > indexAt) throw corrupt();
    blocks.push(parseBlock(r, at, unpadded.value, size.value, CHECK_SIZES[checkType]));
    at += alignUp(unpadded.value, 4);
  }
  return { checkType, blocks };
}

/** §3.1: block header; the sizes are the index's. */
function parseBlock(r: ImageReader, at: number, unpadded: number, size: number, checkSize: number): Block {
  const headerSize = (r.u8(at) + 1) * 4;
  const flags = r.u8(at + 1);
  const packedSize = unpadded - headerSize - checkSize;
  if (packedSize <= 0) throw new UserError(`${r.what}: the XZ data is corrupt`);
  let field = at + 2;
  if ((flags & 0x40) !== 0) field = readVli(r, field).next;
  if ((flags & 0x80) !== 0) field = readVli(r, field).next;
  let x86 = false;
  let dictionary = -1;
  for (let left = (flags & 3) + 1; left > 0; left--) {
    const id = readVli(r, field);
    const properties = readVli(r, id.next);
    if (id.value === FILTER_LZMA2 && left === 1 && properties.value === 1) dictionary = r.u8(properties.next);
    else if (id.value === FILTER_X86 && properties.value === 0 && !x86) x86 = true;
    else throw new UserError(`${r.what}: XZ filter ${id.value} is not supported`);
    field = properties.next + properties.value;
  }
  if (dictionary < 0) throw new UserError(`${r.what}: the XZ data is corrupt`);
  const packedEnd = at + alignUp(headerSize + packedSize, 4);
  return { lzma2: r.slice(at + headerSize, packedSize), dictionary, x86, size, check: r.slice(packedEnd, checkSize) };
}

function vli(value: number): number[] {
  const bytes: number[] = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) | 0x80);
  bytes.push(value);
  return bytes;
}

function u32(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
}

/** Pads to 4 bytes and appends the CRC32: the end of a block header or index. */
function sealed(bytes: readonly number[]): number[] {
  const padded = [...bytes];
  while (padded.length % 4 !== 0) padded.push(0);
  return [...padded, ...u32(crc32(Uint8Array.from(padded)))];
}

/** Wraps LZMA2 data as a one-block stream without filter and check. */
function wrapStream(block: Block): Uint8Array<ArrayBuffer>[] {
  const flags = [0, CHECK_NONE];
  const blockHeader = sealed([2, 0, FILTER_LZMA2, 1, Math.min(block.dictionary, DICTIONARY_MAX)]);
  const index = sealed([0, 1, ...vli(blockHeader.length + block.lzma2.length), ...vli(block.size)]);
  const tail = [...u32(index.length / 4 - 1), ...flags];
  return [
    Uint8Array.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, ...flags, ...u32(crc32(Uint8Array.from(flags))), ...blockHeader]),
    Uint8Array.from(block.lzma2),
    Uint8Array.from([
      ...new Array<number>(alignUp(block.lzma2.length, 4) - block.lzma2.length).fill(0),
      ...index,
      ...u32(crc32(Uint8Array.from(tail))),
      ...tail,
      0x59,
      0x5a,
    ]),
  ];
}

type XzLibrary = Pick<typeof Xz, "XzReadableStream">;

/** The library is CommonJS: bundlers give its exports by name, Node as the default. Loaded only when it is needed. */
async function xzLibrary(): Promise<XzLibrary> {
  const module: Partial<XzLibrary> & { readonly default?: XzLibrary } = await import("xz-decompress");
  const library = module.XzReadableStream === undefined ? module.default : { XzReadableStream: module.XzReadableStream };
  if (library === undefined) throw new InternalError("xz-decompress has no XzReadableStream");
  return library;
}

async function decodeLzma2(block: Block, out: Uint8Array, what: string): Promise<void> {
  const { XzReadableStream } = await xzLibrary();
  const pieces = wrapStream(block);
  const packed = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller): void {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
  const reader = new XzReadableStream(packed).getReader();
  let at = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (at + value.length > out.length) throw new RangeError("more output than the index says");
      out.set(value, at);
      at += value.length;
    }
  } catch {
    await reader.cancel().catch(() => undefined);
    const why = block.dictionary > DICTIONARY_MAX && block.size > 64 * MIB ? ", or it needs a dictionary of more than 64 MiB" : "";
    throw new UserError(`${what}: the XZ data is corrupt${why}`);
  }
  if (at !== out.length) throw new UserError(`${what}: the XZ data is corrupt`);
}

/** By the account of recent candidates: may one here be converted, and how far the last one's operand reaches into its own. */
const CONVERTIBLE = [true, true, true, false, true, false, false, false] as const;
const REACH = [0, 1, 2, 2, 3, 3, 3, 3] as const;

/**
 * Undoes the x86 branch filter in place: the 32-bit operands of CALL (E8) and JMP (E9) were made absolute where they looked
 * like addresses, that is, where their top byte is 00 or FF. An opcode byte inside the operand of a recent candidate is not
 * taken again unless that candidate was converted; the encoder keeps the same account, or the two would not match.
 */
function undoX86Filter(bytes: Uint8Array): void {
  const isSign = (b: number): boolean => b === 0x00 || b === 0xff;
  /** Bit n: an opcode byte that was not converted lies n + 1 bytes back. */
  let recent = 0;
  let last = -1;
  let at = 0;
  while (at + 5 <= bytes.length) {
    if ((bytes[at] & 0xfe) !== 0xe8) {
      at++;
      continue;
    }
    const gap = at - last;
    recent = last < 0 || gap > 3 ? 0 : (recent << (gap - 1)) & 7;
    last = at;
    const untouched = recent === 0 || (CONVERTIBLE[recent] && !isSign(bytes[at + 4 - REACH[recent]]));
    if (!untouched || !isSign(bytes[at + 4])) {
      recent = (recent << 1) | 1;
      at++;
      continue;
    }
    let operand = bytes[at + 1] | (bytes[at + 2] << 8) | (bytes[at + 3] << 16) | (bytes[at + 4] << 24);
    for (;;) {
      operand = (operand - (at + 5)) | 0;
      if (recent === 0) break;
      const shift = REACH[recent] * 8;
      if (!isSign((operand >>> (24 - shift)) & 0xff)) break;
      operand ^= 2 ** (32 - shift) - 1;
    }
    bytes[at + 1] = operand;
    bytes[at + 2] = operand >>> 8;
    bytes[at + 3] = operand >>> 16;
    bytes[at + 4] = (operand & 0x01000000) !== 0 ? 0xff : 0x00;
    at += 5;
    last = -1;
    recent = 0;
  }
}
