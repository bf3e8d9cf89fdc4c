/**
 * A debugger's hold on one virtual CPU, unseen by the guest: stops at addresses, data, ports and vectors, single steps. Nothing here costs anything
 * while nothing is armed; what is armed changes no instruction count and no guest state.
 */
import { DECODE_OK, decode, Insn } from "../cpu/decode/decoder.ts";
import type { AccessTap, DeliveryTap, PortTap } from "../cpu/debug-tap.ts";
import type { EventKind } from "../cpu/fault.ts";
import { ISA } from "../cpu/isa/isa.ts";
import { FETCH_KEY_FLAT, FETCH_KEY_MODE, FLAG, REC, STATE } from "../cpu/layout.ts";
import { liftName } from "../cpu/lift/form.ts";
import type { Mmu } from "../cpu/mmu/mmu.ts";
import type { CpuState } from "../cpu/state.ts";
import { inOtherSegments } from "./interpreter/forms.ts";

export type Access = "read" | "write" | "access";

export interface CodeStop {
  readonly id: number;
  readonly address: bigint;
  /** For a physical address: the one that RIP, a linear address, has at present; -1 for none. */
  readonly physical: ((rip: bigint) => number) | null;
}
export interface DataStop {
  readonly id: number;
  /** Linear. */
  readonly address: bigint;
  /** Bytes, at least 1. */
  readonly length: number;
  readonly access: Access;
}
export interface PortStop {
  readonly id: number;
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
  readonly access: Access;
}
export interface VectorStop {
  readonly id: number;
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
}

/** Why the CPU stands still. */
export type StopCause =
  | { readonly kind: "code"; readonly id: number; readonly address: bigint }
  /** `address` is the first byte of the access that is watched; the access has happened. */
  | { readonly kind: "data"; readonly id: number; readonly address: bigint; readonly write: boolean }
  | { readonly kind: "port"; readonly id: number; readonly port: number; readonly width: number; readonly write: boolean; readonly value: number }
  /** RIP is the handler's first instruction. `errorCode` -1: none. */
  | { readonly kind: "vector"; readonly id: number; readonly vector: number; readonly event: EventKind; readonly errorCode: number };

/** What the run loop needs to know, and what it is told. */
export interface DebugHost {
  readonly state: CpuState;
  readonly mmu: Mmu;
  /** Instructions so far. */
  retired(): number;
  /** Leaves before the next instruction. */
  requestStop(): void;
  /** The sets of stops have changed. */
  rearm(): void;
  /** The taps of the CPU's helpers. */
  setTaps(port: PortTap | null, delivery: DeliveryTap | null): void;
}

export interface Stops {
  readonly code: readonly CodeStop[];
  readonly data: readonly DataStop[];
  readonly ports: readonly PortStop[];
  readonly vectors: readonly VectorStop[];
}
export const NO_STOPS: Stops = { code: [], data: [], ports: [], vectors: [] };

