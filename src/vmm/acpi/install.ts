/**
 * The ACPI tables on their way into RAM: put there as firmware would, tables at the top, root pointer and FACS in the extended
 * BIOS data area; or as what firmware is to place itself.
 */
import type { AcpiTables } from "../boot/acpi-loader.ts";
import type { BootMemory, FirmwareData } from "../boot/plan.ts";
import { LOW_RAM_END } from "../boot/plan.ts";
import { buildAcpi, FACS_ALIGN, FACS_LENGTH, RSDP_LENGTH, type AcpiInput } from "./tables.ts";

const PAGE = 0x1000;
/** BIOS data area: segment of the EBDA, and conventional memory in KiB. */
const BDA_EBDA = 0x40e;
const BDA_MEMORY = 0x413;
/** In the EBDA, whose first byte is its size in KiB: RSDP on 16 bytes where everybody looks (ACPI 6.5 §5.2.5.1), FACS on 64. */
const FACS_AT = LOW_RAM_END + 0x40;
const RSDP_AT = LOW_RAM_END + 0x40 + FACS_LENGTH;

export function installAcpi(input: AcpiInput, memory: BootMemory): FirmwareData {
  const size = Math.ceil(buildAcpi(input, 0, FACS_AT).tables.length / PAGE) * PAGE;
  const start = memory.size - size;
  const { tables, rsdp, facs } = buildAcpi(input, start, FACS_AT);
  memory.write(start, tables);
  memory.write(FACS_AT, facs);
  memory.write(RSDP_AT, rsdp.subarray(0, RSDP_LENGTH));
  memory.write(LOW_RAM_END, Uint8Array.of((0xa_0000 - LOW_RAM_END) / 1024));
  memory.write(BDA_EBDA, Uint8Array.of((LOW_RAM_END >> 4) & 0xff, LOW_RAM_END >> 12));
  memory.write(BDA_MEMORY, Uint8Array.of((LOW_RAM_END / 1024) & 0xff, (LOW_RAM_END / 1024) >> 8));
  return { rsdp: RSDP_AT, tables: { start, end: memory.size } };
}

/** Tables, the FACS behind them, that point at each other by offsets from 0. */
export function firmwareAcpi(input: AcpiInput): AcpiTables {
  const facsAt = Math.ceil(buildAcpi(input, 0, 0).tables.length / FACS_ALIGN) * FACS_ALIGN;
  const { tables, rsdp, facs } = buildAcpi(input, 0, facsAt);
  const all = new Uint8Array(facsAt + facs.length);
  all.set(tables);
  all.set(facs, facsAt);
  return { tables: all, rsdp };
}
