/** Typing on the PC's keyboard in browser tests. */
import type { KeyInput } from "puppeteer-core";
import type { GuestPage } from "./guest-page.ts";

/** Keys of a US keyboard for what the tests type: a real keyboard presses Shift as a key of its own. */
const KEYS: Readonly<Record<string, KeyInput>> = { " ": " ", "\n": "Enter", "-": "Minus", ".": "Period", "/": "Slash", "=": "Equal", ";": "Semicolon" };
const SHIFTED: Readonly<Record<string, KeyInput>> = { ">": "Period", "<": "Comma", "|": "Backslash", "#": "Digit3", "$": "Digit4" };

export async function typeOnScreen(m: GuestPage, text: string): Promise<void> {
  await m.tab.focus("#screen");
  for (const c of text) {
    const shifted = /[A-Z]/.test(c) || c in SHIFTED;
    const code = SHIFTED[c] ?? KEYS[c] ?? ((/[0-9]/.test(c) ? `Digit${c}` : `Key${c.toUpperCase()}`) as KeyInput);
    if (shifted) await m.tab.down("ShiftLeft");
    await m.tab.press(code);
    if (shifted) await m.tab.up("ShiftLeft");
  }
}
