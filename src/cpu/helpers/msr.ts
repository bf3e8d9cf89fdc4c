/** RDMSR and WRMSR. SDM 4 chapter 2; unknown numbers raise #GP(0). */
import { generalProtection } from "../fault.ts";
import { FAST_MSR, FS, GS, STATUS } from "../layout.ts";
import { CR0, EFER } from "../state.ts";
import type { Core } from "./core.ts";
import { MSR_SYSENTER_CS, MSR_SYSENTER_EIP, MSR_SYSENTER_ESP } from "./syscall.ts";

const X2APIC_FIRST = 0x800;
const X2APIC_LAST = 0x8ff;

export const MSR = {
  P5_MC_ADDR: 0, P5_MC_TYPE: 1, TSC: 0x10, PLATFORM_ID: 0x17, APIC_BASE: 0x1b, TSC_ADJUST: 0x3b, SPEC_CTRL: 0x48, PRED_CMD: 0x49,
  BIOS_UPDT_TRIG: 0x79, BIOS_SIGN_ID: 0x8b, MTRRCAP: 0xfe, ARCH_CAPABILITIES: 0x10a,
  SYSENTER_CS: MSR_SYSENTER_CS, SYSENTER_ESP: MSR_SYSENTER_ESP, SYSENTER_EIP: MSR_SYSENTER_EIP,
  MCG_CAP: 0x179, MCG_STATUS: 0x17a, MCG_CTL: 0x17b, MISC_ENABLE: 0x1a0, DEBUGCTL: 0x1d9,
  MTRR_PHYSBASE0: 0x200, PAT: 0x277, MTRR_DEF_TYPE: 0x2ff, MC0_CTL: 0x400, TSC_DEADLINE: 0x6e0, XSS: 0xda0,
  EFER: 0xc0000080, STAR: 0xc0000081, LSTAR: 0xc0000082, CSTAR: 0xc0000083, FMASK: 0xc0000084,
  FS_BASE: 0xc0000100, GS_BASE: 0xc0000101, KERNEL_GS_BASE: 0xc0000102, TSC_AUX: 0xc0000103,
} as const;

const MTRR_COUNT = 8;
const MTRR_FIXED = [0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f] as const;
const MC_BANKS = 10;
/** Physical address bits 39:12. */
const ADDRESS = 0xff_ffff_f000n;

/**
 * IA32_ARCH_CAPABILITIES: RDCL_NO, IBRS_ALL, SKIP_L1DFL_VMENTRY, SSB_NO, MDS_NO, PSCHANGE_MC_NO, TAA_NO, SBDR_SSDP_NO,
 * FBSDP_NO, PSDP_NO, BHI_NO, PBRSB_NO, GDS_NO, RFDS_NO, ITS_NO. Nothing here runs speculatively, so that every one holds.
 */
const ARCH_CAPABILITIES = [0, 1, 3, 4, 5, 6, 8, 13, 14, 15, 20, 24, 26, 27, 62].reduce((v, b) => v | (1n << BigInt(b)), 0n);

/** A register that is storage: its value at reset, and what may be written. */
interface Plain {
  readonly reset: bigint;
  readonly valid: (value: bigint) => boolean;
}

const within = (mask: bigint) => (value: bigint): boolean => (value & ~mask) === 0n;
const any = (): boolean => true;
const readOnly = (): boolean => false;
/** Memory types in each of eight bytes. PAT has UC- (7) besides; MTRRs do not. SDM 3A §11.11, §11.12. */
const memoryTypes = (allowed: number) => (value: bigint): boolean => {
  for (let i = 0n; i < 64n; i += 8n) {
    const t = Number((value >> i) & 0xffn);
    if (t > 7 || !((allowed >> t) & 1)) return false;
  }
  return true;
};
const MTRR_TYPES = 0b1110011;

export class Msrs {
  private readonly plain = new Map<number, Plain>();
  private readonly hasLong: boolean;
  private readonly hasSyscall: boolean;
  /** Of linear addresses as wide as the processor has them. */
  private readonly isCanonical: (value: bigint) => boolean;
  private readonly hasX2apic: boolean;
  private readonly hasDeadline: boolean;

