/** The vCPU's section of a snapshot: architectural state only, in one canonical form, so that equal states save equally. */
import { UserError } from "../../base/errors.ts";
import type { Persistent, StateFields, StateReader } from "../../base/persist.ts";
import { STATE, XMM_STRIDE, SHADOW_NONE, SHADOW_STACK, SHADOW_STI } from "../layout.ts";
import type { Mmu } from "../mmu/mmu.ts";
import { type CpuState, type SystemSegment } from "../state.ts";
import { MAX_EXACT_SPACES, MXCSR_MASK, abridgedTags, fullTags } from "./fpstate.ts";
import { MXCSR_EXACT } from "./sse-ops.ts";

const SEGMENTS = 6;
const TABLES = ["gdtr", "idtr", "ldtr", "tr"] as const;

const copy = (state: CpuState, at: number, size: number): Uint8Array => state.u8.slice(at, at + size);

function bytesOf64(values: readonly bigint[]): Uint8Array {
  const out = new DataView(new ArrayBuffer(values.length * 8));
  values.forEach((v, i) => out.setBigUint64(i * 8, BigInt.asUintN(64, v), true));
  return new Uint8Array(out.buffer);
}
function values64(bytes: Uint8Array): bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.byteLength >> 3 }, (_, i) => view.getBigUint64(i * 8, true));
}

export function saveSystem(state: CpuState): StateFields {
  const fpr = copy(state, STATE.fpr, 128);
  // Sixteen bytes a register, ten of them architectural.
  for (let i = 0; i < 8; i++) fpr.fill(0, i * 16 + 10, i * 16 + 16);
  const msrs = [...state.msr].sort(([a], [b]) => a - b);
  const table = (t: SystemSegment): StateFields => ({ selector: t.selector, base: t.base, limit: t.limit, attr: t.attr });
  return {
    gpr: copy(state, STATE.gpr, 128),
    rip: state.rip,
    rflags: state.flags() >>> 0,
    segmentSelectors: [...state.selector],
    segmentBases: bytesOf64(Array.from({ length: SEGMENTS }, (_, s) => state.segBase(s))),
    segmentLimits: [...state.limit],
    segmentAttributes: [...state.attr],
    gdtr: table(state.gdtr), idtr: table(state.idtr), ldtr: table(state.ldtr), tr: table(state.tr),
    cpl: state.cpl,
    cr0: state.cr0 >>> 0,
    cr2: state.cr2,
    cr3: state.cr3,
    cr4: state.cr4 >>> 0,
    cr8: state.cr8,
    efer: state.efer >>> 0,
    xcr0: state.xcr0,
    debug: bytesOf64(state.dr),
    fastMsrs: bytesOf64([...state.fastMsr]),
    msrNumbers: msrs.map(([n]) => n),
    msrValues: bytesOf64(msrs.map(([, v]) => v)),
    // The bits above are ours (sse-ops.ts).
    mxcsr: state.i32[STATE.mxcsr >> 2] & MXCSR_MASK,
    mxcsrExact: (state.i32[STATE.mxcsr >> 2] & MXCSR_EXACT) !== 0,
    exactSpaces: bytesOf64([...state.exactSpaces].sort((a, b) => (a < b ? -1 : 1))),
    fpuControl: state.i32[STATE.fpuCw >> 2],
    fpuStatus: state.i32[STATE.fpuSw >> 2],
    fpuTop: state.i32[STATE.fpuTop >> 2] & 7,
    fpuInUse: abridgedTags(state.i32[STATE.fpuTag >> 2]),
    fpuRegisters: fpr,
    fpuOpcode: state.i32[STATE.fpuOp >> 2] & 0x7ff,
    fpuSelectors: [state.i32[STATE.fpuCs >> 2], state.i32[STATE.fpuDs >> 2]],
    fpuOffsets: copy(state, STATE.fpuIp, 16),
    vectors: copy(state, STATE.xmm, 16 * XMM_STRIDE),
    interruptShadow: state.interruptShadow,
    shadowOfStack: state.shadowOfStack,
    pendingDebug: state.pendingDebug,
    taskFault: state.taskFault === null ? null : { ...state.taskFault },
    nmiPending: state.nmiPending,
    nmiBlocked: state.nmiBlocked,
    pkru: state.pkru >>> 0,
    pdptes: [...state.pdptes],
    halted: state.halted,
    a20: state.a20,
  };
}

