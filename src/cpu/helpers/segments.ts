/** Segment registers, descriptor-table registers, and the instructions that inspect descriptors. */
import { GuestFault, VECTOR, generalProtection, undefinedOpcode } from "../fault.ts";
import { CS, DS, ES, FS, GS, SS, STATUS } from "../layout.ts";
import { ATTR, CR4 } from "../state.ts";
import { type Core, Descriptor, SYSTEM, isNull } from "./core.ts";

/** Attributes of a segment register loaded in real mode (SDM 3A table 9-1) and in virtual-8086 mode (SDM 3B §20.2.1). */
export const REAL_ATTR = ATTR.P | ATTR.S | 3;
export const V86_ATTR = ATTR.P | ATTR.S | ATTR.DPL | 3;

/** System types that LAR accepts outside and inside long mode (SDM 2A LAR, tables 3-53 and 3-54), as bit sets. */
const LAR_LEGACY = (1 << 1) | (1 << 2) | (1 << 3) | (1 << 4) | (1 << 5) | (1 << 9) | (1 << 11) | (1 << 12);
const LAR_LONG = (1 << 2) | (1 << 9) | (1 << 11) | (1 << 12);
const LSL_LEGACY = (1 << 1) | (1 << 2) | (1 << 3) | (1 << 9) | (1 << 11);
const LSL_LONG = (1 << 2) | (1 << 9) | (1 << 11);

export class Segments {
  private readonly d = new Descriptor();

  constructor(private readonly core: Core) {}

  /** MOV, POP, LDS... to ES, SS, DS, FS or GS. SDM 2B "MOV", SDM 3A §5.6, §5.7. */
  loadSegment(s: number, selectorArg: number): number {
    const { core } = this;
    const { state } = core;
    const selector = selectorArg & 0xffff;
    if (s === CS || s > GS) throw undefinedOpcode();
    if (!state.protectedMode || state.v86) this.loadReal(s, selector);
    else if (s === SS) {
      // SDM 2B "MOV": a null SS only in 64-bit mode below CPL 3, with RPL = CPL.
      if (isNull(selector)) {
        if (!state.mode64 || state.cpl === 3 || (selector & 3) !== state.cpl) throw generalProtection();
        this.loadNull(SS, selector);
      } else {
        this.checkStack(this.d, selector, state.cpl, VECTOR.GP, 0);
        core.setTypeBits(this.d, 1);
        this.commit(SS, selector, this.d);
      }
    } else if (isNull(selector)) this.loadNull(s, selector);
    else {
      const d = this.d;
      core.fetchOrFault(d, selector);
      const rpl = selector & 3;
      if (!d.isReadable) throw generalProtection(selector & 0xfffc);
      if (!d.isConforming && (rpl > d.dpl || state.cpl > d.dpl)) throw generalProtection(selector & 0xfffc);
      if (!d.present) throw new GuestFault(VECTOR.NP, selector & 0xfffc);
      core.setTypeBits(d, 1);
      this.commit(s, selector, d);
    }
    if (s === SS) {
      state.castInterruptShadow(true);
      state.updateMode();
    }
    return STATUS.next;
  }

  /** Real mode keeps the limit of the descriptor cache (SDM 3A §9.9.2); virtual-8086 mode does not. */
  loadReal(s: number, selector: number): void {
    const { state } = this.core;
    if (state.v86) state.loadSegmentCache(s, selector, selector << 4, 0xffff, V86_ATTR);
    else {
      const usable = (state.attr[s] & ATTR.P) !== 0;
      const attr = s === CS ? REAL_ATTR | (state.attr[CS] & ATTR.DB) : usable ? state.attr[s] : REAL_ATTR;
      state.loadSegmentCache(s, selector, selector << 4, usable ? state.limit[s] : 0xffff, attr);
    }
  }

  loadNull(s: number, selector: number): void {
    this.core.state.loadSegmentCache(s, selector, 0, 0, 0);
  }

  commit(s: number, selector: number, d: Descriptor): void {
    this.core.state.loadSegmentCache(s, selector, d.base, d.limit, d.attr);
  }

  /**
   * Fetches and checks a non-null stack segment for privilege level `cpl`: `vector`(selector | ext) for what is wrong
   * with it, #SS for not present. With #TS the rules are those of a stack taken from a TSS (SDM 2A "INT n").
   */
  checkStack(d: Descriptor, selector: number, cpl: number, vector: number, ext: number): void {
    this.core.fetchOrFault(d, selector, vector, ext);
    if ((selector & 3) !== cpl || !d.isWritableData || d.dpl !== cpl) throw new GuestFault(vector, (selector & 0xfffc) | ext);
    if (!d.present) throw new GuestFault(VECTOR.SS, (selector & 0xfffc) | ext);
  }

  /** After a return to an outer level: data segments that the new level may not use become null (SDM 2B "RET"). */
  nullInaccessible(cpl: number): void {
    const { state } = this.core;
    for (const s of DATA_SEGMENTS) {
      const attr = state.attr[s];
      if (!(attr & ATTR.P)) {
        // An unusable register holds a null selector already; its RPL stays.
        continue;
      }
      const conforming = (attr & 0x1c) === 0x1c;
      if (!conforming && ((attr >> 5) & 3) < cpl) this.loadNull(s, 0);
    }
  }

