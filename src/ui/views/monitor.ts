/** The screen with its bar, and the choice between terminal, screen and both. */
import type { InputState, MachinePhase, MouseInput } from "../../vmm/api.ts";
import { byId } from "../dom.ts";
import { remember, remembered } from "../remember.ts";
import { type ConnectDisplay, type Scaling, ScreenView } from "../screen.ts";
import { ScreenInput } from "../screen-input.ts";
import type { OnScreenKeyboard } from "../later/on-screen-keyboard.ts";

export type View = "terminal" | "screen" | "both";
const VIEW_KEY = "view";
const SCALING_KEY = "scaling";

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
    scaling.value = oneOf(remembered(SCALING_KEY), ["fit", "integer", "original"]);
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
    const toggle = byId("screen-keyboard", HTMLButtonElement);
    let keyboard: Promise<OnScreenKeyboard> | null = null;
    toggle.addEventListener("click", () => {
      keyboard ??= import("../later/on-screen-keyboard.ts").then((m) => new m.OnScreenKeyboard(byId("osk"), (code, pressed) => actions.key(code, pressed)));
      void keyboard.then((osk) => {
        osk.toggle(!osk.open);
        toggle.setAttribute("aria-pressed", String(osk.open));
      });
    });
    this.inputState({ leds: 0, mouse: false });
    this.choose(oneOf(remembered(VIEW_KEY), ["terminal", "screen", "both"]), false);
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
  phase(phase: MachinePhase | null): void {
    if (phase !== "running" && phase !== "paused" && this.input.captured) document.exitPointerLock();
  }
}

function oneOf<T extends string>(value: string | null, known: readonly [T, ...T[]]): T {
  return known.find((k) => k === value) ?? known[0];
}
