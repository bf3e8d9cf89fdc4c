/**
 * The character generator's fonts, 8 dots wide and 16, 14 or 8 lines high, drawn from one description by strokes. Letters are
 * drawn by hand on a grid of 6 by 16; line drawing characters follow from their arms; accented letters are put together.
 *
 * A glyph is a list of polylines, separated by commas. A point is a column 0-7 and a line 0-f in hexadecimal. Lines are two
 * dots wide; a leading `!` makes them one dot wide, `*` fills the outline, `^` inverts dots.
 */
import { CODE_PAGE_437 } from "./codepage.ts";

export type FontHeight = 8 | 14 | 16;

/** Which line of a lower font each of the 16 lines falls on. */
const LINES: Readonly<Record<FontHeight, readonly number[]>> = {
  16: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  14: [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 11, 12, 13],
  8: [0, 0, 0, 1, 1, 2, 3, 3, 4, 5, 5, 6, 6, 7, 7, 7],
};

// prettier-ignore
const STROKES: Readonly<Record<string, string>> = {
  "!": "22 28,2a 2b", '"': "12 14,42 44", "#": "13 1a,43 4a,05 55,08 58", "$": "54 43 13 04 05 16 46 57 59 4a 1a 09,!31 3c",
  "%": "03 04,53 0a,59 5a", "&": "5b 14 13 22 32 43 44 08 0a 1b 3b 58", "'": "22 24", "(": "42 24 29 4b", ")": "12 34 39 1b",
  "*": "07 57,14 4a,44 1a", "+": "07 57,24 2a", ",": "2a 2b 1d", "-": "07 57", ".": "2a 2b", "/": "52 0c",
  "0": "12 42 53 5a 4b 1b 0a 03 12,!44 29", "1": "04 22 2b,0b 4b", "2": "03 12 42 53 55 0a 0b 5b",
  "3": "03 12 42 53 55 46 26,46 57 5a 4b 1b 0a", "4": "4b 42 07 08 58", "5": "52 02 06 46 57 5a 4b 1b 0a",
  "6": "42 22 04 0a 1b 4b 5a 57 46 06", "7": "02 52 54 28 2b", "8": "12 42 53 55 46 16 05 03 12,16 07 0a 1b 4b 5a 57 46",
  "9": "57 17 06 03 12 42 53 59 3b 1b", ":": "25 26,2a 2b", ";": "25 26,2a 2b 1d", "<": "43 07 4b", "=": "06 56,09 59",
  ">": "13 57 1b", "?": "03 12 42 53 54 27 28,2a 2b", "@": "57 37 39 59 54 42 12 03 0a 1b 5b",
  A: "0b 04 22 32 54 5b,07 57", B: "02 42 53 55 46 06,46 57 5a 4b 0b 02", C: "53 42 12 03 0a 1b 4b 5a", D: "02 32 54 59 3b 0b 02",
  E: "52 02 0b 5b,06 46", F: "52 02 0b,06 46", G: "53 42 12 03 0a 1b 4b 5a 57 37", H: "02 0b,52 5b,06 56", I: "12 32,22 2b,1b 3b",
  J: "32 52,42 4a 3b 1b 0a 09", K: "02 0b,52 16 06,16 5b", L: "02 0b 5b", M: "02 0b,52 5b,!13 36 53", N: "02 0b,52 5b,03 59",
  O: "12 42 53 5a 4b 1b 0a 03 12", P: "0b 02 42 53 56 47 07", Q: "12 42 53 5a 4b 1b 0a 03 12,38 5c", R: "0b 02 42 53 56 47 07,27 5b",
  S: "53 42 12 03 05 16 46 57 5a 4b 1b 0a", T: "02 52,22 2b", U: "02 0a 1b 4b 5a 52", V: "02 07 2b 57 52", W: "02 0b,52 5b,!1a 37 5a",
  X: "02 5b,52 0b", Y: "02 04 26 54 52,26 2b", Z: "02 52 53 0a 0b 5b", "[": "42 22 2b 4b", "\\": "02 5c", "]": "12 32 3b 1b",
  "^": "05 22 32 55", _: "0e 5e", "`": "12 34",
  a: "15 45 56 5b 1b 0a 09 18 58", b: "02 0b 4b 5a 56 45 05", c: "56 45 15 06 0a 1b 4b 5a", d: "52 5b 1b 0a 06 15 55",
  e: "08 58 56 45 15 06 0a 1b 4b 5a", f: "53 42 32 23 2b,06 46", g: "55 15 06 0a 1b 5b,55 5d 4e 1e 0d", h: "02 0b,06 15 45 56 5b",
  i: "22 23,15 25 2b,1b 3b", j: "42 43,35 45 4d 3e 1e 0d", k: "02 0b,55 28 08,28 5b", l: "12 22 2b,1b 3b", m: "0b 05 45 56 5b,!35 3b",
  n: "05 0b,06 15 45 56 5b", o: "15 45 56 5a 4b 1b 0a 06 15", p: "0e 05 45 56 5a 4b 0b", q: "5e 55 15 06 0a 1b 5b", r: "05 0b,07 25 45 56",
  s: "56 45 15 06 07 18 48 59 5a 4b 1b 0a", t: "23 2a 3b 4b 5a,05 45", u: "05 0a 1b 5b,55 5b", v: "05 08 2b 58 55",
  w: "05 0a 1b 4b 5a 55,!37 3a", x: "05 5b,55 0b", y: "05 0a 1b 5b,55 5d 4e 1e 0d", z: "05 55 0b 5b",
  "{": "42 23 26 07 28 2a 4b", "|": "21 2d", "}": "12 33 36 57 38 3a 1b", "~": "04 13 23 35 45 54", "⌂": "0b 07 24 34 57 5b 0b",
  "☺": "12 42 53 5a 4b 1b 0a 03 12,!25 25,!45 45,!28 39 48", "☻": "*12 42 53 5a 4b 1b 0a 03 12,^25 25,^45 45,^28 39 48",
  "♥": "*05 07 2b 57 55,04 14,44 54,03 13,43 53", "♦": "*22 07 2c 57 22", "♣": "*22 32 35 25,*06 15 18 08,*46 55 58 48,05 58,28 2b,1b 3b",
  "♠": "*22 56 58 08 06 22,28 2b,1b 3b", "•": "*16 46 49 19 16", "○": "15 45 56 59 4a 1a 09 06 15", "♂": "17 37 48 4a 3b 1b 0a 08 17,37 52,32 52 54",
  "♀": "12 42 53 55 46 16 05 03 12,26 2c,0a 4a", "♪": "1a 12 52 54,*0a 1a 1c 0c", "♫": "1b 12 52 5a,14 54,0b 1b,4a 5a", "☼": "07 57,22 2c,14 4a,44 1a",
  "►": "*02 57 0c 02", "◄": "*52 07 5c 52", "↕": "22 2c,04 22 44,0a 2c 4a", "‼": "12 18,1a 1b,42 48,4a 4b", "¶": "5b 52 12 03 05 16 26,32 3b",
  "§": "53 42 12 03 15 45 57 48 18 06 15,48 5a 4c 1c 0b", "▬": "*08 58 5b 0b 08", "↨": "22 2b,04 22 44,09 2b 49,0d 4d", "↑": "22 2b,05 22 45",
  "↓": "22 2b,08 2b 48", "→": "07 57,34 57 3a", "←": "07 57,24 07 2a", "∟": "05 0a 5a", "↔": "07 57,24 07 2a,34 57 3a", "▲": "*23 0b 5b 23", "▼": "*03 53 2b 03",
  "ı": "15 25 2b,1b 3b", "æ": "!05 25 36 3b,!38 18 09 0a 1b 2b 3a,!36 45 55 66 68 38,!3a 4b 6b", "Æ": "!62 12 04 0b,!32 3b 6b,!36 56,!07 37",
  "¢": "56 45 15 06 09 1a 4a 59,!33 3c", "£": "53 42 22 14 1a 0b 5b,07 37", "¥": "02 05 27 55 52,27 2b,07 47,09 49",
  "₧": "!0b 02 32 43 45 36 06,!54 5a 6b,!47 67", "ƒ": "53 42 32 23 2d 1e 0e,07 47", "ª": "12 32 43 46 16 15 24 44,08 58", "º": "12 32 43 45 36 16 05 03 12,08 58",
  "¿": "22 23,25 26 08 0a 1b 4b 5a", "⌐": "09 06 56", "¬": "06 56 59", "½": "!11 16,!61 0a,!48 58 69 6a 4d 6d", "¼": "!11 16,!61 0a,!48 4b 6b,!59 5d", "¡": "22 23,25 2b",
  "«": "!26 08 2a,!56 38 5a", "»": "!06 28 0a,!36 58 3a",
  "α": "55 39 2b 1b 0a 06 15 25 37 5b", "ß": "0d 03 12 32 43 45 36 26,36 57 5a 4b 2b", "Γ": "0b 02 52 53", "π": "05 55,15 1b,45 4b", "Σ": "53 52 02 27 0b 5b 5a",
  "σ": "55 15 06 0a 1b 3b 4a 46 35", "µ": "05 0e,0a 1b 4b 5a,55 5b", "τ": "05 55,25 2a 3b 4b", "Φ": "14 44 55 58 49 19 08 05 14,!32 3b,!22 42,!2b 4b",
  "Θ": "12 42 53 5a 4b 1b 0a 03 12,16 46", "Ω": "0b 1b 19 06 03 12 42 53 56 49 4b 5b", "δ": "52 22 13 15 46 57 5a 4b 1b 0a 07 16",
  "∞": "!16 07 09 1a 2a 39 47 56 67 69 5a 4a 39 37 26 16", "φ": "15 45 56 5a 4b 1b 0a 06 15,!64 0c", "ε": "52 22 04 09 2b 5b,07 47", "∩": "0b 03 12 42 53 5b",
  "≡": "04 54,07 57,0a 5a", "±": "06 56,23 29,0b 5b", "≥": "02 55 08,0b 5b", "≤": "52 05 58,0b 5b", "⌠": "2f 23 32 42 53", "⌡": "30 3c 2d 1d 0c",
  "÷": "07 57,24 24,2a 2a", "≈": "05 14 24 36 46 55,09 18 28 3a 4a 59", "°": "12 32 43 34 14 03 12", "∙": "27 37,28 38", "·": "27 27",
  "√": "52 42 2b 07", "ⁿ": "02 07,03 12 32 43 47", "²": "03 12 32 43 06 07 47", "■": "*04 54 5a 0a 04",
};

