/** What browser tests read: the terminal's buffer and the screen as text. */

declare global {
  interface Window {
    /** All of it, or the last lines down to the cursor's. */
    __tabvisorTerminalText?: (last?: number) => string;
    /** Null in graphics modes. */
    __tabvisorScreenText?: () => Promise<string | null>;
    /** Frames that the display has shown. */
    __tabvisorFrames?: () => Promise<number>;
    /** Retired, as of the last status report. */
    __tabvisorInstructions?: () => number;
  }
}

export interface TestHooks {
  terminalText(last?: number): string;
  screenText(): Promise<string | null>;
  frames(): Promise<number>;
  instructions(): number;
}

export function installTestHook(hooks: TestHooks): void {
  window.__tabvisorTerminalText = (last) => hooks.terminalText(last);
  window.__tabvisorScreenText = () => hooks.screenText();
  window.__tabvisorFrames = () => hooks.frames();
  window.__tabvisorInstructions = () => hooks.instructions();
}
