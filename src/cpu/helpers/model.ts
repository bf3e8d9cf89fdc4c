/** CPU models: what CPUID answers. SDM 2A "CPUID", AMD APM 3 appendix E. */
import { CR4, type CpuState } from "../state.ts";
import { type CpuidRegister, DEFAULT_MODEL, FEATURES, type ModelDefinition, canonicalFeature, parseModel } from "./features.ts";

/** Physical and linear address widths; mmu/walk.ts checks reserved bits by the first. */
export const PHYSICAL_BITS = 40;
const LINEAR_BITS = 48;
/** With 5-level paging. */
const LINEAR_BITS_LA57 = 57;

/** XSAVE's extended components begin behind the 512-byte legacy area and the 64-byte header. */
export const XSAVE_HEADER_END = 576;
export const XSAVE_AVX_SIZE = 256;
export const XSAVE_PKRU_SIZE = 8;
/** Components as bits of XCR0. SDM 1 §13.1. */
export const XFEATURE = { x87: 1, sse: 2, avx: 4, pkru: 1 << 9 } as const;
/** Where PKRU stands in the standard layout, and in a compacted one with components `layout`. */
export const XSAVE_PKRU = XSAVE_HEADER_END + XSAVE_AVX_SIZE;
export const xsavePkru = (layout: number): number => (layout & XFEATURE.avx ? XSAVE_PKRU : XSAVE_HEADER_END);
/** Bytes of the XSAVE area for components `xcr0`, standard and compacted. */
export const xsaveSize = (xcr0: number): number =>
  xcr0 & XFEATURE.pkru ? XSAVE_PKRU + XSAVE_PKRU_SIZE : xcr0 & XFEATURE.avx ? XSAVE_HEADER_END + XSAVE_AVX_SIZE : XSAVE_HEADER_END;
export const xsaveCompactedSize = (xcr0: number): number => (xcr0 & XFEATURE.pkru ? xsavePkru(xcr0) + XSAVE_PKRU_SIZE : xsaveSize(xcr0));

/** CPUID.7.0:ECX: CR4.PKE. */
const OSPKE = 1 << 4;
const HYPERVISOR_LEAF = 0x40000000;
/** Twelve characters in EBX, ECX, EDX. */
const HYPERVISOR_VENDOR = "TabvisorTabv";
const EXTENDED_LEAF = 0x80000000;
const MAX_EXTENDED = 0x80000008;

export interface CpuidResult {
  eax: number;
  ebx: number;
  ecx: number;
  edx: number;
}

/** A CPU as the guest sees it, from QEMU's notation `NAME[,+flag][,-flag][,flag=on|off]`. */
export class CpuModel {
  readonly name: string;
  readonly definition: ModelDefinition;
  private readonly enabled: Set<string>;
  /** Feature words that were asked for. */
  private readonly words = new Map<string, number>();

  constructor(notation: string = DEFAULT_MODEL) {
    const { name, definition, flags } = parseModel(notation);
    this.name = name;
    this.definition = definition;
    this.enabled = new Set(definition.features.split(" "));
    for (const { name: feature, on } of flags) {
      if (on) this.enabled.add(feature);
      else this.enabled.delete(feature);
    }
  }

  /** Whether a feature of the table in features.ts is advertised. */
  has(feature: string): boolean {
    let known = this.asked.get(feature);
    if (known === undefined) this.asked.set(feature, (known = this.enabled.has(canonicalFeature(feature))));
    return known;
  }
  /** Answers of `has`: helpers ask at every instruction. */
  private readonly asked = new Map<string, boolean>();
  get amd(): boolean {
    return this.definition.vendor === "AuthenticAMD";
  }

  /** Width of a linear address; what may be written to MSRs follows from it, whatever CR4.LA57 says (SDM 3A §4.5.5). */
  get linearBits(): number {
    return this.has("la57") ? LINEAR_BITS_LA57 : LINEAR_BITS;
  }

  /** XCR0 bits that the guest may set. */
  get xcr0Supported(): number {
    if (!this.has("xsave")) return 0;
    return XFEATURE.x87 | XFEATURE.sse | (this.has("avx") ? XFEATURE.avx : 0) | (this.has("pku") ? XFEATURE.pkru : 0);
  }

