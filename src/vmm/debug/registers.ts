/** The registers of a machine, to be shown and to be changed by name. */
import { UserError } from "../../base/errors.ts";
import { MSR } from "../../cpu/helpers/index.ts";
import { CS, SS, STATE, XMM_STRIDE, SHADOW_NONE } from "../../cpu/layout.ts";
import { ATTR, type CpuState } from "../../cpu/state.ts";
import type { Vcpu } from "../../jit/vcpu.ts";
import type { RegistersView, SegmentView } from "./api.ts";

/** In the order of their numbers. */
export const GENERAL = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"] as const;
export const SEGMENTS = ["es", "cs", "ss", "ds", "fs", "gs"] as const;

const M32 = 0xffffffffn;

/** MSRs that reading leaves alone. */
const SHOWN_MSRS = [
  "APIC_BASE", "TSC", "TSC_ADJUST", "TSC_AUX", "STAR", "LSTAR", "CSTAR", "FMASK", "FS_BASE", "GS_BASE", "KERNEL_GS_BASE", "SYSENTER_CS", "SYSENTER_ESP",
  "SYSENTER_EIP", "PAT", "MISC_ENABLE", "MTRR_DEF_TYPE", "SPEC_CTRL", "TSC_DEADLINE",
] as const;

const SYSTEM_TYPES: Readonly<Record<number, string>> = { 1: "TSS16", 2: "LDT", 3: "TSS16 busy", 9: "TSS", 11: "TSS busy" };

/** An attribute word in words: `code 64 r-x dpl 0`. */
function attributes(attr: number): string {
  if (!(attr & ATTR.P)) return "not present";
  const type = attr & ATTR.TYPE;
  const dpl = ` dpl ${(attr & ATTR.DPL) >> 5}`;
  if (!(attr & ATTR.S)) return (SYSTEM_TYPES[type] ?? `system ${type}`) + dpl;
  if (type & 8) return `code ${attr & ATTR.L ? 64 : attr & ATTR.DB ? 32 : 16} ${type & 2 ? "r-x" : "--x"}${type & 4 ? " conforming" : ""}${dpl}`;
  return `data ${attr & ATTR.DB ? 32 : 16} ${type & 2 ? "rw-" : "r--"}${type & 4 ? " expand-down" : ""}${dpl}`;
}

/** EIP or RIP: what stands in CS's segment. */
export const pointerOf = (s: CpuState): bigint => (s.mode64 ? s.rip : (s.rip - s.segBase(CS)) & M32);

/** ST(i) as an 80-bit image. */
export function st(s: CpuState, i: number): bigint {
  const at = (STATE.fpr >> 3) + 2 * ((s.i32[STATE.fpuTop >> 2] + i) & 7);
  return ((s.u64[at + 1] & 0xffffn) << 64n) | s.u64[at];
}
export const xmm = (s: CpuState, i: number): bigint => (s.u64[((STATE.xmm + i * XMM_STRIDE) >> 3) + 1] << 64n) | s.u64[(STATE.xmm + i * XMM_STRIDE) >> 3];
/** The status word with TOP. */
export const fpuStatus = (s: CpuState): number => (s.i32[STATE.fpuSw >> 2] & ~0x3800) | ((s.i32[STATE.fpuTop >> 2] & 7) << 11);

/** CR8 is the local APIC's task priority where there is one. */
export const cr8 = (vcpu: Vcpu): bigint => BigInt(vcpu.options.env.apic?.present === true ? vcpu.options.env.apic.taskPriority : vcpu.state.cr8);

