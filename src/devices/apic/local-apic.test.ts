/** The local APIC against SDM 3A chapter 10: priorities, registers of both modes, IPIs, timer, virtual wire. */
import { beforeEach, describe, expect, it } from "vitest";
import { TimerQueue } from "../../base/clock.ts";
import { PicPair } from "../pic.ts";
import { APIC, LocalApic } from "./local-apic.ts";
import { decodeMsi } from "./message.ts";

let clock: TimerQueue;
let log: string[];
let pic: PicPair;
let apic: LocalApic;

function make(options: Partial<ConstructorParameters<typeof LocalApic>[0]> = {}): LocalApic {
  pic = new PicPair({ set: () => apic.externalChanged() });
  apic = new LocalApic({
    scheduler: clock, crystalHz: 25_000_000, tscHz: 1_000_000_000, external: pic, fitted: true, x2apic: true, tscDeadline: true, physicalBits: 40,
    signals: {
      intr: () => log.push("intr"),
      nmi: () => log.push("nmi"),
      init: () => log.push("init"),
      endOfInterrupt: (v) => log.push(`eoi ${v}`),
      page: (base) => log.push(`page ${base === null ? "none" : base.toString(16)}`),
    },
    ...options,
  });
  return apic;
}
const rd = (offset: number): number => apic.page.read(offset, 4) >>> 0;
const wr = (offset: number, value: number): void => apic.page.write(offset, 4, value);
const send = (vector: number, level = false): void => apic.deliver({ vector, mode: 0, level, destination: 0, logical: false });
const BASE = 0xfee00000n;
const XAPIC = BASE | 0x900n;
const X2APIC = BASE | 0xd00n;

beforeEach(() => {
  clock = new TimerQueue();
  log = [];
  make();
});

describe("state at reset (§10.4.7.1)", () => {
  it("registers", () => {
    expect([rd(APIC.id), rd(APIC.version), rd(APIC.tpr), rd(APIC.ldr), rd(APIC.dfr), rd(APIC.svr)]).toEqual([0, 0x50014, 0, 0, 0xffffffff, 0xff]);
    expect([APIC.lvtTimer, APIC.lvtThermal, APIC.lvtPerformance, APIC.lvtLint1, APIC.lvtError].map(rd)).toEqual([0x10000, 0x10000, 0x10000, 0x10000, 0x10000]);
    expect([rd(APIC.initialCount), rd(APIC.currentCount), rd(APIC.divide), rd(APIC.esr), rd(APIC.icrLow), rd(APIC.icrHigh)]).toEqual([0, 0, 0, 0, 0, 0]);
    expect(apic.readMsr(0x1b)).toBe(XAPIC);
  });
  it("virtual wire: the 8259s' interrupt comes through LINT0 as ExtINT", () => {
    expect(rd(APIC.lvtLint0)).toBe(0x700);
    pic.masterPorts.write(0, 1, 0x11);
    for (const word of [0x40, 4, 1, 0]) pic.masterPorts.write(1, 1, word);
    pic.line(3).set(true);
    expect([apic.asserted, apic.acknowledge(), apic.asserted]).toEqual([true, 0x43, false]);
  });
});

describe("software enable (§10.4.7.2)", () => {
  it("disabled: LVT masks are set and stay so; fixed interrupts are dropped; NMI passes", () => {
    wr(APIC.svr, 0x1ff);
    wr(APIC.lvtTimer, 0x30);
    wr(APIC.svr, 0xff);
    expect(rd(APIC.lvtTimer)).toBe(0x10030);
    expect(rd(APIC.lvtLint0)).toBe(0x10700);
    wr(APIC.lvtTimer, 0x31);
    expect(rd(APIC.lvtTimer)).toBe(0x10031);
    send(0x50);
    expect(apic.asserted).toBe(false);
    apic.deliver({ vector: 0, mode: 4, level: false, destination: 0, logical: false });
    expect(log).toEqual(["nmi"]);
  });
});

