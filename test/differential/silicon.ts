/** One instruction on the host CPU (sse-host.c) and on ours, from the same state. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { CpuEnvironment } from "../../src/cpu/env.ts";
import { CpuModel } from "../../src/cpu/helpers/index.ts";
import { CS, DS, ES, RAM_BASE, SS, STATE, XMM_STRIDE } from "../../src/cpu/layout.ts";
import { CR0, CR4, EFER } from "../../src/cpu/state.ts";
import "../../src/jit/interpreter/generate.ts";
import { Vcpu } from "../../src/jit/vcpu.ts";
import { hostVendor, type Vendor } from "../silicon/vendor.ts";

const ROOT = join(import.meta.dirname, "../..");

/** struct state of sse-host.c. */
export const CASE_SIZE = 912;
export const AT = { code: 0, length: 16, trap: 20, gpr: 24, flags: 56, rdi: 64, fx: 80, memory: 592, upper: 656 } as const;
/** Inside the FXSAVE image. */
export const FX = { cw: 0, sw: 2, tag: 4, mxcsr: 24, st: 32, xmm: 160 } as const;
export const MEMORY = 0x10000000;

/** null where the host is no x86-64 Linux with gcc. */
export function buildHost(): string | null {
  if (process.arch !== "x64" || process.platform !== "linux") return null;
  const out = join(ROOT, "build", "sse-host");
  mkdirSync(join(ROOT, "build"), { recursive: true });
  try {
    execFileSync("gcc", ["-O1", "-masm=att", "-o", out, join(import.meta.dirname, "sse-host.c")], { stdio: "pipe" });
  } catch (e) {
    if (existsSync("/usr/bin/gcc")) throw e;
    return null;
  }
  return out;
}

/** Features by Linux's names, none where there is no /proc/cpuinfo. */
export function describeHost(): { readonly flags: ReadonlySet<string>; readonly vendor: Vendor } {
  const text = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "";
  return { flags: new Set((/^flags\s*:(.*)$/m.exec(text)?.[1] ?? "").trim().split(" ")), vendor: hostVendor() };
}

export function runOnHost(host: string, cases: Uint8Array): Uint8Array {
  const r = spawnSync(host, { input: cases, maxBuffer: cases.length + 4096 });
  if (r.status !== 0 || r.stdout.length !== cases.length) throw new Error(`sse-host: status ${r.status}, signal ${r.signal}, ${r.stdout.length} of ${cases.length} bytes`);
  // A copy: a Buffer's slices share its memory.
  return new Uint8Array(r.stdout);
}

/** TABVISOR_TIER=1 runs the comparisons in compiled regions. */
export const TIER: "0" | "1" = process.env["TABVISOR_TIER"] === "1" ? "1" : "0";

const RAM_SIZE = 16 << 20;
const TABLES = { idt: 0x1000, gdt: 0x2000, handlers: 0x8000, pml4: 0x10000, pdpt: 0x11000, pd: 0x12000, stack: 0x9f000, code: 0x100000 } as const;
/** Physical page behind MEMORY. */
const BACKING = 0x600000;
const HLT = 0xf4;

/** Our CPU in 64-bit mode; every exception ends at a HLT of its own. */
export class Guest {
  readonly vcpu: Vcpu;
  private readonly view: DataView;
  private nextCode: number = TABLES.code;
  private readonly placed = new Map<string, number>();

  /** `tier` "1" compiles every region before it runs for the second time. */
  constructor(tier: "0" | "1" = TIER) {
    const pages = (RAM_BASE + RAM_SIZE) / 65536;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const env: CpuEnvironment = {
      portRead: () => 0, portWrite: () => undefined, mmioRead: () => 0, mmioWrite: () => undefined, interruptPending: () => false,
      acknowledgeInterrupt: () => 0, apic: null, timestamp: () => 0n, tscKhz: 1000000, entropy: () => undefined,
    };
    const model = new CpuModel();
    // Every instruction of the table, advertised or not.
    Object.defineProperty(model, "has", { value: () => true });
    this.vcpu = new Vcpu({ memory, ramSize: RAM_SIZE, holes: [], env, model, tier });
    this.view = new DataView(memory.buffer, RAM_BASE, RAM_SIZE);
    this.setUp();
  }

  private setUp(): void {
    const { view } = this;
    const { state } = this.vcpu;
    view.setBigUint64(TABLES.gdt + 8, 0x00209b0000000000n, true);
    view.setBigUint64(TABLES.gdt + 16, 0x0000930000000000n, true);
    for (let v = 0; v < 32; v++) {
      const handler = TABLES.handlers + 16 * v;
      view.setUint8(handler, HLT);
      view.setUint32(TABLES.idt + 16 * v, (8 << 16) | (handler & 0xffff), true);
      view.setUint32(TABLES.idt + 16 * v + 4, (handler & 0xffff0000) | 0x8e00, true);
    }
    view.setBigUint64(TABLES.pml4, BigInt(TABLES.pdpt | 3), true);
    view.setBigUint64(TABLES.pdpt, BigInt(TABLES.pd | 3), true);
    for (let i = 0; i < 8; i++) view.setBigUint64(TABLES.pd + 8 * i, BigInt((i << 21) | 0x83), true);
    view.setBigUint64(TABLES.pd + 8 * (MEMORY >> 21), BigInt(BACKING | 0x83), true);
    state.cr3 = BigInt(TABLES.pml4);
    state.efer = EFER.LME | EFER.LMA | EFER.NXE;
    state.gdtr.base = BigInt(TABLES.gdt);
    state.idtr.base = BigInt(TABLES.idt);
    state.idtr.limit = 0xfff;
    state.setSegment(CS, 8, 0n, 0xffffffff, 0xa09b);
    for (const s of [DS, ES, SS]) state.setSegment(s, 16, 0n, 0xffffffff, 0xc093);
    this.setControl(0, 0);
    this.vcpu.mmu.flushAll();
  }