  constructor(private readonly core: Core) {
    const { model } = core;
    const bits = model.linearBits;
    const isCanonical = (value: bigint): boolean => BigInt.asIntN(bits, value) === BigInt.asIntN(64, value);
    this.isCanonical = isCanonical;
    this.hasLong = model.has("lm");
    this.hasSyscall = model.has("syscall");
    this.hasX2apic = core.env.apic !== null && model.has("x2apic");
    this.hasDeadline = core.env.apic !== null && model.has("tsc-deadline");
    const add = (n: number, reset: bigint, valid: (value: bigint) => boolean): void => void this.plain.set(n, { reset, valid });
    add(MSR.P5_MC_ADDR, 0n, any);
    add(MSR.P5_MC_TYPE, 0n, any);
    add(MSR.PLATFORM_ID, 0n, readOnly);
    // Where there is no local APIC: the bootstrap processor, and a disabled one.
    if (core.env.apic === null) add(MSR.APIC_BASE, 0xfee00100n, within(ADDRESS | 0x100n));
    add(MSR.BIOS_UPDT_TRIG, 0n, any);
    add(MSR.BIOS_SIGN_ID, 0x1_0000_0000n, any);
    // No supervisor components.
    if (model.has("xsaves")) add(MSR.XSS, 0n, within(0n));
    if (model.has("mtrr")) {
      // Eight variable ranges, fixed ranges, write-combining.
      add(MSR.MTRRCAP, BigInt(MTRR_COUNT) | 0x500n, readOnly);
      add(MSR.MTRR_DEF_TYPE, 0n, (v) => within(0xcffn)(v) && memoryTypes(MTRR_TYPES)(v & 0xffn));
      for (let i = 0; i < MTRR_COUNT; i++) {
        add(MSR.MTRR_PHYSBASE0 + 2 * i, 0n, (v) => within(ADDRESS | 0xffn)(v) && memoryTypes(MTRR_TYPES)(v & 0xffn));
        add(MSR.MTRR_PHYSBASE0 + 2 * i + 1, 0n, within(ADDRESS | 0x800n));
      }
      for (const n of MTRR_FIXED) add(n, 0n, memoryTypes(MTRR_TYPES));
    }
    if (model.has("pat")) add(MSR.PAT, 0x0007040600070406n, memoryTypes(0b11110011));
    if (model.has("sep")) {
      add(MSR.SYSENTER_CS, 0n, any);
      add(MSR.SYSENTER_ESP, 0n, isCanonical);
      add(MSR.SYSENTER_EIP, 0n, isCanonical);
    }
    if (model.has("mca")) {
      // MCG_CTL_P; every bank is state only.
      add(MSR.MCG_CAP, BigInt(MC_BANKS) | 0x100n, readOnly);
      add(MSR.MCG_STATUS, 0n, within(7n));
      add(MSR.MCG_CTL, 0n, any);
      const zero = within(0n);
      for (let i = 0; i < MC_BANKS; i++) {
        add(MSR.MC0_CTL + 4 * i, 0n, any);
        for (let k = 1; k < 4; k++) add(MSR.MC0_CTL + 4 * i + k, 0n, zero);
      }
    }
    // Fast strings; no branch trace store, no PEBS.
    add(MSR.MISC_ENABLE, 0x1801n, any);
    // Branch trace and single-step-on-branches are not implemented: state only.
    add(MSR.DEBUGCTL, 0n, within(3n));
    if (model.has("spec-ctrl")) {
      add(MSR.SPEC_CTRL, 0n, within(7n));
      add(MSR.PRED_CMD, 0n, within(1n));
    }
    if (model.has("arch-capabilities")) add(MSR.ARCH_CAPABILITIES, ARCH_CAPABILITIES, readOnly);
    if (model.has("rdtscp") || model.has("rdpid")) add(MSR.TSC_AUX, 0n, within(0xffffffffn));
    if (model.has("tsc-adjust")) add(MSR.TSC_ADJUST, 0n, any);
    // What Linux reads and writes on every AMD K8: SYSCFG, HWCR, IORR, TOP_MEM, INT_PENDING, DE_CFG, VM_CR.
    if (model.amd) for (const n of [0xc0010010, 0xc0010015, 0xc001001a, 0xc001001d, 0xc001001f, 0xc0010055, 0xc0010114, 0xc0011029]) add(n, 0n, any);
  }

