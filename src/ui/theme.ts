/** Light, dark, or as the system: remembered, and followed by the terminal's colours. */
import type { ITheme } from "@xterm/xterm";
import { remember, remembered } from "./remember.ts";

export type ThemeChoice = "system" | "light" | "dark";
const ORDER: readonly ThemeChoice[] = ["system", "light", "dark"];
/** index.html reads the same key before the first paint. */
const KEY = "theme";

export class Theme {
  private readonly darkQuery = window.matchMedia("(prefers-color-scheme: dark)");
  private current: ThemeChoice;

  constructor(private readonly onChange: (theme: Theme) => void) {
    const stored = remembered(KEY);
    this.current = stored === "light" || stored === "dark" ? stored : "system";
    this.darkQuery.addEventListener("change", () => this.apply());
    this.apply();
  }

  get choice(): ThemeChoice {
    return this.current;
  }

  get dark(): boolean {
    return this.current === "system" ? this.darkQuery.matches : this.current === "dark";
  }

  next(): void {
    this.current = ORDER[(ORDER.indexOf(this.current) + 1) % ORDER.length];
    remember(KEY, this.current === "system" ? null : this.current);
    this.apply();
  }

  private apply(): void {
    if (this.current === "system") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = this.current;
    this.onChange(this);
  }
}

const DARK: ITheme = {
  background: "#0a0d13",
  foreground: "#d8deea",
  cursor: "#9aa8ff",
  cursorAccent: "#0a0d13",
  selectionBackground: "#33406b",
  black: "#1d2330",
  red: "#f0717a",
  green: "#6fcf8f",
  yellow: "#e3b868",
  blue: "#7aa2f7",
  magenta: "#c099f5",
  cyan: "#62c8d8",
  white: "#c8d0df",
  brightBlack: "#667089",
  brightRed: "#ff9197",
  brightGreen: "#93e6ac",
  brightYellow: "#f5d08a",
  brightBlue: "#9dbcff",
  brightMagenta: "#d7b8ff",
  brightCyan: "#8ce3ef",
  brightWhite: "#f4f6fb",
};

const LIGHT: ITheme = {
  background: "#fbfcfe",
  foreground: "#232a39",
  cursor: "#4a55d6",
  cursorAccent: "#fbfcfe",
  selectionBackground: "#c9d3fb",
  black: "#232a39",
  red: "#bf2d38",
  green: "#1c7a3d",
  yellow: "#8a5d00",
  blue: "#2a58c5",
  magenta: "#8a3fb8",
  cyan: "#0f7285",
  white: "#cfd5e1",
  brightBlack: "#667085",
  brightRed: "#d64550",
  brightGreen: "#2b8f4f",
  brightYellow: "#9c6c00",
  brightBlue: "#3f6fe0",
  brightMagenta: "#a05ccc",
  brightCyan: "#1d8599",
  brightWhite: "#ffffff",
};

export function terminalTheme(dark: boolean): ITheme {
  return dark ? DARK : LIGHT;
}
