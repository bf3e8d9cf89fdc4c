/**
 * Tier 1's bookkeeping: takes hot entry points, compiles regions in batches, installs them where tier 0 finds them, drops them when
 * their code changes, and keeps what is installed within bounds.
 */
import { type CodeMode } from "../../cpu/decode/decoder.ts";
import type { HelperName } from "../../cpu/helpers/signatures.ts";
import { COUNTER_BASE, COUNTERS, LINKED_BASE, MMU_KERNEL, MMU_KERNEL_SMAP, REGION_TABLE_SIZE, SLOT_TABLE_SIZE, STATE, FETCH_KEY_64, FETCH_KEY_FLAT, FETCH_KEY_MODE, tlbAddress } from "../../cpu/layout.ts";
import type { Mmu } from "../../cpu/mmu/mmu.ts";
import type { CpuState } from "../../cpu/state.ts";
import type { CompiledCode, DecodeCache } from "../interpreter/cache.ts";
import type { RecordWriter } from "../interpreter/records.ts";
import type { RegionCheck } from "./compile.ts";
import { loadedCompiler, type RegionCompiler } from "./compiler.ts";
import { headOf, isCalled } from "./head.ts";
import { Heat, type Wanted } from "./heat.ts";
import { type BatchReply, encodeRegion, type RegionRequest } from "./request.ts";
import { type Link, type LinkFunctions, linkFunctions, linkKey, Links } from "./links.ts";
import { guestCode } from "./guest-code.ts";
import { MAX_INSTRUCTIONS, MAX_INSTRUCTIONS_CROWDED, RegionScanner, targetsOf } from "./scan.ts";
import type { Region } from "./shape.ts";

export type TierMode = "0" | "1" | "auto";

export interface EngineOptions {
  /** Arrivals at an entry point that make a point; at most 65,535. */
  readonly threshold: number;
  /** Points that make an entry point hot, and whether warm ones may be compiled too; one, and no, where nothing is said. */
  readonly wanted?: () => Wanted;
  /** At once, on the CPU's own thread (tests, forced tier 1), or in the background. */
  readonly compile: "sync" | "async";
  /** Sees each region before it is compiled. */
  readonly validate?: RegionCheck | undefined;
  /** Keeps what each region was formed of, for dumps. */
  readonly keep?: boolean;
  /** Bytes of WebAssembly code that may be installed; MAX_CODE_BYTES where nothing is said. */
  readonly maxCodeBytes?: number | undefined;
}

/** Instructions of a slice in tier 0 that are no more than its end: a region does not begin what might not fit. */
const FEW = 5000;
/** Each entry point at its first point. */
const ONE: Wanted = { points: 1, warm: false };
/** Regions that go into one module at most. */
const BATCH = 16;
/** Bytes of WebAssembly code that may be installed; machine code is about ten times as much. */
const MAX_CODE_BYTES = 8 << 20;

/** A place at which a region is entered. */
interface Entry {
  readonly ip: number;
  /** Key in byEntry, and of its link. */
  readonly name: string;
  /** In the table of regions; 0 before it is installed. */
  index: number;
  record: number;
}

interface Installed {
  readonly ppn: number;
  readonly mode: CodeMode;
  /** All on page `ppn`; the first is the one that it was formed for. */
  readonly entries: readonly Entry[];
  /** With EngineOptions.keep. */
  readonly formed: Region | null;
  /** Keys of the links that its code uses. */
  readonly links: readonly string[];
  readonly tlbBase: number;
  /** Byte ranges of its code by physical page: first, end, first, end, ... */
  readonly ranges: ReadonlyMap<number, readonly number[]>;
  /** Of no use any more, or not yet. */
  state: "coming" | "installed" | "dead";
  readonly instructions: number;
  readonly linear: bigint;
  wasmBytes: number;
  compileNs: number;
  /** Entries when room was last made; -1 before. */
  seen: number;
  /** Entries between the times that room was made, older ones half as much each time. */
  use: number;
}

/** One region as `--stats` and the inspector show it. */
export interface RegionInfo {
  readonly address: bigint;
  readonly entries: number;
  readonly instructions: number;
  readonly wasmBytes: number;
  /** Host time that it took the CPU's own thread to form, emit, compile and install it, ns. Needs EngineParts.now. */
  readonly compileNs: number;
}

