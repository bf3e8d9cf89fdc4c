/** ACPI tables as files for firmware, with the script that links them (QEMU's table loader: entries of 128 bytes in "etc/table-loader"). */
import { InternalError } from "../../base/errors.ts";

/** Tables that point at each other by offsets from 0 (ACPI 6.5 §5.2). */
export interface AcpiTables {
  /** All tables. Addresses in them are offsets into these bytes. */
  readonly tables: Uint8Array;
  /** The root pointer (§5.2.5.3), with offsets too. */
  readonly rsdp: Uint8Array;
}

export const ACPI_FILES = { tables: "etc/acpi/tables", rsdp: "etc/acpi/rsdp", script: "etc/table-loader" } as const;

const ENTRY = 128;
const NAME = 56;
const COMMAND = { allocate: 1, addPointer: 2, addChecksum: 3 } as const;
const ZONE = { high: 1, low: 2 } as const;
/** FIRMWARE_CTRL and DSDT, and their 64-bit forms (table 5-9). */
const FADT_POINTERS = [[36, 4], [40, 4], [132, 8], [140, 8]] as const;
const HEADER = 36;
const CHECKSUM_AT = 9;

class Script {
  private readonly entries: Uint8Array[] = [];
  private entry(command: number, names: readonly string[], numbers: readonly (readonly [value: number, width: 1 | 4])[]): void {
    const bytes = new Uint8Array(ENTRY);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, command, true);
    names.forEach((name, i) => bytes.set(new TextEncoder().encode(name), 4 + NAME * i));
    let at = 4 + NAME * names.length;
    for (const [value, width] of numbers) {
      if (width === 4) view.setUint32(at, value, true);
      else bytes[at] = value;
      at += width;
    }
    this.entries.push(bytes);
  }
  allocate(file: string, align: number, zone: number): void {
    this.entry(COMMAND.allocate, [file], [[align, 4], [zone, 1]]);
  }
  pointer(file: string, offset: number, size: number): void {
    this.entry(COMMAND.addPointer, [file, ACPI_FILES.tables], [[offset, 4], [size, 1]]);
  }
  checksum(file: string, offset: number, start: number, length: number): void {
    this.entry(COMMAND.addChecksum, [file], [[offset, 4], [start, 4], [length, 4]]);
  }
  bytes(): Uint8Array {
    const out = new Uint8Array(this.entries.length * ENTRY);
    this.entries.forEach((e, i) => out.set(e, i * ENTRY));
    return out;
  }
}

/** The files' names and contents. */
export function acpiFiles({ tables, rsdp }: AcpiTables): readonly (readonly [name: string, bytes: Uint8Array])[] {
  const view = new DataView(tables.buffer, tables.byteOffset, tables.byteLength);
  const root = new DataView(rsdp.buffer, rsdp.byteOffset, rsdp.byteLength);
  const script = new Script();
  const linked = new Set<number>();
  script.allocate(ACPI_FILES.rsdp, 16, ZONE.low);
  script.allocate(ACPI_FILES.tables, 64, ZONE.high);

  const table = (at: number): { signature: string; length: number } => {
    if (at + HEADER > tables.length) throw new InternalError(`no ACPI table at offset ${at}`);
    return { signature: String.fromCharCode(...tables.subarray(at, at + 4)), length: view.getUint32(at + 4, true) };
  };
  /** Pointers of the table at `at`, then its checksum. */
  const link = (at: number): void => {
    if (linked.has(at)) return;
    linked.add(at);
    const { signature, length } = table(at);
    const pointers: (readonly [offset: number, size: 4 | 8])[] = [];
    if (signature === "RSDT" || signature === "XSDT") {
      const size = signature === "RSDT" ? 4 : 8;
      for (let i = HEADER; i < length; i += size) {
        pointers.push([i, size]);
        link(view.getUint32(at + i, true));
      }
    } else if (signature === "FACP") {
      for (const [offset, size] of FADT_POINTERS) if (offset + size <= length && view.getUint32(at + offset, true) + (offset === 40 || offset === 140 ? 1 : 0) > 0) pointers.push([offset, size]);
    }
    if (pointers.length === 0) return;
    for (const [offset, size] of pointers) script.pointer(ACPI_FILES.tables, at + offset, size);
    script.checksum(ACPI_FILES.tables, at + CHECKSUM_AT, at, length);
  };
  link(root.getUint32(16, true));
  script.pointer(ACPI_FILES.rsdp, 16, 4);
  script.checksum(ACPI_FILES.rsdp, 8, 0, 20);
  if (rsdp[15] >= 2) {
    link(root.getUint32(24, true));
    script.pointer(ACPI_FILES.rsdp, 24, 8);
    script.checksum(ACPI_FILES.rsdp, 32, 0, 36);
  }
  return [[ACPI_FILES.tables, tables], [ACPI_FILES.rsdp, rsdp], [ACPI_FILES.script, script.bytes()]];
}
