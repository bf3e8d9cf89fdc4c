/** Rules of the buses: ownership of addresses, splitting by declared width, unclaimed accesses. */
import { beforeEach, describe, expect, it } from "vitest";
import { InternalError } from "../../base/errors.ts";
import { MmioBus } from "./mmio-bus.ts";
import { PortBus } from "./port-bus.ts";
import type { BusRegion, IoWidth } from "./region.ts";

let log: string[];
function region(length: number, widths: readonly IoWidth[], value = 0xffff_ffff): BusRegion {
  return {
    length,
    widths,
    read: (offset, width) => {
      log.push(`r${width}@${offset}`);
      return value;
    },
    write: (offset, width, v) => log.push(`w${width}@${offset}=${v.toString(16)}`),
  };
}
beforeEach(() => {
  log = [];
});

describe.each([
  ["ports", () => new PortBus()],
  ["memory", () => new MmioBus()],
] as const)("%s", (_name, make) => {
  it("hands out offsets, whole accesses where declared and aligned", () => {
    const bus = make();
    bus.map(region(8, [1, 2, 4]), { name: "d", base: 0x100 });
    bus.write(0x104, 4, 0x1234_5678);
    bus.write(0x102, 2, 0x1_abcd);
    expect(bus.read(0x107, 1)).toBe(0xff);
    expect(bus.read(0x104, 4)).toBe(0xffff_ffff);
    expect(log).toEqual(["w4@4=12345678", "w2@2=abcd", "r1@7", "r4@4"]);
  });

  it("splits what is wider than declared, misaligned, or runs over the end", () => {
    const bus = make();
    bus.map(region(4, [1]), { name: "bytes", base: 0x100 });
    bus.map(region(4, [1, 2]), { name: "words", base: 0x104 });
    bus.write(0x100, 4, 0x1234_5678);
    bus.write(0x104, 4, 0x1234_5678);
    bus.write(0x105, 2, 0xabcd);
    bus.write(0x107, 2, 0xabcd);
    expect(log).toEqual(["w1@0=78", "w1@1=56", "w1@2=34", "w1@3=12", "w2@0=5678", "w2@2=1234", "w1@1=cd", "w1@2=ab", "w1@3=cd"]);
    expect(bus.statistics().unclaimed).toEqual({ reads: 0, writes: 1 });
  });

  it("gives all ones where nobody answers, also in part, and counts it", () => {
    const bus = make();
    bus.map(region(1, [1], 0x12), { name: "d", base: 0x200 });
    expect(bus.read(0x300, 1)).toBe(0xff);
    expect(bus.read(0x300, 2)).toBe(0xffff);
    expect(bus.read(0x300, 4)).toBe(0xffff_ffff);
    expect(bus.read(0x200, 4)).toBe(0xffff_ff12);
    bus.write(0x300, 2, 1);
    const s = bus.statistics();
    expect(s.unclaimed).toEqual({ reads: 10, writes: 2 });
    expect(s.unclaimedAddresses["300"]).toBe(4);
    expect(s.regions["d"]).toEqual({ reads: 1, writes: 0 });
  });

  it("refuses overlaps and addresses outside", () => {
    const bus = make();
    bus.map(region(4, [1]), { name: "a", base: 0x100 });
    for (const base of [0xfd, 0x100, 0x103]) {
      expect(() => bus.map(region(4, [4]), { name: "b", base })).toThrow(InternalError);
      expect(bus.tryMap(region(4, [4]), { name: "b", base })).toBe(null);
    }
    expect(() => bus.map(region(4, [1]), { name: "b", base: -1 })).toThrow(InternalError);
    expect(() => bus.map(region(4, [1]), { name: "b", base: 2 ** 52 })).toThrow(InternalError);
    bus.map(region(4, [1]), { name: "b", base: 0xfc });
  });

  it("unmaps, and maps again elsewhere", () => {
    const bus = make();
    const d = region(4, [1], 7);
    const mapping = bus.map(d, { name: "bar", base: 0x1000 });
    expect(bus.read(0x1000, 1)).toBe(7);
    mapping.remove();
    mapping.remove();
    expect(bus.read(0x1000, 1)).toBe(0xff);
    bus.map(d, { name: "bar", base: 0x1002 });
    expect(bus.read(0x1002, 1)).toBe(7);
    expect(bus.statistics().regions["bar"]).toEqual({ reads: 2, writes: 0 });
  });
});

it("ports: width-decoded regions share addresses (CF8h doubleword, CF9h byte)", () => {
  const bus = new PortBus();
  bus.map(region(4, [4]), { name: "address", base: 0xcf8, widthDecoded: true });
  bus.map(region(1, [1]), { name: "reset", base: 0xcf9, widthDecoded: true });
  bus.write(0xcf8, 4, 0x8000_0000);
  bus.write(0xcf9, 1, 6);
  bus.write(0xcfb, 1, 1);
  expect(log).toEqual(["w4@0=80000000", "w1@0=6"]);
  expect(() => bus.map(region(4, [4]), { name: "x", base: 0xcf8, widthDecoded: true })).toThrow(InternalError);
});

it("ports: an access past FFFFh finds nobody", () => {
  const bus = new PortBus();
  bus.map(region(1, [1], 5), { name: "last", base: 0xffff });
  expect(bus.read(0xffff, 4)).toBe(0xffff_ff05);
  bus.write(0xffff, 4, 0);
});

it("memory: addresses above 4 GiB", () => {
  const bus = new MmioBus();
  bus.map(region(0x1000, [4], 9), { name: "high", base: 0x12_3456_7000 });
  expect(bus.read(0x12_3456_7ffc, 4)).toBe(9);
  expect(bus.read(0x12_3456_8000, 4)).toBe(0xffff_ffff);
});
