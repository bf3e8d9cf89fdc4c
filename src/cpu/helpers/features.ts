/** CPUID features as data: name, where the bit stands, and whether the emulator does what it promises. */

/** Output register of CPUID. */
import { UserError } from "../../base/errors.ts";

export type CpuidRegister = "eax" | "ebx" | "ecx" | "edx";

export interface CpuFeature {
  /** QEMU's name, lower case, with '-' for '_' and '.'. */
  readonly name: string;
  readonly leaf: number;
  readonly subleaf: number;
  readonly register: CpuidRegister;
  readonly bit: number;
}

/** Bits in order; '' where none is named. SDM 2A "CPUID", AMD APM 3 appendix E. */
const WORDS: readonly (readonly [leaf: number, subleaf: number, register: CpuidRegister, names: string])[] = [
  [1, 0, "edx", "fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 pn clflush - ds acpi mmx fxsr sse sse2 ss ht tm ia64 pbe"],
  [1, 0, "ecx", "pni pclmulqdq dtes64 monitor ds-cpl vmx smx est tm2 ssse3 cid - fma cx16 xtpr pdcm - pcid dca sse4-1 sse4-2 x2apic movbe popcnt tsc-deadline aes xsave - avx f16c rdrand hypervisor"],
  [7, 0, "ebx", "fsgsbase tsc-adjust sgx bmi1 hle avx2 - smep bmi2 erms invpcid rtm - - mpx - avx512f avx512dq rdseed adx smap avx512ifma - clflushopt clwb intel-pt avx512pf avx512er avx512cd sha-ni avx512bw avx512vl"],
  [7, 0, "ecx", "- avx512vbmi umip pku - waitpkg avx512vbmi2 - gfni vaes vpclmulqdq avx512vnni avx512bitalg - avx512-vpopcntdq - la57 - - - - - rdpid - bus-lock-detect cldemote - movdiri movdir64b"],
  [7, 0, "edx", "- - - - fsrm - - - - - md-clear - - - serialize - - - - - - - - - - - spec-ctrl stibp - arch-capabilities core-capability ssbd"],
  [0xd, 1, "eax", "xsaveopt xsavec xgetbv1 xsaves"],
  [0x80000001, 0, "edx", "- - - - - - - - - - - syscall - - - - - - - - nx - mmxext - - fxsr-opt pdpe1gb rdtscp - lm 3dnowext 3dnow"],
  [0x80000001, 0, "ecx", "lahf-lm cmp-legacy svm extapic cr8legacy abm sse4a misalignsse 3dnowprefetch osvw"],
  [0x80000007, 0, "edx", "- - - - - - - - invtsc"],
];

const IMPLEMENTED = new Set((
  "fpu vme de pse tsc msr pae mce cx8 sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni ssse3 cx16 " +
  "pcid sse4-1 sse4-2 movbe popcnt xsave rdrand hypervisor fsgsbase tsc-adjust smep erms invpcid rdseed smap umip " +
  "pku la57 rdpid fsrm spec-ctrl stibp arch-capabilities xsaveopt xsavec xgetbv1 xsaves syscall nx pdpe1gb rdtscp lm " +
  "lahf-lm invtsc pclmulqdq fma aes avx f16c bmi1 avx2 bmi2 adx clflushopt clwb sha-ni movdiri movdir64b abm " +
  "3dnowprefetch apic x2apic tsc-deadline").split(" "));

export const FEATURES: ReadonlyMap<string, CpuFeature> = new Map(
  WORDS.flatMap(([leaf, subleaf, register, names]) =>
    names.split(" ").flatMap((name, bit) => (name === "-" ? [] : [[name, { name, leaf, subleaf, register, bit }] as const]))),
);

const ALIASES: Readonly<Record<string, string>> = { sse3: "pni", i64: "lm", xd: "nx", lzcnt: "abm", clfsh: "clflush", x87: "fpu", "sse4": "sse4-2", sha: "sha-ni" };

/** The name under which a feature stands in the table: case, '_' and '.' do not matter. */
export function canonicalFeature(name: string): string {
  const n = name.toLowerCase().replaceAll("_", "-").replaceAll(".", "-");
  return ALIASES[n] ?? n;
}

export const isImplemented = (name: string): boolean => IMPLEMENTED.has(name);
export const implementedFeatures = (): string[] => [...FEATURES.keys()].filter(isImplemented).sort();

export interface ModelDefinition {
  readonly vendor: "GenuineIntel" | "AuthenticAMD";
  readonly family: number;
  readonly model: number;
  readonly stepping: number;
  /** Brand string, at most 47 characters. */
  readonly brand: string;
  /** Highest basic leaf. */
  readonly maxLeaf: number;
  /** False for processors without leaves from 8000_0000h on. */
  readonly extended?: boolean;
  readonly features: string;
}

