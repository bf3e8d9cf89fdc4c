/**
 * The display's web worker: paints what the machine's worker sends on a canvas, or sends pixels to the page where the browser
 * gives workers no canvas. So the picture takes nothing from the CPU but the copy of what has changed.
 */
import * as Comlink from "comlink";
import { CURSOR_BLINK_MS, Painter } from "../devices/vga/painter.ts";
import { screenText } from "../devices/vga/text.ts";
import type { DisplayApi, DisplayEvents, DisplayRequest, DisplayFrame } from "./api.ts";

class WorkerDisplay implements DisplayApi {
  private readonly painter = new Painter();
  private canvas: OffscreenCanvas | null = null;
  private context: OffscreenCanvasRenderingContext2D | null = null;
  private events: DisplayEvents | null = null;
  private machine: MessagePort | null = null;
  private visible = false;
  /** The machine has been asked for a frame and has not sent it. */
  private asked = false;
  private known = false;
  private timer: ReturnType<typeof setInterval> | null = null;
  /** Has been painted. */
  private spare: ArrayBuffer | null = null;
  private image: ImageData | null = null;
  private frames = 0;

  start(canvas: OffscreenCanvas | null, events: DisplayEvents): Promise<void> {
    this.canvas = canvas;
    this.context = canvas?.getContext("2d", { alpha: false }) ?? null;
    this.events = events;
    return Promise.resolve();
  }

  attach(port: MessagePort): Promise<void> {
    this.machine?.close();
    this.machine = port;
    this.asked = this.known = false;
    port.onmessage = (event: MessageEvent<DisplayFrame>) => this.frame(event.data);
    this.ask();
    return Promise.resolve();
  }

  setVisible(visible: boolean): Promise<void> {
    this.visible = visible;
    this.ask();
    this.blinkIfNeeded();
    return Promise.resolve();
  }

  text(): Promise<string | null> {
    const codes = this.painter.textCodes();
    return Promise.resolve(codes === null ? null : screenText(codes));
  }

  framesShown(): Promise<number> {
    return Promise.resolve(this.frames);
  }

  private ask(): void {
    if (this.asked || !this.visible || this.machine === null) return;
    this.asked = true;
    const { spare } = this;
    this.spare = null;
    const request: DisplayRequest = { all: !this.known, spare };
    this.machine.postMessage(request, spare === null ? [] : [spare]);
  }

  private frame({ update }: DisplayFrame): void {
    this.asked = false;
    this.known = true;
    // The machine may copy the next picture while this one is painted.
    this.ask();
    this.painter.update(update);
    this.spare = update.data.buffer as ArrayBuffer;
    this.draw();
    this.frames++;
    this.blinkIfNeeded();
  }

  private draw(): void {
    const damage = this.painter.takeDamage();
    if (damage === null) return;
    const { width, height, pixels } = this.painter;
    if (this.image === null || this.image.width !== width || this.image.height !== height || this.image.data.buffer !== pixels.buffer) {
      this.image = new ImageData(new Uint8ClampedArray(pixels.buffer as ArrayBuffer), width, height);
      if (this.canvas !== null) {
        this.canvas.width = width;
        this.canvas.height = height;
      }
      this.events?.size(width, height);
    }
    const { first, end } = damage;
    if (this.context !== null) this.context.putImageData(this.image, 0, 0, 0, first, width, end - first);
    else {
      const part = pixels.slice(first * width, end * width);
      this.events?.pixels(Comlink.transfer(part, [part.buffer]), width, first);
    }
  }

  private blinkIfNeeded(): void {
    const on = this.visible && this.painter.blinks;
    if (!on && this.timer !== null) {
      clearInterval(this.timer);
      this.timer = null;
    } else if (on) {
      this.timer ??= setInterval(() => {
        this.painter.blink(Math.floor(performance.now() / CURSOR_BLINK_MS));
        this.draw();
      }, CURSOR_BLINK_MS);
    }
  }
}

Comlink.expose(new WorkerDisplay());
