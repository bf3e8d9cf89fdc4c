/** A menu at a button: arrow keys, Home and End, letters; Esc gives the focus back. */
import { h } from "../dom.ts";

export type MenuEntry = "line" | {
  readonly label: string;
  readonly run: () => void;
  readonly disabled?: boolean;
  readonly danger?: boolean;
};

export function openMenu(at: HTMLElement, entries: readonly MenuEntry[], label: string): void {
  document.querySelector(".menu")?.remove();
  const menu = h("div", { class: "menu", role: "menu", popover: "auto", "aria-label": label });
  for (const entry of entries) {
    if (entry === "line") {
      menu.append(h("hr"));
      continue;
    }
    const item = h("button", { type: "button", role: "menuitem", tabindex: -1, disabled: entry.disabled === true, class: entry.danger === true ? "danger" : "" }, entry.label);
    item.addEventListener("click", () => {
      menu.hidePopover();
      entry.run();
    });
    menu.append(item);
  }
  const items = [...menu.querySelectorAll("button")].filter((b) => !b.disabled);
  menu.addEventListener("keydown", (event) => {
    const here = items.indexOf(document.activeElement as HTMLButtonElement);
    const to = (n: number): void => items[(n + items.length) % items.length]?.focus();
    switch (event.key) {
      case "ArrowDown":
        to(here + 1);
        break;
      case "ArrowUp":
        to(here - 1);
        break;
      case "Home":
        to(0);
        break;
      case "End":
        to(-1);
        break;
      case "Tab":
        menu.hidePopover();
        return;
      default: {
        if (event.key.length !== 1) return;
        const after = [...items.slice(here + 1), ...items.slice(0, here + 1)];
        const found = after.find((item) => item.textContent.toLowerCase().startsWith(event.key.toLowerCase()));
        if (found === undefined) return;
        found.focus();
      }
    }
    event.preventDefault();
  });
  menu.addEventListener("toggle", (event) => {
    if ((event as ToggleEvent).newState !== "closed") return;
    at.setAttribute("aria-expanded", "false");
    if (menu.contains(document.activeElement) || document.activeElement === document.body) at.focus();
    menu.remove();
  });
  document.body.append(menu);
  menu.showPopover();
  at.setAttribute("aria-expanded", "true");
  const box = at.getBoundingClientRect();
  const size = menu.getBoundingClientRect();
  menu.style.left = `${Math.max(8, Math.min(box.left, innerWidth - size.width - 8))}px`;
  menu.style.top = `${box.bottom + size.height + 8 < innerHeight ? box.bottom + 4 : Math.max(8, box.top - size.height - 4)}px`;
  items[0]?.focus();
}
