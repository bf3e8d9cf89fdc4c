/** DOM that is kept and only told of changes: cells that light up when their value changes, tables whose rows are used again. */
import { h } from "../dom.ts";

/** The moment of the machine that is shown: marks stay as long as it is the same. */
let moment = -1;
export const setMoment = (retired: number): void => void (moment = retired);

/** Marks an element when a value changes, until the machine has moved on. */
export class Mark {
  private value: string | null = null;
  private markedAt = -1;
  constructor(readonly element: HTMLElement) {}

  /** Whether it has changed. */
  set(value: string, mark = true): boolean {
    if (this.value === value) {
      if (this.markedAt !== moment) delete this.element.dataset["changed"];
      return false;
    }
    if (mark && this.value !== null) {
      this.element.dataset["changed"] = "";
      this.markedAt = moment;
    }
    this.value = value;
    return true;
  }
}

/** Text that is marked. */
export class Cell {
  private readonly mark: Mark;
  constructor(readonly element: HTMLElement) {
    this.mark = new Mark(element);
  }

  set(text: string, mark = true): void {
    if (this.mark.set(text, mark)) this.element.textContent = text;
  }
}

export interface Row {
  /** What it is about: a row keeps its element, and its marks, as long as its key is there. */
  readonly key: string;
  readonly cells: readonly string[];
  /** Classes of the row. */
  readonly className?: string;
  readonly title?: string;
}

/** A table's body. Columns whose index is in `live` light up. */
export class Rows {
  private rows = new Map<string, { element: HTMLTableRowElement; cells: Cell[] }>();

  constructor(
    readonly body: HTMLTableSectionElement,
    private readonly live: ReadonlySet<number> = new Set(),
    /** Called once for each new row. */
    private readonly made: (element: HTMLTableRowElement, key: string) => void = () => undefined,
  ) {}

  set(rows: readonly Row[]): void {
    const next = new Map<string, { element: HTMLTableRowElement; cells: Cell[] }>();
    for (const row of rows) {
      let known = this.rows.get(row.key);
      if (known?.cells.length !== row.cells.length) known = undefined;
      if (known === undefined) {
        const element = h("tr");
        const cells = row.cells.map(() => {
          const td = h("td");
          element.append(td);
          return new Cell(td);
        });
        known = { element, cells };
        this.made(element, row.key);
      }
      known.element.className = row.className ?? "";
      if (row.title !== undefined) known.element.title = row.title;
      row.cells.forEach((text, i) => known.cells[i].set(text, this.live.has(i)));
      next.set(row.key, known);
    }
    this.rows = next;
    const wanted = [...next.values()].map((r) => r.element);
    if (wanted.length !== this.body.rows.length || wanted.some((e, i) => this.body.rows[i] !== e)) this.body.replaceChildren(...wanted);
  }
}

export function table(columns: readonly string[], className = ""): { readonly element: HTMLTableElement; readonly body: HTMLTableSectionElement } {
  const body = h("tbody");
  const element = h("table", { class: `ins-table ${className}` }, h("thead", {}, h("tr", {}, ...columns.map((c) => h("th", { scope: "col" }, c)))), body);
  return { element, body };
}

export function section(title: string, ...children: readonly (Node | string)[]): HTMLElement {
  return h("section", { class: "ins-section" }, h("h3", {}, title), ...children);
}

/** A line to type an address in; `take` throws for what makes no sense. */
export function addressField(label: string, placeholder: string, action: string, take: (text: string) => Promise<void>): { readonly form: HTMLFormElement; readonly input: HTMLInputElement } {
  const input = h("input", { type: "text", placeholder, "aria-label": label, spellcheck: "false", autocapitalize: "off", autocomplete: "off" });
  const error = h("p", { class: "ins-error", role: "alert", hidden: true });
  const form = h("form", { class: "ins-field" }, input, h("button", { type: "submit", class: "button" }, action), error);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    take(input.value.trim()).then(
      () => (error.hidden = true),
      (e: unknown) => {
        error.textContent = e instanceof Error ? e.message : String(e);
        error.hidden = false;
      },
    );
  });
  return { form, input };
}