describe("priorities (§10.8.3)", () => {
  beforeEach(() => wr(APIC.svr, 0x1ff));
  it("IRR, ISR, PPR: higher classes interrupt lower ones, the same class waits", () => {
    send(0x41);
    expect(rd(APIC.irr + 0x20)).toBe(2);
    expect(apic.acknowledge()).toBe(0x41);
    expect([rd(APIC.irr + 0x20), rd(APIC.isr + 0x20), rd(APIC.ppr)]).toEqual([0, 2, 0x40]);
    send(0x4f);
    expect(apic.asserted).toBe(false);
    send(0x50);
    expect([apic.asserted, apic.acknowledge(), rd(APIC.ppr)]).toEqual([true, 0x50, 0x50]);
    wr(APIC.eoi, 0);
    expect([rd(APIC.ppr), apic.asserted]).toEqual([0x40, false]);
    wr(APIC.eoi, 0);
    expect([apic.asserted, apic.acknowledge()]).toEqual([true, 0x4f]);
  });
  it("TPR holds back its class and those below; its low bits show in PPR only when it rules", () => {
    wr(APIC.tpr, 0x45);
    send(0x4f);
    expect([apic.asserted, rd(APIC.ppr)]).toEqual([false, 0x45]);
    wr(APIC.tpr, 0x3f);
    expect(apic.acknowledge()).toBe(0x4f);
    expect(rd(APIC.ppr)).toBe(0x40);
  });
  it("CR8 is TPR[7:4]", () => {
    apic.taskPriority = 9;
    expect(rd(APIC.tpr)).toBe(0x90);
    wr(APIC.tpr, 0xa7);
    expect(apic.taskPriority).toBe(10);
  });
  it("a request that has gone behind TPR gives the spurious vector, not in service", () => {
    send(0x60);
    wr(APIC.svr, 0x1ef);
    wr(APIC.tpr, 0xf0);
    expect([apic.acknowledge(), rd(APIC.isr + 0x30)]).toEqual([0xef, 0]);
    wr(APIC.tpr, 0);
    expect(apic.acknowledge()).toBe(0x60);
  });
  it("level-triggered: TMR is set, and the EOI is broadcast", () => {
    send(0x70, true);
    expect(rd(APIC.tmr + 0x30)).toBe(0x10000);
    apic.acknowledge();
    wr(APIC.eoi, 0);
    expect(log).toContain("eoi 112");
    send(0x70);
    expect(rd(APIC.tmr + 0x30)).toBe(0);
  });
});

describe("destinations and IPIs (§10.6)", () => {
  beforeEach(() => wr(APIC.svr, 0x1ff));
  const takes = (destination: number, logical: boolean): boolean => {
    apic.deliver({ vector: 0x33, mode: 0, level: false, destination, logical });
    if (!apic.asserted) return false;
    apic.acknowledge();
    wr(APIC.eoi, 0);
    return true;
  };
  it("physical: the ID, or all", () => {
    expect([takes(0, false), takes(1, false), takes(0xff, false)]).toEqual([true, false, true]);
  });
  it("logical, flat and cluster", () => {
    wr(APIC.ldr, 0x12000000);
    expect([takes(0x02, true), takes(0x10, true), takes(0x04, true)]).toEqual([true, true, false]);
    wr(APIC.dfr, 0x0fffffff);
    expect([takes(0x12, true), takes(0x22, true), takes(0x14, true), takes(0x1f, true)]).toEqual([true, false, false, true]);
  });
  it("self shorthand, to itself by ID, to all others, to another", () => {
    wr(APIC.icrLow, 0x40055);
    expect(apic.acknowledge()).toBe(0x55);
    wr(APIC.eoi, 0);
    wr(APIC.icrHigh, 0);
    wr(APIC.icrLow, 0x4066);
    expect(apic.acknowledge()).toBe(0x66);
    wr(APIC.eoi, 0);
    wr(APIC.icrLow, 0xc4077);
    wr(APIC.icrHigh, 0x01000000);
    wr(APIC.icrLow, 0x4077);
    expect(apic.asserted).toBe(false);
    expect([rd(APIC.icrHigh), rd(APIC.icrLow)]).toEqual([0x01000000, 0x4077]);
  });
  it("NMI and INIT to itself; start-up is ignored by a processor that runs", () => {
    wr(APIC.icrLow, 0x44400);
    wr(APIC.icrLow, 0x84500);
    wr(APIC.icrLow, 0x84600);
    expect(log).toEqual(["nmi", "init"]);
  });
  it("an illegal vector is an error: ESR after a write to it, and the error interrupt (§10.5.3)", () => {
    wr(APIC.lvtError, 0xfe);
    wr(APIC.icrLow, 0x4000f);
    expect(rd(APIC.esr)).toBe(0);
    wr(APIC.esr, 0);
    expect([rd(APIC.esr), apic.acknowledge()]).toEqual([0x20, 0xfe]);
    send(3);
    wr(APIC.esr, 0);
    expect(rd(APIC.esr)).toBe(0x40);
    rd(0x3c0);
    wr(APIC.esr, 0);
    expect(rd(APIC.esr)).toBe(0x80);
    wr(APIC.esr, 0);
    expect(rd(APIC.esr)).toBe(0);
  });
  it("MSI addresses and data (§10.11)", () => {
    expect(decodeMsi(0xfee0_100c, 0x4041)).toEqual({ vector: 0x41, mode: 0, level: false, destination: 1, logical: true });
    expect(decodeMsi(0xfeef_f000, 0xc430)).toEqual({ vector: 0x30, mode: 4, level: true, destination: 0xff, logical: false });
  });
});

