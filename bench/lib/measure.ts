/** Runs the benchmark programs on every engine in turn, checks what they compute, and compares the times. */
import type { Outcome } from "./conversation.ts";
import type { EngineName, EngineOf, MachineReport } from "./engines.ts";
import type { GuestBoot } from "./guest.ts";
import { runNative } from "./guest-programs.ts";
import { CATEGORIES, TARGETS, type Category, type Program } from "./programs.ts";
import { median } from "./report.ts";
import { geometricMean } from "./statistics.ts";

/** How often each machine runs a program, in a row: its figure is the median of them. */
export const REPEATS = 3;

/** Seconds for each machine (`engines`, `first`) or process (`native`). */
export type Samples = ReadonlyMap<string, readonly number[]>;

export interface Measured {
  readonly programs: readonly Program[];
  readonly native: Samples;
  readonly engines: ReadonlyMap<EngineName, Samples>;
  /** Of each machine's first run of a program alone: translating and compiling its code is in it. */
  readonly first: ReadonlyMap<EngineName, Samples>;
  /** Of all of the engine's machines, in the order of the runs. */
  readonly reports: ReadonlyMap<EngineName, readonly MachineReport[]>;
  /** Wrong results and programs that did not end; and clocks that differ: a line for each. */
  readonly wrong: readonly string[];
  readonly clocks: readonly string[];
}

/** Host and guest clock may differ by so much of the time, and by this on top for the line's own delay. */
const CLOCK_TOLERANCE = 0.1;
const LINE_DELAY_S = 0.01;

export function clocksAgree({ seconds, guestSeconds }: Outcome): boolean {
  return Math.abs(seconds - guestSeconds) <= CLOCK_TOLERANCE * Math.max(seconds, guestSeconds) + LINE_DELAY_S;
}

const jobOf = ({ name, count }: Program): { name: string; command: string } => ({ name, command: `${name} ${count}` });

export interface MeasureOptions {
  readonly programs: readonly Program[];
  /** Machines of each engine, one after the other. */
  readonly runs: number;
  readonly engines: readonly EngineOf[];
  readonly boot: GuestBoot;
  /** The programs' file on this machine. */
  readonly binary: string;
  log(line: string): void;
}

/** Each machine is a new one, and runs every program `REPEATS` times in a row. */
export async function measure({ programs, runs, engines, boot, binary, log }: MeasureOptions): Promise<Measured> {
  const empty = (): Map<string, number[]> => new Map(programs.map(({ name }) => [name, []]));
  const native = empty();
  const samples = new Map(engines.map(({ name }) => [name, empty()]));
  const first = new Map(engines.map(({ name }) => [name, empty()]));
  const reports = new Map<EngineName, MachineReport[]>(engines.map(({ name }) => [name, []]));
  const expected = new Map<string, string>();
  const wrong: string[] = [];
  const clocks: string[] = [];

  for (let run = 1; run <= runs; run++) {
    for (const program of programs) {
      const { seconds, checksum } = await runNative(binary, jobOf(program));
      native.get(program.name)?.push(seconds);
      expected.set(program.name, checksum);
    }
    for (const engine of engines) {
      let machine = await engine.start(boot);
      try {
        log(`programs ${run}: ${engine.name} takes commands after ${machine.readySeconds.toFixed(2)} s`);
        for (const program of programs) {
          const { name } = program;
          const seconds: number[] = [];
          try {
            while (seconds.length < REPEATS) {
              const outcome = await machine.run(jobOf(program));
              if (outcome.checksum !== expected.get(name)) wrong.push(`${name} on ${engine.name}: result ${outcome.checksum} instead of ${expected.get(name) ?? ""}`);
              if (!clocksAgree(outcome)) clocks.push(`${name} on ${engine.name}: ${outcome.seconds.toFixed(3)} s on the host's clock, ${outcome.guestSeconds.toFixed(3)} s on the guest's`);
              seconds.push(outcome.seconds);
            }
          } catch (error) {
            wrong.push(`${name} on ${engine.name}: ${error instanceof Error ? error.message : String(error)}`);
            // What state the machine is in is not known: the next program gets another one.
            await machine.close().catch(() => null);
            machine = await engine.start(boot);
            continue;
          }
          samples.get(engine.name)?.get(name)?.push(median(seconds));
          first.get(engine.name)?.get(name)?.push(seconds[0]);
        }
      } finally {
        reports.get(engine.name)?.push(await machine.close());
      }
    }
  }
  return { programs, native, engines: samples, first, reports, wrong, clocks };
}

export interface Comparison {
  readonly name: string;
  readonly category: Category;
  /** Medians in seconds; null where not measured. */
  readonly native: number;
  readonly qemu: number | null;
  readonly seconds: number;
  /** QEMU's time by this engine's: above 1 is faster than QEMU. */
  readonly speed: number | null;
  /** This engine's time by native code's. */
  readonly slowdown: number;
}

/** One engine's programs next to QEMU's and native code's; without those that it did not end. `of`: medians of a machine's runs, or its first ones. */
export function compare(measured: Measured, engine: EngineName, of: "engines" | "first" = "engines"): Comparison[] {
  const medianOf = (samples: Samples | undefined, name: string): number | null => {
    const list = samples?.get(name) ?? [];
    return list.length === 0 ? null : median(list);
  };
  return measured.programs.flatMap(({ name, category }) => {
    const native = medianOf(measured.native, name), seconds = medianOf(measured[of].get(engine), name), qemu = medianOf(measured[of].get("qemu"), name);
    if (native === null || seconds === null) return [];
    return [{ name, category, native, qemu, seconds, speed: qemu === null ? null : qemu / seconds, slowdown: seconds / native }];
  });
}

export interface Summary {
  readonly title: string;
  readonly category: Category | null;
  /** Geometric means. */
  readonly speed: number | null;
  readonly slowdown: number;
  readonly slowest: Comparison | null;
  /** All of the kind's programs are in it: only then a target means something. */
  readonly complete: boolean;
}

/** By category, and all together last. `total` is the number of programs that there are of a category. */
export function summarise(comparisons: readonly Comparison[], total: (category: Category) => number): Summary[] {
  const summary = (title: string, category: Category | null, list: readonly Comparison[], complete: boolean): Summary => {
    const speeds = list.flatMap(({ speed }) => (speed === null ? [] : [speed]));
    const known = list.filter(({ speed }) => speed !== null);
    return {
      title,
      category,
      speed: speeds.length === 0 ? null : geometricMean(speeds),
      slowdown: geometricMean(list.map(({ slowdown }) => slowdown)),
      slowest: known.length === 0 ? null : known.reduce((a, b) => ((a.speed ?? 0) <= (b.speed ?? 0) ? a : b)),
      complete,
    };
  };
  const kinds = CATEGORIES.flatMap((category) => {
    const list = comparisons.filter((c) => c.category === category);
    return list.length === 0 ? [] : [summary(TARGETS[category].title, category, list, list.length === total(category))];
  });
  if (comparisons.length === 0) return [];
  return [...kinds, summary("all programs", null, comparisons, CATEGORIES.every((category) => comparisons.filter((c) => c.category === category).length === total(category)))];
}
