/** The bar of keys that a phone's keyboard does not have, for the terminal that is in use. */
import { h } from "../dom.ts";

interface Keys {
  input(text: string): void;
  focus(): void;
  readonly applicationCursorKeys: boolean;
}

export class KeyBar {
  private readonly control: HTMLButtonElement;

  constructor(
    private readonly bar: HTMLElement,
    private readonly current: () => Keys | null,
  ) {
    const send = (text: string) => (): void => this.current()?.input(text);
    this.key("Esc", "Escape", send("\x1b"));
    this.key("Tab", "Tab", send("\t"));
    this.control = this.key("Ctrl", "Control, for the next key", () => this.hold(this.control.getAttribute("aria-pressed") !== "true"));
    this.hold(false);
    for (const [label, name, final] of [["↑", "Up", "A"], ["↓", "Down", "B"], ["←", "Left", "D"], ["→", "Right", "C"]] as const) {
      this.key(label, name, () => this.current()?.input(`\x1b${this.current()?.applicationCursorKeys === true ? "O" : "["}${final}`));
    }
    for (const character of ["|", "/", "-", "~"]) this.key(character, `Character ${character}`, send(character));
  }

  /** What is sent for a text that was typed while Control may be held. */
  transform(text: string): string {
    if (this.control.getAttribute("aria-pressed") !== "true") return text;
    this.hold(false);
    return /^[@-_a-z]$/.test(text) ? String.fromCharCode(text.charCodeAt(0) & 0x1f) : text;
  }

  private key(label: string, name: string, press: () => void): HTMLButtonElement {
    const button = h("button", { type: "button", class: "tool", "aria-label": name }, label);
    button.addEventListener("pointerdown", (event) => event.preventDefault()); // keeps the phone's keyboard open
    button.addEventListener("click", () => {
      press();
      this.current()?.focus();
    });
    this.bar.append(button);
    return button;
  }

  private hold(on: boolean): void {
    this.control.setAttribute("aria-pressed", String(on));
  }
}
