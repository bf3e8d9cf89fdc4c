/** Configuration mechanism #1 (PCI 2.2 §3.2.2.3.2) and the host bridge. */
import { beforeEach, expect, it } from "vitest";
import { InternalError } from "../../base/errors.ts";
import { PortBus } from "../bus/port-bus.ts";
import { HostBridge } from "./host-bridge.ts";
import { PciBus } from "./pci-bus.ts";

let bus: PortBus;
let pci: PciBus;
beforeEach(() => {
  bus = new PortBus();
  pci = new PciBus();
  pci.attach(0, 0, new HostBridge());
  bus.map(pci.addressPorts, { name: "address", base: 0xcf8, widthDecoded: true });
  bus.map(pci.dataPorts, { name: "data", base: 0xcfc });
});
const select = (device: number, fn: number, register: number, busNumber = 0): void =>
  bus.write(0xcf8, 4, (0x8000_0000 | (busNumber << 16) | (device << 11) | (fn << 8) | register) >>> 0);

it("passes Linux' check of type 1 (arch/x86/pci/direct.c)", () => {
  bus.write(0xcfb, 1, 1);
  const before = bus.read(0xcf8, 4);
  bus.write(0xcf8, 4, 0x8000_0000);
  expect(bus.read(0xcf8, 4)).toBe(0x8000_0000);
  bus.write(0xcf8, 4, before);
  select(0, 0, 0x08);
  expect(bus.read(0xcfe, 2)).toBe(0x0600); // class: host bridge
});
it("reads vendor and device by byte, word and doubleword", () => {
  select(0, 0, 0);
  expect(bus.read(0xcfc, 4)).toBe(0x1237_8086);
  expect([bus.read(0xcfc, 2), bus.read(0xcfe, 2)]).toEqual([0x8086, 0x1237]);
  expect([0, 1, 2, 3].map((i) => bus.read(0xcfc + i, 1))).toEqual([0x86, 0x80, 0x37, 0x12]);
});
it("finds nobody elsewhere, and nothing without the enable bit", () => {
  for (const [device, fn, number] of [[1, 0, 0], [0, 1, 0], [31, 7, 0], [0, 0, 1], [0, 0, 255]]) {
    select(device, fn, 0, number);
    expect(bus.read(0xcfc, 4)).toBe(0xffff_ffff);
    bus.write(0xcfc, 4, 0);
  }
  bus.write(0xcf8, 4, 0);
  expect(bus.read(0xcfc, 4)).toBe(0xffff_ffff);
});
it("accesses to CF8h that are not doublewords are not for CONFIG_ADDRESS", () => {
  bus.write(0xcf8, 4, 0x8000_f8fc);
  bus.write(0xcf8, 2, 0);
  expect([bus.read(0xcf8, 4), bus.read(0xcf8, 1)]).toEqual([0x8000_f8fc, 0xff]);
  bus.write(0xcf8, 4, 0xffff_ffff);
  expect(bus.read(0xcf8, 4)).toBe(0x80ff_fffc);
});
it("keeps only writable bits", () => {
  select(0, 0, 0);
  bus.write(0xcfc, 4, 0);
  expect(bus.read(0xcfc, 4)).toBe(0x1237_8086);
  select(0, 0, 0x58);
  bus.write(0xcfd, 1, 0xff);
  expect(bus.read(0xcfd, 1)).toBe(0x30);
  for (let bar = 0x10; bar < 0x28; bar += 4) {
    select(0, 0, bar);
    bus.write(0xcfc, 4, 0xffff_ffff);
    expect(bus.read(0xcfc, 4)).toBe(0);
  }
});
it("a slot is taken once", () => {
  expect(() => pci.attach(0, 0, new HostBridge())).toThrow(InternalError);
  expect(() => pci.attach(32, 0, new HostBridge())).toThrow(InternalError);
});

it("shows configuration space in memory, function by function (PCI Express 3.0 §7.2.2)", () => {
  const { ecam } = pci;
  expect([ecam.read(0, 4), ecam.read(2, 2), ecam.read(1, 1)]).toEqual([0x1237_8086, 0x1237, 0x80]);
  // What one way writes, the other reads.
  ecam.write(0x04, 2, 0x0007);
  select(0, 0, 4);
  const command = bus.read(0xcfc, 2);
  expect(ecam.read(0x04, 2)).toBe(command);
  // Another function, another bus, and registers that a conventional function has not.
  for (const offset of [0x1000, 0x8000, 0x10_0000, 0xfff_f000, 0x100, 0xffc]) {
    ecam.write(offset, 4, 0);
    expect(ecam.read(offset, 4)).toBe(0xffff_ffff);
  }
});
