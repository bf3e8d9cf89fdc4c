/** `--record` and `--replay` of the command: files, and which options belong to the machine. */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { UserError } from "../base/errors.ts";
import type { MachineConfig } from "../vmm/config.ts";
import type { MachineOptions } from "../vmm/machine/machine.ts";
import { bindingOf, checkBinding } from "../vmm/record/binding.ts";
import { Player, Recording } from "../vmm/record/player.ts";
import { Recorder } from "../vmm/record/recorder.ts";
import { TapedTree } from "../vmm/record/taped-tree.ts";
import { hostTree, type MakeTree } from "./devices.ts";
import { LISTS, STRINGS, type CliOptions } from "./options.ts";
import { reason } from "./reason.ts";

/** Options that say what is done with a machine's run, and not what it is. */
const NOT_THE_MACHINE = new Set(["serial", "nographic", "timeout", "tier", "display", "dump-region", "dump-hot", "stats", "symbols", "record", "replay", "checkpoint", "store", "save", "save-disk", "help", "h", "version"]);
const WITH_VALUE: ReadonlySet<string> = new Set([...STRINGS, ...LISTS]);

/** Options with their values, as they were given. */
function groups(argv: readonly string[]): { readonly name: string; readonly words: readonly string[] }[] {
  const found = [];
  for (let i = 0; i < argv.length; ) {
    const name = /^--?([\w-]+)/.exec(argv[i])?.[1] ?? "";
    const count = WITH_VALUE.has(name) && !argv[i].includes("=") ? 2 : 1;
    found.push({ name, words: argv.slice(i, i + count) });
    i += count;
  }
  return found;
}

/** What a recording keeps of its command. */
export function machineOptions(argv: readonly string[]): string[] {
  return groups(argv).filter((g) => !NOT_THE_MACHINE.has(g.name)).flatMap((g) => g.words);
}

/** A replay's command: the recorded options that are not given anew. */
export function replayCommand(recorded: readonly string[], given: readonly string[]): string[] {
  const anew = new Set(groups(given).map((g) => g.name));
  return [...groups(machineOptions(recorded)).filter((g) => !anew.has(g.name)).flatMap((g) => g.words), ...given];
}

/** Throws UserError. */
export function readRecording(path: string): Recording {
  let bytes;
  try {
    bytes = readFileSync(path);
  } catch (e) {
    throw new UserError(`--replay: cannot read '${path}': ${reason(e)}`);
  }
  try {
    return new Recording(bytes);
  } catch (e) {
    throw e instanceof UserError ? new UserError(`--replay: '${path}': ${e.message}`) : e;
  }
}

/** The tape of a run, and what it needs of the machine's making. */
export interface TapeOfCommand {
  readonly makeTree: MakeTree;
  /** Once the machine's parts are there, and before it is made. Throws UserError. */
  open(config: MachineConfig, options: MachineOptions): Promise<Recorder | Player | null>;
  close(): void;
}

export function tapeOf(options: CliOptions, recording: Recording | null, argv: readonly string[]): TapeOfCommand {
  if (recording !== null) return playing(recording);
  if (options.record !== null) return recordingTo(options.record, options, argv);
  return { makeTree: hostTree, open: () => Promise.resolve(null), close: () => undefined };
}

function playing(recording: Recording): TapeOfCommand {
  const player = new Player(recording);
  return {
    makeTree: (index, _path, readOnly) => new TapedTree(null, readOnly, { mode: "replay", answer: (name) => player.answer(index, name) }),
    open: async (config, options) => {
      checkBinding(recording.machine, await bindingOf(config, options));
      return player;
    },
    close: () => undefined,
  };
}

function recordingTo(path: string, options: CliOptions, argv: readonly string[]): TapeOfCommand {
  let file: number | null = null;
  let recorder: Recorder | null = null;
  const writable = [...options.drives].filter((d) => !d.readOnly && !d.snapshot && !options.snapshot);
  for (const { file: image, overlay } of writable) process.stderr.write(`tabvisor: --record: '${overlay ?? image}' will change, and a replay needs it as it is now: keep a copy, or use -snapshot\n`);
  return {
    makeTree: (index, folder, readOnly) => new TapedTree(hostTree(index, folder, readOnly), readOnly, { mode: "record", answer: (answer) => recorder?.answer(index, answer) }),
    open: async (config, machine) => {
      const bound = await bindingOf(config, machine);
      try {
        file = openSync(path, "w");
      } catch (e) {
        throw new UserError(`--record: cannot write '${path}': ${reason(e)}`);
      }
      const to = file;
      const write = (bytes: Uint8Array): void => {
        for (let at = 0; at < bytes.length; ) at += writeSync(to, bytes, at);
      };
      const every = options.checkpointMillions === null ? {} : { fullEvery: options.checkpointMillions * 1e6 };
      recorder = new Recorder({ write }, bound, { command: machineOptions(argv), ...every });
      return recorder;
    },
    close: () => {
      if (file !== null) closeSync(file);
      file = null;
    },
  };
}
