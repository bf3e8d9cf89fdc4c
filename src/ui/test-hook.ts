/** What browser tests read: the terminal's buffer and the screen as text. */

declare global {
  interface Window {
    __tabvisorTerminalText?: () => string;
    /** Null in graphics modes. */
    __tabvisorScreenText?: () => Promise<string | null>;
    /** Frames that the display has shown. */
    __tabvisorFrames?: () => Promise<number>;
    /** Retired, as of the last status report. */
    __tabvisorInstructions?: () => number;
  }
}

export interface TestHooks {
  terminalText(): string;
  screenText(): Promise<string | null>;
  frames(): Promise<number>;
  instructions(): number;
}

export function installTestHook(hooks: TestHooks): void {
  window.__tabvisorTerminalText = () => hooks.terminalText();
  window.__tabvisorScreenText = () => hooks.screenText();
  window.__tabvisorFrames = () => hooks.frames();
  window.__tabvisorInstructions = () => hooks.instructions();
}
