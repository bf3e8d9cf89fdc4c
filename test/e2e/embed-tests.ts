/** Embedding in real browsers: both examples from a dumb static server, and what only several real workers show: isolation, shares, what is kept. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type * as Tabvisor from "../../src/embed/index.ts";
import type { Machine, MachineInput } from "../../src/embed/index.ts";
import { boot, run } from "./embed-machines.ts";
import type { EmbedSite } from "./embed-site.ts";
import { check, equal, type Runner } from "./harness.ts";
import { poll, type Tab } from "./tab.ts";

export async function embedTests(runner: Runner, openTab: () => Promise<Tab>, site: EmbedSite): Promise<void> {
  let tab: Tab | null = null;
  const test = (name: string, path: string, body: (t: Tab) => Promise<void>, timeoutMs?: number): Promise<void> =>
    runner.test(name, async () => {
      // A failed test leaves its page open until its evidence is taken.
      await tab?.close();
      tab = await openTab();
      await tab.goto(site.url + path);
      await body(tab);
      await tab.close();
      tab = null;
    }, () => tab, timeoutMs);

  await test("the element's example boots at a click, and takes commands", "examples/element.html", async (t) => {
    equal(await t.evaluate(() => globalThis.crossOriginIsolated), false, "cross-origin isolation");
    await t.click({ css: "button", text: "Start" });
    await t.evaluate(async () => (await (document.querySelector("tab-machine") as HTMLElement & { readonly machine: Promise<Machine> } | null)?.machine)?.waitFor("# ", { timeoutMs: 120_000 }));
    await t.focus(".xterm-helper-textarea");
    await t.keys("echo $((6*7)) > /answer; ps\n");
    const said = await t.evaluate(async () => (await (document.querySelector("tab-machine") as HTMLElement & { readonly machine: Promise<Machine> } | null)?.machine)?.waitFor(/init[^#]*# /));
    check(said?.includes("PID") === true, `ps said ${said ?? "nothing"}`);
    const status = (text: string): Promise<void> => t.seen({ css: ".status", text });
    await status("Running");
    await t.click({ css: "button", text: "Pause" });
    await status("Paused");
    await t.click({ css: "button", text: "Go on" });
    await t.click({ css: "button", text: "Power off" });
    await status("Off");
  }, 150_000);

  await test("the module's example runs a command", "examples/module.html", async (t) => {
    await t.seen("#run:enabled", 120_000);
    await t.click("#run");
    await poll(async () => (await t.text("#output")).includes("42"), "the answer", 60_000);
    check((await t.text("#output")).startsWith("Linux tabvisor "), "uname");
  }, 200_000);

  await test("bad definitions are told by line and field", "examples/element.html", async (t) => {
    writeFileSync(join(site.folder, "examples/bad.yaml"), "name: x\nmemory: lots\n");
    await t.evaluate(() => document.body.insertAdjacentHTML("beforeend", '<tab-machine id="bad" src="bad.yaml"></tab-machine>'));
    await t.seen({ css: ".message", has: "bad.yaml:2: memory: is not a size such as 256M or 2G" });
  });

  await test("a machine with a network card and nothing else that has to be opened", "examples/element.html", async (t) => {
    await boot(t, "n", { memory: "128M", network: true });
    equal(await run(t, "n", "ip link show eth0 | grep -o 52:54:00:12:34:56"), "52:54:00:12:34:56\n", "network card");
    const why = await t.evaluate(() => globalThis.machines["n"].waitFor("what nobody says", { timeoutMs: 100 }).then(() => "", (e: Error) => e.message));
    check(/^"what nobody says" did not come within 0.1 s: the machine is running, \d+ % busy, at \d+ million instructions, and wrote \S/.test(why), why);
  }, 120_000);

  await test("disks and folders that are kept are there after a reload; folders work while the machine is off", "examples/element.html", async (t) => {
    const definition: MachineInput = { memory: "128M", disks: [{ image: { blank: "64M" } }], sharedFolders: [{ tag: "share" }], network: true };
    await boot(t, "k", definition, "a test");
    await t.evaluate(() => globalThis.machines["k"].folder("share").write("in/hello.txt", new Blob(["from the page\n"])));
    // A command of more than a line comes back in pieces before its output.
    check((await run(t, "k", "modprobe virtiofs; mkdir -p /s; mount -t virtiofs share /s; cat /s/in/hello.txt; echo from the guest > /s/out; echo kept | dd of=/dev/vda conv=fsync 2>&1 | tail -1 | cut -c1-7"))
      .endsWith("from the page\n0+1 rec\n"), "the guest reads the folder and writes to the disk");
    equal(await t.evaluate(async () => (await globalThis.machines["k"].folder("share").read("out")).text()), "from the guest\n", "the page");
    equal(await run(t, "k", "ip link show eth0 | grep -o 52:54:00:12:34:56"), "52:54:00:12:34:56\n", "network card");
    await t.evaluate(() => globalThis.machines["k"].powerOff());
    await t.reload();
    await t.evaluate(async ([what]) => {
      const { Machine } = (await import(new URL("../embed/tabvisor.js", location.href).href)) as typeof Tabvisor;
      globalThis.machines = { k: await Machine.create(what, { keep: "a test" }) };
    }, [definition] as const);
    equal(await t.evaluate(async () => (await globalThis.machines["k"].folder("share").read("out")).text()), "from the guest\n", "the page, with the machine off");
    await boot(t, "k", definition, "a test");
    equal(await run(t, "k", "dd if=/dev/vda bs=5 count=1 2>/dev/null"), "kept\n", "the disk");
  }, 300_000);

  await test("snapshots: taken, restored, branched, forked, saved, exported and imported", "examples/element.html", async (t) => {
    await boot(t, "s", { memory: "128M", disks: [{ image: { blank: "16M" } }] });
    await run(t, "s", "echo one > /f; echo disk-one | dd of=/dev/vda conv=fsync 2>/dev/null");
    const took = await t.evaluate(async () => {
      const { s } = globalThis.machines;
      const began = performance.now();
      const { id, storedBytes, terminalTail } = await s.takeSnapshot("one", "the first");
      return { id, storedBytes, tail: terminalTail.includes("echo one"), ms: performance.now() - began };
    });
    check(took.tail, "the terminal's tail");
    await run(t, "s", "echo two > /f; echo disk-two | dd of=/dev/vda conv=fsync 2>/dev/null");
    const second = await t.evaluate(async () => (await globalThis.machines["s"].takeSnapshot("two")).id);
    equal(await t.evaluate(async () => (await globalThis.machines["s"].snapshots()).map((x) => [x.name, x.notes, x.current, x.parent !== null])), [["one", "the first", false, false], ["two", "", true, true]], "the tree");
    const look = "cat /f; head -c 8 /dev/vda; echo";
    const restored = await t.evaluate(async (id) => {
      const began = performance.now();
      await globalThis.machines["s"].restoreSnapshot(id);
      return performance.now() - began;
    }, took.id);
    equal(await run(t, "s", look), "one\ndisk-one\n", "after the restore");
    await t.evaluate(async (id) => {
      const { s } = globalThis.machines;
      globalThis.machines["b"] = await s.branch(id);
      await globalThis.machines["b"].start();
    }, second);
    equal(await run(t, "b", look), "two\ndisk-two\n", "the branch");
    equal(await run(t, "s", look), "one\ndisk-one\n", "the machine beside its branch");
    await run(t, "s", "echo three > /f; echo disk-thr | dd of=/dev/vda conv=fsync 2>/dev/null");
    const forked = await t.evaluate(async () => {
      const began = performance.now();
      globalThis.machines["f"] = await globalThis.machines["s"].fork();
      return performance.now() - began;
    });
    equal(await run(t, "f", look), "three\ndisk-thr\n", "the fork");
    await run(t, "f", "echo four > /f");
    equal(await run(t, "s", look), "three\ndisk-thr\n", "the parent after its fork's write");
    const saved = await t.evaluate(async () => {
      const { f } = globalThis.machines;
      await f.save();
      const { state } = f;
      await f.start();
      return state;
    });
    equal(saved, "saved", "state");
    equal(await run(t, "f", look), "four\ndisk-thr\n", "a saved machine goes on");
    const bytes = await t.evaluate(async () => {
      const { Machine } = (await import(new URL("../embed/tabvisor.js", location.href).href)) as typeof Tabvisor;
      const file = await globalThis.machines["f"].export();
      globalThis.machines["i"] = await Machine.import(file);
      await globalThis.machines["i"].start();
      return file.size;
    });
    equal(await run(t, "i", look), "four\ndisk-thr\n", "an imported machine goes on");
    console.log(`      snapshot ${took.ms.toFixed(0)} ms and ${(took.storedBytes / 1e6).toFixed(1)} MB, restore ${restored.toFixed(0)} ms, fork ${forked.toFixed(0)} ms, export ${(bytes / 1e6).toFixed(1)} MB`);
  }, 300_000);
  await (tab as Tab | null)?.close();
}
