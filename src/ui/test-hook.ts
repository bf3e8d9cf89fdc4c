/** What browser tests read: the terminal's buffer as text. */

declare global {
  interface Window {
    __tabvisorTerminalText?: () => string;
  }
}

export function installTestHook(terminalText: () => string): void {
  window.__tabvisorTerminalText = terminalText;
}
