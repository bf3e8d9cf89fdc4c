/** The sheet that lists keys. */
import { byId, h } from "../dom.ts";
import type { Shortcut } from "../shortcuts.ts";

export class HelpSheet {
  private readonly dialog = byId("help", HTMLDialogElement);

  constructor(shortcuts: readonly Shortcut[], onClose: () => void) {
    const list = byId("help-keys");
    const add = (keys: readonly string[], meaning: string): void => {
      const term = h("dt");
      keys.forEach((key, i) => term.append(i === 0 ? "" : " + ", h("kbd", {}, key)));
      list.append(term, h("dd", {}, meaning));
    };
    for (const shortcut of shortcuts) add(["Alt", "Shift", shortcut.key], shortcut.description);
    add(["Ctrl", "Shift", "C"], "Copy the selection");
    add(["Ctrl", "Shift", "V"], "Paste");
    add(["Shift", "PageUp"], "Scroll back");
    byId("help-close").addEventListener("click", () => this.dialog.close());
    closeOnBackdrop(this.dialog);
    this.dialog.addEventListener("close", onClose);
  }

  open(): void {
    if (!this.dialog.open) this.dialog.showModal();
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
