/** ACPI tables: RSDP, RSDT, XSDT, FADT, FACS, MADT, HPET, MCFG and the DSDT around its AML. ACPI 6.5 §5.2; HPET 1.0a §3.2.4; PCI Firmware 3.3 §4.1.2. */
import { GPE_LENGTH, PM_BLOCK } from "../../devices/acpi/power.ts";
import { HPET_CAPABILITIES } from "../../devices/hpet.ts";
import { IRQ, PHYSICAL, PORT } from "../machine/memory-map.ts";
import { dsdtBody, type DsdtInput } from "./dsdt.ts";

export interface AcpiInput extends DsdtInput {
  /** There are a local and an I/O APIC: a MADT says so. */
  readonly apic: boolean;
  /** Base of PCI Express configuration space for bus 0 to 255, or null. */
  readonly ecam: number | null;
  /** The display is VGA-compatible. */
  readonly vga: boolean;
}

/** Bytes for guest memory. */
export interface AcpiImage {
  /** All tables but RSDP and FACS, to be written to `base`. */
  readonly tables: Uint8Array;
  /** 36 bytes on a 16-byte boundary. */
  readonly rsdp: Uint8Array;
  /** 64 bytes on a 64-byte boundary, in memory that the guest keeps. */
  readonly facs: Uint8Array;
}

const HEADER = 36;
const OEM_ID = "TABVSR";
const OEM_TABLE = "TABVISOR";
/** "TABV" */
const CREATOR = 0x5642_4154;
const FADT_LENGTH = 276;
export const RSDP_LENGTH = 36;
export const FACS_LENGTH = 64;
export const FACS_ALIGN = 64;
const SYSTEM_IO = 1;

/** IA-PC boot flags, §5.2.9.3. */
const LEGACY_DEVICES = 1 << 0;
const KEYBOARD_8042 = 1 << 1;
const NO_VGA = 1 << 2;
/** Fixed feature flags, table 5-10. */
const WBINVD = 1 << 0;
const PROC_C1 = 1 << 2;
const NO_SLEEP_BUTTON = 1 << 5;
const RESET_REGISTER = 1 << 10;

class Table {
  readonly bytes: Uint8Array;
  private readonly view: DataView;
  constructor(length: number, signature?: string, revision = 1) {
    this.bytes = new Uint8Array(length);
    this.view = new DataView(this.bytes.buffer);
    if (signature === undefined) return;
    this.text(0, signature).u32(4, length).u8(8, revision).text(10, OEM_ID).text(16, OEM_TABLE).u32(24, 1).u32(28, CREATOR).u32(32, 1);
  }
  u8(at: number, v: number): this {
    this.view.setUint8(at, v);
    return this;
  }
  u16(at: number, v: number): this {
    this.view.setUint16(at, v, true);
    return this;
  }
  u32(at: number, v: number): this {
    this.view.setUint32(at, v >>> 0, true);
    return this;
  }
  u64(at: number, v: number): this {
    this.view.setBigUint64(at, BigInt(v), true);
    return this;
  }
  text(at: number, s: string): this {
    for (let i = 0; i < s.length; i++) this.bytes[at + i] = s.charCodeAt(i);
    return this;
  }
  copy(at: number, bytes: readonly number[]): this {
    this.bytes.set(bytes, at);
    return this;
  }
  /** Generic address structure, §5.2.3.2, of an I/O port. */
  port(at: number, port: number, bits: number, accessSize: number): this {
    return this.u8(at, SYSTEM_IO).u8(at + 1, bits).u8(at + 3, accessSize).u64(at + 4, port);
  }
  /** Makes the bytes 0..length sum to 0 by the one at `at`. */
  checksum(at = 9, length = this.bytes.length): this {
    this.bytes[at] = 0;
    this.bytes[at] = -this.bytes.subarray(0, length).reduce((a, b) => a + b, 0);
    return this;
  }
}

function dsdt(input: AcpiInput): Table {
  const body = dsdtBody(input);
  return new Table(HEADER + body.length, "DSDT", 2).copy(HEADER, body).checksum();
}