/** An installed region's source, for dumps. */
export interface FormedRegion {
  readonly info: RegionInfo;
  readonly region: Region;
  /** Linear address of the page that its offsets count from. */
  readonly page: bigint;
  readonly tlbBase: number;
}

export interface RegionStats {
  regions: number;
  compiled: number;
  modules: number;
  invalidated: number;
  evicted: number;
  queue: number;
  wasmBytes: number;
  /** Host time spent on forming and emitting, ns; needs EngineHost.now. */
  buildNs: number;
  refused: number;
}

export interface EngineParts {
  readonly state: CpuState;
  readonly mmu: Mmu;
  readonly cache: DecodeCache;
  readonly writer: RecordWriter;
  readonly memory: WebAssembly.Memory;
  readonly table: WebAssembly.Table;
  /** The interpreter's way into regions, for regions. */
  readonly callOut: unknown;
  readonly helpers: Readonly<Record<string, unknown>>;
  /** A monotonic clock for statistics alone, ns. */
  readonly now: (() => number) | undefined;
  /** For "async". */
  readonly compiler: RegionCompiler;
}

export class RegionEngine implements CompiledCode {
  readonly stats: RegionStats = { regions: 0, compiled: 0, modules: 0, invalidated: 0, evicted: 0, queue: 0, wasmBytes: 0, buildNs: 0, refused: 0 };
  private readonly byPage = new Map<number, Set<Installed>>();
  private readonly byEntry = new Map<string, Installed>();
  private readonly refused = new Set<string>();
  /** In the order of installation. */
  private readonly installed = new Set<Installed>();
  private readonly counters: Uint16Array;
  private links: Links;
  private readonly linkFunctions: LinkFunctions;
  private pending: { request: RegionRequest; region: Installed }[] = [];
  /** Instructions that turned out to be no region's, by entry. */
  private readonly excluded = new Map<string, Set<number>>();
  /** In a module that the host is compiling. */
  private readonly compiling = new Set<Installed>();

  constructor(
    private readonly parts: EngineParts,
    private readonly options: EngineOptions,
  ) {
    this.counters = new Uint16Array(parts.memory.buffer, COUNTER_BASE, COUNTERS);
    this.linkFunctions = linkFunctions(parts.memory, parts.table);
    this.links = this.newLinks();
    this.heat = new Heat(options.wanted ?? ((): Wanted => ONE));
    this.resetCounters();
  }

  private newLinks(): Links {
    const { memory, table } = this.parts;
    return new Links(table, this.linkFunctions.unlinked, new Int32Array(memory.buffer, LINKED_BASE, REGION_TABLE_SIZE));
  }

  private resetCounters(): void {
    this.counters.fill(this.options.threshold);
  }

  private key(ppn: number, mode: CodeMode, ip: number, tlbBase: number): string {
    return `${ppn}:${mode}:${ip}:${tlbBase}`;
  }

  /** The entry point at hi:lo has been reached often: a point for it. */
  hot(lo: number, hi: number): void {
    const page = this.parts.mmu.fetchedSlots(lo, hi);
    const slot = page + ((lo & 4095) << 2);
    if (this.isDue(slot, page, lo, hi)) this.compileAt(lo, hi, true);
    else this.counters[(slot >> 2) & (COUNTERS - 1)] = this.options.threshold - 1;
  }
  /** Counting begins anew. */
  forgetHeat(): void {
    this.heat.forget();
  }
  private readonly heat: Heat;

  private get idle(): boolean {
    return this.pending.length === 0 && this.compiling.size === 0;
  }

  private compileAt(lo: number, hi: number, arrived = false): void {
    const from = this.parts.now?.() ?? 0;
    const region = this.form(lo, hi, arrived);
    if (region !== null) region.compileNs = (this.parts.now?.() ?? 0) - from;
    if (region !== null && this.pending.length >= BATCH) this.flush();
    this.stats.buildNs += (this.parts.now?.() ?? 0) - from;
  }