  private word(leaf: number, subleaf: number, register: CpuidRegister): number {
    const key = `${leaf}.${subleaf}.${register}`;
    const known = this.words.get(key);
    if (known !== undefined) return known;
    let v = 0;
    for (const name of this.enabled) {
      const f = FEATURES.get(name);
      if (f !== undefined && f.leaf === leaf && f.subleaf === subleaf && f.register === register) v |= 1 << f.bit;
    }
    this.words.set(key, v);
    return v;
  }

  /** What CPUID returns for EAX = leaf, ECX = subleaf. `state` is for the bits that mirror CR4 and XCR0. */
  cpuid(leafArg: number, subleaf: number, state: CpuState, tscKhz: number): CpuidResult {
    const d = this.definition;
    let leaf = leafArg >>> 0;
    const hypervisor = leaf >= HYPERVISOR_LEAF && leaf <= HYPERVISOR_LEAF + 0xffff && this.has("hypervisor");
    const extended = leaf >= EXTENDED_LEAF && leaf <= MAX_EXTENDED && d.extended !== false;
    if (!hypervisor && !extended && leaf > d.maxLeaf) {
      // Intel answers an unknown leaf with the highest basic one, AMD with zeros.
      if (this.amd) return result();
      leaf = d.maxLeaf;
    }
    switch (leaf) {
      case 0:
        return text(d.vendor, d.maxLeaf);
      case 1: {
        const ecx = this.word(1, 0, "ecx") | (this.has("xsave") && state.cr4 & CR4.OSXSAVE ? 1 << 27 : 0);
        // EBX: CLFLUSH line of 8 quadwords, one logical processor, APIC ID 0.
        return result(this.signature(), (1 << 16) | (8 << 8), ecx, this.word(1, 0, "edx"));
      }
      case 2:
        // Descriptor FFH: caches are in leaf 4.
        return this.amd ? result() : result(0x00_00_ff_01);
      case 4:
        return this.amd ? result() : cacheLeaf(subleaf);
      case 7:
        return subleaf === 0 ? result(0, this.word(7, 0, "ebx"), this.word(7, 0, "ecx") | (state.cr4 & CR4.PKE ? OSPKE : 0), this.word(7, 0, "edx")) : result();
      case 0xb:
        if (this.amd) return result(0, 0, subleaf & 0xff);
        // One thread in one core: level type 1 is SMT, 2 is core.
        return subleaf < 2 ? result(0, 1, subleaf | ((subleaf + 1) << 8)) : result(0, 0, subleaf & 0xff);
      case 0xd:
        return this.xsaveLeaf(subleaf, state);
      case 0x15:
        return tscLeaf(tscKhz);
      case 0x16:
        return result(Math.round(tscKhz / 1000), Math.round(tscKhz / 1000), 100);
      case HYPERVISOR_LEAF:
        return { ...text(HYPERVISOR_VENDOR, HYPERVISOR_LEAF), ...hypervisorText() };
      case EXTENDED_LEAF:
        return this.amd ? text(d.vendor, MAX_EXTENDED) : result(MAX_EXTENDED);
      case EXTENDED_LEAF + 1: {
        // AMD repeats the basic features in the extended word.
        const edx = this.word(leaf, 0, "edx") | (this.amd ? this.word(1, 0, "edx") & 0x0183f3ff : 0);
        return result(this.amd ? this.signature() : 0, 0, this.word(leaf, 0, "ecx"), edx);
      }
      case EXTENDED_LEAF + 2:
      case EXTENDED_LEAF + 3:
      case EXTENDED_LEAF + 4:
        return brandLeaf(d.brand, leaf - EXTENDED_LEAF - 2);
      case EXTENDED_LEAF + 5:
        // AMD only: L1 data and instruction, 32 KiB, 8 ways, 64-byte lines.
        return this.amd ? result(0, 0, (32 << 24) | (8 << 16) | (1 << 8) | 64, (32 << 24) | (8 << 16) | (1 << 8) | 64) : result();
      case EXTENDED_LEAF + 6:
        // L2: 256 KiB, 8 ways (code 6), 64-byte lines.
        return result(0, 0, (256 << 16) | (6 << 12) | (this.amd ? 1 << 8 : 0) | 64);
      case EXTENDED_LEAF + 7:
        return result(0, 0, 0, this.word(leaf, 0, "edx"));
      case EXTENDED_LEAF + 8:
        return result(PHYSICAL_BITS | (this.linearBits << 8));
      default:
        return result();
    }
  }

