/** What is shown when a machine has ended: what it was, in words, and the evidence to copy. */
import type { StopReport } from "../../vmm/api.ts";
import { button, copyText, h, icon } from "../dom.ts";
import { describeStop } from "../format.ts";

export interface StoppedActions {
  startAgain(): void;
  openSettings(): void;
  closed(): void;
}

/** The whole report as text, for a bug report or a question. */
export function reportText(report: StopReport): string {
  const { title } = describeStop(report);
  const parts = [`${title}\n${report.message}`];
  if (report.registers.length > 0) parts.push(`Registers\n${report.registers.join("\n")}`);
  if (report.disassembly.length > 0) parts.push(`Instructions\n${report.disassembly.join("\n")}`);
  return `${parts.join("\n\n")}\n`;
}

export class StoppedView {
  constructor(
    private readonly panel: HTMLElement,
    private readonly actions: StoppedActions,
  ) {}

  hide(): void {
    this.panel.hidden = true;
    this.panel.replaceChildren();
  }

  show(report: StopReport): void {
    const { title, explanation, tone } = describeStop(report);
    this.panel.dataset["tone"] = tone;
    this.panel.dataset["kind"] = report.kind;
    const evidence = report.registers.length + report.disassembly.length > 0;

    const actions = h("div", { class: "actions" }, button("Start again", () => this.actions.startAgain(), { primary: true, id: "start-again" }));
    if (evidence) actions.append(this.copyButton(report));
    actions.append(button("Settings…", () => this.actions.openSettings()));
    const close = h("button", { type: "button", class: "tool icon-only", "aria-label": "Close this panel", title: "Close" }, icon("close"));
    close.addEventListener("click", () => {
      this.hide();
      this.actions.closed();
    });
    actions.append(close);

    const words = h("div", { class: "stopped-words" }, h("h2", { id: "stopped-title" }, title));
    // A plain power-off needs no second line that says the same again.
    if (report.message !== "" && report.message.toLowerCase() !== title.toLowerCase()) words.append(h("p", { id: "stopped-message" }, report.message));
    if (explanation !== "") words.append(h("p", { class: "why" }, explanation));
    const mark = h("div", { class: "stopped-mark" }, icon(tone === "quiet" ? "check" : "alert"));

    const content: Node[] = [h("div", { class: "stopped-head" }, mark, words, actions)];
    if (evidence) {
      const blocks = h("div", { class: "evidence" });
      if (report.registers.length > 0) blocks.append(block("Registers", "stopped-registers", report.registers));
      if (report.disassembly.length > 0) blocks.append(instructions(report.disassembly));
      content.push(blocks);
    }
    this.panel.replaceChildren(...content);
    this.panel.hidden = false;
  }

  private copyButton(report: StopReport): HTMLButtonElement {
    const element = button("Copy report", () => {
      void copyText(reportText(report)).then((done) => {
        element.textContent = done ? "Copied" : "Copying was refused";
        setTimeout(() => {
          element.textContent = "Copy report";
        }, 1600);
      });
    });
    return element;
  }
}

/** A line marked with an arrow is where the CPU stood; without one it is the last. */
function instructions(lines: readonly string[]): HTMLElement {
  const arrow = lines.findIndex((line) => line.startsWith("=>"));
  return arrow < 0 ? block("Last instructions, the latest at the end", "stopped-code", lines, lines.length - 1) : block("Instructions", "stopped-code", lines, arrow);
}

function block(title: string, id: string, lines: readonly string[], marked = -1): HTMLElement {
  // Focusable, so that it can be scrolled and selected with the keyboard.
  const pre = h("pre", { id, tabindex: 0, role: "region", "aria-label": title });
  lines.forEach((line, i) => pre.append(i === 0 ? "" : "\n", i === marked ? h("span", { class: "marked" }, line) : line));
  return h("div", {}, h("h3", {}, title), pre);
}