  /** Changes CR0 and CR4 bits: FPU and SSE availability. */
  setControl(cr0Set: number, cr4Clear: number): void {
    const { state } = this.vcpu;
    state.cr0 = CR0.PE | CR0.MP | CR0.NE | CR0.WP | CR0.ET | CR0.PG | cr0Set;
    state.cr4 = (CR4.PAE | CR4.OSFXSR | CR4.OSXMMEXCPT | CR4.OSXSAVE) & ~cr4Clear;
    state.xcr0 = 7n;
    state.updateMode();
  }

  /** Address of `code` followed by HLT. */
  private place(code: Uint8Array): number {
    const key = code.join();
    let at = this.placed.get(key);
    if (at === undefined) {
      at = this.nextCode;
      this.nextCode += 32;
      for (let i = 0; i < code.length; i++) this.view.setUint8(at + i, code[i]);
      this.view.setUint8(at + code.length, HLT);
      this.placed.set(key, at);
    }
    return at;
  }

  /** Runs one case in place. `extra` is ORed into STATE.mxcsr. */
  run(bytes: Uint8Array, extra = 0): void {
    const c = new DataView(bytes.buffer, bytes.byteOffset, CASE_SIZE);
    const { state } = this.vcpu;
    const { u8, i32, u64 } = state;
    const code = this.place(bytes.slice(0, c.getUint32(AT.length, true)));
    [0, 1, 2, 3].forEach((r, i) => state.setReg(r, c.getBigUint64(AT.gpr + 8 * i, true)));
    state.setReg(4, BigInt(TABLES.stack));
    state.setReg(7, c.getBigUint64(AT.rdi, true));
    state.setFlags(c.getUint32(AT.flags, true));
    for (let i = 0; i < 16; i++) {
      u8.set(bytes.subarray(AT.fx + FX.xmm + 16 * i, AT.fx + FX.xmm + 16 * i + 16), STATE.xmm + XMM_STRIDE * i);
      u8.set(bytes.subarray(AT.upper + 16 * i, AT.upper + 16 * i + 16), STATE.xmm + XMM_STRIDE * i + 16);
    }
    i32[STATE.mxcsr >> 2] = c.getUint32(AT.fx + FX.mxcsr, true) | extra;
    const sw = c.getUint16(AT.fx + FX.sw, true);
    const top = (sw >> 11) & 7;
    i32[STATE.fpuCw >> 2] = c.getUint16(AT.fx + FX.cw, true);
    i32[STATE.fpuSw >> 2] = sw & ~0x3800;
    i32[STATE.fpuTop >> 2] = top;
    let tag = 0;
    for (let i = 0; i < 8; i++) {
      if (((bytes[AT.fx + FX.tag] >> i) & 1) === 0) tag |= 3 << (2 * i);
      const from = AT.fx + FX.st + 16 * ((i - top) & 7);
      u64[(STATE.fpr >> 3) + 2 * i] = c.getBigUint64(from, true);
      u64[(STATE.fpr >> 3) + 2 * i + 1] = BigInt(c.getUint16(from + 8, true));
    }
    i32[STATE.fpuTag >> 2] = tag;
    u8.set(bytes.subarray(AT.memory, AT.memory + 64), RAM_BASE + BACKING);
    state.rip = BigInt(code);
    state.halted = false;
    const stop = this.vcpu.run(16);
    if (stop !== "halted") throw new Error(`guest: ${stop} at ${state.rip.toString(16)}`);

    const rip = Number(state.rip);
    const fault = rip >= TABLES.handlers && rip < TABLES.handlers + 512;
    c.setUint32(AT.trap, fault ? (rip - 1 - TABLES.handlers) >> 4 : 0, true);
    [0, 1, 2, 3].forEach((r, i) => c.setBigUint64(AT.gpr + 8 * i, state.reg(r), true));
    c.setBigUint64(AT.flags, BigInt(state.flags() >>> 0), true);
    for (let i = 0; i < 16; i++) {
      bytes.set(u8.subarray(STATE.xmm + XMM_STRIDE * i, STATE.xmm + XMM_STRIDE * i + 16), AT.fx + FX.xmm + 16 * i);
      bytes.set(u8.subarray(STATE.xmm + XMM_STRIDE * i + 16, STATE.xmm + XMM_STRIDE * i + 32), AT.upper + 16 * i);
    }
    c.setUint32(AT.fx + FX.mxcsr, i32[STATE.mxcsr >> 2] & 0xffff, true);
    const newTop = i32[STATE.fpuTop >> 2];
    c.setUint16(AT.fx + FX.sw, (i32[STATE.fpuSw >> 2] & ~0x3800) | (newTop << 11), true);
    let abridged = 0;
    for (let i = 0; i < 8; i++) {
      if (((i32[STATE.fpuTag >> 2] >> (2 * i)) & 3) !== 3) abridged |= 1 << i;
      const to = AT.fx + FX.st + 16 * ((i - newTop) & 7);
      c.setBigUint64(to, u64[(STATE.fpr >> 3) + 2 * i], true);
      c.setUint16(to + 8, Number(u64[(STATE.fpr >> 3) + 2 * i + 1]), true);
    }
    bytes[AT.fx + FX.tag] = abridged;
    bytes.set(u8.subarray(RAM_BASE + BACKING, RAM_BASE + BACKING + 64), AT.memory);
  }
}
