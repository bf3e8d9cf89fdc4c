/** Control and debug registers, mode switches, TLB invalidation. SDM 3A §2.5, §4.1, §9.8; SDM 2B "MOV—Move to/from Control Registers". */
import { GuestFault, VECTOR, generalProtection, undefinedOpcode } from "../fault.ts";
import { CS, STATUS } from "../layout.ts";
import { ATTR, CR0, CR4, EFER } from "../state.ts";
import { type Core } from "./core.ts";
import { PHYSICAL_BITS } from "./model.ts";

const CR0_WRITABLE = CR0.PE | CR0.MP | CR0.EM | CR0.TS | CR0.NE | CR0.WP | CR0.AM | CR0.NW | CR0.CD | CR0.PG;
/** A change of these in CR4 empties the TLBs (SDM 3A §4.10.4.1; more than it asks for does no harm). */
const CR4_PAGING = CR4.PSE | CR4.PAE | CR4.PGE | CR4.PCIDE | CR4.SMEP | CR4.SMAP | CR4.LA57 | CR4.PKE;
const CR4_PDPTE = CR4.PSE | CR4.PAE | CR4.PGE | CR4.SMEP;
const PCID_KEEP = 1n << 63n;
const CR3_ADDRESS_LIMIT = 1n << BigInt(PHYSICAL_BITS);
/** Bits 2:1, 8:5 and those above the physical address width are reserved in a PAE PDPTE. SDM 3A table 4-8. */
const PDPTE_RESERVED_LO = 0x1e6;
const PDPTE_RESERVED_HI = ~((1 << (PHYSICAL_BITS - 32)) - 1);

/** DR6: B0-B3, BD, BS, BT; DR7: all but bits 10 (one), 11, 12, 14, 15 (zero). SDM 3B §17.2. */
const DR6_WRITABLE = 0xe00f;
const DR6_FIXED = 0xffff0ff0;
const DR7_WRITABLE = 0xffff23ff;
const DR7_FIXED = 0x400;
const DR7_GD = 1 << 13;
const DR6_BD = 1n << 13n;

export class ControlRegisters {
  /** CR4 bits that the CPU model has. */
  private readonly cr4Allowed: number;
  private readonly hasSmap: boolean;

  constructor(private readonly core: Core) {
    const { model } = core;
    const bits: readonly (readonly [string, number])[] = [
      ["vme", CR4.VME | CR4.PVI], ["tsc", CR4.TSD], ["de", CR4.DE], ["pse", CR4.PSE], ["pae", CR4.PAE], ["mce", CR4.MCE],
      ["pge", CR4.PGE], ["fxsr", CR4.OSFXSR], ["sse", CR4.OSXMMEXCPT], ["umip", CR4.UMIP], ["la57", CR4.LA57],
      ["fsgsbase", CR4.FSGSBASE], ["pcid", CR4.PCIDE], ["xsave", CR4.OSXSAVE], ["smep", CR4.SMEP], ["smap", CR4.SMAP], ["pku", CR4.PKE],
    ];
    let allowed: number = CR4.PCE;
    for (const [name, bit] of bits) if (model.has(name)) allowed |= bit;
    this.cr4Allowed = allowed;
    this.hasSmap = model.has("smap");
  }

  readCr(n: number): number {
    const { core } = this;
    const { state } = core;
    core.requireCpl0();
    switch (n) {
      case 0:
        core.setRet(0, state.cr0);
        break;
      case 2:
        core.split(state.cr2);
        core.setRet(0, core.lo, core.hi);
        break;
      case 3:
        core.split(state.cr3);
        core.setRet(0, core.lo, core.hi);
        break;
      case 4:
        core.setRet(0, state.cr4);
        break;
      case 8:
        core.setRet(0, core.env.apic?.taskPriority ?? state.cr8);
        break;
      default:
        throw undefinedOpcode();
    }
    return STATUS.next;
  }

  writeCr(n: number, value: bigint, nextRip: bigint): number {
    const { core } = this;
    const { state } = core;
    core.requireCpl0();
    if (n !== 0 && n !== 2 && n !== 3 && n !== 4 && n !== 8) throw undefinedOpcode();
    core.split(value);
    if (!state.mode64) core.hi = 0;
    const { lo, hi } = core;
    switch (n) {
      case 0:
        if (hi !== 0) throw generalProtection();
        this.writeCr0(lo);
        break;
      case 2:
        state.cr2 = BigInt.asUintN(state.mode64 ? 64 : 32, value);
        break;
      case 3:
        this.writeCr3(BigInt.asUintN(state.mode64 ? 64 : 32, value));
        break;
      case 4:
        if (hi !== 0) throw generalProtection();
        this.writeCr4(lo);
        break;
      case 8:
        if (hi !== 0 || lo >>> 0 > 15) throw generalProtection();
        if (core.env.apic !== null) core.env.apic.taskPriority = lo;
        else state.cr8 = lo;
        break;
    }
    state.rip = nextRip;
    return STATUS.jump;
  }