/** §5.2.9 */
function fadt(input: AcpiInput, dsdtAt: number, facsAt: number): Table {
  const event = PORT.pm + PM_BLOCK.event;
  const control = PORT.pm + PM_BLOCK.control;
  const timer = PORT.pm + PM_BLOCK.timer;
  return new Table(FADT_LENGTH, "FACP", 6)
    .u32(36, facsAt).u32(40, dsdtAt)
    .u16(46, IRQ.sci)
    .u32(56, event).u32(64, control).u32(76, timer).u32(80, PORT.gpe)
    .u8(88, PM_BLOCK.eventLength).u8(89, PM_BLOCK.controlLength).u8(91, PM_BLOCK.timerLength).u8(92, GPE_LENGTH)
    // Latencies that say: no C2, no C3.
    .u16(96, 0xfff).u16(98, 0xfff)
    .u8(108, 0x32) // century register in the CMOS RAM
    .u16(109, LEGACY_DEVICES | KEYBOARD_8042 | (input.vga ? 0 : NO_VGA))
    .u32(112, WBINVD | PROC_C1 | NO_SLEEP_BUTTON | RESET_REGISTER)
    .port(116, PORT.resetControl, 8, 1).u8(128, 0x06)
    .u8(131, 5) // minor version
    .u64(140, dsdtAt)
    .port(148, event, 8 * PM_BLOCK.eventLength, 2).port(172, control, 8 * PM_BLOCK.controlLength, 2)
    .port(208, timer, 8 * PM_BLOCK.timerLength, 3).port(220, PORT.gpe, 8 * GPE_LENGTH, 1)
    .text(268, OEM_TABLE) // hypervisor vendor identity
    .checksum();
}

/** §5.2.12. Flags: polarity in bits 1:0 (1 high), trigger in bits 3:2 (1 edge, 3 level). */
function madt(): Table {
  const LEVEL_HIGH = 0x0d;
  const entries = [
    [0, 8, 0, 0, 1, 0, 0, 0], // local APIC of processor 0, enabled
    [1, 12, 0, 0, ...bytes32(PHYSICAL.ioApic), ...bytes32(0)],
    override(IRQ.pit, 2, 0),
    override(IRQ.sci, IRQ.sci, LEVEL_HIGH),
    [4, 6, 0xff, 0, 0, 1], // NMI on LINT1 of all
  ].flat();
  // PC-AT compatible: there are 8259s besides.
  return new Table(HEADER + 8 + entries.length, "APIC", 5).u32(36, PHYSICAL.localApic).u32(40, 1).copy(44, entries).checksum();
}
const bytes32 = (v: number): number[] => [v & 0xff, (v >>> 8) & 0xff, (v >>> 16) & 0xff, v >>> 24];
const override = (source: number, gsi: number, flags: number): number[] => [2, 10, 0, source, ...bytes32(gsi), flags, 0];

function hpet(): Table {
  return new Table(56, "HPET", 1).u32(36, HPET_CAPABILITIES).u8(41, 64).u64(44, PHYSICAL.hpet).u16(53, 0x80).checksum();
}

function mcfg(base: number): Table {
  return new Table(60, "MCFG", 1).u64(44, base).u8(55, 255).checksum();
}

/** Tables that will stand at `base` (page-aligned), FACS at `facsAt`. */
export function buildAcpi(input: AcpiInput, base: number, facsAt: number): AcpiImage {
  const placed: { at: number; bytes: Uint8Array }[] = [];
  let end = base;
  const place = (table: Table): number => {
    const at = end;
    placed.push({ at, bytes: table.bytes });
    end += Math.ceil(table.bytes.length / 16) * 16;
    return at;
  };
  const dsdtAt = place(dsdt(input));
  const listed = [place(fadt(input, dsdtAt, facsAt))];
  if (input.apic) listed.push(place(madt()));
  listed.push(place(hpet()));
  if (input.ecam !== null) listed.push(place(mcfg(input.ecam)));
  const rsdt = new Table(HEADER + 4 * listed.length, "RSDT", 1);
  listed.forEach((at, i) => rsdt.u32(HEADER + 4 * i, at));
  const xsdt = new Table(HEADER + 8 * listed.length, "XSDT", 1);
  listed.forEach((at, i) => xsdt.u64(HEADER + 8 * i, at));
  const rsdtAt = place(rsdt.checksum());
  const xsdtAt = place(xsdt.checksum());

  const tables = new Uint8Array(end - base);
  for (const { at, bytes } of placed) tables.set(bytes, at - base);
  // §5.2.5.3: the first checksum covers the 20 bytes of ACPI 1.0.
  const rsdp = new Table(RSDP_LENGTH).text(0, "RSD PTR ").text(9, OEM_ID).u8(15, 2).u32(16, rsdtAt).u32(20, RSDP_LENGTH).u64(24, xsdtAt);
  rsdp.checksum(8, 20).checksum(32);
  const facs = new Table(FACS_LENGTH).text(0, "FACS").u32(4, FACS_LENGTH).u8(32, 2);
  return { tables, rsdp: rsdp.bytes, facs: facs.bytes };
}
