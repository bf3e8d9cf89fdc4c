/** The screen with its bar, and the choice between terminal, screen and both. */
import type { InputState, MouseInput } from "../../vmm/api.ts";
import { byId } from "../dom.ts";
import type { Phase } from "../session.ts";
import { type ConnectDisplay, type Scaling, ScreenView } from "../screen.ts";
import { ScreenInput } from "../screen-input.ts";
import { OnScreenKeyboard } from "./on-screen-keyboard.ts";

export type View = "terminal" | "screen" | "both";
const VIEW_KEY = "tabvisor.view";
const SCALING_KEY = "tabvisor.scaling";

export interface MonitorActions {
  key(code: string | null, pressed: boolean): void;
  mouse(input: MouseInput): void;
  announce(text: string): void;
  viewChanged(): void;
}

const LEDS = [["Scroll", 1], ["Num", 2], ["Caps", 4]] as const;

export class Monitor {
  readonly screen: ScreenView;
  private readonly input: ScreenInput;
  private readonly box = byId("screen");
  private readonly panel = byId("monitor");
  private readonly leds = byId("screen-leds");
  private readonly mouseButton = byId("screen-mouse", HTMLButtonElement);
  private readonly buttons = [...document.querySelectorAll<HTMLButtonElement>("#views button")];
  private current: View = "terminal";

  constructor(connect: ConnectDisplay, private readonly actions: MonitorActions) {
    this.screen = new ScreenView(connect);
    this.input = new ScreenInput(this.box, {
      key: (code, pressed) => actions.key(code, pressed),
      mouse: (input) => actions.mouse(input),
      captured: (on) => {
        this.mouseButton.setAttribute("aria-pressed", String(on));
        actions.announce(on ? "Mouse captured, Escape releases it" : "Mouse released");
      },
    });
    for (const button of this.buttons) button.addEventListener("click", () => this.choose(button.dataset["view"] as View, true));

    const scaling = byId("screen-scaling", HTMLSelectElement);
    scaling.value = remembered(SCALING_KEY, ["fit", "integer", "original"]) ?? "fit";
    const apply = (): void => this.screen.setScaling(scaling.value as Scaling);
    scaling.addEventListener("change", () => {
      remember(SCALING_KEY, scaling.value);
      apply();
    });
    apply();

    byId("screen-cad").addEventListener("click", () => {
      this.input.chord("ControlLeft", "AltLeft", "Delete");
      this.box.focus();
    });
    this.mouseButton.addEventListener("click", () => this.input.capture());
    byId("screen-full").addEventListener("click", () => {
      this.screen.toggleFullScreen(this.panel).catch(() => actions.announce("The browser does not allow full screen"));
      this.box.focus();
    });
    const keyboard = new OnScreenKeyboard(byId("osk"), (code, pressed) => actions.key(code, pressed));
    const toggle = byId("screen-keyboard", HTMLButtonElement);
    toggle.addEventListener("click", () => {
      keyboard.toggle(!keyboard.open);
      toggle.setAttribute("aria-pressed", String(keyboard.open));
    });
    this.inputState({ leds: 0, mouse: false });
    this.choose((remembered(VIEW_KEY, ["terminal", "screen", "both"]) as View | null) ?? "terminal", false);
  }

  get view(): View {
    return this.current;
  }

  get focused(): boolean {
    return document.activeElement === this.box;
  }

  focus(): void {
    this.box.focus();
  }

  choose(view: View, byUser: boolean): void {
    this.current = view;
    document.documentElement.dataset["view"] = view;
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(button.dataset["view"] === view));
    this.screen.show(view !== "terminal");
    if (byUser) {
      remember(VIEW_KEY, view);
      this.actions.viewChanged();
    }
  }

  inputState({ leds, mouse }: InputState): void {
    this.input.mouseWanted = mouse;
    this.leds.replaceChildren(
      ...LEDS.map(([name, bit]) => {
        const led = document.createElement("span");
        led.className = "led";
        led.dataset["on"] = String((leds & bit) !== 0);
        led.textContent = name;
        led.title = `${name} Lock ${leds & bit ? "on" : "off"}`;
        return led;
      }),
    );
  }

  /** A machine that is gone lets go of the pointer. */
  phase(phase: Phase): void {
    if ((phase === "off" || phase === "stopped") && this.input.captured) document.exitPointerLock();
  }
}

function remembered(key: string, known: readonly string[]): string | null {
  try {
    const value = localStorage.getItem(key);
    return value !== null && known.includes(value) ? value : null;
  } catch {
    return null;
  }
}

function remember(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Not remembered, then.
  }
}
