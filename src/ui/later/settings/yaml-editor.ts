/** The definition as text: line numbers, checked while it is typed, each error at its line. */
import type { DefinitionError, DefinitionProblem, MachineDefinition } from "../../../vmm/api.ts";
import { h, messageOf } from "../../dom.ts";

const CHECK_AFTER_MS = 400;

/** The problems that an error of the manager's names, or the error itself as one. */
function problemsOf(error: unknown): readonly DefinitionProblem[] {
  const { problems } = error as Partial<DefinitionError>;
  return Array.isArray(problems) ? (problems as readonly DefinitionProblem[]) : [{ line: null, field: "", message: messageOf(error) }];
}

export class YamlEditor {
  readonly element: HTMLElement;
  private readonly text = h("textarea", { id: "yaml", spellcheck: "false", autocapitalize: "off", autocomplete: "off", wrap: "off", "aria-label": "Definition as YAML", "aria-describedby": "yaml-errors" });
  private readonly numbers = h("pre", { class: "line-numbers", "aria-hidden": true });
  private readonly errors = h("ul", { class: "line-errors", id: "yaml-errors", "aria-live": "polite" });
  private timer: ReturnType<typeof setTimeout> | null = null;
  /** Counts checks: an older one's answer is not shown. */
  private turn = 0;

  constructor(value: string, private readonly parse: (text: string) => Promise<MachineDefinition>) {
    this.text.value = value;
    this.element = h("div", { class: "yaml" }, h("div", { class: "yaml-box" }, this.numbers, this.text), this.errors,
      h("p", { class: "hint" }, "The same file works with ", h("code", {}, "tabvisor up machine.yaml"), "."));
    this.text.addEventListener("input", () => {
      this.number([]);
      if (this.timer !== null) clearTimeout(this.timer);
      this.timer = setTimeout(() => void this.check(), CHECK_AFTER_MS);
    });
    this.text.addEventListener("scroll", () => {
      this.numbers.scrollTop = this.text.scrollTop;
    });
    this.text.addEventListener("keydown", (event) => {
      // Tab leaves the field, as everywhere; Enter keeps the indentation.
      if (event.key !== "Enter" || event.isComposing || event.ctrlKey || event.metaKey) return;
      const before = this.text.value.slice(0, this.text.selectionStart);
      const indent = /(^|\n)( *(- )?)[^\n]*$/.exec(before)?.[2] ?? "";
      event.preventDefault();
      this.text.setRangeText(`\n${indent.replace("-", " ")}`, this.text.selectionStart, this.text.selectionEnd, "end");
      this.text.dispatchEvent(new Event("input"));
    });
    this.number([]);
  }

  /** The definition, or null with the errors shown. */
  async check(): Promise<MachineDefinition | null> {
    if (this.timer !== null) clearTimeout(this.timer);
    const turn = ++this.turn;
    try {
      const definition = await this.parse(this.text.value);
      if (turn === this.turn) this.show([]);
      return definition;
    } catch (error) {
      if (turn === this.turn) this.show(problemsOf(error));
      return null;
    }
  }

  private show(errors: readonly DefinitionProblem[]): void {
    this.number(errors);
    if (errors.length === 0) this.text.removeAttribute("aria-invalid");
    else this.text.setAttribute("aria-invalid", "true");
    this.errors.replaceChildren(...errors.map(({ line, field, message }) => {
      const words = h("span", {}, ...(field === "" ? [] : [h("code", {}, field), " "]), message);
      if (line === null) return h("li", {}, words);
      const go = h("button", { type: "button" }, `Line ${line}`);
      go.addEventListener("click", () => this.go(line));
      return h("li", {}, go, " ", words);
    }));
  }

  private number(errors: readonly DefinitionProblem[]): void {
    const wrong = new Set(errors.map((e) => e.line));
    const count = this.text.value.split("\n").length;
    this.numbers.replaceChildren(...Array.from({ length: count }, (_, i) => h("span", wrong.has(i + 1) ? { class: "wrong" } : {}, `${i + 1}\n`)));
    this.numbers.scrollTop = this.text.scrollTop;
  }

  private go(line: number): void {
    const lines = this.text.value.split("\n");
    const start = lines.slice(0, line - 1).reduce((n, l) => n + l.length + 1, 0);
    this.text.focus();
    this.text.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
    const height = this.text.scrollHeight / lines.length;
    this.text.scrollTop = Math.max(0, (line - 4) * height);
  }
}