const BASE64 = "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni cx16 syscall nx lm lahf-lm hypervisor";

const V2 = `${BASE64} ssse3 sse4-1 sse4-2 x2apic tsc-deadline movbe popcnt xsave xsaveopt xsavec xgetbv1 rdrand fsgsbase tsc-adjust smep erms fsrm rdseed smap umip ` +
  "spec-ctrl stibp arch-capabilities pdpe1gb rdtscp invtsc";

/** CPU models by name. Family 6 model 26 (Nehalem) is in none of Linux's lists of vulnerable or misnumbered processors. */
export const MODELS: Readonly<Record<string, ModelDefinition>> = {
  "x86-64-v2": {
    vendor: "GenuineIntel", family: 6, model: 26, stepping: 3, brand: "Tabvisor x86-64-v2 virtual CPU", maxLeaf: 0x16,
    features: V2,
  },
  /** x86-64 psABI level 3, and the cipher instructions that every such processor has. */
  "x86-64-v3": {
    vendor: "GenuineIntel", family: 6, model: 26, stepping: 3, brand: "Tabvisor x86-64-v3 virtual CPU", maxLeaf: 0x16,
    features: `${V2} avx avx2 bmi1 bmi2 f16c fma abm aes pclmulqdq invpcid pcid 3dnowprefetch`,
  },
  /** Everything that is implemented, but for 5-level paging, which makes page walks longer and is for the asking (`+la57`). */
  max: {
    vendor: "GenuineIntel", family: 6, model: 26, stepping: 3, brand: "Tabvisor maximum virtual CPU", maxLeaf: 0x16,
    features: [...IMPLEMENTED].filter((f) => f !== "la57").join(" "),
  },
  qemu64: {
    vendor: "AuthenticAMD", family: 15, model: 107, stepping: 1, brand: "QEMU64 compatible Tabvisor virtual CPU", maxLeaf: 0xd,
    features: BASE64,
  },
  qemu32: {
    vendor: "GenuineIntel", family: 6, model: 6, stepping: 3, brand: "QEMU32 compatible Tabvisor virtual CPU", maxLeaf: 4,
    features: "fpu vme de pse tsc msr pae mce cx8 sep mtrr pge mca cmov pat clflush mmx fxsr sse sse2 pni hypervisor",
  },
  pentium3: {
    vendor: "GenuineIntel", family: 6, model: 8, stepping: 3, brand: "", maxLeaf: 2, extended: false,
    features: "fpu vme de pse tsc msr pae mce cx8 sep mtrr pge mca cmov pat pse36 mmx fxsr sse",
  },
  "486": { vendor: "GenuineIntel", family: 4, model: 8, stepping: 0, brand: "", maxLeaf: 1, extended: false, features: "fpu vme pse" },
};
export const DEFAULT_MODEL = "x86-64-v2";

export interface ParsedModel {
  readonly name: string;
  readonly definition: ModelDefinition;
  /** Features that are set or cleared, by their names in the table, in order. */
  readonly flags: readonly { readonly name: string; readonly on: boolean }[];
}

/** QEMU's notation `NAME[,+flag][,-flag][,flag=on|off]`, taken apart. Throws UserError. */
export function parseModel(notation: string): ParsedModel {
  const [name = "", ...flags] = notation.split(",").map((p) => p.trim());
  const definition = Object.hasOwn(MODELS, name) ? MODELS[name] : undefined;
  if (definition === undefined) throw new UserError(`unknown CPU model '${name}'; models: ${Object.keys(MODELS).join(", ")}`);
  return { name, definition, flags: flags.map(parseFlag) };
}

function parseFlag(flag: string): { readonly name: string; readonly on: boolean } {
  const match = /^(?:([+-])([\w.-]+)|([\w.-]+)=(on|off))$/.exec(flag);
  if (match === null) throw new UserError(`CPU flag '${flag}' is not of the form +NAME, -NAME or NAME=on|off`);
  const given = match[2] ?? match[3];
  const on = match[1] === "+" || match[4] === "on";
  const name = canonicalFeature(given);
  const known = FEATURES.has(name);
  // Taking away what is not there is harmless.
  if (!known || (on && !isImplemented(name))) {
    const what = known ? "is not implemented" : "is unknown";
    throw new UserError(`CPU flag '${given}' ${what}; flags: ${implementedFeatures().join(" ")}`);
  }
  return { name, on };
}