  private writeCr0(value: number): void {
    const { core } = this;
    const { state } = core;
    if (value & CR0.PG && !(value & CR0.PE)) throw generalProtection();
    if (value & CR0.NW && !(value & CR0.CD)) throw generalProtection();
    const next = (value & CR0_WRITABLE) | CR0.ET;
    const changed = next ^ state.cr0;
    if (changed & CR0.PG) {
      if (next & CR0.PG) {
        if (state.efer & EFER.LME) {
          // SDM 3A §9.8.5: PAE first, a 16-bit TSS or 64-bit code segment may not be in use.
          if (!(state.cr4 & CR4.PAE) || state.attr[CS] & ATTR.L || (state.tr.attr & 15) === 3 || (state.tr.attr & 15) === 1) {
            throw generalProtection();
          }
        } else if (state.cr4 & CR4.PAE) this.checkPdptes(state.cr3);
      } else if (state.mode64 || state.cr4 & CR4.PCIDE) throw generalProtection();
    } else if (next & CR0.PG && changed & (CR0.CD | CR0.NW) && state.cr4 & CR4.PAE && !state.longMode) {
      this.checkPdptes(state.cr3);
    }
    state.cr0 = next;
    if (changed & CR0.PG) {
      if (!(next & CR0.PG)) state.efer &= ~EFER.LMA;
      else if (state.efer & EFER.LME) state.efer |= EFER.LMA;
    }
    if (changed & (CR0.PG | CR0.WP | CR0.PE)) core.mmu.flushAll();
    state.updateMode();
  }

  private writeCr3(value: bigint): void {
    const { core } = this;
    const { state } = core;
    let next = value;
    if (state.longMode) {
      // Bit 63 asks to keep this PCID's entries; they may go all the same (SDM 3A §4.10.4.1).
      if (state.cr4 & CR4.PCIDE) next &= ~PCID_KEEP;
      if (next >= CR3_ADDRESS_LIMIT) throw generalProtection();
    } else if (state.cr0 & CR0.PG && state.cr4 & CR4.PAE) this.checkPdptes(next);
    state.cr3 = next;
    core.mmu.flushNonGlobal();
  }

  private writeCr4(value: number): void {
    const { core } = this;
    const { state } = core;
    if (value & ~this.cr4Allowed) throw generalProtection();
    const changed = value ^ state.cr4;
    if (state.longMode && (!(value & CR4.PAE) || changed & CR4.LA57)) throw generalProtection();
    if (value & changed & CR4.PCIDE && (!state.longMode || (state.cr3 & 0xfffn) !== 0n)) throw generalProtection();
    if (state.cr0 & CR0.PG && value & CR4.PAE && changed & CR4_PDPTE && !state.longMode) this.checkPdptes(state.cr3);
    state.cr4 = value;
    if (changed & CR4_PAGING) core.mmu.flushAll();
    state.updateMode();
  }

  /** Loading the PDPTE registers of PAE paging checks their reserved bits. SDM 3A §4.4.1. */
  private checkPdptes(cr3: bigint): void {
    const { phys } = this.core.mmu;
    const table = Number(cr3 & 0xffffffe0n);
    for (let i = 0; i < 4; i++) {
      const lo = phys.read32(table + 8 * i);
      const hi = phys.read32(table + 8 * i + 4);
      if (lo & 1 && (lo & PDPTE_RESERVED_LO || hi & PDPTE_RESERVED_HI)) throw generalProtection();
    }
  }

  lmsw(value: number): number {
    const { core } = this;
    core.requireCpl0();
    const { state } = core;
    // PE can be set but not cleared.
    const low = (value & (CR0.PE | CR0.MP | CR0.EM | CR0.TS)) | (state.cr0 & CR0.PE);
    this.writeCr0((state.cr0 & ~(CR0.MP | CR0.EM | CR0.TS)) | low);
    return STATUS.next;
  }

  clts(): number {
    const { core } = this;
    core.requireCpl0();
    core.state.cr0 &= ~CR0.TS;
    core.state.updateMode();
    return STATUS.next;
  }

  /** DR4 and DR5 are DR6 and DR7 unless CR4.DE; DR7.GD traps. SDM 3B §17.2. */
  private debugRegister(n: number): number {
    const { core } = this;
    const { state } = core;
    let which = n;
    if (n === 4 || n === 5) {
      if (state.cr4 & CR4.DE) throw undefinedOpcode();
      which = n + 2;
    } else if (n > 7) throw undefinedOpcode();
    core.requireCpl0();
    if (Number(state.dr[7]) & DR7_GD) {
      state.dr[7] &= ~BigInt(DR7_GD);
      state.dr[6] |= DR6_BD;
      throw new GuestFault(VECTOR.DB);
    }
    return which;
  }

