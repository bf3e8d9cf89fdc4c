/** The machine's controls: which are on in which phase, their titles and shortcuts. */
import { byId, setIcon } from "../dom.ts";
import type { MachinePhase } from "../../vmm/api.ts";
import { shortcutAria, shortcutTitle, type Shortcut } from "../shortcuts.ts";
import type { Theme, ThemeChoice } from "../theme.ts";

export interface ToolbarActions {
  powerOn(): void;
  pauseOrResume(): void;
  reset(): void;
  powerOff(): void;
  powerButton(): void;
  syncSize(): void;
  takeSnapshot(): void;
  newMachine(): void;
  toggleMachines(): void;
  openSettings(): void;
  nextTheme(): void;
  openHelp(): void;
}

const THEME_NAMES: Readonly<Record<ThemeChoice, string>> = { system: "as the system", light: "light", dark: "dark" };
const THEME_ICONS: Readonly<Record<ThemeChoice, string>> = { system: "auto", light: "sun", dark: "moon" };

export class Toolbar {
  readonly shortcuts: readonly Shortcut[];
  private readonly powerOn = byId("power-on", HTMLButtonElement);
  private readonly pause = byId("pause", HTMLButtonElement);
  private readonly reset = byId("reset", HTMLButtonElement);
  private readonly powerOff = byId("power-off", HTMLButtonElement);
  private readonly powerButton = byId("power-button", HTMLButtonElement);
  private readonly syncSize = byId("sync-size", HTMLButtonElement);
  private readonly takeSnapshot = byId("take-snapshot", HTMLButtonElement);
  private readonly openSettings = byId("open-settings", HTMLButtonElement);
  private readonly theme = byId("theme", HTMLButtonElement);

  constructor(actions: ToolbarActions, more: readonly Shortcut[]) {
    const list: Shortcut[] = [];
    const bind = (button: HTMLButtonElement, code: string, key: string, description: string, run: () => void): void => {
      const shortcut: Shortcut = { code, key, description, run: () => { if (!button.disabled) run(); } };
      list.push(shortcut);
      button.setAttribute("aria-keyshortcuts", shortcutAria(shortcut));
      button.setAttribute("aria-label", description);
      button.title = `${description} (${shortcutTitle(shortcut)})`;
      button.addEventListener("click", run);
    };
    bind(this.powerOn, "KeyN", "N", "Power on", () => actions.powerOn());
    bind(this.pause, "KeyP", "P", "Pause", () => actions.pauseOrResume());
    bind(this.reset, "KeyR", "R", "Reset", () => actions.reset());
    bind(this.powerOff, "KeyF", "F", "Power off", () => actions.powerOff());
    bind(this.powerButton, "KeyB", "B", "Press the power button: a guest that listens shuts down", () => actions.powerButton());
    bind(this.syncSize, "KeyZ", "Z", "Sync size: type the stty command", () => actions.syncSize());
    bind(this.takeSnapshot, "KeyS", "S", "Take a snapshot", () => actions.takeSnapshot());
    bind(this.openSettings, "KeyI", "I", "Settings", () => actions.openSettings());
    bind(byId("new-machine", HTMLButtonElement), "KeyA", "A", "New machine", () => actions.newMachine());
    bind(byId("toggle-machines", HTMLButtonElement), "KeyM", "M", "Show or hide the machines", () => actions.toggleMachines());
    bind(this.theme, "KeyL", "L", "Theme", () => actions.nextTheme());
    bind(byId("open-help", HTMLButtonElement), "KeyK", "K", "Keyboard help", () => actions.openHelp());
    this.shortcuts = [...list, ...more];
  }

  /** Null: there is no machine. */
  phase(phase: MachinePhase | null): void {
    const focused = document.activeElement;
    const alive = phase === "running" || phase === "paused";
    this.powerOn.disabled = phase !== "off" && phase !== "stopped" && phase !== "saved";
    this.openSettings.disabled = phase === null;
    this.takeSnapshot.disabled = !alive;
    this.pause.disabled = !alive;
    this.reset.disabled = !alive;
    this.powerOff.disabled = !alive && phase !== "loading";
    this.powerButton.disabled = phase !== "running";
    this.syncSize.disabled = phase !== "running";
    const paused = phase === "paused";
    const label = paused ? "Resume" : "Pause";
    setIcon(this.pause, paused ? "play" : "pause");
    const text = this.pause.querySelector("span");
    if (text !== null) text.textContent = label;
    this.pause.setAttribute("aria-label", label);
    this.pause.title = `${label} (${shortcutTitle({ key: "P" })})`;
    // A button that is switched off under the user's focus hands it to one that works.
    if (focused instanceof HTMLButtonElement && focused.disabled) this.focusFirst();
  }

  themeChanged(theme: Theme): void {
    setIcon(this.theme, THEME_ICONS[theme.choice]);
    const label = `Theme: ${THEME_NAMES[theme.choice]}`;
    this.theme.setAttribute("aria-label", label);
    this.theme.title = `${label} (${shortcutTitle({ key: "L" })})`;
  }

  focusFirst(): void {
    for (const button of [this.powerOn, this.pause, this.powerOff]) {
      if (!button.disabled) {
        button.focus();
        return;
      }
    }
  }
}