/** Marks above a small letter, in lines 2 and 3, and the cedilla. */
const MARKS: Readonly<Record<string, string>> = {
  "\u0300": "12 33", "\u0301": "42 23", "\u0302": "13 22 32 43", "\u0303": "03 12 32 43 52", "\u0308": "12 13,42 43", "\u030a": "!22 42 43 23 22", "\u0327": "2c 3d 2e",
};

const NORMAL = 1;
const DOUBLE = 2;
/** Arms of the line drawing characters from B3h to DAh: up, down, left, right, each none, single or double. */
const ARMS =
  "1100 1110 1120 2210 0210 0120 2220 2200 0220 2020 2010 1020 0110 1001 1011 0111 1101 0011 1111 1102 2201 2002 0202 2022 0222 2202 0022 2222 " +
  "1022 2011 0122 0211 2001 1002 0102 0201 2211 1122 1010 0101";

/** A glyph under construction: lines of dots, the leftmost in bit 7. */
class Glyph {
  readonly rows: Uint8Array;
  constructor(readonly height: FontHeight) {
    this.rows = new Uint8Array(height);
  }

  dot(x: number, y: number, how: "set" | "toggle" = "set"): void {
    if (x < 0 || x > 7 || y < 0 || y >= this.height) return;
    if (how === "set") this.rows[y] |= 0x80 >> x;
    else this.rows[y] ^= 0x80 >> x;
  }

