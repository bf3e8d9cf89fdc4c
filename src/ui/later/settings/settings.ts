/** The settings of a machine: the form, or the definition as YAML. */
import { button, h, messageOf } from "../../dom.ts";
import type { PageServices } from "../../services.ts";
import { Sheet } from "../sheet.ts";
import { checkDraft, applyDraft, draftOf } from "./draft.ts";
import { SettingsForm } from "./form.ts";
import { YamlEditor } from "./yaml-editor.ts";
import { keepFile } from "../sources.ts";

/** `start`: the machine is to run with what was set. */
export async function openSettings(id: string, services: PageServices, start: () => void): Promise<void> {
  const { manager } = services;
  const machine = manager.get(id);
  if (machine === null) return;
  const alive = machine.state === "running" || machine.state === "paused";
  const sheet = new Sheet({ id: "settings", title: `Settings of ${machine.name}`, kind: "drawer" });
  const form = new SettingsForm(draftOf(machine.definition), services);
  const yaml = new YamlEditor(await manager.describe(id), (text) => manager.parse(text, `${machine.name}.yaml`));
  const error = h("p", { class: "form-error", id: "settings-error", role: "alert", hidden: true });
  let asText = false;

  const showError = (message: string | null): void => {
    error.hidden = message === null;
    error.textContent = message ?? "";
  };
  const tabs = h("div", { class: "tabs", role: "tablist" });
  const views = { form: form.element, yaml: yaml.element };
  const tab = (name: "form" | "yaml", label: string): HTMLButtonElement => {
    const element = h("button", { type: "button", class: "tool", role: "tab", id: `settings-tab-${name}` }, label);
    element.addEventListener("click", () => show(name));
    element.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      show(name === "form" ? "yaml" : "form");
      tabs.querySelector<HTMLElement>('[aria-selected="true"]')?.focus();
    });
    return element;
  };
  const buttons = { form: tab("form", "Form"), yaml: tab("yaml", "YAML") };
  const show = (name: "form" | "yaml"): void => {
    asText = name === "yaml";
    for (const key of ["form", "yaml"] as const) {
      views[key].hidden = key !== name;
      buttons[key].setAttribute("aria-selected", String(key === name));
      buttons[key].tabIndex = key === name ? 0 : -1;
    }
    showError(null);
  };
  tabs.append(buttons.form, buttons.yaml);

  const save = async (): Promise<boolean> => {
    showError(null);
    try {
      if (asText) {
        const definition = await yaml.check();
        if (definition === null) return false;
        await manager.update(id, definition);
      } else {
        const draft = form.read();
        const wrong = checkDraft(draft);
        form.mark(wrong);
        if (wrong !== null) {
          showError(wrong.message);
          return false;
        }
        await manager.update(id, await applyDraft(draft, machine.definition, (file) => keepFile(file, services)));
      }
      return true;
    } catch (e) {
      showError(messageOf(e));
      return false;
    }
  };
  let busy = false;
  const submit = async (run: boolean): Promise<void> => {
    if (busy) return;
    busy = true;
    try {
      if (!(await save())) return;
      sheet.close();
      if (!run) return;
      if (alive || manager.get(id)?.state === "loading") await manager.powerOff(id);
      start();
    } catch (e) {
      services.fail(e);
    } finally {
      busy = false;
    }
  };
  form.element.addEventListener("submit", (event) => {
    event.preventDefault();
    void submit(true);
  });
  sheet.body.append(tabs, form.element, yaml.element);
  sheet.actions(
    error,
    alive ? h("p", { class: "note" }, "A running machine takes CPU share, background and name at once, the rest when it starts again.") : "",
    button("Save", () => void submit(false), { id: "settings-save" }),
    button(alive ? "Save and start again" : "Save and start", () => void submit(true), { primary: true, id: "settings-start" }),
  );
  show("form");
  sheet.open();
}
