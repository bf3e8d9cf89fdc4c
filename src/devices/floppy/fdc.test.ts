/** The floppy controller with its DMA channel, against the 82077AA's datasheet (290166-007). */
import { beforeEach, expect, it } from "vitest";
import { TimerQueue } from "../../base/clock.ts";
import { IsaDma } from "../dma/isa-dma.ts";
import { testDisk, type TestDisk } from "../testing/disks.ts";
import { FloppyController } from "./fdc.ts";
import { floppyFormat } from "./format.ts";

let clock: TimerQueue;
let memory: Uint8Array;
let disk: TestDisk;
let irq: boolean;
let dma: IsaDma;
let fdc: FloppyController;

function make(image: TestDisk): void {
  disk = image;
  fdc = new FloppyController(clock, { set: (on) => (irq = on) }, dma.channel(2), [disk, null]);
  fdc.ports.write(2, 1, 0x08);
  fdc.ports.write(2, 1, 0x1c); // motor 0, DMA gate, out of reset
  for (let i = 0; i < 4; i++) expect(command(8)).toEqual([0xc0 | i, 0]);
}
beforeEach(() => {
  clock = new TimerQueue();
  memory = new Uint8Array(0x1_0000);
  irq = false;
  dma = new IsaDma({ read: (at, into) => into.set(memory.subarray(at, at + into.length)), write: (at, from) => memory.set(from, at) });
  make(testDisk(2880));
});
/** Sends a command, lets its time pass, and reads the result. */
function command(...bytes: number[]): number[] {
  for (const b of bytes) {
    expect(fdc.ports.read(4, 1) & 0xc0).toBe(0x80);
    fdc.ports.write(5, 1, b);
  }
  clock.advanceTo(clock.nowNs() + 10_000_000);
  const result: number[] = [];
  while ((fdc.ports.read(4, 1) & 0xc0) === 0xc0) result.push(fdc.ports.read(5, 1));
  return result;
}
function program(mode: number, address: number, bytes: number): void {
  const out = (port: number, value: number): void => dma.firstPorts.write(port, 1, value);
  out(10, 6);
  out(12, 0);
  out(11, mode);
  out(4, address & 255);
  out(4, address >>> 8);
  out(5, (bytes - 1) & 255);
  out(5, (bytes - 1) >>> 8);
  out(10, 2);
}
function seek(cylinder: number): void {
  command(0x0f, 0, cylinder);
  expect(irq).toBe(true);
  expect(command(8)).toEqual([0x20, cylinder]);
  expect(irq).toBe(false);
}

it("is an 82077 and raises a seek interrupt from RECALIBRATE", () => {
  expect(command(0x10)).toEqual([0x90]);
  command(7, 0);
  expect(command(8)).toEqual([0x20, 0]);
  expect(command(8)).toEqual([0x80]); // nothing left to tell
});
it("reads over both sides with MT until TC", () => {
  seek(3);
  program(0x46, 0x4000, 20 * 512);
  const result = command(0xc6, 0, 3, 0, 17, 2, 18, 27, 255);
  expect(result).toEqual([0, 0, 0, 4, 0, 1, 2]); // C + 1, H complemented, R = 1 (table 5-5)
  const first = (3 * 2 * 18 + 16) * 512;
  expect(memory.slice(0x4000, 0x4000 + 20 * 512)).toEqual(disk.bytes.slice(first, first + 20 * 512));
  expect(irq).toBe(false);
});
it("without TC it runs into the end of the cylinder (table 5-5)", () => {
  seek(0);
  program(0x46, 0, 0x8000);
  const [st0, st1] = command(0x46, 0, 0, 0, 1, 2, 18, 27, 255);
  expect([st0 & 0xc0, st1]).toEqual([0x40, 0x80]);
  expect(memory.slice(0, 18 * 512)).toEqual(disk.bytes.slice(0, 18 * 512));
});
it("writes, and says when the disk is protected", () => {
  seek(1);
  memory.fill(0xa5, 0x100, 0x300);
  program(0x4a, 0x100, 512);
  expect(command(0x45, 0, 1, 0, 5, 2, 5, 27, 255)[0] & 0xc0).toBe(0);
  expect(disk.bytes.slice((36 + 4) * 512, (36 + 5) * 512)).toEqual(memory.slice(0x100, 0x300));
  make(testDisk(2880, { readOnly: true }));
  seek(1);
  program(0x4a, 0x100, 512);
  const [st0, st1] = command(0x45, 0, 1, 0, 5, 2, 5, 27, 255);
  expect([st0 & 0xc0, st1 & 2]).toEqual([0x40, 2]);
});
it("transfers without DMA through the data port when SPECIFY says ND", () => {
  command(3, 0xaf, 3);
  seek(0);
  for (const b of [0x46, 0, 0, 0, 2, 2, 2, 27, 255]) fdc.ports.write(5, 1, b);
  clock.advanceTo(clock.nowNs() + 1_000_000);
  expect([irq, fdc.ports.read(4, 1)]).toEqual([true, 0xf0]);
  const data = Uint8Array.from({ length: 512 }, () => fdc.ports.read(5, 1));
  expect(data).toEqual(disk.bytes.slice(512, 1024));
  expect(fdc.ports.read(4, 1)).toBe(0xd0);
});
it("the change line is set until a step, and stays so without a disk", () => {
  expect(fdc.inputPort.read(0, 1) & 0x80).toBe(0x80);
  seek(1);
  expect(fdc.inputPort.read(0, 1) & 0x80).toBe(0);
});
it("knows the formats by size", () => {
  expect([2880, 1440, 2400, 720, 5760].map((n) => floppyFormat(n)?.driveType)).toEqual([4, 3, 2, 1, 5]);
  expect(floppyFormat(1)?.sectors).toBe(18);
  expect(floppyFormat(100_000)).toBeNull();
});
