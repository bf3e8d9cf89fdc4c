/**
 * The keys of a PC keyboard by place, named as browsers name them (W3C UI Events KeyboardEvent code Values), with their codes in
 * scan code sets 2 and 3 (IBM PS/2 Hardware Interface TR, keyboard; USB HID to PS/2 Scan Code Translation Table for later keys).
 */

/** `NAME set2[/set3]` in hexadecimal; E0xx has the prefix E0h. A key without a code in set 3 sends nothing there. */
// prettier-ignore
const TABLE = `
Escape 76/08 F1 05/07 F2 06/0f F3 04/17 F4 0c/1f F5 03/27 F6 0b/2f F7 83/37 F8 0a/3f F9 01/47 F10 09/4f F11 78/56 F12 07/5e
PrintScreen e07c/57 ScrollLock 7e/5f Pause e11477/62
Backquote 0e/0e Digit1 16/16 Digit2 1e/1e Digit3 26/26 Digit4 25/25 Digit5 2e/2e Digit6 36/36 Digit7 3d/3d Digit8 3e/3e Digit9 46/46
Digit0 45/45 Minus 4e/4e Equal 55/55 Backspace 66/66
Tab 0d/0d KeyQ 15/15 KeyW 1d/1d KeyE 24/24 KeyR 2d/2d KeyT 2c/2c KeyY 35/35 KeyU 3c/3c KeyI 43/43 KeyO 44/44 KeyP 4d/4d
BracketLeft 54/54 BracketRight 5b/5b Backslash 5d/5c
CapsLock 58/14 KeyA 1c/1c KeyS 1b/1b KeyD 23/23 KeyF 2b/2b KeyG 34/34 KeyH 33/33 KeyJ 3b/3b KeyK 42/42 KeyL 4b/4b Semicolon 4c/4c
Quote 52/52 Enter 5a/5a
ShiftLeft 12/12 IntlBackslash 61/13 KeyZ 1a/1a KeyX 22/22 KeyC 21/21 KeyV 2a/2a KeyB 32/32 KeyN 31/31 KeyM 3a/3a Comma 41/41
Period 49/49 Slash 4a/4a ShiftRight 59/59
ControlLeft 14/11 MetaLeft e01f/8b AltLeft 11/19 Space 29/29 AltRight e011/39 MetaRight e027/8c ContextMenu e02f/8d ControlRight e014/58
Insert e070/67 Home e06c/6e PageUp e07d/6f Delete e071/64 End e069/65 PageDown e07a/6d
ArrowUp e075/63 ArrowLeft e06b/61 ArrowDown e072/60 ArrowRight e074/6a
NumLock 77/76 NumpadDivide e04a/77 NumpadMultiply 7c/7e NumpadSubtract 7b/84 NumpadAdd 79/7c NumpadEnter e05a/79 NumpadDecimal 71/71
Numpad0 70/70 Numpad1 69/69 Numpad2 72/72 Numpad3 7a/7a Numpad4 6b/6b Numpad5 73/73 Numpad6 74/74 Numpad7 6c/6c Numpad8 75/75 Numpad9 7d/7d
IntlRo 51/51 IntlYen 6a/5d KanaMode 13/87 Convert 64/86 NonConvert 67/85 NumpadComma 6d NumpadEqual 0f Lang1 f2 Lang2 f1
F13 08 F14 10 F15 18 F16 20 F17 28 F18 30 F19 38 F20 40 F21 48 F22 50 F23 57 F24 5f
AudioVolumeMute e023 AudioVolumeDown e021 AudioVolumeUp e032 MediaPlayPause e034 MediaStop e03b MediaTrackNext e04d MediaTrackPrevious e015
Power e037 Sleep e03f WakeUp e05e BrowserBack e038 BrowserForward e030 BrowserHome e03a BrowserRefresh e020 BrowserSearch e010 LaunchMail e048
`;

export interface Key {
  readonly name: string;
  /** Position in KEYS: what a saved state refers to. */
  readonly index: number;
  /** Prefix in bits 15-8, if any; Pause is a number of its own. */
  readonly set2: number;
  /** 0: none. */
  readonly set3: number;
}

export const PAUSE = 0xe11477;
export const PRINT_SCREEN = 0xe07c;

export const KEYS: readonly Key[] = (() => {
  const words = TABLE.trim().split(/\s+/);
  return Array.from({ length: words.length / 2 }, (_, index) => {
    const [set2, set3 = "0"] = words[index * 2 + 1].split("/");
    return { name: words[index * 2], index, set2: parseInt(set2, 16), set3: parseInt(set3, 16) };
  });
})();

const BY_NAME = new Map(KEYS.map((key) => [key.name, key]));

/** Undefined for what no PC keyboard has. */
export function keyNamed(name: string): Key | undefined {
  return BY_NAME.get(name);
}

/** Set 3's key types at power-on: which keys repeat, and which send a break code (IBM PS/2 HITR, "Scan code set 3"). */
const BREAKING = ["CapsLock", "ShiftLeft", "ShiftRight", "ControlLeft", "AltLeft"];
const MAKE_ONLY =
  /^(F\d+|Escape|PrintScreen|ScrollLock|Pause|AltRight|ControlRight|Insert|Home|PageUp|End|PageDown|NumLock|Numpad(?!Add).*|Meta.*|ContextMenu)$/;

export const TYPEMATIC = 1;
export const BREAKS = 2;

export function defaultKeyTypes(): Uint8Array {
  const types = new Uint8Array(256).fill(TYPEMATIC);
  for (const { name, set3 } of KEYS) types[set3] = BREAKING.includes(name) ? BREAKS : MAKE_ONLY.test(name) ? 0 : TYPEMATIC;
  return types;
}