  lldt(selectorArg: number): number {
    const { core } = this;
    const { state } = core;
    core.requireProtected();
    core.requireCpl0();
    const selector = selectorArg & 0xffff;
    const ldtr = state.ldtr;
    if (isNull(selector)) {
      ldtr.selector = selector;
      ldtr.attr = 0;
      ldtr.limit = 0;
      ldtr.base = 0n;
      return STATUS.next;
    }
    const base = this.systemSegment(selector, 1 << SYSTEM.LDT);
    ldtr.selector = selector;
    ldtr.attr = this.d.attr;
    ldtr.limit = this.d.limit;
    ldtr.base = base;
    return STATUS.next;
  }

  ltr(selectorArg: number): number {
    const { core } = this;
    const { state } = core;
    core.requireProtected();
    core.requireCpl0();
    const selector = selectorArg & 0xffff;
    if (isNull(selector)) throw generalProtection();
    const base = this.systemSegment(selector, state.longMode ? 1 << SYSTEM.TSS : (1 << SYSTEM.TSS) | (1 << SYSTEM.TSS16));
    core.setTypeBits(this.d, 2);
    const tr = state.tr;
    tr.selector = selector;
    tr.attr = this.d.attr;
    tr.limit = this.d.limit;
    tr.base = base;
    return STATUS.next;
  }

  /** Fetches the LDT or TSS descriptor of `selector` (in the GDT, of one of `types`, present); its base. */
  private systemSegment(selector: number, types: number): bigint {
    const { core, d } = this;
    const error = selector & 0xfffc;
    if (selector & 4) throw generalProtection(error);
    core.fetchOrFault(d, selector);
    if (d.systemType < 0 || !((types >> d.systemType) & 1)) throw generalProtection(error);
    if (!d.present) throw new GuestFault(VECTOR.NP, error);
    if (!core.state.longMode) return BigInt(d.base);
    const upper = core.fetchUpper(d, selector);
    if (!core.memory.canonical(upper)) throw generalProtection(error);
    return (BigInt(upper >>> 0) << 32n) | BigInt(d.base);
  }

  lgdt(base: bigint, limit: number): number {
    return this.loadTable(this.core.state.gdtr, base, limit);
  }
  lidt(base: bigint, limit: number): number {
    return this.loadTable(this.core.state.idtr, base, limit);
  }
  private loadTable(table: { base: bigint; limit: number }, base: bigint, limit: number): number {
    const { core } = this;
    core.requireCpl0();
    core.split(base);
    if (core.state.mode64) {
      if (!core.memory.canonical(core.hi)) throw generalProtection();
      table.base = BigInt.asUintN(64, base);
    } else table.base = BigInt.asUintN(32, base);
    table.limit = limit & 0xffff;
    return STATUS.next;
  }

  /** SGDT, SIDT, SLDT, STR, SMSW: `which` 0..4. UMIP: SDM 3A §2.5. */
  storeSystem(which: number): number {
    const { core } = this;
    const { state } = core;
    if (which === 2 || which === 3) core.requireProtected();
    if (state.cr4 & CR4.UMIP && state.cpl !== 0) throw generalProtection();
    if (which < 2) {
      const table = which === 0 ? state.gdtr : state.idtr;
      core.split(table.base);
      core.setRet(0, table.limit);
      core.setRet(1, core.lo, core.hi);
    } else if (which === 4) core.setRet(0, state.cr0);
    else core.setRet(0, which === 2 ? state.ldtr.selector : state.tr.selector);
    return STATUS.next;
  }

  /** Whether LAR, LSL, VERR and VERW may see the descriptor that was fetched. */
  private visible(selector: number): boolean {
    const d = this.d;
    return d.isConforming || (d.dpl >= this.core.state.cpl && d.dpl >= (selector & 3));
  }

  private inspect(selectorArg: number, legacy: number, long: number): boolean {
    const { core, d } = this;
    core.requireProtected();
    const selector = selectorArg & 0xffff;
    if (isNull(selector) || !core.fetch(d, selector)) return false;
    const type = d.systemType;
    if (type >= 0 && !(((core.state.longMode ? long : legacy) >> type) & 1)) return false;
    return this.visible(selector);
  }

  lar(selector: number, bits: number): number {
    const ok = this.inspect(selector, LAR_LEGACY, LAR_LONG);
    // Processors return the limit bits 19:16 with the access rights, though the manual leaves them undefined.
    this.core.setRet(0, ok ? this.d.hi & (bits === 16 ? 0xff00 : 0x00ffff00) : 0);
    this.core.setRet(1, ok ? 1 : 0);
    return STATUS.next;
  }

  lsl(selector: number, bits: number): number {
    const ok = this.inspect(selector, LSL_LEGACY, LSL_LONG);
    const limit = ok ? this.d.limit : 0;
    this.core.setRet(0, bits === 16 ? limit & 0xffff : limit);
    this.core.setRet(1, ok ? 1 : 0);
    return STATUS.next;
  }

  verify(selectorArg: number, write: number): number {
    const { core, d } = this;
    core.requireProtected();
    const selector = selectorArg & 0xffff;
    const ok = !isNull(selector) && core.fetch(d, selector) && d.systemType < 0 && this.visible(selector) &&
      (write ? d.isWritableData : d.isReadable);
    core.setRet(1, ok ? 1 : 0);
    return STATUS.next;
  }
}

const DATA_SEGMENTS = [ES, DS, FS, GS] as const;
