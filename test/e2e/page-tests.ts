/** The page itself, with the fake worker: controls, own images, settings, themes, sizes, ways to end. */
import { createHash } from "node:crypto";
import type { Browser } from "playwright";
import { check, equal, sampleText, type Runner, type Site } from "./harness.ts";
import { pageTest } from "./one-page.ts";

const BAD_KERNEL = { name: "holiday.jpg", bytes: Buffer.from("not a kernel at all") };
const TINY_KERNEL = { name: "tiny.elf", bytes: Buffer.concat([Buffer.from("\x7fELF", "latin1"), Buffer.alloc(500)]) };

export async function pageTests(runner: Runner, browser: Browser, site: Site): Promise<void> {
  const test = pageTest(runner, browser, site);

  await test("boots by itself and answers a command", async (m) => {
    await m.waitForText(/Linux version/);
    equal(await m.command("echo $((6*7))"), "42", "answer");
    equal(await m.page.locator("#pill-text").textContent(), "Running", "state");
    await m.poll(async () => (await m.page.locator("#stat-mips").textContent()) === "306 MIPS", "the speed");
    await m.poll(async () => (await m.page.locator("#stat-tiers").textContent()) === "96 %, 412 regions, 3 waiting", "the tier meter");
    equal(await m.page.locator("#stat-ram").textContent(), "256 MiB", "RAM");
    check(/Running/.test(await m.page.title()), "the title names the state");
  });

  await test("stays off with autostart=0 and starts by the button", async (m) => {
    equal(await m.phase(), "off", "phase");
    check(await m.page.getByText("The machine is off").isVisible(), "the card is shown");
    for (const id of ["pause", "reset", "power-off", "sync-size"]) check(await m.page.locator(`#${id}`).isDisabled(), `${id} is disabled`);
    await m.page.locator("#power-on").click();
    await m.waitForPrompt();
    check(await m.page.locator("#power-on").isDisabled(), "power on is disabled while running");
  }, { query: "?autostart=0" });

  await test("pauses and resumes; what is typed meanwhile is not lost", async (m) => {
    await m.waitForPrompt();
    await m.button("Pause").click();
    await m.waitForPhase("paused");
    await m.type("echo later\n");
    check(!(await m.text()).includes("later"), "a paused machine does not answer");
    await m.button("Resume").click();
    await m.waitForText(/\nlater\n/);
  });

  await test("resets, powers off, and powers on again", async (m) => {
    await m.command("echo before");
    await m.page.locator("#reset").click();
    await m.poll(async () => !(await m.text()).includes("before"), "a clean terminal");
    await m.waitForPrompt();
    await m.page.locator("#power-off").click();
    await m.waitForPhase("off");
    check(await m.page.getByText("The machine is off").isVisible(), "the card is shown");
    await m.page.locator("#power-on").click();
    const text = await m.waitForPrompt();
    check(!text.includes("before"), "a new machine has a clean terminal");
  });

  await test("a guest that powers off leaves a plain note, and can start again", async (m) => {
    await m.waitForPrompt();
    await m.type("poweroff\n");
    await m.waitForPhase("stopped");
    equal(await m.page.locator("#stopped-title").textContent(), "The guest powered off", "title");
    equal(await m.page.locator("#stopped pre").count(), 0, "no registers after a clean end");
    await m.page.locator("#start-again").click();
    await m.waitForPrompt();
    check(!(await m.page.locator("#stopped").isVisible()), "the note is gone");
  });

  await test("a guest's own reset starts it again; a reset loop ends", async (m) => {
    await m.waitForPrompt();
    for (let boots = 2; boots <= 3; boots++) {
      await m.type("reboot\n");
      await m.poll(async () => (await m.text()).split("Linux version").length === boots + 1 && (await m.phase()) === "running", `boot ${boots}`);
      await m.waitForPrompt();
    }
    for (let more = 0; more < 8 && (await m.phase()) === "running"; more++) {
      const boots = (await m.text()).split("Linux version").length;
      await m.type("reboot\n");
      await m.poll(async () => (await m.phase()) === "stopped" || (await m.text()).split("Linux version").length > boots, "a boot, or the end");
    }
    await m.waitForPhase("stopped");
    check((await m.page.locator("#stopped-title").textContent())?.includes("keeps resetting") === true, "the loop is named");
  });

  await test("a kernel panic is shown with registers and code that can be copied", async (m) => {
    await m.waitForPrompt();
    await m.type("panic\n");
    await m.waitForPhase("stopped");
    equal(await m.page.locator("#pill-text").textContent(), "Kernel panic", "state");
    check((await m.page.locator("#stopped-message").textContent())?.startsWith("Kernel panic - not syncing") === true, "the kernel's own words");
    check((await m.page.locator("#stopped-registers").textContent())?.includes("RIP=ffffffff8106b5c4") === true, "registers");
    check((await m.page.locator("#stopped-code").textContent())?.includes("lidt") === true, "disassembly");
    await m.button("Copy report").click();
    await m.button("Copied").waitFor();
    const copied = await m.page.evaluate(() => navigator.clipboard.readText());
    check(copied.includes("Registers\nRAX=") && copied.includes("Instructions\n"), "the copy is whole");
    await m.page.locator("#start-again").click();
    await m.waitForPrompt();
  });

  await test("own images: a triple fault and a debug exit are named", async (m) => {
    await m.waitForPrompt();
    await m.chooseOwn(TINY_KERNEL);
    await m.waitForPhase("stopped");
    equal(await m.page.locator("#stopped-title").textContent(), "Triple fault", "title");
    await m.chooseOwn(TINY_KERNEL, "exit=0x10");
    await m.poll(async () => (await m.page.locator("#stopped-title").textContent())?.includes("exit code 33") === true, "the exit code");
    await m.chooseDefault();
    equal(await m.command("echo $((6*7))"), "42", "the default guest afterwards");
  });

  await test("own images: a file that is no kernel gives one clear line, and the page goes on", async (m) => {
    await m.waitForPrompt();
    await m.chooseOwn(BAD_KERNEL);
    await m.page.locator("#failure").waitFor();
    equal(await m.page.locator("#failure").textContent(), "kernel: neither a bzImage nor an ELF file", "message");
    equal(await m.phase(), "off", "phase");
    await m.chooseOwn({ name: "empty", bytes: Buffer.alloc(0) });
    await m.poll(async () => (await m.page.locator("#failure").textContent()) === "kernel: the file is empty", "the second message");
    await m.chooseDefault();
    await m.waitForPrompt();
  });

  await test("own images: the form refuses what cannot be", async (m) => {
    const { page } = m;
    await page.locator("#open-settings").click();
    await page.locator('input[name="source"][value="kernel"]').check({ force: true });
    await page.locator("#settings-start").click();
    equal(await page.locator("#settings-error").textContent(), "Choose a kernel first.", "message");
    await page.locator("#memory").fill("1e9");
    await page.locator("#settings-start").click();
    equal(await page.locator("#settings-error").textContent(), "RAM must be a whole number of MiB.", "message");
    equal(await page.locator("#memory").getAttribute("aria-invalid"), "true", "the field is marked");
    await page.locator("#memory").fill("4");
    await page.locator('input[name="source"][value="default"]').check({ force: true });
    await page.locator("#settings-start").click();
    await page.locator("#failure").waitFor();
    equal(await page.locator("#failure").textContent(), "RAM of 4 MiB is too small for this kernel", "the worker's line");
  }, { query: "?autostart=0" });

  await test("a worker that dies is reported, and the page starts another", async (m) => {
    await m.waitForPrompt();
    await m.type("throw\n");
    await m.waitForPhase("stopped");
    check((await m.page.locator("#stopped-message").textContent())?.includes("ran out of memory") === true, "the reason");
    await m.page.locator("#start-again").click();
    await m.waitForPrompt();
  });

  await test("a paste of 4 KB arrives whole", async (m) => {
    const text = sampleText(4096);
    await m.waitForPrompt();
    await m.type("cat > /tmp/x\n");
    await m.paste(text);
    await m.waitForText(new RegExp(text.trimEnd().slice(-20)));
    await m.page.keyboard.press("Control+D");
    const digest = createHash("sha256").update(text).digest("hex");
    check((await m.command("sha256sum /tmp/x")).startsWith(digest), "the checksum is the same");
  });

  await test("Ctrl+Shift+C copies the selection", async (m) => {
    await m.command("echo copy-me-please");
    const row = m.page.locator(".xterm-rows > div", { hasText: /^copy-me-please/ });
    const box = await row.boundingBox();
    check(box !== null, "the line is on the screen");
    await m.page.mouse.dblclick(box.x + 20, box.y + box.height / 2);
    await m.page.keyboard.press("Control+Shift+C");
    await m.poll(async () => (await m.page.evaluate(() => navigator.clipboard.readText())) === "copy-me-please", "the clipboard");
    check(!(await m.text()).includes("^C"), "the guest sees no Ctrl-C");
  });

  await test("a flood of output neither freezes the page nor loses a byte", async (m) => {
    await m.waitForPrompt();
    await m.type("flood 20\n");
    let slowest = 0;
    while (!(await m.text()).includes("flood of 20 MB done")) {
      const began = Date.now();
      await m.page.evaluate(() => document.title);
      slowest = Math.max(slowest, Date.now() - began);
    }
    check(slowest < 1000, `the page took ${slowest} ms to answer`);
    const lines = (await m.text()).split("\n");
    check(lines.length > 10_000 && lines.length < 10_200, `${lines.length} lines are kept`);
    equal(await m.command("echo alive"), "alive", "answer");
  });

  await test("Sync size types the stty command", async (m) => {
    await m.waitForPrompt();
    const size = (await m.page.locator("#stat-size").textContent()) ?? "";
    const [columns, rows] = size.split(" × ");
    await m.page.locator("#sync-size").click();
    await m.waitForText(new RegExp(`stty rows ${rows} cols ${columns}`));
    await m.page.setViewportSize({ width: 800, height: 500 });
    await m.poll(async () => (await m.page.locator("#stat-size").textContent()) !== size, "a new size");
  });

  await test("settings are remembered", async (m) => {
    const { page } = m;
    await page.locator("#open-settings").click();
    await page.locator("#memory").fill("512");
    await page.locator("#cpu").fill("x86-64-v2,-sse4.2");
    await page.locator("#cmdline").fill("console=ttyS0 quiet");
    await page.locator("#deterministic").check({ force: true });
    await page.locator("#settings-start").click();
    await m.waitForText(/cpu x86-64-v2,-sse4.2/);
    await page.reload();
    await m.waitForText(/cpu x86-64-v2,-sse4.2/);
    await m.poll(async () => (await page.locator("#stat-ram").textContent()) === "512 MiB", "RAM");
    await page.locator("#open-settings").click();
    equal(await page.locator("#cmdline").inputValue(), "console=ttyS0 quiet", "command line");
    check(await page.locator("#deterministic").isChecked(), "deterministic");
  });

  await test("files dropped on the page are told apart", async (m) => {
    await m.waitForPrompt();
    const data = await m.page.evaluateHandle(() => {
      const transfer = new DataTransfer();
      transfer.items.add(new File(["070701000"], "first.img"));
      transfer.items.add(new File(["\x7fELF and so on"], "mykernel"));
      transfer.items.add(new File(["\x28\xb5\x2f\xfd"], "initrd.zst"));
      return transfer;
    });
    await m.page.dispatchEvent("body", "dragover", { dataTransfer: data });
    check(await m.page.locator("#drop-layer").isVisible(), "the drop layer is shown");
    await m.page.dispatchEvent("body", "drop", { dataTransfer: data });
    await m.page.locator("#ask[open]").waitFor();
    check(/first\.img, mykernel, initrd\.zst/.test((await m.page.locator("#ask").textContent()) ?? ""), "the files are named");
    check(!(await m.page.locator("#drop-layer").isVisible()), "the drop layer is gone");
    await m.page.locator("#ask-yes").click();
    await m.waitForPhase("stopped"); // what the stand-in does with a small kernel
    equal(await m.page.locator("#machine-name").textContent(), "mykernel", "the new machine is shown");
    await m.page.locator("#open-settings").click();
    await m.page.locator("#kernel-file .name").waitFor();
    equal(await m.page.locator("#kernel-file .name").allTextContents(), ["mykernel"], "kernel");
    equal(await m.page.locator("#initrd-files .name").allTextContents(), ["first.img", "initrd.zst"], "initrds");
    await m.page.getByRole("button", { name: "Remove first.img" }).click();
    equal(await m.page.locator("#initrd-files .name").allTextContents(), ["initrd.zst"], "initrds after removing one");
  });

  await test("without a default guest the page says so and offers another machine", async (m) => {
    await m.page.getByText("There is no default guest here").waitFor();
    await m.page.locator("#card").getByRole("button", { name: "New machine…" }).click();
    await m.page.locator("#new-machine-sheet[open]").waitFor();
  }, { before: (c) => c.route("**/guest/*", (route) => route.fulfill({ status: 404 })) });

  await test("a damaged guest image gives one clear line", async (m) => {
    await m.page.locator("#failure").waitFor();
    equal(await m.page.locator("#failure").textContent(), "vmlinux.gz: the gzip data is damaged or cut short", "message");
  }, { before: (c) => c.route("**/guest/vmlinux.gz", (route) => route.fulfill({ body: Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8]) })) });

  await test("loading shows bytes and can be cancelled", async (m) => {
    await m.waitForPhase("loading");
    await m.page.getByRole("heading", { name: "Loading the machine" }).waitFor();
    await m.poll(async () => /\d/.test((await m.page.locator("#load-amount").textContent()) ?? ""), "an amount");
    await m.button("Cancel").click();
    await m.waitForPhase("off");
    check(await m.page.getByText("The machine is off").isVisible(), "the card is shown");
  }, { before: (c) => c.route("**/guest/vmlinux.gz", () => undefined) });

  for (const scheme of ["light", "dark"] as const) {
    await test(`follows a ${scheme} system, and the choice is remembered`, async (m) => {
      await m.waitForPrompt();
      const background = (): Promise<string> => m.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const light = "rgb(238, 240, 245)";
      const dark = "rgb(13, 16, 23)";
      equal(await background(), scheme === "light" ? light : dark, "background");
      await m.page.locator("#theme").click();
      equal(await background(), light, "light chosen");
      await m.page.locator("#theme").click();
      equal(await background(), dark, "dark chosen");
      await m.page.reload();
      equal(await background(), dark, "dark remembered");
    }, { context: { colorScheme: scheme } });
  }

  await test("fits a phone of 360 pixels in every state", async (m) => {
    const { page } = m;
    const fits = async (state: string): Promise<void> => {
      const wide = await page.evaluate(() => {
        const beyond = [...document.querySelectorAll("button, input, textarea, h1, h2, dd, pre, p")].filter((e) => {
          const box = e.getBoundingClientRect();
          return box.width > 0 && e.closest(".keybar, .visually-hidden, .xterm") === null && (box.right > innerWidth + 0.5 || box.left < -0.5);
        });
        return { scroll: document.documentElement.scrollWidth, beyond: beyond.map((e) => e.id || e.textContent) };
      });
      equal(wide, { scroll: 360, beyond: [] }, `${state}: nothing is wider than the screen`);
    };
    await m.waitForPrompt();
    await fits("running");
    await page.locator("#open-settings").click();
    await page.locator('input[name="source"][value="kernel"]').check({ force: true });
    await page.waitForTimeout(300);
    await fits("settings");
    await page.keyboard.press("Escape");
    await page.locator("#open-help").click();
    // Its code is loaded with its first opening.
    await page.locator("dialog[open]").waitFor();
    await fits("help");
    await page.keyboard.press("Escape");
    await page.locator("dialog[open]").waitFor({ state: "detached" });
    await m.type("panic\n");
    await m.waitForPhase("stopped");
    await fits("stopped");
    await page.locator("#start-again").click();
    await m.waitForPrompt();
    await page.locator("#power-off").click();
    await m.waitForPhase("off");
    await fits("off");
  }, { context: { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true } });

  await test("the phone's key bar sends what its keyboard lacks", async (m) => {
    await m.waitForPrompt();
    await m.type("echo nothing");
    await m.button("Control, for the next key").tap();
    await m.type("c");
    await m.waitForText(/\^C/);
  }, { context: { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true } });

  await test("works with the keyboard alone", async (m) => {
    const { page } = m;
    const focused = (): Promise<string> => page.evaluate(() => document.activeElement?.id ?? "");
    await m.waitForPrompt();
    check(await page.evaluate(() => document.activeElement?.classList.contains("xterm-helper-textarea") ?? false), "the terminal has the focus");
    await page.keyboard.type("echo typed\n");
    await m.waitForText(/\ntyped\n/);
    await page.keyboard.press("Alt+Shift+T");
    equal(await focused(), "pause", "Alt+Shift+T leaves the terminal");
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement ?? document.body).outlineStyle);
    equal(outline, "solid", "focus is visible");
    await page.keyboard.press("Enter");
    await m.waitForPhase("paused");
    await page.keyboard.press("Alt+Shift+P");
    await m.waitForPhase("running");
    await page.keyboard.press("Tab");
    equal(await focused(), "reset", "Tab goes on");
    await page.keyboard.press("Alt+Shift+I");
    await page.locator("#settings[open]").waitFor();
    await page.keyboard.press("Escape");
    await page.locator("#settings").waitFor({ state: "detached" });
    equal(await focused(), "reset", "focus comes back");
    await page.keyboard.press("Alt+Shift+K");
    await page.locator("#help[open]").waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("Alt+Shift+F");
    await m.waitForPhase("off");
    equal(await focused(), "power-on", "focus goes to what can be done next");
    await page.keyboard.press("Alt+Shift+N");
    await m.waitForPhase("running");
    await m.waitForPrompt();
    equal(await page.locator("#announcer").textContent(), "Machine: Running", "state changes are announced");
  });

  await test("every control has a name and a title or text", async (m) => {
    await m.waitForPrompt();
    const nameless = await m.page.evaluate(() =>
      [...document.querySelectorAll("button, input, textarea, select, meter")]
        .filter((e) => {
          const labels = e instanceof HTMLInputElement || e instanceof HTMLTextAreaElement ? e.labels : null;
          return (e.getAttribute("aria-label") ?? e.textContent ?? "").trim() === "" && (labels === null || labels.length === 0);
        })
        .map((e) => e.outerHTML),
    );
    equal(nameless, [], "controls without a name");
  });
}
