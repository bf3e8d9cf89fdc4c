/** A machine's registers by GDB's names, with the widths that the present mode gives them, as QEMU's stub has them. */
import { UserError } from "../../base/errors.ts";
import { MSR } from "../../cpu/helpers/index.ts";
import { STATE } from "../../cpu/layout.ts";
import type { Vcpu } from "../../jit/vcpu.ts";
import { cr8, fpuStatus, GENERAL, pointerOf, SEGMENTS, setRealSegment, setRegister, st, xmm } from "./registers.ts";

export interface RegisterFile {
  get(name: string): bigint;
  set(name: string, value: bigint): void;
}

const M32 = 0xffffffffn;
/** What is 64 bits wide in 64-bit code alone. */
const WIDE = new Set<string>([...GENERAL, "rip", "fs_base", "gs_base", "k_gs_base", "cr0", "cr2", "cr3", "cr4", "cr8", "efer"]);

export function registerFile(vcpu: Vcpu): RegisterFile {
  const s = vcpu.state;
  const raw = (name: string): bigint => {
    const general = GENERAL.indexOf(name as (typeof GENERAL)[number]);
    if (general >= 0) return !s.mode64 && general >= 8 ? 0n : s.reg(general);
    const segment = SEGMENTS.indexOf(name as (typeof SEGMENTS)[number]);
    if (segment >= 0) return BigInt(s.selector[segment]);
    const numbered = /^(xmm|st)(\d+)$/.exec(name);
    if (numbered !== null) {
      const n = Number(numbered[2]);
      return numbered[1] === "st" ? st(s, n) : !s.mode64 && n >= 8 ? 0n : xmm(s, n);
    }
    switch (name) {
      case "rip": return pointerOf(s);
      case "eflags": return BigInt(s.flags() >>> 0);
      case "fs_base": return s.fsBase;
      case "gs_base": return s.gsBase;
      case "k_gs_base": return vcpu.options.model.has("lm") ? vcpu.cpu.msrs.read(MSR.KERNEL_GS_BASE) : 0n;
      case "cr0": return BigInt(s.cr0 >>> 0);
      case "cr2": return s.cr2;
      case "cr3": return s.cr3;
      case "cr4": return BigInt(s.cr4 >>> 0);
      case "cr8": return cr8(vcpu);
      case "efer": return BigInt(s.efer >>> 0);
      case "fctrl": return BigInt(s.i32[STATE.fpuCw >> 2] & 0xffff);
      case "fstat": return BigInt(fpuStatus(s) & 0xffff);
      case "ftag": return BigInt(s.i32[STATE.fpuTag >> 2] & 0xffff);
      case "mxcsr": return BigInt(s.i32[STATE.mxcsr >> 2] & 0xffff);
      case "fop": return BigInt(s.i32[STATE.fpuOp >> 2] & 0x7ff);
      case "fiseg": return BigInt(s.i32[STATE.fpuCs >> 2]);
      case "foseg": return BigInt(s.i32[STATE.fpuDs >> 2]);
      case "fioff": return BigInt(s.u32[STATE.fpuIp >> 2]);
      case "fooff": return BigInt(s.u32[STATE.fpuDp >> 2]);
      default: return 0n;
    }
  };
  return {
    get: (name) => (!s.mode64 && WIDE.has(name) ? raw(name) & M32 : raw(name)),
    set: (name, value) => {
      if (!s.mode64 && /^(r8|r9|r1\d|xmm([89]|1\d))$/.test(name)) return;
      const segment = SEGMENTS.indexOf(name as (typeof SEGMENTS)[number]);
      if (segment >= 0) {
        setRealSegment(vcpu, segment, Number(value & 0xffffn));
        return;
      }
      try {
        setRegister(vcpu, name, value);
      } catch (e) {
        // What cannot be changed stays as it is.
        if (!(e instanceof UserError)) throw e;
      }
    },
  };
}
