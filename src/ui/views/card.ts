/** The card over the terminal while no machine runs: none there, off, saved, loading, guest missing, start failed. */
import type { LoadProgress } from "../../vmm/api.ts";
import { button, h } from "../dom.ts";
import { formatBytes } from "../format.ts";

export interface CardActions {
  powerOn(): void;
  powerOff(): void;
  openSettings(): void;
  newMachine(): void;
}

type CardKind = "none" | "off" | "saved" | "loading" | "missing" | "failed";

export class Card {
  private bar: HTMLProgressElement | null = null;
  private amount: HTMLElement | null = null;
  private rate: HTMLElement | null = null;

  constructor(
    private readonly layer: HTMLElement,
    private readonly actions: CardActions,
  ) {}

  hide(): void {
    this.layer.hidden = true;
    this.layer.replaceChildren();
    this.bar = null;
  }

  none(): void {
    this.show(
      "none",
      h("h2", {}, "There is no machine"),
      h("p", {}, "Make one, or drop a kernel, a disk, an ISO or a saved machine anywhere on the page."),
      this.row(button("New machine…", () => this.actions.newMachine(), { primary: true })),
    );
  }

  off(): void {
    this.show(
      "off",
      h("h2", {}, "The machine is off"),
      h("p", {}, "An x86-64 PC, emulated in this tab. Power it on, or drop a kernel, a disk or an ISO of your own anywhere on the page."),
      this.row(button("Power on", () => this.actions.powerOn(), { primary: true }), this.settings()),
    );
  }

  saved(): void {
    this.show(
      "saved",
      h("h2", {}, "The machine is saved"),
      h("p", {}, "It goes on from where it was."),
      this.row(button("Go on", () => this.actions.powerOn(), { primary: true }), this.settings()),
    );
  }

  loading(): void {
    if (this.bar !== null) return;
    this.bar = h("progress", { "aria-label": "Loading", max: 1 });
    this.amount = h("span", { id: "load-amount" }, "Connecting");
    this.rate = h("span", { id: "load-rate" });
    this.show(
      "loading",
      h("h2", {}, "Loading the machine"),
      this.bar,
      h("div", { class: "figures" }, this.amount, this.rate),
      this.row(button("Cancel", () => this.actions.powerOff())),
    );
  }

  progress(progress: LoadProgress): void {
    if (this.bar === null || this.amount === null || this.rate === null) return;
    const { received, total, bytesPerSecond } = progress;
    if (total !== null && total > 0) {
      this.bar.value = Math.min(1, received / total);
      this.amount.textContent = received >= total ? `${formatBytes(total)}, unpacking` : `${formatBytes(received)} of ${formatBytes(total)}`;
    } else {
      this.bar.removeAttribute("value");
      this.amount.textContent = formatBytes(received);
    }
    this.rate.textContent = bytesPerSecond > 0 ? `${formatBytes(bytesPerSecond)}/s` : "";
  }

  missing(): void {
    this.show(
      "missing",
      h("h2", {}, "There is no default guest here"),
      h("p", { class: "message" }, "This server has no guest image. Where the project is checked out, ", h("code", {}, "npm run image"), " prepares one."),
      h("p", {}, "Kernels, disks and ISOs of your own run as well: drop them on the page, or make a new machine."),
      this.row(button("New machine…", () => this.actions.newMachine(), { primary: true }), button("Try again", () => this.actions.powerOn())),
    );
  }

  failed(message: string): void {
    this.show(
      "failed",
      h("h2", {}, "The machine could not start"),
      h("p", { class: "message", id: "failure" }, message),
      this.row(button("Start again", () => this.actions.powerOn(), { primary: true }), this.settings()),
    );
  }

  private settings(): HTMLButtonElement {
    return button("Settings…", () => this.actions.openSettings());
  }

  private row(...buttons: HTMLButtonElement[]): HTMLElement {
    return h("div", { class: "actions" }, ...buttons);
  }

  private show(kind: CardKind, ...content: Node[]): void {
    if (kind !== "loading") this.bar = null;
    this.layer.dataset["kind"] = kind;
    this.layer.replaceChildren(h("div", { class: "card", role: "group" }, ...content));
    this.layer.hidden = false;
  }
}
