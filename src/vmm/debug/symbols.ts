/** Names of addresses: ELF symbol tables (System V gABI, chapter 4), System.map, /proc/kallsyms. */
import { UserError } from "../../base/errors.ts";
import { isElf } from "../boot/elf.ts";

export interface Symbol {
  readonly name: string;
  readonly address: bigint;
}

/** Farther from the symbol before it, an address has no name. */
const FAR = 0x100000n;

const SHT_SYMTAB = 2;
const STT_SECTION = 3;
const STT_FILE = 4;
const STT_TLS = 6;
/** A table of symbols that is larger than this is damaged. */
const MOST = 4_000_000;

export class SymbolTable {
  private sorted: Symbol[] = [];
  private readonly byName = new Map<string, bigint>();

  get size(): number {
    return this.sorted.length;
  }

  /** How many the file has; a UserError when it is none of the known kinds. */
  addFile(file: Uint8Array): number {
    const found = isElf(file) ? elfSymbols(file) : mapSymbols(file);
    this.add(found);
    return found.length;
  }

  add(symbols: readonly Symbol[]): void {
    for (const s of symbols) if (!this.byName.has(s.name)) this.byName.set(s.name, s.address);
    this.sorted = [...this.sorted, ...symbols].sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
  }

  find(name: string): bigint | null {
    return this.byName.get(name) ?? null;
  }

  /** The symbol at or shortly before an address. */
  nearest(address: bigint): { readonly name: string; readonly offset: bigint } | null {
    const { sorted } = this;
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sorted[middle].address <= address) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return null;
    // Of several names of one address the first.
    let first = low - 1;
    while (first > 0 && sorted[first - 1].address === sorted[first].address) first--;
    const { name, address: start } = sorted[first];
    return address - start < FAR ? { name, offset: address - start } : null;
  }

  /** `name+0x1f`, or "". */
  describe(address: bigint): string {
    const found = this.nearest(address);
    return found === null ? "" : found.offset === 0n ? found.name : `${found.name}+0x${found.offset.toString(16)}`;
  }
}

const DECODER = new TextDecoder("latin1");

function elfSymbols(file: Uint8Array): Symbol[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const wide = file[4] === 2;
  const word = (at: number): number => (wide ? Number(view.getBigUint64(at, true)) : view.getUint32(at, true));
  try {
    const headers = word(wide ? 40 : 32);
    const size = view.getUint16(wide ? 58 : 46, true);
    const count = view.getUint16(wide ? 60 : 48, true);
    const section = (n: number): { type: number; offset: number; bytes: number; link: number } => {
      const at = headers + n * size;
      return { type: view.getUint32(at + 4, true), offset: word(at + (wide ? 24 : 16)), bytes: word(at + (wide ? 32 : 20)), link: view.getUint32(at + (wide ? 40 : 24), true) };
    };
    for (let n = 0; n < count; n++) {
      const table = section(n);
      if (table.type !== SHT_SYMTAB) continue;
      return readSymbols(view, file, wide, table, section(table.link));
    }
  } catch (e) {
    throw e instanceof RangeError ? new UserError("symbols: the ELF file is truncated or damaged") : e;
  }
  return [];
}

function readSymbols(view: DataView, file: Uint8Array, wide: boolean, table: { offset: number; bytes: number }, strings: { offset: number; bytes: number }): Symbol[] {
  const entry = wide ? 24 : 16;
  const count = Math.floor(table.bytes / entry);
  if (count > MOST || strings.offset + strings.bytes > file.length) throw new RangeError();
  const found: Symbol[] = [];
  for (let i = 1; i < count; i++) {
    const at = table.offset + i * entry;
    const name = view.getUint32(at, true);
    const info = view.getUint8(at + (wide ? 4 : 12));
    const index = view.getUint16(at + (wide ? 6 : 14), true);
    const type = info & 15;
    if (name === 0 || index === 0 || type === STT_SECTION || type === STT_FILE || type === STT_TLS) continue;
    const from = strings.offset + name;
    const end = file.indexOf(0, from);
    if (end < 0 || end > strings.offset + strings.bytes) throw new RangeError();
    found.push({ name: DECODER.decode(file.subarray(from, end)), address: wide ? view.getBigUint64(at + 8, true) : BigInt(view.getUint32(at + 4, true)) });
  }
  return found;
}

/** Lines of `address type name`, with a module's name behind in kallsyms. */
function mapSymbols(file: Uint8Array): Symbol[] {
  const found: Symbol[] = [];
  const lines = DECODER.decode(file).split("\n");
  for (const line of lines) {
    const match = /^([0-9a-fA-F]{8,16}) ([A-Za-z?]) ([^\s]+)/.exec(line);
    if (match === null) {
      if (line.trim() !== "" && found.length === 0) break;
      continue;
    }
    // Absolute symbols are offsets into per-CPU data, or numbers.
    if (match[2] === "a" || match[2] === "A") continue;
    found.push({ name: match[3], address: BigInt(`0x${match[1]}`) });
  }
  if (found.length === 0) throw new UserError("symbols: this is no ELF file, System.map or /proc/kallsyms");
  if (found.every((s) => s.address === 0n)) throw new UserError("symbols: all addresses are zero: read /proc/kallsyms as root");
  return found;
}
