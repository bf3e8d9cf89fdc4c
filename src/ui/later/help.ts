/** The sheet that lists keys. */
import { h } from "../dom.ts";
import type { Shortcut } from "../shortcuts.ts";
import { Sheet } from "./sheet.ts";

export function openHelp(shortcuts: readonly Shortcut[]): void {
  const list = h("dl", { class: "keys", id: "help-keys" });
  const add = (keys: readonly string[], meaning: string): void => {
    const term = h("dt");
    keys.forEach((key, i) => term.append(i === 0 ? "" : " + ", h("kbd", {}, key)));
    list.append(term, h("dd", {}, meaning));
  };
  for (const shortcut of shortcuts) add(["Alt", "Shift", shortcut.key], shortcut.description);
  add(["Ctrl", "Shift", "C"], "Copy the selection");
  add(["Ctrl", "Shift", "V"], "Paste");
  add(["Shift", "PageUp"], "Scroll back");
  const sheet = new Sheet({ id: "help", title: "Keyboard and terminal" });
  sheet.body.append(
    list,
    h("p", { class: "note" }, "A serial line cannot tell the guest how large the terminal is. ", h("strong", {}, "Sync size"), " types the ", h("code", {}, "stty"), " command for it; use it at a shell prompt."),
  );
  sheet.open();
}
