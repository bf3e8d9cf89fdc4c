/** What the page remembers between visits, in IndexedDB. The theme is in theme.ts: it is needed before the first paint. */
import { get, set } from "idb-keyval";

export interface Settings {
  readonly memoryMib: number;
  /** QEMU's notation. */
  readonly cpu: string;
  readonly deterministic: boolean;
  /** Null: what guest.json says. */
  readonly defaultCmdline: string | null;
  readonly ownCmdline: string;
  readonly screenReader: boolean;
}

export const DEFAULT_SETTINGS: Settings = {
  memoryMib: 256,
  cpu: "x86-64-v2",
  deterministic: false,
  defaultCmdline: null,
  ownCmdline: "console=ttyS0",
  screenReader: false,
};

const KEY = "tabvisor.settings";

/** Takes over what has the right type; anything else becomes its default. */
export function parseSettings(stored: unknown): Settings {
  if (typeof stored !== "object" || stored === null) return DEFAULT_SETTINGS;
  const from = stored as Record<string, unknown>;
  const string = (value: unknown, otherwise: string): string => (typeof value === "string" ? value : otherwise);
  const { memoryMib, defaultCmdline } = from;
  return {
    memoryMib: typeof memoryMib === "number" && Number.isInteger(memoryMib) && memoryMib > 0 ? memoryMib : DEFAULT_SETTINGS.memoryMib,
    cpu: string(from["cpu"], DEFAULT_SETTINGS.cpu),
    deterministic: from["deterministic"] === true,
    defaultCmdline: typeof defaultCmdline === "string" ? defaultCmdline : null,
    ownCmdline: string(from["ownCmdline"], DEFAULT_SETTINGS.ownCmdline),
    screenReader: from["screenReader"] === true,
  };
}

/** A browser that keeps nothing (private window, storage full) gets the defaults. */
export async function loadSettings(): Promise<Settings> {
  try {
    return parseSettings(await get<unknown>(KEY));
  } catch {
    return DEFAULT_SETTINGS;
  }
}

export async function saveSettings(settings: Settings): Promise<void> {
  try {
    await set(KEY, settings);
  } catch {
    // Not being able to remember is no reason to stop.
  }
}

export type FormResult = { readonly settings: Settings } | { readonly error: string; readonly field: "memory" | "cpu" };

/** Checks what was typed into the form. What only the machine can know, it checks itself. */
export function checkForm(form: { memory: string; cpu: string }, rest: Omit<Settings, "memoryMib" | "cpu">): FormResult {
  const memory = form.memory.trim();
  if (!/^\d+$/.test(memory) || Number(memory) < 1) return { error: "RAM must be a whole number of MiB.", field: "memory" };
  const memoryMib = Number(memory);
  if (memoryMib > 3072) return { error: "RAM can be 3072 MiB at most.", field: "memory" };
  const cpu = form.cpu.trim();
  if (cpu === "") return { error: `Name a CPU, for example ${DEFAULT_SETTINGS.cpu}.`, field: "cpu" };
  return { settings: { ...rest, memoryMib, cpu } };
}
