/** The PC's screen and keyboard in browser tests: text and keys. */
import { check, type MachinePage } from "./harness.ts";

/** Keys of a US keyboard for what the tests type: a real keyboard presses Shift as a key of its own. */
const KEYS: Readonly<Record<string, string>> = { " ": "Space", "\n": "Enter", "-": "Minus", ".": "Period", "/": "Slash", "=": "Equal", ";": "Semicolon" };
const SHIFTED: Readonly<Record<string, string>> = { ">": "Period", "<": "Comma", "|": "Backslash", "#": "Digit3", "$": "Digit4" };

export async function typeOnScreen(m: MachinePage, text: string): Promise<void> {
  await m.page.locator("#screen").focus();
  for (const c of text) {
    const shifted = /[A-Z]/.test(c) || c in SHIFTED;
    const code = SHIFTED[c] ?? KEYS[c] ?? (/[0-9]/.test(c) ? `Digit${c}` : `Key${c.toUpperCase()}`);
    if (shifted) await m.page.keyboard.down("ShiftLeft");
    await m.page.keyboard.press(code);
    if (shifted) await m.page.keyboard.up("ShiftLeft");
  }
}

export const screenText = (m: MachinePage): Promise<string> => m.page.evaluate(async () => (await window.__tabvisorScreenText?.()) ?? "");

export const waitForScreen = (m: MachinePage, pattern: RegExp, ms: number): Promise<void> =>
  m.poll(async () => {
    check((await m.phase()) !== "stopped", "the machine has ended");
    return pattern.test(await screenText(m));
  }, `${pattern.source} on the screen`, ms);
