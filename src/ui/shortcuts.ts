/** Keyboard shortcuts. Alt+Shift, because every other combination belongs to the guest or to the browser. */

export interface Shortcut {
  /** `KeyboardEvent.code`: the same place on every layout. */
  readonly code: string;
  /** As printed on the key. */
  readonly key: string;
  readonly description: string;
  readonly run: () => void;
}

export function shortcutTitle(shortcut: Pick<Shortcut, "key">): string {
  return `Alt+Shift+${shortcut.key}`;
}

/** For aria-keyshortcuts. */
export function shortcutAria(shortcut: Pick<Shortcut, "key">): string {
  return `Alt+Shift+${shortcut.key}`;
}

/** Runs a shortcut before the terminal sees the key. Ignored while a dialog is open. */
export function installShortcuts(shortcuts: readonly Shortcut[]): void {
  window.addEventListener(
    "keydown",
    (event) => {
      if (!event.altKey || !event.shiftKey || event.ctrlKey || event.metaKey) return;
      const found = shortcuts.find((s) => s.code === event.code);
      if (found === undefined || document.querySelector("dialog[open]") !== null) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (!event.repeat) found.run();
    },
    { capture: true },
  );
}

/** Ctrl+Shift+C copies the terminal's selection; Ctrl+Shift+V is left to the browser, which pastes. */
export function installClipboardKeys(terminal: { readonly focused: boolean; copySelection(): Promise<boolean> }, onCopied: () => void): void {
  window.addEventListener(
    "keydown",
    (event) => {
      if (!event.ctrlKey || !event.shiftKey || event.altKey || event.metaKey || !terminal.focused) return;
      if (event.code === "KeyC") {
        event.preventDefault(); // or the browser opens its developer tools
        event.stopImmediatePropagation();
        void terminal.copySelection().then((copied) => {
          if (copied) onCopied();
        });
      } else if (event.code === "KeyV") {
        event.stopImmediatePropagation();
      }
    },
    { capture: true },
  );
}
