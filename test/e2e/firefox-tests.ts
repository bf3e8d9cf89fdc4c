/** The page in Firefox, over WebDriver BiDi: boot and terminal, screen and keyboard, a reload; and all flows that it shares with Chromium. */
import { diskTests } from "./disk-tests.ts";
import type { EmbedSite } from "./embed-site.ts";
import { embedTests } from "./embed-tests.ts";
import { FirefoxTab, launchFirefox, type Firefox } from "./firefox-tab.ts";
import { flow, type OpenPage } from "./flows.ts";
import { GuestPage } from "./guest-page.ts";
import { equal, type Runner, type Site } from "./harness.ts";
import { inspectorTests } from "./inspector-tests.ts";
import { lifecycleTests } from "./lifecycle-tests.ts";
import { typeOnScreen } from "./on-screen.ts";
import { pwaTests } from "./pwa-tests.ts";
import { snapshotPageTests } from "./snapshot-page-tests.ts";

const BOOT_MS = 180_000;

/** `embed` serves the library and its examples. */
export async function firefoxTests(runner: Runner, executablePath: string, site: Site, embed: EmbedSite): Promise<void> {
  let firefox: Promise<Firefox> | null = null;
  const tab = async (size?: { readonly width: number; readonly height: number }): Promise<FirefoxTab> => FirefoxTab.open(await (firefox ??= launchFirefox(executablePath)), size);
  const open: OpenPage = async ({ query = "", size } = {}) => {
    const machine = new GuestPage(await tab(size), site.url);
    await machine.load(query);
    return machine;
  };
  try {
    await flow(runner, () => open({ size: { width: 1200, height: 800 } }), BOOT_MS + 60_000, async (test) => {
      await test("boots the default guest, which answers a command", async (m) => {
        await m.waitForPrompt(BOOT_MS);
        equal(await m.command("echo $((6*7))"), "42", "answer");
      });
      await test("the console on the screen, and its keyboard", async (m) => {
        await m.chooseDefault("console=ttyS0 console=tty0 nokaslr cryptomgr.notests");
        await m.tab.click('#views [data-view="screen"]');
        await m.waitForScreen(/# *$/, BOOT_MS);
        await typeOnScreen(m, "echo Seen in Firefox\n");
        await m.waitForScreen(/^Seen in Firefox$/m, 20_000);
      });
      await test("machines are there after a reload", async (m) => {
        await m.reload();
        equal(await m.tab.text("#machine-name"), "Machine", "name");
        await m.tab.click('#views [data-view="both"]');
        await m.poll(async () => /# *$/.test(await m.screen()) || /# *$/.test(await m.text()), "a prompt", BOOT_MS);
      });
    });
    await lifecycleTests(runner, open);
    await diskTests(runner, open);
    await embedTests(runner, () => tab(), embed);
    await snapshotPageTests(runner, open);
    await inspectorTests(runner, open);
    await pwaTests(runner, () => tab());
  } finally {
    // TypeScript does not see that `tab` sets it.
    await (await (firefox as Promise<Firefox> | null))?.close();
  }
}
