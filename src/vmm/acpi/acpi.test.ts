/** The ACPI tables read back as a guest reads them: by pointers, lengths and checksums; the DSDT by a small AML reader. */
import { describe, expect, it } from "vitest";
import { memoryMap } from "../boot/plan.ts";
import { device, eisaId, integer, io, name, packageOf, scope } from "./aml.ts";
import { installAcpi } from "./install.ts";
import type { AcpiInput } from "./tables.ts";

const INPUT: AcpiInput = { apic: true, serialPorts: [0, 1], mouse: true, pciSlots: [2, 3], ecam: null, vga: false };
const SIZE = 8 * 2 ** 20;

function install(input: Partial<AcpiInput> = {}) {
  const ram = new Uint8Array(SIZE);
  const memory = { size: SIZE, write: (at: number, bytes: Uint8Array) => ram.set(bytes, at), read: (at: number, n: number) => ram.slice(at, at + n) };
  const firmware = installAcpi({ ...INPUT, ...input }, memory);
  const view = new DataView(ram.buffer);
  const text = (at: number, n: number): string => String.fromCharCode(...ram.subarray(at, at + n));
  const sum = (at: number, n: number): number => ram.subarray(at, at + n).reduce((a, b) => (a + b) & 0xff, 0);
  const table = (at: number): string => {
    expect(sum(at, view.getUint32(at + 4, true))).toBe(0);
    expect(text(at + 10, 6)).toBe("TABVSR");
    return text(at, 4);
  };
  const xsdt = Number(view.getBigUint64(firmware.rsdp + 24, true));
  const listed = new Map<string, number>();
  for (let i = 36; i < view.getUint32(xsdt + 4, true); i += 8) {
    const at = Number(view.getBigUint64(xsdt + i, true));
    listed.set(table(at), at);
  }
  return { ram, view, text, sum, table, firmware, xsdt, listed, memory };
}

describe("finding them (ACPI 6.5 §5.2.5)", () => {
  it("the RSDP lies in the EBDA, whose segment is at 40:0E, on a 16-byte boundary, with both checksums", () => {
    const { ram, view, text, sum, table, firmware, xsdt } = install();
    const ebda = view.getUint16(0x40e, true) << 4;
    const found = Array.from({ length: 64 }, (_, i) => ebda + 16 * i).find((at) => text(at, 8) === "RSD PTR ");
    expect(found).toBe(firmware.rsdp);
    expect([sum(firmware.rsdp, 20), sum(firmware.rsdp, 36), ram[firmware.rsdp + 15], table(xsdt), table(view.getUint32(firmware.rsdp + 16, true))]).toEqual([0, 0, 2, "XSDT", "RSDT"]);
  });
  it("RSDT and XSDT list the same tables", () => {
    const { view, firmware, listed } = install({ ecam: 0xe000_0000 });
    const rsdt = view.getUint32(firmware.rsdp + 16, true);
    const short = Array.from({ length: (view.getUint32(rsdt + 4, true) - 36) / 4 }, (_, i) => view.getUint32(rsdt + 36 + 4 * i, true));
    expect(short).toEqual([...listed.values()]);
    expect([...listed.keys()]).toEqual(["FACP", "APIC", "HPET", "MCFG"]);
  });
  it("the memory map keeps them, and the EBDA, from the system", () => {
    const { firmware, xsdt, memory } = install();
    const map = memoryMap({ ...memory, firmware });
    const typeAt = (at: number): number | undefined => map.find((e) => at >= e.start && at < e.start + e.size)?.type;
    expect([xsdt, firmware.rsdp, SIZE - 0x10_0000, firmware.tables.start - 1].map(typeAt)).toEqual([3, 2, 1, 1]);
  });
});

