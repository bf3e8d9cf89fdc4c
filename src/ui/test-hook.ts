/** What browser tests read: the terminal's buffer and the screen as text. */

declare global {
  interface Window {
    __tabvisorTerminalText?: () => string;
    /** Null in graphics modes. */
    __tabvisorScreenText?: () => Promise<string | null>;
  }
}

export function installTestHook(terminalText: () => string, screenText: () => Promise<string | null>): void {
  window.__tabvisorScreenText = screenText;
  window.__tabvisorTerminalText = terminalText;
}
