/** All helpers of signatures.ts over one vCPU, and what the run loop calls besides them. */
import type { Breakpoints } from "../breakpoints.ts";
import { GuestFault } from "../fault.ts";
import { Arithmetic } from "./arith.ts";
import { ControlRegisters } from "./control.ts";
import { Core, type HelperContext } from "./core.ts";
import { Cpuid } from "./cpuid.ts";
import { FarTransfers } from "./far.ts";
import { Flags } from "./flags.ts";
import { FpState } from "./fpstate.ts";
import { Interrupts } from "./interrupts.ts";
import { InterruptReturn } from "./iret.ts";
import { Miscellaneous, storeFault } from "./misc.ts";
import { Msrs } from "./msr.ts";
import { CpuPersistence } from "./persistence.ts";
import { Segments } from "./segments.ts";
import { HELPERS, HELPER_NAMES, type HelperImplementations, type HelperName } from "./signatures.ts";
import { sseHelpers } from "./sse.ts";
import { SystemCalls } from "./syscall.ts";
import { Tasks } from "./tasks.ts";
import { X87 } from "./x87.ts";

export { CpuModel, PHYSICAL_BITS, crystalKhz } from "./model.ts";
export { DR6, type HelperContext } from "./core.ts";
export { DEFAULT_MODEL, MODELS, implementedFeatures } from "./features.ts";
export type { EventKind } from "../fault.ts";
export type { DeliveryResult, Interrupts } from "./interrupts.ts";
export { MSR, type Msrs } from "./msr.ts";
export { CpuPersistence, restoreSystem, saveSystem } from "./persistence.ts";

export interface CpuHelpers {
  /** What emitted code calls. A GuestFault becomes mmu.fault and STATUS.fault. */
  readonly helpers: HelperImplementations;
  /** Event delivery, for the run loop. */
  readonly interrupts: Interrupts;
  readonly msrs: Msrs;
  readonly persistence: CpuPersistence;
  readonly breakpoints: Breakpoints;
  /** For its `ferr` hook. */
  readonly x87: X87;
}

