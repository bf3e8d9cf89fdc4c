/** The benchmark programs of `bench/guest`: which there are, how much each has to do, and what the issues ask of their kinds. */

export interface Program {
  readonly name: string;
  readonly category: Category;
  /** Its argument: chosen for 0.6 to 2 s in QEMU. */
  readonly count: number;
}

export const CATEGORIES = ["integer", "float", "memory", "system"] as const;
export type Category = (typeof CATEGORIES)[number];

/** Speeds as multiples of QEMU's. */
export interface CategoryTarget {
  readonly title: string;
  readonly mean: number;
  readonly slowest: number | null;
}

export const TARGETS: Readonly<Record<Category, CategoryTarget>> = {
  integer: { title: "integer and compression", mean: 1, slowest: 0.6 },
  float: { title: "floating point", mean: 4, slowest: null },
  memory: { title: "memory and strings", mean: 5, slowest: null },
  system: { title: "system calls, faults, processes", mean: 0.8, slowest: 0.5 },
};
/** All programs together: speed as a multiple of QEMU's, time as a multiple of native code's. */
export const OVERALL = { qemu: 2, native: 8 } as const;

const of = (category: Category, counts: Readonly<Record<string, number>>): Program[] => Object.entries(counts).map(([name, count]) => ({ name, category, count }));

export const PROGRAMS: readonly Program[] = [
  ...of("integer", {
    sieve: 240, hash: 32_000_000, calls: 1_600, quicksort: 320, div64: 24_000_000, sha256: 9_600, crc32: 1_200, "lz-compress": 200, "lz-decompress": 1_600,
  }),
  ...of("float", { nbody: 600_000, mandelbrot: 2_400, matmul: 80, libm: 400_000, single: 4_000 }),
  ...of("memory", {
    "memcpy-large": 600, "memcpy-small": 12_000_000, strlen: 1_200_000, memset: 10_000, memcmp: 1_200, "rep-movsb": 12_000, "pointer-chase": 8_000_000,
  }),
  ...of("system", { getppid: 1_600_000, pipe: 16_000, fork: 2_000, "fork-exec": 240, "page-fault": 320, signal: 100_000, tmpfile: 2_000 }),
];

/** Some of the programs by name; all for an empty list. */
export function choosePrograms(names: readonly string[]): readonly Program[] {
  for (const name of names) if (!PROGRAMS.some((p) => p.name === name)) throw new Error(`no program '${name}'; there are: ${PROGRAMS.map((p) => p.name).join(", ")}`);
  return names.length === 0 ? PROGRAMS : PROGRAMS.filter((p) => names.includes(p.name));
}
