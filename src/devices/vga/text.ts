/** A text screen as a string: for tests, for people who cannot see the picture, for `-display text`. */
import { CODE_PAGE_437 } from "./codepage.ts";

/** Lines without the blanks at their ends, without empty lines at the end. `codes` are characters of code page 437. */
export function screenText(codes: readonly Uint8Array[]): string {
  const lines = codes.map((line) => Array.from(line, (code) => CODE_PAGE_437[code]).join("").trimEnd());
  while (lines.length > 0 && lines[lines.length - 1] === "") lines.pop();
  return lines.join("\n");
}
