/** Keyboard and mouse of the screen: keys by their place, so that the guest's layout counts; pointer lock; touch as a touchpad. */
import type { MouseInput } from "../vmm/api.ts";

export interface ScreenInputActions {
  key(code: string | null, pressed: boolean): void;
  mouse(input: MouseInput): void;
  /** The pointer has been captured or let go. */
  captured(on: boolean): void;
}

/** A finger that moves less than this, in px, and for less than TAP_MS, has tapped. */
const TAP_PX = 8;
const TAP_MS = 250;

export class ScreenInput {
  private readonly down = new Set<string>();
  private buttons = 0;
  private dx = 0;
  private dy = 0;
  private frame = 0;
  /** The guest listens to the mouse. */
  mouseWanted = false;

  constructor(
    private readonly element: HTMLElement,
    private readonly actions: ScreenInputActions,
  ) {
    element.addEventListener("keydown", (event) => this.onKey(event, true));
    element.addEventListener("keyup", (event) => this.onKey(event, false));
    // A key that is let go elsewhere is never seen again here.
    element.addEventListener("blur", () => this.releaseAll());
    window.addEventListener("blur", () => this.releaseAll());
    document.addEventListener("visibilitychange", () => this.releaseAll());
    this.listenToMouse();
    this.listenToTouch();
  }

  get captured(): boolean {
    return document.pointerLockElement === this.element;
  }

  /** Takes the pointer; the browser's Esc gives it back. */
  capture(): void {
    this.element.focus();
    // Chromium answers with a promise, others with nothing.
    void Promise.resolve(this.element.requestPointerLock() as Promise<void> | undefined).catch(() => undefined);
  }

  /** Keys pressed one after the other and let go in reverse. */
  chord(...codes: readonly string[]): void {
    for (const code of codes) this.actions.key(code, true);
    for (const code of [...codes].reverse()) this.actions.key(code, false);
  }

  releaseAll(): void {
    if (this.down.size > 0) this.actions.key(null, false);
    this.down.clear();
  }

  private onKey(event: KeyboardEvent, pressed: boolean): void {
    const { code } = event;
    if (code === "" || event.isComposing) return;
    event.preventDefault();
    event.stopPropagation();
    // A key that went down elsewhere is not the guest's.
    if (event.repeat && !this.down.has(code)) return;
    if (pressed) this.down.add(code);
    else this.down.delete(code);
    this.actions.key(code, pressed);
    // macOS does not report the release of keys while Command is down.
    if (!pressed && code.startsWith("Meta")) this.releaseAll();
  }

  private send(dz = 0): void {
    const { dx, dy, buttons } = this;
    this.dx = this.dy = 0;
    // Fractions of a pixel stay for the next time.
    const [x, y] = [Math.trunc(dx), Math.trunc(dy)];
    this.dx = dx - x;
    this.dy = dy - y;
    this.actions.mouse({ dx: x, dy: y, dz, buttons });
  }

  private sendSoon(): void {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.send();
    });
  }

  private listenToMouse(): void {
    const { element } = this;
    element.addEventListener("mousedown", (event) => {
      element.focus();
      event.preventDefault();
      if (!this.captured) {
        if (this.mouseWanted) this.capture();
        return;
      }
      this.buttons = event.buttons;
      this.send();
    });
    element.addEventListener("mouseup", (event) => {
      if (!this.captured) return;
      this.buttons = event.buttons;
      this.send();
    });
    element.addEventListener("mousemove", (event) => {
      if (!this.captured) return;
      this.dx += event.movementX;
      this.dy += event.movementY;
      this.sendSoon();
    });
    element.addEventListener(
      "wheel",
      (event) => {
        if (!this.captured) return;
        event.preventDefault();
        this.send(Math.sign(event.deltaY));
      },
      { passive: false },
    );
    element.addEventListener("contextmenu", (event) => event.preventDefault());
    document.addEventListener("pointerlockchange", () => {
      if (!this.captured && this.buttons !== 0) {
        this.buttons = 0;
        this.send();
      }
      this.actions.captured(this.captured);
    });
  }

  private listenToTouch(): void {
    const { element } = this;
    let last: { x: number; y: number } | null = null;
    let travelled = 0;
    let began = 0;
    element.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "touch") return;
      last = { x: event.clientX, y: event.clientY };
      travelled = 0;
      began = event.timeStamp;
    });
    element.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "touch" || last === null || !this.mouseWanted) return;
      const [dx, dy] = [event.clientX - last.x, event.clientY - last.y];
      last = { x: event.clientX, y: event.clientY };
      travelled += Math.hypot(dx, dy);
      this.dx += dx * 1.5;
      this.dy += dy * 1.5;
      this.sendSoon();
    });
    const end = (event: PointerEvent): void => {
      if (event.pointerType !== "touch" || last === null) return;
      last = null;
      if (!this.mouseWanted || travelled > TAP_PX || event.timeStamp - began > TAP_MS) return;
      for (const buttons of [1, 0]) {
        this.buttons = buttons;
        this.send();
      }
    };
    element.addEventListener("pointerup", end);
    element.addEventListener("pointercancel", () => (last = null));
  }
}