/** Restores what `saveSystem` made. Everything is read before anything is changed; the caller then empties the TLBs. */
export function restoreSystem(state: CpuState, r: StateReader): void {
  const list = (field: string, max: number): number[] => {
    const values = r.ints(field);
    if (values.length !== SEGMENTS || values.some((v) => !Number.isInteger(v) || v < 0 || v > max)) {
      throw new UserError(`snapshot: field 'cpu.${field}' is not six numbers of 0..${max}`);
    }
    return values;
  };
  const u32 = (field: string): number => r.int(field, 0, 0xffffffff);
  const gpr = r.bytes("gpr", 128);
  const rip = r.bigint("rip");
  const rflags = u32("rflags");
  const selectors = list("segmentSelectors", 0xffff);
  const bases = values64(r.bytes("segmentBases", SEGMENTS * 8));
  const limits = list("segmentLimits", 0xffffffff);
  const attributes = list("segmentAttributes", 0xffff);
  const tables = TABLES.map((name) => {
    const t = r.record(name);
    const value: SystemSegment = {
      selector: t.int("selector", 0, 0xffff), base: t.bigint("base"), limit: t.int("limit", 0, 0xffffffff), attr: t.int("attr", 0, 0xffff),
    };
    t.finish();
    return [name, value] as const;
  });
  const cpl = r.int("cpl", 0, 3);
  const cr0 = u32("cr0") | 0;
  const cr2 = r.bigint("cr2");
  const cr3 = r.bigint("cr3");
  const cr4 = u32("cr4") | 0;
  const cr8 = r.int("cr8", 0, 15);
  const efer = u32("efer");
  const xcr0 = r.bigint("xcr0");
  const debug = values64(r.bytes("debug", 64));
  const fastMsrs = values64(r.bytes("fastMsrs", state.fastMsr.byteLength));
  const msrNumbers = r.ints("msrNumbers");
  const msrValues = values64(r.bytes("msrValues", msrNumbers.length * 8));
  const mxcsr = r.int("mxcsr", 0, 0xffff);
  const mxcsrExact = r.bool("mxcsrExact");
  const exactSpaces = values64(r.bytes("exactSpaces"));
  if (exactSpaces.length > MAX_EXACT_SPACES) throw new UserError("snapshot: field 'cpu.exactSpaces' has too many entries");
  const fpuControl = r.int("fpuControl", 0, 0xffff);
  const fpuStatus = r.int("fpuStatus", 0, 0xffff);
  const fpuTop = r.int("fpuTop", 0, 7);
  const fpuInUse = r.int("fpuInUse", 0, 0xff);
  const fpuRegisters = r.bytes("fpuRegisters", 128);
  const fpuOpcode = r.int("fpuOpcode", 0, 0x7ff);
  const fpuSelectors = r.ints("fpuSelectors");
  const fpuOffsets = r.bytes("fpuOffsets", 16);
  const vectors = r.bytes("vectors", 16 * XMM_STRIDE);
  const interruptShadow = r.bool("interruptShadow");
  const shadowOfStack = r.bool("shadowOfStack");
  const pendingDebug = r.int("pendingDebug", 0, 0xffff);
  const fault = r.recordOrNull("taskFault");
  const taskFault = fault === null ? null : { vector: fault.int("vector", 0, 31), errorCode: fault.int("errorCode", 0, 0xffff) };
  fault?.finish();
  const nmiPending = r.bool("nmiPending");
  const nmiBlocked = r.bool("nmiBlocked");
  const pkru = u32("pkru") | 0;
  const pdptes = r.ints("pdptes");
  if (pdptes.length !== state.pdptes.length) throw new UserError("snapshot: field 'cpu.pdptes' is not eight numbers");
  const halted = r.bool("halted");
  const a20 = r.bool("a20");

  state.u8.set(gpr, STATE.gpr);
  state.rip = rip;
  state.cr0 = cr0;
  state.cr2 = cr2;
  state.cr3 = cr3;
  state.cr4 = cr4;
  state.cr8 = cr8;
  state.efer = efer;
  state.xcr0 = xcr0;
  for (let s = 0; s < SEGMENTS; s++) state.setSegment(s, selectors[s], bases[s], limits[s], attributes[s]);
  for (const [name, value] of tables) Object.assign(state[name], value);
  state.dr = debug;
  state.fastMsr.set(fastMsrs);
  state.msr.clear();
  msrNumbers.forEach((n, i) => state.msr.set(n, msrValues[i]));
  state.i32[STATE.mxcsr >> 2] = mxcsr | (mxcsrExact ? MXCSR_EXACT : 0);
  state.exactSpaces.clear();
  for (const cr3 of exactSpaces) state.exactSpaces.add(cr3);
  state.i32[STATE.fpuCw >> 2] = fpuControl;
  state.i32[STATE.fpuSw >> 2] = fpuStatus;
  state.i32[STATE.fpuTop >> 2] = fpuTop;
  state.u8.set(fpuRegisters, STATE.fpr);
  state.i32[STATE.fpuTag >> 2] = fullTags(fpuInUse, state);
  state.i32[STATE.fpuOp >> 2] = fpuOpcode;
  [STATE.fpuCs, STATE.fpuDs].forEach((at, i) => (state.i32[at >> 2] = (fpuSelectors[i] ?? 0) & 0xffff));
  state.u8.set(fpuOffsets, STATE.fpuIp);
  state.u8.set(vectors, STATE.xmm);
  state.setShadow(!interruptShadow ? SHADOW_NONE : shadowOfStack ? SHADOW_STACK : SHADOW_STI);
  state.pendingDebug = pendingDebug;
  state.taskFault = taskFault;
  state.nmiPending = nmiPending;
  state.nmiBlocked = nmiBlocked;
  state.pkru = pkru;
  state.pdptes.set(pdptes);
  state.debugChanged = state.attention = true;
  state.halted = halted;
  state.a20 = a20;
  state.delivering = -1;
  state.setFlags(rflags);
  state.setCpl(cpl);
  state.updateMode();
}

/** The `cpu` section of a machine's snapshot. */
export class CpuPersistence implements Persistent {
  readonly sectionName = "cpu";
  readonly sectionVersion = 2;
  constructor(
    private readonly state: CpuState,
    private readonly mmu: Mmu,
  ) {}
  save(): StateFields {
    return saveSystem(this.state);
  }
  restore(fields: StateReader): void {
    restoreSystem(this.state, fields);
    this.mmu.flushAll();
  }
}