  /**
   * The budget ran out at hi:lo, `interpreted` instructions of the slice in tier 0. Where it does is a sample of where time is spent: entry points
   * that are not reached often, but have much to do each time, are found by it.
   */
  sample(lo: number, hi: number, interpreted: number): void {
    const { state, mmu } = this.parts;
    const leader = state.i32[STATE.leader >> 2];
    const page = mmu.fetchedSlots(lo, hi);
    const offset = leader - page;
    this.heat.earn(page);
    this.interpreted = interpreted;
    if (leader === 0 || offset < 0 || offset >= SLOT_TABLE_SIZE) return;
    const at = (lo & ~4095) | (offset >> 2);
    if (this.isDue(leader, page, at, hi)) this.compileAt(at, hi);
  }

  /** `arrived`: control has just come there, and nothing was executed since. */
  private form(lo: number, hi: number, arrived: boolean): Installed | null {
    const place = lo & 4095;
    const { state, mmu, cache } = this.parts;
    const code = state.i32[STATE.fetchKey >> 2] & FETCH_KEY_MODE;
    if ((code !== FETCH_KEY_64 && code !== FETCH_KEY_FLAT) || cache.breakpointsArmed) return null;
    const mode: CodeMode = code === FETCH_KEY_64 ? 64 : 32;
    const page = (BigInt.asUintN(32, BigInt(hi)) << 32n) | BigInt((lo & ~4095) >>> 0);
    const own = mmu.fetched(lo, hi);
    if (own < 0 || mmu.phys.ramAddress(own * 4096) < 0) return null;
    if (cache.stops?.offsets.has(place) === true) return null;
    const tlbBase = state.i32[STATE.tlbBase >> 2];
    const keyOf = (offset: number): string => this.key(own, mode, offset, tlbBase);
    const isTaken = (offset: number): boolean => this.byEntry.has(keyOf(offset)) || this.refused.has(keyOf(offset));
    if (isTaken(place)) return null;
    const source = guestCode({
      state, mmu, cache, mode, page, own, guarded: tlbBase === tlbAddress(MMU_KERNEL_SMAP),
      reached: (slot) => this.counters[(slot >> 2) & (COUNTERS - 1)] !== this.options.threshold,
    });
    const most = this.heat.isCrowded(mmu.fetchedSlots(lo, hi)) ? MAX_INSTRUCTIONS_CROWDED : MAX_INSTRUCTIONS;
    const head = arrived && isCalled(source, place, this.stackTop(mode, page)) ? place : headOf(source, place);
    for (let ip = isTaken(head) ? place : head; ; ) {
      const name = keyOf(ip);
      const excluded = this.excluded.get(name) ?? new Set<number>();
      const scanner = new RegionScanner(source, excluded, most, true, place);
      const found = scanner.scan(ip, (insn) => this.parts.writer.supports(insn));
      // Too far for one region.
      if (ip !== place && (found === null || found.instructions >= most || !found.blocks.some((b) => b.start === place && b.inlining === null))) {
        ip = place;
        continue;
      }
      if (found === null) {
        this.refused.add(name);
        this.stats.refused++;
        return null;
      }
      const links = new Map<number, Link>();
      const keys: string[] = [];
      targetsOf(found, (offset, open) => {
        const at = linkKey(offset, open);
        const view = scanner.barred.has(offset) || links.has(at) ? null : source.page(offset >> 12);
        if (view === null) return;
        const key = this.key(view.ppn, mode, offset & 4095, open ? tlbAddress(MMU_KERNEL) : tlbBase);
        const index = this.links.take(key);
        if (index === 0) return;
        keys.push(key);
        links.set(at, { index, ppn: view.ppn });
      });
      const shape = { ...found, links };
      const region = this.enter(shape, own, page, tlbBase, keys);
      const title = `x${region.linear.toString(16)}`;
      if (this.options.compile === "async") {
        this.pending.push({ request: { ...encodeRegion(shape, (offset, length) => this.bytesAt(shape, offset, length)), tlbBase, name: title }, region });
        this.stats.queue = this.pending.length;
        return region;
      }
      const unsupported = this.compileNow(shape, region, tlbBase, title);
      if (unsupported === null) return region;
      this.excluded.set(name, excluded.add(unsupported));
      this.drop(region);
    }
  }

  /** What the stack's top holds, where a call has left its return address, as a distance from `page`; 0 where it is none. */
  private stackTop(mode: CodeMode, page: bigint): number {
    const { state, mmu } = this.parts;
    const rsp = state.reg(4);
    const top = mmu.peek64(mode === 32 ? BigInt.asUintN(32, rsp) : BigInt.asIntN(64, rsp)) ?? 0n;
    const distance = Number(mode === 32 ? BigInt.asUintN(32, top) - page : BigInt.asIntN(64, top - page));
    return distance === (distance | 0) ? distance : 0;
  }

