/** Parts of forms: labelled fields, switches, choices. */
import { h } from "../dom.ts";

export function field(label: string, control: HTMLElement & { id: string }, hint?: string | Node): HTMLElement {
  const element = h("div", { class: "field" }, h("label", { for: control.id }, label), control);
  if (hint !== undefined) {
    const note = h("p", { class: "hint", id: `${control.id}-hint` }, hint);
    control.setAttribute("aria-describedby", note.id);
    element.append(note);
  }
  return element;
}

export function textField(id: string, value: string, attributes: Readonly<Record<string, string | number>> = {}): HTMLInputElement {
  const input = h("input", { type: "text", id, spellcheck: "false", autocapitalize: "off", autocomplete: "off", ...attributes });
  input.value = value;
  return input;
}

export function toggle(id: string, title: string, about: string, checked: boolean): { readonly element: HTMLLabelElement; readonly input: HTMLInputElement } {
  const input = h("input", { type: "checkbox", id, role: "switch" });
  input.checked = checked;
  return {
    input,
    element: h("label", { class: "switch" }, input, h("span", { class: "track", "aria-hidden": true }), h("span", {}, h("strong", {}, title), h("small", {}, about))),
  };
}

/** Radio buttons in a row. */
export function segmented<T extends string>(name: string, choices: readonly (readonly [T, string])[], value: T, onChange: (value: T) => void): HTMLElement {
  const element = h("div", { class: "segmented", role: "radiogroup" });
  element.style.setProperty("--count", String(choices.length));
  for (const [key, label] of choices) {
    const input = h("input", { type: "radio", name, value: key });
    input.checked = key === value;
    input.addEventListener("change", () => onChange(key));
    element.append(h("label", {}, input, h("span", {}, label)));
  }
  return element;
}

export function select<T extends string>(id: string, choices: readonly (readonly [T, string])[], value: T): HTMLSelectElement {
  const element = h("select", { id });
  for (const [key, label] of choices) {
    const option = h("option", { value: key }, label);
    option.selected = key === value;
    element.append(option);
  }
  return element;
}

export function section(title: string, ...content: readonly Node[]): HTMLFieldSetElement {
  return h("fieldset", {}, h("legend", {}, title), ...content);
}
