/** What the settings' form edits: a definition with files that are not stored yet. Free of DOM. */
import type { FileSource, MachineDefinition, MachineInput } from "../../../vmm/api.ts";

export type BootMode = "default" | "kernel" | "firmware";
export type Order = "disk" | "cdrom" | "floppy";
/** A file that the user has just chosen, or one that the definition names. */
export type ImageChoice = File | FileSource;

export interface Draft {
  name: string;
  mode: BootMode;
  kernel: ImageChoice | null;
  initrds: ImageChoice[];
  /** By mode: changing the mode does not lose the other's line. Null: what the guest brings. */
  cmdline: { default: string | null; kernel: string };
  firmware: "own" | ImageChoice;
  order: Order[];
  menu: boolean;
  memory: string;
  cpu: string;
  /** Percent of a core. */
  share: number;
  network: boolean;
  display: boolean;
  deterministic: boolean;
  pauseHidden: boolean;
}

const isDefault = (source: FileSource): boolean => "guest" in source && source.guest === "default";

export function draftOf(definition: MachineDefinition): Draft {
  const { boot } = definition;
  const draft: Draft = {
    name: definition.name,
    mode: "firmware",
    kernel: null,
    initrds: [],
    cmdline: { default: null, kernel: "console=ttyS0" },
    firmware: "own",
    order: ["disk", "cdrom", "floppy"],
    menu: false,
    memory: String(definition.memory),
    cpu: definition.cpu.model,
    share: Math.round(definition.cpu.share * 100),
    network: definition.network.length > 0,
    display: definition.display === "std",
    deterministic: definition.deterministic,
    pauseHidden: definition.background === "pause",
  };
  if ("kernel" in boot) {
    if (isDefault(boot.kernel)) {
      draft.mode = "default";
      draft.cmdline.default = boot.cmdline;
    } else {
      draft.mode = "kernel";
      draft.kernel = boot.kernel;
      draft.cmdline.kernel = boot.cmdline ?? "";
    }
    draft.initrds = [...boot.initrds];
  } else {
    draft.firmware = boot.firmware;
    // What is not named is tried last.
    draft.order = [...boot.order, ...draft.order.filter((d) => !boot.order.includes(d))];
    draft.menu = boot.menu;
  }
  return draft;
}

export interface DraftError {
  readonly message: string;
  readonly field: "name" | "memory" | "cpu" | "kernel";
}

/** What the form alone can tell; the rest is the definition's schema's to say. */
export function checkDraft(draft: Draft): DraftError | null {
  if (draft.name.trim() === "") return { message: "Give the machine a name.", field: "name" };
  if (!/^\d+$/.test(draft.memory.trim()) || Number(draft.memory) < 1) return { message: "RAM must be a whole number of MiB.", field: "memory" };
  if (Number(draft.memory) > 3072) return { message: "RAM can be 3072 MiB at most.", field: "memory" };
  if (draft.cpu.trim() === "") return { message: "Name a CPU, for example x86-64-v2.", field: "cpu" };
  if (draft.mode === "kernel" && draft.kernel === null) return { message: "Choose a kernel first.", field: "kernel" };
  return null;
}

const oneLine = (text: string): string => text.replace(/\s*\n\s*/g, " ").trim();

/** The definition with the draft's values; `keep` stores a file that is still the user's. */
export async function applyDraft(draft: Draft, before: MachineDefinition, keep: (file: File) => Promise<FileSource>): Promise<MachineInput> {
  const stored = async (image: ImageChoice): Promise<FileSource> => (image instanceof File ? keep(image) : image);
  const boot = async (): Promise<MachineInput["boot"]> => {
    const { cmdline } = draft;
    const initrds = async (): Promise<FileSource[]> => {
      const all: FileSource[] = [];
      // One after the other: each shows its progress.
      for (const image of draft.initrds) all.push(await stored(image));
      return all;
    };
    switch (draft.mode) {
      case "default":
        return { kernel: { guest: "default" }, initrds: [], cmdline: cmdline.default === null || cmdline.default.trim() === "" ? null : oneLine(cmdline.default) };
      case "kernel":
        return { kernel: draft.kernel === null ? null : await stored(draft.kernel), initrds: await initrds(), cmdline: oneLine(cmdline.kernel) };
      case "firmware":
        return { firmware: draft.firmware === "own" ? "own" : await stored(draft.firmware), order: draft.order, menu: draft.menu };
    }
  };
  return {
    ...input(before),
    name: draft.name.trim(),
    boot: await boot(),
    memory: Number(draft.memory),
    cpu: { ...before.cpu, model: draft.cpu.trim(), share: draft.share / 100 },
    network: draft.network ? (before.network.length > 0 ? [...before.network] : true) : false,
    display: draft.display ? "std" : "none",
    deterministic: draft.deterministic,
    background: draft.pauseHidden ? "pause" : "run",
    // Test kernels end through it; the default guest has no use for it.
    devices: { rng: before.devices.rng ?? false, balloon: before.devices.balloon ?? false, debugExit: before.devices.debugExit ?? (draft.mode === "kernel" ? { iobase: 0xf4, iosize: 4 } : null) },
  };
}

/** A definition is a valid input; its arrays are only read. */
export function input(definition: MachineDefinition): MachineInput {
  return structuredClone(definition) as unknown as MachineInput;
}