  /** Of the latest whole slice. */
  private interpreted = Infinity;

  /**
   * Another point for the instruction at hi:lo: whether it is to be compiled. What a region that is coming contains need not be another's entry, and
   * what is installed may leave something over at slices' ends.
   */
  private isDue(slot: number, page: number, lo: number, hi: number): boolean {
    if (!this.idle && this.isCovered(lo, hi, "coming")) return false;
    const covered = this.options.compile === "async" && this.isCovered(lo, hi, "installed");
    if (covered && this.interpreted < FEW) {
      // Without whole slices nobody says how it is now.
      this.interpreted += FEW / 16;
      return false;
    }
    // Credit is for what is in no region yet.
    return this.heat.point(slot, page, this.idle && !covered);
  }

  private isCovered(lo: number, hi: number, state: Installed["state"]): boolean {
    const ppn = this.parts.mmu.fetched(lo, hi);
    const tlbBase = this.parts.state.i32[STATE.tlbBase >> 2];
    for (const region of this.byPage.get(ppn) ?? []) {
      const ranges = region.state === state && region.tlbBase === tlbBase ? (region.ranges.get(ppn) ?? []) : [];
      for (let i = 0; i < ranges.length; i += 2) if (ranges[i] <= (lo & 4095) && (lo & 4095) < ranges[i + 1]) return true;
    }
    return false;
  }

  private bytesAt(shape: Region, offset: number, length: number): Uint8Array {
    const { state, mmu } = this.parts;
    const at = (delta: number): number => mmu.phys.ramAddress((shape.pages.get(delta) ?? 0) * 4096);
    const from = at(offset >> 12) + (offset & 4095);
    const head = 4096 - (offset & 4095);
    if (head >= length) return state.u8.subarray(from, from + length);
    const out = new Uint8Array(length);
    out.set(state.u8.subarray(from, from + head));
    const rest = at((offset >> 12) + 1);
    out.set(state.u8.subarray(rest, rest + length - head), head);
    return out;
  }

  /** From now on writes to the region's code are seen. */
  private enter(shape: Region, ppn: number, page: bigint, tlbBase: number, links: readonly string[]): Installed {
    const { cache } = this.parts;
    const ranges = rangesOf(shape);
    const entries = shape.entries.map((ip): Entry => ({ ip, name: this.key(ppn, shape.mode, ip, tlbBase), index: 0, record: 0 }));
    const region: Installed = {
      ppn, mode: shape.mode, entries, formed: this.options.keep === true ? shape : null, links, tlbBase, ranges, state: "coming",
      instructions: shape.instructions, linear: page + BigInt(shape.entry), wasmBytes: 0, compileNs: 0, seen: -1, use: 0,
    };
    for (const p of ranges.keys()) {
      cache.watch(p, shape.mode);
      let set = this.byPage.get(p);
      if (set === undefined) this.byPage.set(p, (set = new Set()));
      set.add(region);
    }
    for (const { name } of entries) if (!this.byEntry.has(name)) this.byEntry.set(name, region);
    return region;
  }

  private get shared(): boolean {
    return !(this.parts.memory.buffer instanceof ArrayBuffer);
  }

  private imports(helperNames: readonly HelperName[]): Record<string, Record<string, unknown>> {
    const { memory, mmu, helpers } = this.parts;
    return {
      env: { memory },
      tier0: { callOut: this.parts.callOut, jumpOut: this.linkFunctions.jumpOut },
      mmu: {
        readDirect: (a: number, b: number, size: number) => mmu.readDirect(a, b, size),
        writeDirect: (a: number, b: number, size: number) => mmu.writeDirect(a, b, size),
        storeCrossing: (a: number, b: number, size: number) => mmu.storeCrossing(a, b, size),
      },
      helper: Object.fromEntries(helperNames.map((h) => [h, helpers[h]])),
    };
  }

