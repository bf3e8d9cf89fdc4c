/** Dialogs: a sheet in the middle or a drawer at the side, a question, a line of text to type. */
import "./styles/dialogs.css";
import { button, h, icon } from "../dom.ts";

export interface SheetOptions {
  readonly id: string;
  readonly title: string;
  readonly kind?: "sheet" | "drawer";
  readonly onClose?: () => void;
}

let count = 0;

/** A modal dialog that is there while it is open. Focus goes back by itself when it closes. */
export class Sheet {
  readonly dialog: HTMLDialogElement;
  readonly body = h("div", { class: "sheet-body" });
  readonly footer = h("footer", { hidden: true });

  constructor({ id, title, kind = "sheet", onClose }: SheetOptions) {
    const titleId = `sheet-title-${++count}`;
    const close = h("button", { type: "button", class: "tool icon-only", id: `${id}-close`, "aria-label": "Close", title: "Close (Esc)" }, icon("close"));
    close.addEventListener("click", () => this.dialog.close());
    this.dialog = h("dialog", { class: kind, id, "aria-labelledby": titleId }, h("header", {}, h("h2", { id: titleId }, title), close), this.body, this.footer);
    closeOnBackdrop(this.dialog);
    this.dialog.addEventListener("close", () => {
      this.dialog.remove();
      onClose?.();
    });
  }

  open(): void {
    document.getElementById(this.dialog.id)?.remove();
    document.body.append(this.dialog);
    this.dialog.showModal();
  }

  close(): void {
    this.dialog.close();
  }

  actions(...buttons: readonly (HTMLElement | string)[]): void {
    this.footer.append(...buttons);
    this.footer.hidden = false;
  }
}

/** A click beside a dialog closes it. */
export function closeOnBackdrop(dialog: HTMLDialogElement): void {
  dialog.addEventListener("pointerdown", (event) => {
    if (event.target !== dialog) return;
    const box = dialog.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside) dialog.close();
  });
}

export interface Question {
  readonly title: string;
  readonly text: string;
  readonly yes: string;
  /** What is lost cannot be had back. */
  readonly danger?: boolean;
}

/** Resolves to false when the user turns away. */
export function ask({ title, text, yes, danger = false }: Question): Promise<boolean> {
  return new Promise((resolve) => {
    let answer = false;
    const sheet = new Sheet({ id: "ask", title, onClose: () => resolve(answer) });
    sheet.body.append(h("p", { class: "note" }, text));
    const confirm = button(yes, () => {
      answer = true;
      sheet.close();
    }, { primary: true, id: "ask-yes" });
    if (danger) confirm.classList.add("danger");
    sheet.actions(button("Cancel", () => sheet.close()), confirm);
    sheet.open();
    // What cannot be undone is not under the Enter key.
    if (danger) sheet.footer.querySelector("button")?.focus();
    else confirm.focus();
  });
}

export interface TextQuestion {
  readonly title: string;
  readonly label: string;
  readonly value: string;
  readonly yes: string;
  /** A second, longer text. */
  readonly notes?: { readonly label: string; readonly value: string };
}

/** Resolves to null when the user turns away. */
export function askText({ title, label, value, yes, notes }: TextQuestion): Promise<{ readonly text: string; readonly notes: string } | null> {
  return new Promise((resolve) => {
    let answer: { text: string; notes: string } | null = null;
    const sheet = new Sheet({ id: "ask", title, onClose: () => resolve(answer) });
    const input = h("input", { type: "text", id: "ask-text", maxlength: 80, autocomplete: "off", spellcheck: false });
    input.value = value;
    const form = h("form", { class: "fields" }, h("div", { class: "field" }, h("label", { for: "ask-text" }, label), input));
    const area = h("textarea", { id: "ask-notes", rows: 3 });
    if (notes !== undefined) {
      area.value = notes.value;
      form.append(h("div", { class: "field" }, h("label", { for: "ask-notes" }, notes.label), area));
    }
    const done = (): void => {
      const text = input.value.trim();
      if (text === "") {
        input.setAttribute("aria-invalid", "true");
        input.focus();
        return;
      }
      answer = { text, notes: area.value.trim() };
      sheet.close();
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      done();
    });
    sheet.body.append(form);
    sheet.actions(button("Cancel", () => sheet.close()), button(yes, done, { primary: true, id: "ask-yes" }));
    sheet.open();
    input.select();
  });
}
