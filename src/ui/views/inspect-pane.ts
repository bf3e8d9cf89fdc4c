/** The pane beside the machine that holds the inspector, whose code is loaded when it is first opened. */
import type { MachineDebugger } from "../../vmm/api.ts";
import { byId, h, messageOf } from "../dom.ts";

export class InspectPane {
  private readonly element = byId("inspect");
  private readonly button = byId("open-inspect", HTMLButtonElement);
  private content: { close(): void } | null = null;

  constructor(
    private readonly connect: () => Promise<MachineDebugger>,
    private readonly announce: (text: string) => void,
    private readonly resized: () => void,
  ) {
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      this.toggle();
      this.button.focus();
    });
  }

  toggle(): void {
    const open = this.element.hidden;
    this.element.hidden = !open;
    this.button.setAttribute("aria-pressed", String(open));
    this.resized();
    this.content?.close();
    this.content = null;
    if (!open) return;
    this.element.focus();
    import("../inspect/inspector.ts").then(({ openInspector }) => {
      if (!this.element.hidden) this.content = openInspector(this.element, { connect: this.connect, announce: this.announce });
    }, (error: unknown) => this.element.replaceChildren(h("p", { class: "ins-error" }, messageOf(error))));
  }
}