export function registersView(vcpu: Vcpu): RegistersView {
  const s = vcpu.state;
  const u32 = (v: number): bigint => BigInt(v >>> 0);
  const segments: SegmentView[] = SEGMENTS.map((name, n) => ({ name, selector: s.selector[n], base: s.segBase(n), limit: s.limit[n], text: attributes(s.attr[n]) }));
  for (const [name, t] of [["ldtr", s.ldtr], ["tr", s.tr]] as const) {
    segments.push({ name, selector: t.selector, base: t.base, limit: t.limit >>> 0, text: attributes(t.attr) });
  }
  for (const [name, t] of [["gdtr", s.gdtr], ["idtr", s.idtr]] as const) segments.push({ name, selector: 0, base: t.base, limit: t.limit >>> 0, text: "" });
  return {
    codeBits: s.codeBits, rip: s.rip, ip: pointerOf(s), cpl: s.cpl, halted: s.halted,
    general: GENERAL.map((_, i) => s.reg(i)),
    flags: s.flags() >>> 0,
    segments,
    control: [
      ["cr0", u32(s.cr0)], ["cr2", s.cr2], ["cr3", s.cr3], ["cr4", u32(s.cr4)], ["cr8", cr8(vcpu)], ["efer", u32(s.efer)], ["xcr0", s.xcr0],
      ...([0, 1, 2, 3, 6, 7] as const).map((n): [string, bigint] => [`dr${n}`, s.dr[n]]),
    ],
    msrs: SHOWN_MSRS.flatMap((name): [string, bigint][] => {
      try {
        return [[name, BigInt.asUintN(64, vcpu.cpu.msrs.read(MSR[name]))]];
      } catch {
        return []; // this CPU model has it not
      }
    }),
    xmm: GENERAL.map((_, i) => xmm(s, i)),
    st: [0, 1, 2, 3, 4, 5, 6, 7].map((i) => st(s, i)),
    mxcsr: s.i32[STATE.mxcsr >> 2] & 0xffff, fpuControl: s.i32[STATE.fpuCw >> 2], fpuStatus: fpuStatus(s),
  };
}

/** Changes a register between runs. `value` is cut to its width. Throws UserError for a name that cannot be changed. */
export function setRegister(vcpu: Vcpu, name: string, value: bigint): void {
  const s = vcpu.state;
  const general = GENERAL.indexOf(name as (typeof GENERAL)[number]);
  if (general >= 0) {
    s.setReg(general, BigInt.asUintN(64, value));
    return;
  }
  switch (name) {
    case "rip":
      s.rip = s.mode64 ? BigInt.asUintN(64, value) : (s.segBase(CS) + (value & M32)) & M32;
      // Prefetching and shadows belong to the instruction that would have followed.
      s.setShadow(SHADOW_NONE);
      s.halted = false;
      return;
    case "eflags":
    case "rflags":
      s.setFlags(Number(value & 0x3fffffn));
      s.updateMode();
      return;
    case "cr0": s.cr0 = Number(BigInt.asIntN(32, value)); break;
    case "cr2": s.cr2 = BigInt.asUintN(64, value); return;
    case "cr3": s.cr3 = BigInt.asUintN(64, value); break;
    case "cr4": s.cr4 = Number(BigInt.asIntN(32, value)); break;
    case "efer": s.efer = Number(BigInt.asIntN(32, value)); break;
    case "fs_base": s.setSegBase(4, BigInt.asUintN(64, value)); return;
    case "gs_base": s.setSegBase(5, BigInt.asUintN(64, value)); return;
    case "k_gs_base": vcpu.cpu.msrs.write(MSR.KERNEL_GS_BASE, BigInt.asUintN(64, value)); return;
    case "mxcsr": s.i32[STATE.mxcsr >> 2] = (s.i32[STATE.mxcsr >> 2] & ~0xffff) | Number(value & 0xffffn); return;
    case "fctrl": s.i32[STATE.fpuCw >> 2] = Number(value & 0xffffn); return;
    case "fstat":
      s.i32[STATE.fpuSw >> 2] = Number(value & 0xc7ffn);
      s.i32[STATE.fpuTop >> 2] = Number((value >> 11n) & 7n);
      return;
    default: {
      const wide = /^(xmm|st)(\d+)$/.exec(name);
      if (wide === null || Number(wide[2]) > (wide[1] === "st" ? 7 : 15)) throw new UserError(`${name}: there is no such register, or it cannot be changed`);
      const n = Number(wide[2]);
      const at = wide[1] === "xmm" ? (STATE.xmm + n * XMM_STRIDE) >> 3 : (STATE.fpr >> 3) + 2 * ((s.i32[STATE.fpuTop >> 2] + n) & 7);
      s.u64[at] = BigInt.asUintN(64, value);
      s.u64[at + 1] = BigInt.asUintN(wide[1] === "xmm" ? 64 : 16, value >> 64n);
      return;
    }
  }
  // Paging or mode bits.
  s.updateMode();
  vcpu.mmu.flushAll();
}

/** A segment register in real and virtual-8086 mode, where selector and base go together; false elsewhere. */
export function setRealSegment(vcpu: Vcpu, n: number, selector: number): boolean {
  const s = vcpu.state;
  if (s.protectedMode && !s.v86) return false;
  const { rip } = s;
  const ip = rip - s.segBase(CS);
  s.setSegment(n, selector, BigInt(selector << 4), 0xffff, s.attr[n]);
  if (n === CS) s.rip = s.segBase(CS) + ip;
  if (n === CS || n === SS) s.updateMode();
  return true;
}
