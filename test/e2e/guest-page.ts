/** A page with a machine, in whichever browser: the verbs that tests use. */
import { check, equal } from "./harness.ts";
import { pause, poll, type PickedFile, type Tab } from "./tab.ts";

export const PROMPT = /[#$] $|[#$]$/;

export class GuestPage {
  /** `url` is the site's. */
  constructor(readonly tab: Tab, private readonly url: string) {}

  async load(query = ""): Promise<void> {
    await this.tab.goto(this.url + query);
    await this.ready();
  }

  async reload(): Promise<void> {
    await this.tab.reload();
    await this.ready();
  }

  private ready(): Promise<void> {
    return poll(() => this.tab.evaluate(() => document.documentElement.dataset["ready"] !== undefined), "the page", 30_000);
  }

  text(): Promise<string> {
    return this.tab.evaluate(() => window.__tabvisorTerminalText?.() ?? "");
  }

  screen(): Promise<string> {
    return this.tab.evaluate(async () => (await window.__tabvisorScreenText?.()) ?? "");
  }

  phase(): Promise<string> {
    return this.tab.evaluate(() => document.documentElement.dataset["phase"] ?? "");
  }

  async waitForPhase(phase: string, timeoutMs = 20_000): Promise<void> {
    await this.poll(async () => (await this.phase()) === phase, `phase '${phase}'`, timeoutMs);
  }

  /** Waits until the terminal's text matches. */
  async waitForText(pattern: RegExp, timeoutMs = 20_000): Promise<string> {
    await this.poll(async () => pattern.test(await this.text()), `${pattern.source} in the terminal`, timeoutMs);
    return this.text();
  }

  /** Waits for text on the screen. Gives up at once when the machine has ended. */
  waitForScreen(pattern: RegExp, timeoutMs: number): Promise<void> {
    return this.poll(async () => {
      check((await this.phase()) !== "stopped", "the machine has ended");
      return pattern.test(await this.screen());
    }, `${pattern.source} on the screen`, timeoutMs);
  }

  /** Gives up at once when the machine has ended. */
  async waitForPrompt(timeoutMs = 20_000): Promise<string> {
    await this.poll(
      async () => {
        const [text, phase] = [await this.text(), await this.phase()];
        check(phase !== "stopped", `the machine has ended: ${(await this.tab.text("#stopped")).slice(0, 200)}`);
        return PROMPT.test(text);
      },
      "the prompt",
      timeoutMs,
    );
    return this.text();
  }

  /** Into the terminal that is seen. */
  async type(text: string): Promise<void> {
    await this.tab.focus(".pane:not([hidden]) .xterm-helper-textarea");
    await this.tab.keys(text);
  }

  /** Types a line and waits for the prompt after it; answers what came in between. */
  async command(line: string, timeoutMs = 20_000): Promise<string> {
    await this.waitForPrompt(timeoutMs);
    await this.type(`${line}\n`);
    // After the last echo of the line: earlier lines may leave the scrollback meanwhile.
    let added = "";
    await this.poll(
      async () => {
        const text = await this.text();
        added = text.slice(text.lastIndexOf(line) + line.length);
        return text.includes(line) && added.includes("\n") && PROMPT.test(added);
      },
      `the end of '${line}'`,
      timeoutMs,
    );
    return added.split("\n").slice(1, -1).join("\n");
  }

  async chooseOwn(kernel: PickedFile, cmdline = ""): Promise<void> {
    await this.tab.click("#open-settings");
    await this.tab.click('label:has(> input[name="source"][value="kernel"])');
    await this.tab.setFile("#kernel-input", kernel);
    await this.tab.fill("#cmdline", cmdline);
    await this.startFromSettings();
  }

  async chooseDefault(cmdline?: string): Promise<void> {
    await this.tab.click("#open-settings");
    await this.tab.click('label:has(> input[name="source"][value="default"])');
    if (cmdline !== undefined) await this.tab.fill("#cmdline", cmdline);
    await this.startFromSettings();
  }

  /** The machine that was there is no more what is seen: it has been off, or loads anew. */
  private async startFromSettings(): Promise<void> {
    await this.tab.evaluate(() => {
      const root = document.documentElement;
      const before = root.dataset["phase"];
      delete root.dataset["left"];
      const observer = new MutationObserver(() => {
        if (root.dataset["phase"] === before) return;
        root.dataset["left"] = "yes";
        observer.disconnect();
      });
      observer.observe(root, { attributeFilter: ["data-phase"] });
    });
    await this.tab.click("#settings-start");
    await this.poll(() => this.tab.evaluate(() => document.documentElement.dataset["left"] === "yes"), "the machine to start", 30_000);
  }

  /** Picks from a machine's menu in the list. */
  async menu(machine: string, entry: string): Promise<void> {
    await this.openMenu(machine);
    await this.tab.click({ css: "[role=menuitem]", text: entry });
  }

  openMenu(machine: string): Promise<void> {
    return this.tab.click(`button[aria-label="More about ${machine}"]`);
  }

  poll(condition: () => Promise<boolean>, what: string, timeoutMs = 10_000): Promise<void> {
    return poll(condition, what, timeoutMs);
  }

  sleep(ms: number): Promise<void> {
    return pause(ms);
  }

  noErrors(): void {
    equal(this.tab.errors, [], "uncaught errors on the page");
  }
}