export function createCpuHelpers(context: HelperContext): CpuHelpers {
  const core = new Core(context);
  const segments = new Segments(core);
  const control = new ControlRegisters(core);
  const tasks = new Tasks(core, segments, control);
  const far = new FarTransfers(core, segments, tasks);
  const interrupts = new Interrupts(core, segments, far, tasks);
  const returns = new InterruptReturn(core, far, tasks);
  const calls = new SystemCalls(core);
  const flags = new Flags(core, control);
  const msrs = new Msrs(core);
  const cpuid = new Cpuid(core);
  const fp = new FpState(core);
  const misc = new Miscellaneous(core, msrs, fp);
  const arith = new Arithmetic(core);
  const x87 = new X87(core);

  const raw: HelperImplementations = {
    undefinedInstruction: (id) => misc.undefinedInstruction(id),
    raise: (vector) => misc.raise(vector),
    fpuTrap: (unit) => misc.fpuTrap(unit),
    softwareInterrupt: (vector, next) => interrupts.softwareInterrupt(vector, next),
    int3: (next) => interrupts.int3(next),
    into: (next) => interrupts.into(next),
    icebp: (next) => interrupts.icebp(next),
    iret: (bits, next) => returns.iret(bits, next),
    syscall: (next) => calls.syscall(next),
    sysret: (bits) => calls.sysret(bits),
    sysenter: (next) => calls.sysenter(next),
    sysexit: (bits) => calls.sysexit(bits),
    farJump: (selector, offset, bits, next) => far.farJump(selector, offset, bits, next),
    farCall: (selector, offset, bits, next) => far.farCall(selector, offset, bits, next),
    farReturn: (bits, release) => far.farReturn(bits, release),
    loadSegment: (s, selector) => segments.loadSegment(s, selector),
    lldt: (selector) => segments.lldt(selector),
    ltr: (selector) => segments.ltr(selector),
    lgdt: (base, limit) => segments.lgdt(base, limit),
    lidt: (base, limit) => segments.lidt(base, limit),
    storeSystem: (which) => segments.storeSystem(which),
    lmsw: (value) => control.lmsw(value),
    lar: (selector, bits) => segments.lar(selector, bits),
    lsl: (selector, bits) => segments.lsl(selector, bits),
    verify: (selector, write) => segments.verify(selector, write),
    readCr: (n) => control.readCr(n),
    writeCr: (n, value, next) => control.writeCr(n, value, next),
    readDr: (n) => control.readDr(n),
    writeDr: (n, value, next) => control.writeDr(n, value, next),
    clts: () => control.clts(),
    hlt: (next) => misc.hlt(next),
    invlpg: (linear) => control.invlpg(linear),
    invpcid: (type, linear) => control.invpcid(type, linear),
    privilegedNop: () => control.privilegedNop(),
    privilegedSelector: () => control.privilegedSelector(),
    cli: () => flags.cli(),
    sti: () => flags.sti(),
    clac: (next) => flags.clac(next),
    stac: (next) => flags.stac(next),
    pushf: (bits) => flags.pushf(bits),
    popf: (bits, next) => flags.popf(bits, next),
    rdmsr: () => msrs.rdmsr(),
    wrmsr: (next) => msrs.wrmsr(next),
    rdtsc: () => misc.rdtsc(),
    rdtscp: () => misc.rdtscp(),
    rdpmc: () => misc.rdpmc(),
    rdpid: () => misc.rdpid(),
    cpuid: () => cpuid.cpuid(),
    rdpkru: () => misc.rdpkru(),
    wrpkru: () => misc.wrpkru(),
    xgetbv: () => misc.xgetbv(),
    xsetbv: () => misc.xsetbv(),
    swapgs: () => calls.swapgs(),
    readBase: (which) => misc.readBase(which),
    writeBase: (which, value) => misc.writeBase(which, value),
    rdrand: (bits) => misc.rdrand(bits),
    rdseed: (bits) => misc.rdseed(bits),
    monitor: () => misc.monitor(),
    mwait: (next) => misc.mwait(next),
    portIn: (port, width) => misc.portIn(port, width),
    portOut: (port, width, value) => misc.portOut(port, width, value),
    portCheck: (port, width) => misc.portCheck(port, width),
    checkCanonical: (linear) => misc.checkCanonical(linear),
    checkCallTarget: (linear, slot) => misc.checkCallTarget(linear, slot),
    fxsave: (linear, wide) => fp.fxsave(linear, wide),
    fxrstor: (linear, wide) => fp.fxrstor(linear, wide),
    xsave: (linear, wide, form) => fp.xsave(linear, wide, form),
    xrstor: (linear, wide, form) => fp.xrstor(linear, wide, form),
    ldmxcsr: (value) => fp.ldmxcsr(value),
    ...sseHelpers(core),
    ...x87.helpers(),
    divide128: (divisor, signed) => arith.divide128(divisor, signed),
    daa: () => arith.daa(),
    das: () => arith.das(),
    aaa: () => arith.aaa(),
    aas: () => arith.aas(),
    aam: (base) => arith.aam(base),
    aad: (base) => arith.aad(base),
    enter: (frame, level, bits) => arith.enter(frame, level, bits),
    bound: (index, lower, upper) => arith.bound(index, lower, upper),
  };
  return { helpers: guardAll(core, raw), interrupts, msrs, persistence: new CpuPersistence(core.state, core.mmu), breakpoints: core.breakpoints, x87 };
}

/** The helpers alone. */
export const createHelpers = (context: HelperContext): HelperImplementations => createCpuHelpers(context).helpers;

type Argument = number | bigint;
type Helper = (...args: Argument[]) => number;

/** Wraps every helper by its number of parameters: rest arrays would be allocated on each call. */
function guardAll(core: Core, raw: HelperImplementations): HelperImplementations {
  const guarded: Partial<Record<HelperName, Helper>> = {};
  for (const name of HELPER_NAMES) guarded[name] = guard(core, raw[name] as Helper, HELPERS[name].length);
  return guarded as HelperImplementations;
}

function guard(core: Core, f: Helper, parameters: number): Helper {
  const failed = (e: unknown): number => {
    if (e instanceof GuestFault) return storeFault(core, e);
    throw e;
  };
  switch (parameters) {
    case 0:
      return () => {
        try {
          return f();
        } catch (e) {
          return failed(e);
        }
      };
    case 1:
      return (a) => {
        try {
          return f(a);
        } catch (e) {
          return failed(e);
        }
      };
    case 2:
      return (a, b) => {
        try {
          return f(a, b);
        } catch (e) {
          return failed(e);
        }
      };
    default:
      return (a, b, c, d) => {
        try {
          return f(a, b, c, d);
        } catch (e) {
          return failed(e);
        }
      };
  }
}