  private signature(): number {
    const d = this.definition;
    const family = Math.min(d.family, 15);
    const extendedFamily = d.family - family;
    return (extendedFamily << 20) | ((d.model >> 4) << 16) | (family << 8) | ((d.model & 15) << 4) | d.stepping;
  }

  private xsaveLeaf(subleaf: number, state: CpuState): CpuidResult {
    const supported = this.xcr0Supported;
    if (supported === 0) return result();
    if (subleaf === 0) return result(supported, xsaveSize(Number(state.xcr0)), xsaveSize(supported));
    if (subleaf === 1) {
      return result(this.word(0xd, 1, "eax"), this.has("xsavec") ? xsaveCompactedSize(Number(state.xcr0)) : 0);
    }
    // AVX: the upper halves of YMM0-15, after the header.
    if (subleaf === 2 && supported & XFEATURE.avx) return result(XSAVE_AVX_SIZE, XSAVE_HEADER_END);
    return subleaf === 9 && supported & XFEATURE.pkru ? result(XSAVE_PKRU_SIZE, XSAVE_PKRU) : result();
  }
}

function result(eax = 0, ebx = 0, ecx = 0, edx = 0): CpuidResult {
  return { eax, ebx, ecx, edx };
}

function word(s: string, at: number): number {
  const c = (i: number): number => (at + i < s.length ? s.charCodeAt(at + i) : 0);
  return c(0) | (c(1) << 8) | (c(2) << 16) | (c(3) << 24);
}
/** The vendor's twelve characters go to EBX, EDX, ECX. */
const text = (s: string, eax: number): CpuidResult => result(eax, word(s, 0), word(s, 8), word(s, 4));
/** A hypervisor's go to EBX, ECX, EDX. */
const hypervisorText = (): Pick<CpuidResult, "ebx" | "ecx" | "edx"> => ({
  ebx: word(HYPERVISOR_VENDOR, 0), ecx: word(HYPERVISOR_VENDOR, 4), edx: word(HYPERVISOR_VENDOR, 8),
});
const brandLeaf = (s: string, part: number): CpuidResult =>
  result(word(s, part * 16), word(s, part * 16 + 4), word(s, part * 16 + 8), word(s, part * 16 + 12));

/** Deterministic cache parameters: L1D, L1I, L2, L3 of 64-byte lines. */
const CACHES = [
  { type: 1, level: 1, ways: 8, sets: 64 },
  { type: 2, level: 1, ways: 8, sets: 64 },
  { type: 3, level: 2, ways: 8, sets: 512 },
  { type: 3, level: 3, ways: 16, sets: 8192 },
] as const;
function cacheLeaf(subleaf: number): CpuidResult {
  const c = subleaf < CACHES.length && subleaf >= 0 ? CACHES[subleaf] : null;
  if (c === null) return result();
  return result(c.type | (c.level << 5) | (1 << 8), 63 | ((c.ways - 1) << 22), c.sets - 1);
}

/** The core crystal, which the local APIC's timer divides too (SDM 3A §10.5.4): 25 MHz, else 1 MHz, else 1 kHz. */
export function crystalKhz(tscKhz: number): number {
  return [25000, 1000].find((khz) => tscKhz % khz === 0) ?? 1;
}

/**
 * TSC = crystal x EBX / EAX. Linux multiplies the crystal's kHz by EBX in 32 bits, so EBX stays small.
 */
function tscLeaf(tscKhz: number): CpuidResult {
  const crystal = crystalKhz(tscKhz);
  return result(1, tscKhz / crystal, crystal * 1000);
}
