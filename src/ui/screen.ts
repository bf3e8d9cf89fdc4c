/** The PC's screen: a canvas that the display's worker paints, its scaling, full screen, and its text for who cannot see it. */
import type { DisplayApi, DisplayEvents } from "../vmm/api.ts";
import { byId } from "./dom.ts";

export type Scaling = "fit" | "integer" | "original";

export type ConnectDisplay = (canvas: OffscreenCanvas | null, events: DisplayEvents) => DisplayApi;

/** How often a reader's copy of the text is renewed. */
const READER_MS = 1000;

export class ScreenView {
  private readonly box = byId("screen");
  private readonly canvas = byId("screen-canvas", HTMLCanvasElement);
  private readonly resolution = byId("screen-size");
  private readonly readerText = byId("screen-text");
  private readonly display: DisplayApi;
  private width = 720;
  private height = 400;
  private scaling: Scaling = "fit";
  private shown = false;
  private reader: ReturnType<typeof setInterval> | null = null;

  constructor(connect: ConnectDisplay) {
    const offscreen = "transferControlToOffscreen" in this.canvas ? this.canvas.transferControlToOffscreen() : null;
    const context = offscreen === null ? this.canvas.getContext("2d", { alpha: false }) : null;
    this.display = connect(offscreen, {
      size: (width, height) => {
        this.width = width;
        this.height = height;
        if (context !== null) {
          this.canvas.width = width;
          this.canvas.height = height;
        }
        this.resolution.textContent = `${width} × ${height}`;
        this.layout();
      },
      pixels: (pixels, width, first) => {
        const image = new ImageData(new Uint8ClampedArray(pixels.buffer as ArrayBuffer, pixels.byteOffset, pixels.byteLength), width);
        context?.putImageData(image, 0, first);
      },
    });
    new ResizeObserver(() => this.layout()).observe(this.box);
    document.addEventListener("visibilitychange", () => this.tellVisible());
    this.layout();
  }

  /** For a machine that is about to start. */
  port(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    void this.display.attach(port1);
    return port2;
  }

  show(shown: boolean): void {
    this.shown = shown;
    this.tellVisible();
    this.layout();
  }

  private tellVisible(): void {
    void this.display.setVisible(this.shown && !document.hidden);
  }

  setScaling(scaling: Scaling): void {
    this.scaling = scaling;
    this.layout();
  }

  /** The screen's text; null while it shows graphics. */
  text(): Promise<string | null> {
    return this.display.text();
  }

  framesShown(): Promise<number> {
    return this.display.framesShown();
  }

  /** Keeps a copy of a text screen for screen readers. */
  setScreenReader(on: boolean): void {
    if (this.reader !== null) clearInterval(this.reader);
    this.reader = null;
    this.readerText.textContent = "";
    if (!on) return;
    this.reader = setInterval(() => {
      if (!this.shown || document.hidden) return;
      void this.text().then((text) => {
        const next = text ?? "The screen shows graphics.";
        if (this.readerText.textContent !== next) this.readerText.textContent = next;
      });
    }, READER_MS);
  }

  /** Places the canvas. Whole device pixels where the factor is whole, so that letters stay sharp. */
  private layout(): void {
    const { clientWidth, clientHeight } = this.box;
    if (clientWidth === 0 || clientHeight === 0) return;
    const ratio = window.devicePixelRatio || 1;
    const fit = Math.min((clientWidth * ratio) / this.width, (clientHeight * ratio) / this.height);
    const factor = this.scaling === "original" ? ratio : this.scaling === "integer" && fit >= 1 ? Math.floor(fit) : fit;
    this.canvas.style.width = `${(this.width * factor) / ratio}px`;
    this.canvas.style.height = `${(this.height * factor) / ratio}px`;
    this.canvas.dataset["sharp"] = String(Number.isInteger(factor) || factor > 2.5);
  }

  async toggleFullScreen(element: HTMLElement): Promise<void> {
    if (document.fullscreenElement !== null) {
      await document.exitFullscreen();
      return;
    }
    await element.requestFullscreen();
    // Where there is a keyboard lock, Esc and Alt+Tab reach the guest as well.
    const { keyboard } = navigator as { keyboard?: { lock?: () => Promise<void> } };
    await keyboard?.lock?.().catch(() => undefined);
  }
}