describe("contents", () => {
  it("FADT: fixed hardware, reset register, no SMI command, pointers in both widths", () => {
    const { ram, view, listed, text, table } = install();
    const f = listed.get("FACP") ?? 0;
    const u32 = (o: number): number => view.getUint32(f + o, true);
    expect([ram[f + 8], u32(4), view.getUint16(f + 46, true), u32(48)]).toEqual([6, 276, 9, 0]);
    expect([u32(56), u32(64), u32(76), u32(80), [...ram.subarray(f + 88, f + 94)]]).toEqual([0x600, 0x604, 0x608, 0xafe0, [4, 2, 0, 4, 4, 0]]);
    expect([...ram.subarray(f + 116, f + 129)]).toEqual([1, 8, 0, 1, 0xf9, 0x0c, 0, 0, 0, 0, 0, 0, 6]);
    expect([...ram.subarray(f + 148, f + 160)]).toEqual([1, 32, 0, 2, 0x00, 0x06, 0, 0, 0, 0, 0, 0]);
    expect([table(u32(40)), Number(view.getBigUint64(f + 140, true))]).toEqual(["DSDT", u32(40)]);
    expect([text(u32(36), 4), u32(36) % 64, view.getUint32(u32(36) + 4, true)]).toEqual(["FACS", 0, 64]);
    // Reset register supported; legacy devices, 8042, no VGA.
    expect([(u32(112) >> 10) & 1, view.getUint16(f + 109, true)]).toEqual([1, 7]);
  });
  it("MADT: one processor, one I/O APIC, timer on input 2, SCI level-triggered, NMI on LINT1", () => {
    const { ram, view, listed } = install();
    const m = listed.get("APIC") ?? 0;
    expect([view.getUint32(m + 36, true), view.getUint32(m + 40, true)]).toEqual([0xfee00000, 1]);
    const entries: number[][] = [];
    for (let at = m + 44; at < m + view.getUint32(m + 4, true); at += ram[at + 1]) entries.push([...ram.subarray(at, at + ram[at + 1])]);
    expect(entries).toEqual([
      [0, 8, 0, 0, 1, 0, 0, 0],
      [1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0],
      [2, 10, 0, 0, 2, 0, 0, 0, 0, 0],
      [2, 10, 0, 9, 9, 0, 0, 0, 0x0d, 0],
      [4, 6, 0xff, 0, 0, 1],
    ]);
    expect([...install({ apic: false }).listed.keys()]).toEqual(["FACP", "HPET"]);
  });
  it("HPET and MCFG", () => {
    const { view, listed } = install({ ecam: 0xe000_0000 });
    const h = listed.get("HPET") ?? 0;
    expect([view.getUint32(h + 36, true), view.getBigUint64(h + 44, true)]).toEqual([0x8086a201, 0xfed00000n]);
    expect(view.getBigUint64((listed.get("MCFG") ?? 0) + 44, true)).toBe(0xe0000000n);
  });
});

/** Names of devices, methods and objects by path, from AML of the kinds that dsdt.ts writes; every length must fit exactly. */
function readAml(bytes: Uint8Array): Map<string, unknown> {
  const found = new Map<string, unknown>();
  let at = 0;
  const byte = (): number => bytes[at++];
  const int = (n: number): number => Array.from({ length: n }, byte).reduce((v, b, i) => v + b * 2 ** (8 * i), 0);
  const length = (): number => {
    const start = at;
    const lead = byte();
    const more = lead >> 6;
    return start + (more === 0 ? lead : (lead & 15) + int(more) * 16);
  };
  const path = (inside: string): string => {
    let absolute = false;
    while (bytes[at] === 0x5c) {
      absolute = true;
      at++;
    }
    const count = bytes[at] === 0x2e ? (at++, 2) : bytes[at] === 0x2f ? (at++, byte()) : 1;
    const parts = Array.from({ length: count }, () => String.fromCharCode(byte(), byte(), byte(), byte()));
    return `${absolute ? "" : inside}\\${parts.join("\\")}`;
  };
  const value = (): unknown => {
    const op = byte();
    switch (op) {
      case 0x00: return 0;
      case 0x01: return 1;
      case 0x0a: return int(1);
      case 0x0b: return int(2);
      case 0x0c: return int(4);
      case 0x11: {
        const end = length();
        const size = value() as number;
        expect(at + size).toBe(end);
        at = end;
        return bytes.slice(end - size, end);
      }
      case 0x12: {
        const end = length();
        const list = Array.from({ length: byte() }, value);
        expect(at).toBe(end);
        return list;
      }
      default: throw new Error(`opcode ${op.toString(16)} at ${at}`);
    }
  };
  const terms = (end: number, inside: string): void => {
    while (at < end) {
      const op = byte();
      if (op === 0x08) {
        const p = path(inside);
        found.set(p, value());
      } else if (op === 0x10 || (op === 0x5b && byte() === 0x82)) {
        const stop = length();
        const p = path(inside);
        found.set(p, op === 0x10 ? "scope" : "device");
        terms(stop, p);
      } else if (op === 0x14) {
        const stop = length();
        found.set(path(inside), byte());
        at = stop;
      } else throw new Error(`term ${op.toString(16)} at ${at}`);
    }
    expect(at).toBe(end);
  };
  terms(bytes.length, "");
  return found;
}