describe("timer (§10.5.4)", () => {
  beforeEach(() => wr(APIC.svr, 0x1ff));
  it("one-shot: 25 MHz divided; the count falls to 0 and one interrupt comes", () => {
    wr(APIC.lvtTimer, 0x40);
    wr(APIC.divide, 0b0011); // by 16: 640 ns
    wr(APIC.initialCount, 1000);
    clock.advanceTo(320_000);
    expect([rd(APIC.currentCount), apic.asserted]).toEqual([500, false]);
    clock.advanceTo(639_999);
    expect([rd(APIC.currentCount), apic.asserted]).toEqual([1, false]);
    clock.advanceTo(640_000);
    expect([rd(APIC.currentCount), apic.acknowledge()]).toEqual([0, 0x40]);
    clock.advanceTo(10_000_000);
    expect(rd(APIC.irr + 0x20)).toBe(0);
  });
  it.each([[0, 2], [1, 4], [2, 8], [3, 16], [8, 32], [9, 64], [10, 128], [11, 1]])("divide configuration %i: by %i", (bits, by) => {
    wr(APIC.divide, bits);
    expect(rd(APIC.divide)).toBe(bits);
    wr(APIC.initialCount, 0xffffffff);
    clock.advanceTo(40 * 128 * 10);
    expect(0xffffffff - rd(APIC.currentCount)).toBe((128 * 10) / by);
  });
  it("periodic: reloads; expiries while one is pending are one", () => {
    wr(APIC.lvtTimer, 0x20040);
    wr(APIC.divide, 11);
    wr(APIC.initialCount, 25); // 1 µs
    clock.advanceTo(1_000);
    expect(apic.acknowledge()).toBe(0x40);
    wr(APIC.eoi, 0);
    clock.advanceTo(5_500);
    expect(apic.acknowledge()).toBe(0x40);
    wr(APIC.eoi, 0);
    expect([apic.asserted, rd(APIC.currentCount)]).toEqual([false, 13]);
    clock.advanceTo(6_000);
    expect(apic.asserted).toBe(true);
  });
  it("a period of one tick for minutes costs nothing", () => {
    wr(APIC.lvtTimer, 0x20040);
    wr(APIC.divide, 11);
    wr(APIC.initialCount, 1);
    clock.advanceTo(300e9);
    wr(APIC.lvtTimer, 0x20003); // an illegal vector, too
    clock.advanceTo(600e9);
    expect(apic.acknowledge()).toBe(0x40);
  });
  it("masked: the count falls, no interrupt; writing 0 stops it", () => {
    wr(APIC.divide, 11);
    wr(APIC.initialCount, 100);
    clock.advanceTo(2_000);
    expect(rd(APIC.currentCount)).toBe(50);
    wr(APIC.initialCount, 0);
    wr(APIC.lvtTimer, 0x40);
    clock.advanceTo(1e9);
    expect([rd(APIC.currentCount), apic.asserted]).toEqual([0, false]);
  });
  it("TSC-deadline: interrupts at the deadline, which then reads 0; 0 disarms; the past is now", () => {
    wr(APIC.lvtTimer, 0x40040);
    apic.deadline = 5_000n;
    expect([apic.deadline, clock.nextDeadlineNs()]).toEqual([5_000n, 5_000]);
    clock.advanceTo(5_000);
    expect([apic.deadline, apic.acknowledge()]).toEqual([0n, 0x40]);
    wr(APIC.eoi, 0);
    apic.deadline = 9_000n;
    apic.deadline = 0n;
    clock.advanceTo(20_000);
    expect(apic.asserted).toBe(false);
    apic.deadline = 1n;
    expect([apic.asserted, apic.deadline]).toEqual([true, 0n]);
  });
  it("TSC-deadline: the initial count is not used, and outside that mode the deadline is not", () => {
    wr(APIC.lvtTimer, 0x40040);
    wr(APIC.initialCount, 1000);
    expect([rd(APIC.initialCount), rd(APIC.currentCount)]).toEqual([0, 0]);
    apic.deadline = 9_000n;
    wr(APIC.lvtTimer, 0x40); // disarms
    apic.deadline = 10_000n;
    clock.advanceTo(1e9);
    expect([apic.asserted, apic.deadline]).toEqual([false, 0n]);
  });
});