  /** Dots of a polyline (Bresenham). */
  private trace(points: readonly (readonly [number, number])[], dot: (x: number, y: number) => void): void {
    points.forEach(([x1, y1], i) => {
      let [x, y] = points[Math.max(0, i - 1)];
      const dx = Math.abs(x1 - x), dy = -Math.abs(y1 - y);
      const sx = x < x1 ? 1 : -1, sy = y < y1 ? 1 : -1;
      for (let error = dx + dy; ; ) {
        dot(x, y);
        if (x === x1 && y === y1) break;
        const twice = 2 * error;
        if (twice >= dy) {
          error += dy;
          x += sx;
        }
        if (twice <= dx) {
          error += dx;
          y += sy;
        }
      }
    });
  }

  draw(description: string, line: (y: number) => number): void {
    for (const part of description.split(",")) {
      const how = /^[!*^]/.exec(part)?.[0] ?? "";
      const points = part.slice(how.length).split(" ").map((p) => [Number(p[0]), LINES[this.height][line(parseInt(p[1], 16))]] as const);
      if (how === "*") this.fill(points);
      else this.trace(points, (x, y) => {
        this.dot(x, y, how === "^" ? "toggle" : "set");
        if (how === "") this.dot(x + 1, y);
      });
    }
  }

  private fill(points: readonly (readonly [number, number])[]): void {
    const spans = new Map<number, [number, number]>();
    this.trace(points, (x, y) => {
      const [from, to] = spans.get(y) ?? [x, x];
      spans.set(y, [Math.min(from, x), Math.max(to, x)]);
    });
    for (const [y, [from, to]] of spans) for (let x = from; x <= to + 1; x++) this.dot(x, y);
  }

