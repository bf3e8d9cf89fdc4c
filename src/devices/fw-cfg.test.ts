/** fw_cfg as firmware uses it (QEMU docs/specs/fw_cfg). */
import { beforeEach, expect, it } from "vitest";
import { PortBus } from "./bus/port-bus.ts";
import { FW_CFG, FirmwareConfig } from "./fw-cfg.ts";

let bus: PortBus;
let memory: Uint8Array;
let config: FirmwareConfig;
beforeEach(() => {
  memory = new Uint8Array(0x1000);
  config = new FirmwareConfig({ read: (at, into) => into.set(memory.subarray(at, at + into.length)), write: (at, from) => memory.set(from, at) });
  bus = new PortBus();
  bus.map(config.ports, { name: "fw-cfg", base: 0x510 });
  bus.map(config.dmaPorts, { name: "fw-cfg-dma", base: 0x514 });
  config.setInt(FW_CFG.ramSize, 8, 0x1_2345_6000);
  config.addFile("etc/one", Uint8Array.of(1, 2, 3));
  config.addFile("etc/two", Uint8Array.of(9));
});
const item = (key: number, n: number): number[] => {
  bus.write(0x510, 2, key);
  return Array.from({ length: n }, () => bus.read(0x511, 1));
};
function dma(control: number, length: number, address: number): number {
  const view = new DataView(memory.buffer);
  view.setUint32(0x100, control);
  view.setUint32(0x104, length);
  view.setUint32(0x108, 0);
  view.setUint32(0x10c, address);
  bus.write(0x514, 4, 0);
  bus.write(0x518, 4, 0x0001_0000); // 100h, big-endian
  return view.getUint32(0x100);
}

it("answers the signature, the features, numbers, and zeroes behind an item", () => {
  expect(String.fromCharCode(...item(0, 4))).toBe("QEMU");
  expect(item(1, 4)).toEqual([3, 0, 0, 0]);
  expect(item(3, 9)).toEqual([0, 0x60, 0x45, 0x23, 1, 0, 0, 0, 0]);
  expect(item(0x7777, 2)).toEqual([0, 0]);
});
it("lists files with size, key and name, big-endian", () => {
  const directory = item(0x19, 4 + 128);
  expect(directory.slice(0, 4)).toEqual([0, 0, 0, 2]);
  expect(directory.slice(4, 10)).toEqual([0, 0, 0, 3, 0, 0x20]);
  expect(String.fromCharCode(...directory.slice(12, 19))).toBe("etc/one");
  expect(item(0x21, 1)).toEqual([9]);
});
it("copies by DMA: select, read, skip; and tells errors", () => {
  expect(bus.read(0x514, 4)).toBe(0x554d_4551); // "QEMU"
  expect(dma((0x20 << 16) | 8 | 2, 2, 0x200)).toBe(0);
  expect([...memory.subarray(0x200, 0x204)]).toEqual([1, 2, 0, 0]);
  expect(dma(2, 1, 0x202)).toBe(0);
  expect(memory[0x202]).toBe(3);
  expect(dma((0x20 << 16) | 8 | 4, 2, 0)).toBe(0);
  expect(item.length).toBe(2);
  expect(bus.read(0x511, 1)).toBe(3);
  expect(dma(16, 1, 0x200)).toBe(1);
});