describe("IA32_APIC_BASE and x2APIC (§10.4.4, §10.12)", () => {
  it("moves the page; disabled, the APIC is as after reset and INTR passes it by", () => {
    expect(apic.writeMsr(0x1b, 0xd0000000n | 0x900n)).toBe(true);
    expect(log).toEqual(["page d0000000"]);
    wr(APIC.tpr, 0x20);
    expect(apic.writeMsr(0x1b, 0xd0000000n | 0x100n)).toBe(true);
    expect([log[1], apic.present]).toEqual(["page none", false]);
    pic.line(1).set(true);
    expect(apic.asserted).toBe(true);
    apic.writeMsr(0x1b, XAPIC);
    expect([rd(APIC.tpr), rd(APIC.lvtLint0)]).toEqual([0, 0x10000]);
    expect(apic.asserted).toBe(false);
  });
  it.each([
    ["reserved bit 9", XAPIC | 0x200n],
    ["above the physical address width", XAPIC | (1n << 40n)],
    ["x2APIC while disabled", BASE | 0x500n],
  ])("#GP: %s", (_, value) => expect(apic.writeMsr(0x1b, value)).toBe(false));
  it("mode changes that are not allowed (figure 10-27)", () => {
    expect(apic.writeMsr(0x1b, X2APIC)).toBe(true);
    expect([apic.writeMsr(0x1b, XAPIC), apic.writeMsr(0x1b, BASE | 0x100n), apic.writeMsr(0x1b, X2APIC)]).toEqual([false, true, false]);
  });
  it("x2APIC registers exist in x2APIC mode only, and the page then does not", () => {
    expect(apic.readMsr(0x802)).toBe(null);
    apic.writeMsr(0x1b, X2APIC);
    expect(log).toEqual(["page none"]);
    expect([0x802, 0x803, 0x808, 0x80a, 0x80d, 0x80f, 0x830, 0x832].map((n) => apic.readMsr(n))).toEqual([0n, 0x50014n, 0n, 0n, 1n, 0xffn, 0n, 0x10000n]);
    // Write-only, absent in x2APIC, reserved.
    expect([0x80b, 0x83f, 0x80e, 0x831, 0x804, 0x8ff].map((n) => apic.readMsr(n))).toEqual([null, null, null, null, null, null]);
  });
  it("writes: read-only registers, reserved bits and a non-zero EOI or ESR are #GP", () => {
    apic.writeMsr(0x1b, X2APIC);
    const refused: [number, bigint][] = [[0x802, 0n], [0x803, 0n], [0x80a, 0n], [0x80d, 1n], [0x839, 0n], [0x80b, 1n], [0x828, 1n], [0x808, 0x100n], [0x80f, 0x200n], [0x832, 1n << 32n], [0x830, 0x100000n], [0x83f, 0x100n]];
    expect(refused.filter(([n, v]) => apic.writeMsr(n, v))).toEqual([]);
  });
  it("ICR in one write, self IPI, 32-bit destinations", () => {
    apic.writeMsr(0x1b, X2APIC);
    apic.writeMsr(0x80f, 0x1ffn);
    apic.writeMsr(0x83f, 0x80n);
    expect(apic.acknowledge()).toBe(0x80);
    expect(apic.writeMsr(0x80b, 0n)).toBe(true);
    apic.writeMsr(0x830, 0x4090n);
    expect(apic.acknowledge()).toBe(0x90);
    apic.writeMsr(0x80b, 0n);
    apic.writeMsr(0x830, (5n << 32n) | 0x4091n);
    expect(apic.asserted).toBe(false);
    apic.writeMsr(0x830, (1n << 32n) | 0x4892n); // logical: cluster 0, bit 0
    expect(apic.acknowledge()).toBe(0x92);
  });
  it("without x2APIC its bit is reserved", () => {
    make({ x2apic: false });
    expect(apic.writeMsr(0x1b, X2APIC)).toBe(false);
  });
  it("not fitted: INTR passes, no page, no mode", () => {
    make({ fitted: false });
    expect([apic.present, apic.pageAddress, apic.writeMsr(0x1b, XAPIC)]).toEqual([false, null, false]);
    pic.line(1).set(true);
    expect(apic.asserted).toBe(true);
  });
});

describe("misuse", () => {
  it("partial and unaligned accesses read a part, write nothing", () => {
    wr(APIC.svr, 0x1ff);
    expect([apic.page.read(APIC.version, 1) & 0xff, apic.page.read(APIC.version + 2, 2) & 0xffff, apic.page.read(APIC.version + 4, 4)]).toEqual([0x14, 5, 0]);
    apic.page.write(APIC.tpr, 1, 0x50);
    apic.page.write(APIC.tpr + 4, 4, 0x50);
    expect(rd(APIC.tpr)).toBe(0);
  });
  it("an EOI with nothing in service does nothing", () => {
    wr(APIC.eoi, 0);
    expect(log).toEqual([]);
  });
});