  rectangle(x0: number, x1: number, y0: number, y1: number, on = true): void {
    for (let y = Math.max(0, y0); y <= Math.min(y1, this.height - 1); y++) {
      for (let x = x0; x <= x1; x++) this.rows[y] = on ? this.rows[y] | (0x80 >> x) : this.rows[y] & ~(0x80 >> x);
    }
  }
}

/** Bands first, then the gaps of the double ones: so corners and crossings come out right. */
function drawArms(glyph: Glyph, arms: readonly number[]): void {
  const middle = (glyph.height >> 1) - 1;
  const [up, down, left, right] = arms;
  const half = (weight: number): number => (weight === DOUBLE ? 1 : 0);
  const vertical = Math.max(up, down), horizontal = Math.max(left, right);
  const top = middle - half(horizontal), bottom = middle + half(horizontal);
  const west = 3 - half(vertical), east = 4 + half(vertical);
  const bar = (weight: number, y0: number, y1: number): void => {
    if (weight >= NORMAL) glyph.rectangle(3 - half(weight), 4 + half(weight), y0, y1);
  };
  const beam = (weight: number, x0: number, x1: number): void => {
    if (weight >= NORMAL) glyph.rectangle(x0, x1, middle - half(weight), middle + half(weight));
  };
  bar(up, 0, bottom);
  bar(down, top, glyph.height - 1);
  beam(left, 0, east);
  beam(right, west, 7);
  // Between the lines of a double arm there is nothing, unless a single line passes through.
  const through = horizontal !== DOUBLE && left !== 0 && right !== 0;
  if (up === DOUBLE) glyph.rectangle(3, 4, 0, horizontal === DOUBLE || (down === DOUBLE && !through) ? middle : middle - 1, false);
  if (down === DOUBLE) glyph.rectangle(3, 4, horizontal === DOUBLE || (up === DOUBLE && !through) ? middle : middle + 1, glyph.height - 1, false);
  const crossed = vertical === NORMAL && !(left === DOUBLE && right === DOUBLE && (up === 0 || down === 0));
  if (left === DOUBLE) glyph.rectangle(0, crossed ? 2 : 4, middle, middle, false);
  if (right === DOUBLE) glyph.rectangle(crossed ? 5 : 3, 7, middle, middle, false);
}

function drawBlock(glyph: Glyph, code: number): void {
  const { height } = glyph;
  const half = height >> 1;
  switch (code) {
    case 0xb0: case 0xb1: case 0xb2: {
      const patterns = [[0x22, 0x88], [0x55, 0xaa], [0xdd, 0x77]][code - 0xb0];
      for (let y = 0; y < height; y++) glyph.rows[y] = patterns[y & 1];
      return;
    }
    case 0xdb: return glyph.rectangle(0, 7, 0, height - 1);
    case 0xdc: return glyph.rectangle(0, 7, half, height - 1);
    case 0xdd: return glyph.rectangle(0, 3, 0, height - 1);
    case 0xde: return glyph.rectangle(4, 7, 0, height - 1);
    default: return glyph.rectangle(0, 7, 0, half - 1);
  }
}

function drawCharacter(glyph: Glyph, code: number): void {
  const character = CODE_PAGE_437[code];
  if (code >= 0xb3 && code <= 0xda) return drawArms(glyph, [...ARMS.split(" ")[code - 0xb3]].map(Number));
  if (code >= 0xb0 && code <= 0xdf) return drawBlock(glyph, code);
  if (character === "◘" || character === "◙") {
    glyph.draw(STROKES[character === "◘" ? "•" : "○"], (y) => y);
    for (let y = 0; y < glyph.height; y++) glyph.rows[y] ^= 0xff;
    return;
  }
  const whole = STROKES[character];
  if (whole !== undefined) return glyph.draw(whole, (y) => y);
  const [letter, mark] = character.normalize("NFD");
  if (mark === undefined) return;
  const capital = letter < "a" && mark !== "\u0327";
  // A capital with a mark is lower, and the mark stands in the topmost lines.
  glyph.draw(STROKES[letter === "i" ? "ı" : letter], (y) => (capital ? Math.round(4 + ((y - 2) * 7) / 9) : y));
  glyph.draw(MARKS[mark], (y) => (capital ? y - 2 : y));
}

const made = new Map<FontHeight, Uint8Array>();

/** 256 characters of `height` bytes each, in the order of code page 437. */
export function vgaFont(height: FontHeight): Uint8Array {
  let font = made.get(height);
  if (font === undefined) {
    font = new Uint8Array(256 * height);
    for (let code = 0; code < 256; code++) {
      const glyph = new Glyph(height);
      drawCharacter(glyph, code);
      font.set(glyph.rows, code * height);
    }
    made.set(height, font);
  }
  return font;
}