  readDr(n: number): number {
    const { core } = this;
    core.split(core.state.dr[this.debugRegister(n)]);
    core.setRet(0, core.lo, core.hi);
    return STATUS.next;
  }

  writeDr(n: number, value: bigint, nextRip: bigint): number {
    const { core } = this;
    const { state } = core;
    const which = this.debugRegister(n);
    core.split(value);
    const hi = state.mode64 ? core.hi : 0;
    const lo = core.lo;
    if (which >= 6) {
      if (hi !== 0) throw generalProtection();
      const v = which === 6 ? (lo & DR6_WRITABLE) | DR6_FIXED : (lo & DR7_WRITABLE) | DR7_FIXED;
      state.dr[which] = BigInt(v >>> 0);
    } else state.dr[which] = BigInt.asUintN(state.mode64 ? 64 : 32, value);
    state.rip = nextRip;
    return STATUS.jump;
  }

  invlpg(linear: bigint): number {
    const { core } = this;
    core.requireCpl0();
    core.split(linear);
    const { lo, hi } = core;
    // INVLPG of a non-canonical address does nothing. SDM 2A "INVLPG".
    if (core.state.mode64 && !core.memory.canonical(hi)) return STATUS.next;
    this.invalidate(lo, core.state.longMode ? hi : 0);
    return STATUS.next;
  }

  /** A page that is large now, or whose directory entry is gone, may have many entries: then all go. */
  private invalidate(lo: number, hi: number): void {
    this.core.mmu.invalidatePage(lo, hi, !this.mappedBySmallPage(lo, hi));
  }

  private mappedBySmallPage(lo: number, hi: number): boolean {
    const { state, mmu } = this.core;
    const { phys } = mmu;
    if (!(state.cr0 & CR0.PG)) return true;
    if (!(state.cr4 & CR4.PAE)) {
      const pde = phys.read32(Number(state.cr3 & 0xfffff000n) + (lo >>> 22) * 4);
      return (pde & 1) !== 0 && !(pde & 0x80 && state.cr4 & CR4.PSE);
    }
    const long = state.longMode;
    let table = Number(long ? state.cr3 & 0xfffffff000n : state.cr3 & 0xffffffe0n);
    for (let level = long ? (state.cr4 & CR4.LA57 ? 5 : 4) : 3; level > 1; level--) {
      const index = level === 5 ? hi >>> 16 : level === 4 ? hi >>> 7 : level === 3 ? ((long ? hi << 2 : 0) | (lo >>> 30)) : lo >>> 21;
      const at = table + (index & 511) * 8;
      const entry = phys.read32(at);
      const pdpte = !long && level === 3;
      if (!(entry & 1) || (entry & 0x80 && !pdpte)) return false;
      table = (phys.read32(at + 4) & 0xff) * 0x100000000 + ((entry & ~0xfff) >>> 0);
    }
    return true;
  }

  /** SDM 2A "INVPCID". Only one context is kept, so that types 1 and 3 are alike. */
  invpcid(type: bigint, descriptor: bigint): number {
    const { core } = this;
    const { state, memory } = core;
    if (!core.model.has("invpcid")) throw undefinedOpcode();
    core.requireCpl0();
    core.split(descriptor);
    if (state.mode64 && !memory.canonical(core.hi)) throw generalProtection();
    const at = memory.readable(core.lo, core.hi, 16, memory.index());
    const pcid = memory.get32(at);
    const pcidHi = memory.get32(at + 4);
    const lo = memory.get32(at + 8);
    const hi = memory.get32(at + 12);
    const kind = BigInt.asUintN(64, type);
    if (kind > 3n || (pcid & ~0xfff) !== 0 || pcidHi !== 0) throw generalProtection();
    if (kind < 2n && pcid !== 0 && !(state.cr4 & CR4.PCIDE)) throw generalProtection();
    if (kind === 0n) {
      if (!memory.canonical(hi)) throw generalProtection();
      this.invalidate(lo, state.longMode ? hi : 0);
    } else if (kind === 2n) core.mmu.flushAll();
    else core.mmu.flushNonGlobal();
    return STATUS.next;
  }

  /** CLAC and STAC change which pages a supervisor may touch. SDM 2A "CLAC". */
  requireSmap(): void {
    if (!this.hasSmap || this.core.state.cpl !== 0) throw undefinedOpcode();
  }

  privilegedNop(): number {
    this.core.requireCpl0();
    return STATUS.next;
  }
  /** What LLDT and LTR ask for before they read their operand. */
  privilegedSelector(): number {
    this.core.requireProtected();
    this.core.requireCpl0();
    return STATUS.next;
  }
}