const linearOf = (lo: number, hi: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
const M64 = (1n << 64n) - 1n;

export class VcpuDebug implements AccessTap, PortTap, DeliveryTap {
  stops: Stops = NO_STOPS;
  exact = false;
  /** Set when something was hit: the machine returns to its owner, who takes it away. */
  cause: StopCause | null = null;
  /** INTR is not looked at: single steps do not end in handlers. */
  holdInterrupts = false;
  /** Repeated string instructions go one element at a time. */
  elementwise = false;
  /** Asks whether a code stop counts; false: the instruction is executed. For steps that wait for their own frame. */
  accept: (stop: CodeStop) => boolean = () => true;
  /** Each event that is delivered; true: the CPU stops at the handler's first instruction. */
  onDelivery: ((vector: number, event: EventKind) => boolean) | null = null;
  /** The instruction here is executed though a stop stands at it: where the CPU has stopped before. */
  private pass: { readonly rip: bigint; readonly retired: number } | null = null;
  private pages: readonly { readonly first: bigint; readonly last: bigint }[] = [];

  constructor(private readonly host: DebugHost) {}

  /** Between runs. */
  set(stops: Stops): void {
    const { mmu } = this.host;
    const before = this.stops;
    this.stops = stops;
    this.pages = stops.data.map((d) => ({ first: d.address & ~0xfffn, last: (d.address + BigInt(d.length) - 1n) | 0xfffn }));
    mmu.tap = stops.data.length > 0 ? this : null;
    if (differ(before.data, stops.data)) mmu.flushAll();
    this.tapAll();
    if (differ(before.code, stops.code)) this.host.rearm();
  }

  /** Between runs: whether events are to be told. */
  setDelivery(onDelivery: VcpuDebug["onDelivery"]): void {
    this.onDelivery = onDelivery;
    this.tapAll();
  }

  private tapAll(): void {
    const { ports, vectors } = this.stops;
    this.host.setTaps(ports.length > 0 ? this : null, vectors.length > 0 || this.onDelivery !== null ? this : null);
  }

  /** Before a run that goes on from where the CPU has stopped: the stop there does not count again. */
  goOn(): void {
    this.cause = null;
    this.pass = { rip: this.host.state.rip, retired: this.host.retired() };
  }

  /** STATE.rip has a stop of ours that counts: the CPU stops. False: it is to be executed. */
  reached(): boolean {
    const { rip } = this.host.state;
    if (this.pass?.rip === rip && this.pass.retired === this.host.retired()) return false;
    const hit = this.stops.code.find((c) => (c.physical === null ? c.address === rip : Number(c.address) === c.physical(rip)) && this.accept(c));
    if (hit === undefined) return false;
    this.stop({ kind: "code", id: hit.id, address: rip });
    return true;
  }

  private stop(cause: StopCause): void {
    // The first of an instruction's hits is the one that is told.
    this.cause ??= cause;
    this.host.requestStop();
  }

  // --- Data ----------------------------------------------------------------------------------------------------------

  watchesPage(lo: number, hi: number, size: number): boolean {
    const from = linearOf(lo, hi);
    const to = from + BigInt(size - 1);
    return this.pages.some((p) => p.first <= to && from <= p.last);
  }

  dataAccess(lo: number, hi: number, size: number, write: boolean): void {
    const from = linearOf(lo, hi);
    const length = this.exact ? size : this.bulkBytes(size);
    const to = (from + BigInt(length) - 1n) & M64;
    for (const d of this.stops.data) {
      if (d.access === (write ? "read" : "write")) continue;
      const last = d.address + BigInt(d.length) - 1n;
      if (last < from || d.address > to) continue;
      this.stop({ kind: "data", id: d.id, address: d.address > from ? d.address : from, write });
      return;
    }
  }

  /** How much the present instruction does in one go: a page of a MOVS or STOS at most (cpu/lift/string.ts). */
  private bulkBytes(size: number): number {
    const { state } = this.host;
    const { i32 } = state;
    const flat = (i32[STATE.fetchKey >> 2] & FETCH_KEY_MODE) === FETCH_KEY_FLAT;
    if (!(state.mode64 || flat) || i32[STATE.eflags >> 2] & (FLAG.DF | FLAG.TF)) return size;
    const record = i32[STATE.rec >> 2];
    if (record === 0) return size;
    const at = state.u64[STATE.vpage >> 3] + BigInt(new DataView(state.memory.buffer).getUint16(record + REC.ip, true));
    const string = this.stringAt(at);
    if (string === null || (string.name !== "movs" && string.name !== "stos") || string.addrSize !== (flat ? 32 : 64) || (flat && string.apart)) return size;
    const room = (r: number): number => Math.floor((4096 - Number(state.reg(r) & 0xfffn)) / size);
    const left = flat ? state.reg(1) & 0xffffffffn : state.reg(1);
    const count = left > 4096n ? 4096 : Number(left);
    return size * Math.max(1, Math.min(count, room(7), string.name === "movs" ? room(6) : count));
  }

  /** The repeated string instruction at a linear address, or null. */
  stringAt(at: bigint): { readonly name: string; readonly addrSize: number; readonly apart: boolean } | null {
    const { state, mmu } = this.host;
    const bytes = new Uint8Array(15);
    let n = 0;
    for (; n < 15; n++) {
      const b = mmu.peek(at + BigInt(n));
      if (b === null) break;
      bytes[n] = b;
    }
    const insn = new Insn();
    if (decode(bytes, 0, n, state.codeBits, insn) !== DECODE_OK || insn.rep === 0) return null;
    const name = liftName(ISA[insn.entry]);
    return STRINGS.has(name) ? { name, addrSize: insn.addrSize, apart: inOtherSegments(insn) } : null;
  }

  // --- Ports and events ----------------------------------------------------------------------------------------------

  portAccess(port: number, width: number, write: boolean, value: number): void {
    const hit = this.stops.ports.find((p) => p.access !== (write ? "read" : "write") && port <= p.last && p.first < port + width);
    if (hit !== undefined) this.stop({ kind: "port", id: hit.id, port, width, write, value });
  }

  delivered(vector: number, event: EventKind, errorCode: number): void {
    const hit = this.stops.vectors.find((v) => v.first <= vector && vector <= v.last);
    const wanted = this.onDelivery?.(vector, event) === true;
    if (hit !== undefined || wanted) this.stop({ kind: "vector", id: hit?.id ?? -1, vector, event, errorCode });
  }
}

const STRINGS = new Set(["movs", "stos", "lods", "cmps", "scas", "ins", "outs"]);
const differ = (a: unknown, b: unknown): boolean => JSON.stringify(a, text) !== JSON.stringify(b, text);
const text = (_key: string, v: unknown): unknown => (typeof v === "bigint" ? v.toString(16) : v);