  /** The value of an MSR that is not in the map holds its reset value, so that equal states save equally. */
  private store(n: number, value: bigint, reset: bigint): void {
    const { msr } = this.core.state;
    if (value === reset) msr.delete(n);
    else msr.set(n, value);
  }

  /** The guest's time-stamp counter: `lo` and `hi` of core. */
  timestamp(): bigint {
    const { state, env } = this.core;
    const offset = state.msr.get(MSR.TSC);
    return offset === undefined ? env.timestamp() : BigInt.asUintN(64, env.timestamp() + offset);
  }

  rdmsr(): number {
    const { core } = this;
    const { state } = core;
    core.requireCpl0();
    const n = state.reg32(1);
    if (n === MSR.FS_BASE || n === MSR.GS_BASE) {
      if (!this.hasLong) throw generalProtection();
      const s = n === MSR.FS_BASE ? FS : GS;
      state.setReg32(0, core.segBaseLo(s));
      state.setReg32(2, core.segBaseHi(s));
    } else {
      core.split(this.read(n));
      state.setReg32(0, core.lo);
      state.setReg32(2, core.hi);
    }
    return STATUS.next;
  }

  wrmsr(nextRip: bigint): number {
    const { core } = this;
    const { state } = core;
    core.requireCpl0();
    const n = state.reg32(1);
    const lo = core.regLo(0);
    const hi = core.regLo(2);
    if (n === MSR.FS_BASE || n === MSR.GS_BASE || n === MSR.KERNEL_GS_BASE) {
      if (!this.hasLong || !core.memory.canonical(hi)) throw generalProtection();
      if (n === MSR.KERNEL_GS_BASE) {
        state.fastMsr32[2 * FAST_MSR.KERNEL_GS_BASE] = lo;
        state.fastMsr32[2 * FAST_MSR.KERNEL_GS_BASE + 1] = hi;
      } else core.setSegBase(n === MSR.FS_BASE ? FS : GS, lo, hi);
      return STATUS.next;
    }
    this.write(n, (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0));
    if (n !== MSR.EFER) return STATUS.next;
    state.rip = nextRip;
    return STATUS.jump;
  }

  /** The value of MSR `n`; #GP(0) where there is none. */
  read(n: number): bigint {
    const { core } = this;
    const { state, model } = core;
    const fast = this.fastIndex(n);
    if (fast >= 0) return state.fastMsr[fast];
    switch (n) {
      case MSR.TSC:
        return this.timestamp();
      case MSR.EFER:
        if (!model.has("lm") && !model.has("nx")) throw generalProtection();
        return BigInt(state.efer);
      case MSR.FS_BASE:
      case MSR.GS_BASE:
        if (!this.hasLong) throw generalProtection();
        return state.segBase(n === MSR.FS_BASE ? FS : GS);
      case MSR.PRED_CMD:
      case MSR.BIOS_UPDT_TRIG:
        throw generalProtection();
    }
    const plain = this.plain.get(n);
    if (plain !== undefined) return state.msr.get(n) ?? plain.reset;
    if (n === MSR.TSC_DEADLINE && this.hasDeadline) return this.deadline;
    const value = this.isApic(n) ? core.env.apic?.readMsr(n) ?? null : null;
    if (value === null) throw generalProtection();
    return value;
  }

  /** MSRs of the local APIC itself. */
  private isApic(n: number): boolean {
    return n === MSR.APIC_BASE || (n >= X2APIC_FIRST && n <= X2APIC_LAST && this.hasX2apic);
  }

