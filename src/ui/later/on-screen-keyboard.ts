/** A keyboard on the page for touch: keys by place, with the labels of a US layout. Modifiers stay down until the next key. */
import { h } from "../dom.ts";

/** `CODE=label`, or a code whose label is its last character. */
const ROWS: readonly string[] = [
  "Escape=Esc F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 F11 F12 Delete=Del",
  "Backquote=` Digit1 Digit2 Digit3 Digit4 Digit5 Digit6 Digit7 Digit8 Digit9 Digit0 Minus=- Equal== Backspace=⌫",
  "Tab=⇥ KeyQ KeyW KeyE KeyR KeyT KeyY KeyU KeyI KeyO KeyP BracketLeft=[ BracketRight=] Backslash=\\",
  "CapsLock=⇪ KeyA KeyS KeyD KeyF KeyG KeyH KeyJ KeyK KeyL Semicolon=; Quote=' Enter=⏎",
  "ShiftLeft=⇧ KeyZ KeyX KeyC KeyV KeyB KeyN KeyM Comma=, Period=. Slash=/ ArrowUp=↑ PageUp=PgUp",
  "ControlLeft=Ctrl AltLeft=Alt Space=Space AltRight=AltGr Home End ArrowLeft=← ArrowDown=↓ ArrowRight=→ PageDown=PgDn",
];
const NAMES: Readonly<Record<string, string>> = {
  Backspace: "Backspace", Tab: "Tab", CapsLock: "Caps Lock", Enter: "Enter", ShiftLeft: "Shift", ArrowUp: "Up", ArrowLeft: "Left", ArrowDown: "Down",
  ArrowRight: "Right",
};
const MODIFIERS = ["ShiftLeft", "ControlLeft", "AltLeft", "AltRight"];
/** A press shorter than this would be over before a slow guest has read it, and no key repeats within it. */
const PRESS_MS = 40;

function keyLabel(code: string, label: string | undefined): string {
  if (label !== undefined) return label;
  return /^(Key|Digit)/.test(code) ? code.slice(-1).toLowerCase() : code;
}

export class OnScreenKeyboard {
  private readonly held = new Map<string, HTMLButtonElement>();

  constructor(
    private readonly parent: HTMLElement,
    private readonly key: (code: string, pressed: boolean) => void,
  ) {
    for (const row of ROWS) {
      parent.append(h("div", { class: "osk-row" }, ...row.split(" ").map((entry) => {
        const at = entry.indexOf("=", 1);
        return this.button(at < 0 ? entry : entry.slice(0, at), at < 0 ? undefined : entry.slice(at + 1));
      })));
    }
  }

  get open(): boolean {
    return !this.parent.hidden;
  }

  toggle(open: boolean): void {
    this.parent.hidden = !open;
    if (!open) this.release();
  }

  private button(code: string, label: string | undefined): HTMLButtonElement {
    const text = keyLabel(code, label);
    const name = NAMES[code];
    const button = h("button", { type: "button", class: "tool", "data-code": code, ...(name === undefined ? {} : { "aria-label": name }) }, text);
    const modifier = MODIFIERS.includes(code);
    if (modifier) button.setAttribute("aria-pressed", "false");
    button.addEventListener("pointerdown", (event) => event.preventDefault()); // the screen keeps the focus
    button.addEventListener("click", () => {
      if (modifier) this.hold(code, button);
      else this.press(code);
    });
    return button;
  }

  private hold(code: string, button: HTMLButtonElement): void {
    const down = !this.held.has(code);
    if (down) this.held.set(code, button);
    else this.held.delete(code);
    button.setAttribute("aria-pressed", String(down));
    this.key(code, down);
  }

  private press(code: string): void {
    this.key(code, true);
    // What is held from now on is for the next key.
    const held = [...this.held.keys()];
    setTimeout(() => {
      this.key(code, false);
      this.release(held);
    }, PRESS_MS);
  }

  private release(codes: readonly string[] = [...this.held.keys()]): void {
    for (const code of codes) {
      const button = this.held.get(code);
      if (button !== undefined) this.hold(code, button);
    }
  }
}
