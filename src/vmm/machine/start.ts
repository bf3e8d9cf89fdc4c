/** Puts a vCPU into the state that a boot protocol asks for. */
import { CS, DS, ES, FS, GS, SS, STATE } from "../../cpu/layout.ts";
import type { CpuState } from "../../cpu/state.ts";
import type { BootEntry, GprName, SegmentLoad } from "../boot/load.ts";

const GPR: Record<GprName, number> = { rax: 0, rcx: 1, rdx: 2, rbx: 3, rsp: 4, rbp: 5, rsi: 6, rdi: 7 };

/** Base, limit and attributes of an 8-byte descriptor (SDM 3A §3.4.5). */
function unpack(d: bigint): { base: bigint; limit: number; attr: number } {
  const lo = Number(d & 0xffffffffn);
  const hi = Number(d >> 32n);
  const raw = (lo & 0xffff) | (hi & 0xf0000);
  return {
    base: BigInt(((lo >>> 16) | ((hi & 0xff) << 16) | (hi & 0xff000000)) >>> 0),
    limit: hi & 0x800000 ? ((raw << 12) | 0xfff) >>> 0 : raw,
    attr: (hi >>> 8) & 0xf0ff,
  };
}

/** Expects a CPU fresh from reset. */
export function startAt(state: CpuState, entry: BootEntry): void {
  for (const [name, n] of Object.entries(GPR) as [GprName, number][]) state.setReg(n, BigInt(entry.registers[name]));
  state.setFlags(entry.rflags);
  state.cr0 = entry.cr0 | 0;
  state.cr3 = BigInt(entry.cr3);
  state.cr4 = entry.cr4;
  state.efer = entry.efer;
  state.gdtr.base = BigInt(entry.gdt.base);
  state.gdtr.limit = entry.gdt.limit;
  state.idtr.base = BigInt(entry.idt.base);
  state.idtr.limit = entry.idt.limit;
  const load = (n: number, s: SegmentLoad): void => {
    const { base, limit, attr } = unpack(s.descriptor);
    state.setSegment(n, s.selector, base, limit, attr);
  };
  const { cs, ss, ds, es, fs, gs, tr } = entry.segments;
  load(CS, cs);
  load(SS, ss);
  load(DS, ds);
  load(ES, es);
  load(FS, fs);
  load(GS, gs);
  if (tr !== null) Object.assign(state.tr, { selector: tr.selector, ...unpack(tr.descriptor) });
  state.u64[STATE.rip >> 3] = BigInt(entry.entry);
  state.updateMode();
}

