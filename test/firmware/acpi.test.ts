/** ACPI tables that go through fw_cfg: both firmwares place them, link them, and name them to the guest (ACPI 6.5 §5.2). */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ensureBios } from "../../bios/build.ts";
import { RAM_BASE } from "../../src/cpu/layout.ts";
import type { AcpiTables } from "../../src/vmm/boot/acpi-loader.ts";
import { startFirmware } from "./run.ts";

const SEABIOS = "/usr/share/seabios/bios-256k.bin";
const MIB = 32;

function table(signature: string, length: number): { bytes: Uint8Array; view: DataView } {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(signature));
  view.setUint32(4, length, true);
  return { bytes, view };
}
const sum = (bytes: Uint8Array): number => bytes.reduce((a, b) => (a + b) & 0xff, 0);
const close = (bytes: Uint8Array): void => void (bytes[9] = -sum(bytes) & 0xff);

/** DSDT at 0, FADT at 64, FACS at 384, RSDT at 448, XSDT at 512. */
function example(): AcpiTables {
  const dsdt = table("DSDT", 40);
  const fadt = table("FACP", 276);
  fadt.view.setUint32(36, 384, true);
  fadt.view.setBigUint64(132, 384n, true);
  const facs = table("FACS", 64);
  const rsdt = table("RSDT", 40);
  rsdt.view.setUint32(36, 64, true);
  const xsdt = table("XSDT", 44);
  xsdt.view.setBigUint64(36, 64n, true);
  for (const t of [dsdt, fadt, rsdt, xsdt]) close(t.bytes);
  const tables = new Uint8Array(576);
  for (const [at, t] of [[0, dsdt], [64, fadt], [384, facs], [448, rsdt], [512, xsdt]] as const) tables.set(t.bytes, at);
  const rsdp = new Uint8Array(36);
  rsdp.set(new TextEncoder().encode("RSD PTR "));
  rsdp[15] = 2;
  const view = new DataView(rsdp.buffer);
  view.setUint32(16, 448, true);
  view.setUint32(20, 36, true);
  view.setBigUint64(24, 512n, true);
  return { tables, rsdp };
}

const firmware: [string, () => Uint8Array, string][] = [["our BIOS", ensureBios, "Nothing to boot."]];
if (existsSync(SEABIOS)) firmware.push(["SeaBIOS", () => readFileSync(SEABIOS), "No bootable device."]);

describe.each(firmware)("%s", (_name, image, ready) => {
  it("places and links the tables", () => {
    const run = startFirmware(image(), { acpi: example() }, { memoryMib: MIB });
    run.until(ready, 40);
    const ram = run.machine.vcpu.state.u8.subarray(RAM_BASE, RAM_BASE + MIB * 2 ** 20);
    const view = new DataView(ram.buffer, ram.byteOffset, ram.byteLength);
    const text = (at: number, n: number): string => String.fromCharCode(...ram.subarray(at, at + n));
    let rsdp = 0xe_0000;
    while (rsdp < 0x10_0000 && text(rsdp, 8) !== "RSD PTR ") rsdp += 16;
    expect(rsdp).toBeLessThan(0x10_0000);
    expect([sum(ram.subarray(rsdp, rsdp + 20)), sum(ram.subarray(rsdp, rsdp + 36))]).toEqual([0, 0]);

    const whole = (at: number): { signature: string; sum: number } => ({ signature: text(at, 4), sum: sum(ram.subarray(at, at + view.getUint32(at + 4, true))) });
    const rsdt = view.getUint32(rsdp + 16, true);
    const xsdt = view.getUint32(rsdp + 24, true);
    expect(whole(rsdt)).toEqual({ signature: "RSDT", sum: 0 });
    expect(whole(xsdt)).toEqual({ signature: "XSDT", sum: 0 });
    const fadt = view.getUint32(xsdt + 36, true);
    expect(view.getUint32(rsdt + 36, true)).toBe(fadt);
    expect(whole(fadt)).toEqual({ signature: "FACP", sum: 0 });
    const dsdt = view.getUint32(fadt + 40, true);
    expect(whole(dsdt)).toEqual({ signature: "DSDT", sum: 0 });
    expect(view.getUint32(fadt + 140, true)).toBe(dsdt);
    const facs = view.getUint32(fadt + 36, true);
    expect([facs % 64, text(facs, 4), view.getUint32(fadt + 132, true)]).toEqual([0, "FACS", facs]);
    // Not RAM for the guest.
    expect(rsdt).toBeGreaterThan(2 ** 20);
  });
});

it("the board's own tables arrive whole", () => {
  const run = startFirmware(ensureBios(), {}, { memoryMib: MIB });
  run.until("Nothing to boot.");
  const ram = run.machine.vcpu.state.u8.subarray(RAM_BASE, RAM_BASE + MIB * 2 ** 20);
  const view = new DataView(ram.buffer, ram.byteOffset, ram.byteLength);
  const text = (at: number): string => String.fromCharCode(...ram.subarray(at, at + 4));
  let rsdp = 0xe_0000;
  while (rsdp < 0x10_0000 && `${text(rsdp)}${text(rsdp + 4)}` !== "RSD PTR ") rsdp += 16;
  expect(rsdp).toBeLessThan(0x10_0000);
  const xsdt = view.getUint32(rsdp + 24, true);
  const entries = Array.from({ length: (view.getUint32(xsdt + 4, true) - 36) / 8 }, (_, i) => view.getUint32(xsdt + 36 + 8 * i, true));
  expect(entries.map(text)).toEqual(["FACP", "APIC", "HPET", "MCFG"]);
  for (const at of [xsdt, ...entries, view.getUint32(entries[0] + 40, true)]) expect([text(at), sum(ram.subarray(at, at + view.getUint32(at + 4, true)))]).toEqual([text(at), 0]);
  expect([text(view.getUint32(entries[0] + 40, true)), text(view.getUint32(entries[0] + 36, true))]).toEqual(["DSDT", "FACS"]);
});

it("our BIOS takes the tables out of the RAM that it reports", () => {
  const run = startFirmware(ensureBios(), { acpi: example() }, { memoryMib: MIB });
  run.until("> ");
  run.type("mem\r");
  run.until("\r\n> ");
  expect(run.serial).toContain("00100000 - 01ffefff  RAM");
  expect(run.serial).toContain("01fff000 - 01ffffff  ACPI tables");
});