  /** The offset of an instruction that must stay outside, or null. */
  private compileNow(shape: Region, region: Installed, tlbBase: number, name: string): number | null {
    const built = loadedCompiler().compileOne(shape, { tlbBase, name }, this.shared, this.options.validate);
    if ("unsupported" in built) return built.unsupported;
    this.stats.modules++;
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(built.bytes), this.imports(built.helpers));
    this.install(region, exports[built.functions[0].name], built.functions[0].size);
    this.makeRoom([region]);
    return null;
  }

  /** Sends some of what is waiting to be compiled, the newest first: it is what the guest is at. One batch is under way at a time. */
  flush(): void {
    if (this.compiling.size > 0 || this.pending.length === 0) return;
    this.pending = this.pending.filter((p) => p.region.state !== "dead");
    const batch = this.pending.splice(-BATCH);
    this.stats.queue = this.pending.length + batch.length;
    if (batch.length === 0) return;
    for (const b of batch) this.compiling.add(b.region);
    const done = (reply: BatchReply | null): void => {
      for (const b of batch) this.compiling.delete(b.region);
      this.stats.queue = this.compiling.size + this.pending.length;
      if (reply !== null) this.installBatch(batch.map((b) => b.region), reply);
      else for (const b of batch) this.drop(b.region);
      this.flush();
    };
    this.parts.compiler.compile(batch.map((b) => b.request), this.shared).then(done, () => done(null));
  }

  private installBatch(regions: readonly Installed[], reply: BatchReply): void {
    const from = this.parts.now?.() ?? 0;
    const exports = reply.module === null ? {} : new WebAssembly.Instance(reply.module, this.imports(reply.helpers)).exports;
    this.stats.modules++;
    regions.forEach((region, i) => {
      const result = reply.results[i];
      if ("unsupported" in result) {
        const [{ ip, name }] = region.entries;
        const excluded = this.excluded.get(name) ?? new Set<number>();
        this.excluded.set(name, excluded.add(result.unsupported));
        // It is formed again, without that instruction, when it is reached next.
        const slot = this.parts.cache.slotOf(region.ppn, region.mode, ip);
        if (region.state !== "dead" && slot !== 0) this.counters[(slot >> 2) & (COUNTERS - 1)] = 1;
        this.drop(region);
      } else {
        region.compileNs += result.ns;
        this.install(region, exports[result.name], result.size);
      }
    });
    this.makeRoom(regions);
    const took = (this.parts.now?.() ?? 0) - from;
    for (const region of regions) region.compileNs += took / regions.length;
    this.stats.buildNs += took;
  }

  private install(region: Installed, code: unknown, size: number): void {
    const { cache } = this.parts;
    if (region.state === "dead") return;
    if (cache.breakpointsArmed) {
      this.drop(region);
      return;
    }
    for (const entry of region.entries) {
      // Where another region was before it stays: its code is optimised already.
      const known = this.byEntry.get(entry.name);
      if (known !== undefined && known !== region) continue;
      this.byEntry.set(entry.name, region);
      const index = this.links.take(entry.name);
      const record = index === 0 ? 0 : cache.installRegion(region.ppn, region.mode, entry.ip, index);
      if (record === 0) {
        if (index !== 0) this.links.giveBack(entry.name);
        this.byEntry.delete(entry.name);
        continue;
      }
      this.links.set(index, code);
      entry.index = index;
      entry.record = record;
    }
    // No instruction is there now.
    if (region.entries[0].record === 0) {
      this.drop(region);
      return;
    }
    region.state = "installed";
    region.wasmBytes = size;
    this.installed.add(region);
    this.stats.compiled++;
    this.stats.regions = this.installed.size;
    this.stats.wasmBytes += size;
  }

  /** Evicts, to have some room after `newest` came: first what was entered least lately, then what has come since the last time. */
  private makeRoom(newest: readonly Installed[]): void {
    const { cache } = this.parts;
    const most = this.options.maxCodeBytes ?? MAX_CODE_BYTES;
    if (this.stats.wasmBytes <= most) return;
    const ageOf = (r: Installed): number => (newest.includes(r) ? 2 : r.seen < 0 ? 1 : 0);
    const ranked = [...this.installed].map((region) => {
      const entered = this.entered(region);
      region.use = region.use / 2 + entered - Math.max(region.seen, 0);
      return { region, age: ageOf(region), entered };
    });
    ranked.sort((a, b) => a.age - b.age || a.region.use - b.region.use);
    for (const { region, entered } of ranked) {
      if (this.stats.wasmBytes <= most - (most >> 3)) {
        region.seen = entered;
        continue;
      }
      this.stats.evicted++;
      this.drop(region);
      // It may become hot again.
      for (const { ip } of region.entries) {
        const slot = cache.slotOf(region.ppn, region.mode, ip);
        if (slot !== 0) this.counters[(slot >> 2) & (COUNTERS - 1)] = this.options.threshold;
      }
    }
  }

  /** Uninstalls; the function is freed once its whole module is unused. */
  private drop(region: Installed): void {
    if (region.state === "dead") return;
    region.state = "dead";
    for (const p of region.ranges.keys()) this.byPage.get(p)?.delete(region);
    for (const key of region.links) this.links.giveBack(key);
    for (const { ip, name, index, record } of region.entries) {
      if (this.byEntry.get(name) === region) this.byEntry.delete(name);
      if (record === 0) continue;
      this.parts.cache.removeRegion(region.ppn, region.mode, ip, record);
      this.links.set(index, null);
      this.links.giveBack(name);
    }
    if (!this.installed.delete(region)) return;
    this.stats.regions = this.installed.size;
    this.stats.wasmBytes -= region.wasmBytes;
  }

  invalidate(ppn: number, offset: number, size: number): void {
    const set = this.byPage.get(ppn);
    if (set === undefined) return;
    for (const region of [...set]) {
      const ranges = region.ranges.get(ppn) ?? [];
      for (let i = 0; i < ranges.length; i += 2) {
        if (ranges[i] < offset + size && offset < ranges[i + 1]) {
          this.stats.invalidated++;
          this.parts.state.i32[STATE.regionStop >> 2] = 1;
          this.drop(region);
          break;
        }
      }
    }
  }

  forgetAll(): void {
    for (const region of [...this.installed]) {
      region.state = "dead";
      for (const { index, record } of region.entries) if (record !== 0) this.links.set(index, null);
    }
    // What is being compiled will not be installed, and what is open leaves: nobody uses the old ones.
    this.parts.state.i32[STATE.regionStop >> 2] = 1;
    this.links = this.newLinks();
    for (const p of this.pending) p.region.state = "dead";
    for (const region of this.compiling) region.state = "dead";
    this.compiling.clear();
    this.installed.clear();
    this.byPage.clear();
    this.byEntry.clear();
    this.refused.clear();
    this.excluded.clear();
    this.heat.forget();
    this.pending = [];
    this.stats.regions = 0;
    this.stats.wasmBytes = 0;
    this.resetCounters();
  }

  private entered(r: Installed): number {
    return r.entries.reduce((sum, { index, record }) => sum + (record === 0 ? 0 : this.links.entered(index)), 0);
  }

  private info(r: Installed): RegionInfo {
    return { address: r.linear, entries: this.entered(r), instructions: r.instructions, wasmBytes: r.wasmBytes, compileNs: r.compileNs };
  }

  /** The installed regions, most entered first. */
  regions(): RegionInfo[] {
    return [...this.installed].map((r) => this.info(r)).sort((a, b) => b.entries - a.entries);
  }

  /** What installed regions were made of, most entered first; only with EngineOptions.keep. */
  formed(): FormedRegion[] {
    const out: FormedRegion[] = [];
    for (const r of this.installed) {
      if (r.formed !== null) out.push({ info: this.info(r), region: r.formed, page: r.linear - BigInt(r.formed.entry), tlbBase: r.tlbBase });
    }
    return out.sort((a, b) => b.info.entries - a.info.entries);
  }
}

function rangesOf(region: Region): Map<number, number[]> {
  const ranges = new Map<number, number[]>();
  const add = (delta: number, from: number, to: number): void => {
    const ppn = region.pages.get(delta);
    if (ppn === undefined) return;
    const list = ranges.get(ppn) ?? [];
    if (list.length > 0 && list[list.length - 1] === from) list[list.length - 1] = to;
    else list.push(from, to);
    ranges.set(ppn, list);
  };
  for (const b of region.blocks) {
    for (const i of b.insns) {
      const delta = i.offset >> 12;
      const from = i.offset & 4095;
      add(delta, from, Math.min(4096, from + i.length));
      if (from + i.length > 4096) add(delta + 1, 0, from + i.length - 4096);
    }
  }
  return ranges;
}
