/** Video memory as the CPU meets it: plain memory in its windows, written pages noted once, devices behind what is not shown. */
import { beforeEach, expect, it } from "vitest";
import { RAM_BASE, STATE, TLB_ENTRIES, TLB_ENTRY_SIZE, TLB_WRITE } from "../../cpu/layout.ts";
import { Mmu } from "../../cpu/mmu/mmu.ts";
import { PhysicalMemory } from "../../cpu/mmu/physical.ts";
import { CpuState } from "../../cpu/state.ts";
import { VRAM_BYTES } from "../../devices/vga/video-memory.ts";
import { MappedVideoMemory, VIDEO_BYTES } from "./video-memory.ts";

const RAM = 0x20_0000;
const FRAMEBUFFER = 0xe000_0000;
let mmu: Mmu;
let state: CpuState;
let video: MappedVideoMemory;
let mmio: string[];

beforeEach(() => {
  mmio = [];
  state = new CpuState({ buffer: new ArrayBuffer(RAM_BASE + RAM + VIDEO_BYTES) });
  state.reset();
  const phys = new PhysicalMemory(state, RAM, [{ first: 0xa0, end: 0x100 }], {
    apic: null, tscKhz: 1, portRead: () => 0, portWrite: () => undefined, interruptPending: () => false, acknowledgeInterrupt: () => 0, timestamp: () => 0n,
    entropy: () => undefined,
    mmioRead: (paddr) => (mmio.push(`read ${paddr.toString(16)}`), 0x77),
    mmioWrite: (paddr, width, value) => void mmio.push(`write ${paddr.toString(16)} ${width} ${value}`),
  });
  mmu = new Mmu(state, phys);
  video = new MappedVideoMemory({ phys, mmu, state }, RAM_BASE + RAM, 0xa0000);
});

/** A store of a doubleword by emitted code; true if it found its page in the TLB. */
function store(address: number, value: number): boolean {
  const lo = address | 0;
  const entry = (state.i32[STATE.tlbBase >> 2] + ((lo >>> 12) & (TLB_ENTRIES - 1)) * TLB_ENTRY_SIZE) >> 2;
  const hit = state.i32[entry + (TLB_WRITE >> 2)] === (lo & ~0xfff) && state.i32[entry + (TLB_WRITE >> 2) + 1] === 0;
  const at = hit ? (lo + state.i32[entry + 4]) >>> 0 : mmu.writeSlow(lo, 0, 4);
  expect(at).not.toBe(0);
  state.i32[at >>> 2] = value;
  if (at === STATE.scratch) mmu.writeCommit();
  return hit;
}

it("the framebuffer is plain memory; the first write to a page is noted, the next ones are free", () => {
  video.showLinear(FRAMEBUFFER);
  video.watch(0, VRAM_BYTES / 4096);
  expect([store(FRAMEBUFFER + 0x5008, 1), store(FRAMEBUFFER + 0x500c, 2), store(FRAMEBUFFER + 0x5010, 3)]).toEqual([false, true, true]);
  expect([...video.bytes.subarray(0x5008, 0x5018)]).toEqual([1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
  expect([...video.written.keys()].filter((page) => video.written[page] === 1 && page < VRAM_BYTES / 4096)).toEqual([5]);
  video.watch(5, 6);
  expect([video.written[5], store(FRAMEBUFFER + 0x5000, 4), video.written[5], store(FRAMEBUFFER + 0x5000, 5)]).toEqual([0, false, 1, true]);
  expect(mmio).toEqual([]);
});
it("a page that is written between all looks is watched at a few of them only, and one that rests is found out", () => {
  video.showLinear(FRAMEBUFFER);
  const free: boolean[] = [];
  for (let look = 0; look < 40; look++) {
    video.watch(0, 16);
    free.push(store(FRAMEBUFFER + 0x5000, look));
    expect(video.written[5]).toBe(1);
  }
  // The first looks, and each eighth one after.
  expect(free.slice(0, 4)).toEqual([false, false, false, false]);
  expect(free.slice(8).filter((hit) => !hit)).toHaveLength(4);
  let quiet = 0;
  while (video.written[5] !== 0 && quiet < 20) {
    video.watch(0, 16);
    quiet++;
  }
  expect(quiet).toBeLessThanOrEqual(8);
  expect(store(FRAMEBUFFER + 0x5000, 1)).toBe(false);
});
it("an epoch's writes to a busy page belong to it", () => {
  video.showLinear(FRAMEBUFFER);
  for (let look = 0; look < 12; look++) {
    video.watch(0, 16);
    store(FRAMEBUFFER + 0x5000, look);
  }
  expect(video.beginEpoch()).toEqual([5]);
  mmu.flushAll();
  expect(video.beginEpoch()).toEqual([]);
  mmu.flushAll();
  store(FRAMEBUFFER + 0x5000, 99);
  video.watch(0, 16);
  expect(video.beginEpoch()).toEqual([5]);
});
it("reads do not count as writes", () => {
  video.showLinear(FRAMEBUFFER);
  video.watch(0, 16);
  mmu.readSlow((FRAMEBUFFER + 0x3000) | 0, 0, 4);
  expect([video.written[3], store(FRAMEBUFFER + 0x3000, 1), video.written[3]]).toEqual([0, false, 1]);
});
it("both windows show the same memory, and note it in one place", () => {
  video.showLinear(FRAMEBUFFER);
  video.showLegacy(0, 0x10000, 0x40000);
  video.watch(0, VRAM_BYTES / 4096);
  store(0xa1000, 0x1234);
  expect([state.i32[(mmu.readSlow((FRAMEBUFFER + 0x41000) | 0, 0, 4)) >>> 2], video.written[0x41], video.written[1]]).toEqual([0x1234, 1, 0]);
  store(FRAMEBUFFER + 0x42000, 1);
  expect(video.written[0x42]).toBe(1);
});
it("what is not shown goes to the device, also after it was shown", () => {
  video.showLegacy(0x18000, 0x8000, VRAM_BYTES);
  expect(store(0xb8000, 0x41) || store(0xb8000, 0x42)).toBe(true);
  store(0xa0000, 7);
  video.showLegacy(0, 0, 0);
  store(0xb8000, 9);
  mmu.readSlow(0xb8000, 0, 1);
  video.showLinear(null);
  store(FRAMEBUFFER, 1);
  expect(mmio).toEqual(["write a0000 4 7", "write b8000 4 9", "read b8000", "write e0000000 4 1"]);
  expect(video.bytes[VRAM_BYTES]).toBe(0x42);
});
it("regions' writes are noted, too", () => {
  video.showLinear(FRAMEBUFFER);
  video.watch(0, 16);
  expect(mmu.writeDirect(FRAMEBUFFER | 0, 0, 4)).toBe(RAM_BASE + RAM);
  expect([video.written[0], store(FRAMEBUFFER, 1)]).toEqual([1, true]);
});
