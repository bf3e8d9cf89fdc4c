/** The benchmark programs of `bench/guest`: which there are, how much each has to do, and what the issues ask of their kinds. */

export interface Program {
  readonly name: string;
  readonly category: Category;
  /** Its argument: chosen for 0.15 to 0.5 s in QEMU. */
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
    sieve: 60, hash: 8_000_000, calls: 400, quicksort: 80, div64: 6_000_000, sha256: 2400, crc32: 300, "lz-compress": 50, "lz-decompress": 400,
  }),
  ...of("float", { nbody: 150_000, mandelbrot: 600, matmul: 20, libm: 100_000, single: 1000 }),
  ...of("memory", {
    "memcpy-large": 150, "memcpy-small": 3_000_000, strlen: 300_000, memset: 2500, memcmp: 300, "rep-movsb": 3000, "pointer-chase": 2_000_000,
  }),
  ...of("system", { getppid: 400_000, pipe: 4000, fork: 500, "fork-exec": 60, "page-fault": 80, signal: 25_000, tmpfile: 500 }),
];

/** Some of the programs by name; all for an empty list. */
export function choosePrograms(names: readonly string[]): readonly Program[] {
  for (const name of names) if (!PROGRAMS.some((p) => p.name === name)) throw new Error(`no program '${name}'; there are: ${PROGRAMS.map((p) => p.name).join(", ")}`);
  return names.length === 0 ? PROGRAMS : PROGRAMS.filter((p) => names.includes(p.name));
}
