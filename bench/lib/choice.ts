/** What the commands' options choose: programs, engines, options of our machine. */
import { ENGINE_NAMES, type EngineName } from "./engines.ts";
import { choosePrograms } from "./programs.ts";

export interface Choice {
  /** Names of programs; empty: all. */
  readonly programs: readonly string[];
  readonly engines: readonly EngineName[];
  /** Further options of our machine, as the command line takes them. */
  readonly machineArgs: readonly string[];
}

export const CHOICE_OPTIONS = {
  programs: { type: "string", multiple: true, default: [] as string[] },
  engines: { type: "string", multiple: true, default: [] as string[] },
  tier: { type: "string" },
  machine: { type: "string", multiple: true, default: [] as string[] },
} as const;

export const CHOICE_HELP = `  --programs NAME[,NAME]  only these of the programs
  --engines NAME[,NAME]   of programs, disk and screen: only on ${ENGINE_NAMES.join(", ")}
  --tier 0|1|auto         of the programs: given to our machine
  --machine "--OPT VALUE" any further options of our machine`;

interface ChoiceValues {
  readonly programs: readonly string[];
  readonly engines: readonly string[];
  readonly tier?: string | undefined;
  readonly machine: readonly string[];
}

const split = (lists: readonly string[]): string[] => lists.flatMap((list) => list.split(",")).filter((name) => name !== "");

function engineNames(lists: readonly string[]): readonly EngineName[] {
  const names = split(lists);
  for (const name of names) if (!ENGINE_NAMES.some((known) => known === name)) throw new Error(`--engines: '${name}' is unknown; known: ${ENGINE_NAMES.join(", ")}`);
  return names.length === 0 ? ENGINE_NAMES : ENGINE_NAMES.filter((name) => names.includes(name));
}

export function choiceOf({ programs, engines, tier, machine }: ChoiceValues): Choice {
  const names = split(programs);
  choosePrograms(names);
  const further = machine.flatMap((text) => text.split(" ")).filter((word) => word !== "");
  return { programs: names, engines: engineNames(engines), machineArgs: [...(tier === undefined ? [] : ["--tier", tier]), ...further] };
}

export function runsOf(text: string): number {
  const runs = Number(text);
  if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs: '${text}' is not a whole number from 1`);
  return runs;
}