describe("DSDT", () => {
  const dsdt = (input: Partial<AcpiInput> = {}): Map<string, unknown> => {
    const { ram, view, listed } = install(input);
    const at = view.getUint32((listed.get("FACP") ?? 0) + 40, true);
    return readAml(ram.slice(at + 36, at + view.getUint32(at + 4, true)));
  };
  it("devices, the sleep state, interrupt model and routing method", () => {
    const d = dsdt();
    expect([...d].filter(([, v]) => v === "device").map(([p]) => p.replaceAll("_", ""))).toEqual([
      "\\SB\\PCI0", "\\SB\\PCI0\\ISA", "\\SB\\PCI0\\ISA\\KBD", "\\SB\\PCI0\\ISA\\MOU", "\\SB\\PCI0\\ISA\\RTC", "\\SB\\PCI0\\ISA\\COM1",
      "\\SB\\PCI0\\ISA\\COM2", "\\SB\\HPET", "\\SB\\MBRD",
    ]);
    expect([d.get("\\_S5_"), d.get("\\_PIC"), d.get("\\_SB_\\PCI0\\_PRT")]).toEqual([[0, 0, 0, 0], 1, 0]);
    // PNP0A03 as every table of a PC spells it.
    expect(d.get("\\_SB_\\PCI0\\_HID")).toBe(0x030ad041);
  });
  it("resources end with their end tag", () => {
    const crs = [...dsdt()].filter(([p]) => p.endsWith("_CRS")).map(([, v]) => v as Uint8Array);
    expect(crs.length).toBe(8);
    for (const c of crs) expect([...c.slice(-2)]).toEqual([0x79, 0]);
  });
  it("no routing without slots; a port that is not fitted is not described", () => {
    const d = dsdt({ pciSlots: [], serialPorts: [], mouse: false });
    expect([...d.keys()].some((k) => /_PRT|COM1|MOU_/.test(k))).toBe(false);
  });
});

describe("AML encoding (ACPI 6.5 §20.2)", () => {
  it("names", () => {
    expect(name("\\_SB.PCI0")).toEqual([0x5c, 0x2e, 0x5f, 0x53, 0x42, 0x5f, 0x50, 0x43, 0x49, 0x30]);
    expect(name("A.B.C").slice(0, 2)).toEqual([0x2f, 3]);
    expect(() => name("bad")).toThrow("bad");
  });
  it("package lengths of one to three bytes", () => {
    expect(scope("A").slice(1, 2)).toEqual([5]);
    const body = (n: number): number[] => Array.from({ length: n }, () => 0xa3);
    expect(device("A", body(58)).slice(2, 3)).toEqual([63]); // 1 + 4 + 58
    expect(device("A", body(59)).slice(2, 4)).toEqual([0x41, 4]); // 2 + 4 + 59 = 0x41
    expect(device("A", body(4096)).slice(2, 5)).toEqual([0x87, 0x00, 0x01]); // 3 + 4 + 4096 = 0x1007
  });
  it("integers, packages, EISA IDs and ports", () => {
    expect([integer(255), integer(256), integer(0x1_0000), integer(2 ** 32)].map((i) => i[0])).toEqual([0x0a, 0x0b, 0x0c, 0x0e]);
    expect(packageOf(integer(0), integer(1))).toEqual([0x12, 4, 2, 0, 1]);
    expect(eisaId("PNP0501")).toEqual([0x0c, 0x41, 0xd0, 0x05, 0x01]);
    expect(io(0x3f8, 8)).toEqual([0x47, 1, 0xf8, 3, 0xf8, 3, 1, 8]);
  });
});