  /** IA32_TSC_DEADLINE as the guest sees it: the environment's knows nothing of adjustments to the TSC. SDM 3A §10.5.4.1. */
  private get deadline(): bigint {
    const { env } = this.core;
    const armed = env.apic?.deadline ?? 0n;
    return armed === 0n ? 0n : BigInt.asUintN(64, armed - env.timestamp() + this.timestamp());
  }
  private set deadline(value: bigint) {
    const { apic } = this.core.env;
    if (apic === null) return;
    const left = value - this.timestamp();
    apic.deadline = value === 0n ? 0n : this.core.env.timestamp() + (left > 0n ? left : 0n);
  }

  write(n: number, value: bigint): void {
    const { core } = this;
    const { state } = core;
    const fast = this.fastIndex(n);
    if (fast >= 0) {
      const ok = fast === FAST_MSR.STAR ? true : fast === FAST_MSR.FMASK ? value >> 32n === 0n : this.isCanonical(value);
      if (!ok) throw generalProtection();
      state.fastMsr[fast] = value;
      return;
    }
    switch (n) {
      case MSR.TSC:
        this.shiftTsc(value - this.timestamp());
        return;
      case MSR.TSC_ADJUST:
        if (this.plain.has(n)) this.shiftTsc(value - this.read(n));
        break;
      case MSR.EFER:
        this.writeEfer(value);
        return;
      case MSR.FS_BASE:
      case MSR.GS_BASE:
        if (!this.hasLong || !this.isCanonical(value)) throw generalProtection();
        state.setSegBase(n === MSR.FS_BASE ? FS : GS, value);
        return;
      case MSR.BIOS_SIGN_ID:
        // Writing 0 before CPUID is how software asks for the revision. SDM 3A §9.11.7.1.
        return;
    }
    if (n === MSR.TSC_DEADLINE && this.hasDeadline) {
      this.deadline = value;
      return;
    }
    const plain = this.plain.get(n);
    if (plain === undefined && this.isApic(n) && core.env.apic?.writeMsr(n, value) === true) return;
    if (plain === undefined || !plain.valid(value)) throw generalProtection();
    if (n !== MSR.TSC_ADJUST && n !== MSR.PRED_CMD && n !== MSR.BIOS_UPDT_TRIG) this.store(n, value, plain.reset);
  }

  /** Moves the TSC and IA32_TSC_ADJUST by the same amount. SDM 3B §17.17.3. */
  private shiftTsc(delta: bigint): void {
    const { state } = this.core;
    // The deadline stays what it is in the guest's count.
    const deadline = this.hasDeadline ? this.deadline : 0n;
    this.store(MSR.TSC, BigInt.asIntN(64, (state.msr.get(MSR.TSC) ?? 0n) + delta), 0n);
    if (this.plain.has(MSR.TSC_ADJUST)) {
      this.store(MSR.TSC_ADJUST, BigInt.asUintN(64, (state.msr.get(MSR.TSC_ADJUST) ?? 0n) + delta), 0n);
    }
    if (deadline !== 0n) this.deadline = deadline;
  }

  /** SDM 3A §2.2.1, §4.1.1: LME is fixed while paging is on; LMA is the processor's. */
  private writeEfer(value: bigint): void {
    const { core } = this;
    const { state, model } = core;
    let allowed = 0;
    if (model.has("syscall")) allowed |= EFER.SCE;
    if (model.has("lm")) allowed |= EFER.LME | EFER.LMA;
    if (model.has("nx")) allowed |= EFER.NXE;
    if (allowed === 0 || !within(BigInt(allowed))(value)) throw generalProtection();
    const v = Number(value);
    if (state.cr0 & CR0.PG && (v ^ state.efer) & EFER.LME) throw generalProtection();
    const changed = v ^ state.efer;
    state.efer = (v & ~EFER.LMA) | (state.efer & EFER.LMA);
    if (changed & EFER.NXE) core.mmu.flushAll();
    state.updateMode();
  }

  private fastIndex(n: number): number {
    if (n < MSR.STAR || n > MSR.KERNEL_GS_BASE) return -1;
    if (n === MSR.KERNEL_GS_BASE) return this.hasLong ? FAST_MSR.KERNEL_GS_BASE : -1;
    if (n > MSR.FMASK || !this.hasSyscall) return -1;
    return n - MSR.STAR;
  }
}
