/** The screen's cost: frames of a picture that changes everywhere, and text that scrolls on the VGA console. */
import type { Page } from "playwright";
import type {} from "../../src/ui/test-hook.ts";
import { Child, type Command } from "../lib/child.ts";
import type { Suite } from "../lib/context.ts";
import { defaultBoot, nodeBoot, PROMPT, qemuBoot } from "../lib/guest.ts";
import { least, median, most, row, type Row } from "../lib/report.ts";
import { screenKernel } from "../lib/screen-kernel.ts";

/** Seconds of each measurement of frames, after so many to settle. */
const SECONDS = 6;
const SETTLE_SECONDS = 4;
/** Times that the kernel's log is written to the console. */
const SCROLLS = 10;
const DONE = "scrolled-it-all";
/** Quoted in the command, so that its echo is not taken for its output. */
const SCROLL_COMMAND = `for i in $(seq ${SCROLLS}); do dmesg; done > /dev/tty1; echo scrolled-it'-all'\n`;

async function scrollOn(command: Command): Promise<number> {
  const child = new Child(command);
  try {
    await child.printed(PROMPT);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const from = performance.now();
    child.type(SCROLL_COMMAND);
    await child.printed(DONE);
    return (performance.now() - from) / 1000;
  } finally {
    await child.terminate();
  }
}

async function scrollInPage(page: Page): Promise<number> {
  // At the greeting the shell has still to ask the terminal for its size: what is typed meanwhile may be lost.
  await page.waitForFunction(() => /# ?$/.test(window.__tabvisorTerminalText?.() ?? ""), undefined, { timeout: 60_000, polling: 50 });
  await page.locator('#views [data-view="both"]').click();
  await page.locator(".xterm-helper-textarea").focus();
  const from = performance.now();
  await page.keyboard.type(SCROLL_COMMAND);
  await page.waitForFunction((done) => window.__tabvisorTerminalText?.().includes(done) === true, DONE, { timeout: 120_000, polling: 20 });
  return (performance.now() - from) / 1000;
}

/** Frames and instructions a second, with the screen in sight or not. */
async function rates(page: Page, shown: boolean): Promise<{ fps: number; mips: number }> {
  await page.locator(`#views [data-view="${shown ? "screen" : "terminal"}"]`).click();
  await page.waitForTimeout(SETTLE_SECONDS * 1000);
  return page.evaluate(async (seconds) => {
    const look = async (): Promise<[number, number, number]> => [performance.now(), (await window.__tabvisorFrames?.()) ?? NaN, window.__tabvisorInstructions?.() ?? NaN];
    // Instructions are known as of the last status report, every half a second.
    const before = await look();
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const after = await look();
    const s = (after[0] - before[0]) / 1000;
    return { fps: (after[1] - before[1]) / s, mips: (after[2] - before[2]) / s / 1e6 };
  }, SECONDS);
}

export const screen: Suite = {
  name: "screen",
  about: "frames a second of 1024x768x32 and what they cost the CPU; scrolling the kernel's log on the VGA console",
  async run(context) {
    const guest = defaultBoot(await context.guest());
    const { engines } = context.choice;
    const chromium = engines.includes("chromium") ? await context.chromium() : null;
    const qemu = engines.includes("qemu") ? context.qemu : null;
    const rows: Row[] = [];

    if (chromium !== null) {
      const fps: number[] = [], kept: number[] = [];
      for (let run = 1; run <= context.runs; run++) {
        const browser = await chromium.context();
        try {
          const page = await chromium.open(browser, "?autostart=0");
          await page.waitForSelector("html[data-ready]");
          await page.locator("#open-settings").click();
          await page.locator('input[name="source"][value="kernel"]').check({ force: true });
          await page.locator("#kernel-input").setInputFiles({ name: "screen.elf", mimeType: "application/octet-stream", buffer: screenKernel() });
          await page.locator("#settings-start").click();
          const hidden = await rates(page, false);
          const shown = await rates(page, true);
          const again = await rates(page, false);
          fps.push(shown.fps);
          kept.push((100 * shown.mips) / ((hidden.mips + again.mips) / 2));
          context.log(`screen ${run}: ${shown.fps.toFixed(1)} frames/s, ${shown.mips.toFixed(0)} MIPS of ${hidden.mips.toFixed(0)} and ${again.mips.toFixed(0)}`);
        } finally {
          await browser.close();
        }
      }
      rows.push(row("1024x768x32, all of it changing", "chromium", "frames/s", fps, { target: least(59) }));
      rows.push(row("CPU's speed while it is shown", "chromium", "%", kept, { target: least(80), note: "of its speed with the screen hidden" }));
    }

    const onQemu: number[] = [], onNode: number[] = [], onChromium: number[] = [];
    for (let run = 1; run <= context.runs; run++) {
      if (qemu !== null) onQemu.push(await scrollOn({ ...qemuBoot(qemu, guest), args: [...qemuBoot(qemu, guest).args, "-vga", "std"] }));
      if (engines.includes("node")) onNode.push(await scrollOn(nodeBoot(guest)));
      if (chromium !== null) onChromium.push(await chromium.boot((page) => scrollInPage(page)));
      const last = (samples: number[]): string => samples.at(-1)?.toFixed(2) ?? "–";
      context.log(`scroll ${run}: QEMU ${last(onQemu)}, Node ${last(onNode)}, Chromium ${last(onChromium)} s`);
    }
    const ratio = (samples: number[]): number | null => (onQemu.length === 0 ? null : median(samples) / median(onQemu));
    const figure = `${SCROLLS} times dmesg on the VGA console`;
    if (onQemu.length > 0) rows.push(row(figure, "qemu", "s", onQemu, { ratio: 1, note: "no display shows it" }));
    if (onNode.length > 0) rows.push(row(figure, "node", "s", onNode, { ratio: ratio(onNode), target: most(1, "ratio"), note: "no display shows it" }));
    if (onChromium.length > 0) rows.push(row(figure, "chromium", "s", onChromium, { ratio: ratio(onChromium), target: most(1, "ratio"), note: "on the page's screen" }));
    return rows;
  },
};
