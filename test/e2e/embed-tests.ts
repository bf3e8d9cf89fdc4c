/** Embedding in real browsers: both examples from a dumb static server, and what only several real workers show: isolation, shares, what is kept. */
import { createReadStream, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import type { Browser, Page } from "playwright";
import { build } from "vite";
import type * as Tabvisor from "../../src/embed/index.ts";
import type { Machine, MachineInput } from "../../src/embed/index.ts";
import { GUEST_FOLDER } from "../../tools/vite-guest.ts";
import { check, equal, ROOT, type Runner } from "./harness.ts";

const TYPES: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript", ".json": "application/json", ".wasm": "application/wasm", ".css": "text/css", ".svg": "image/svg+xml", ".yaml": "text/yaml" };

/** Files and nothing else: no headers that a plain host would not send. */
export async function staticSite(folder: string): Promise<{ readonly url: string; close(): void }> {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent((request.url ?? "/").split("?", 1)[0]));
    let file = path.startsWith("/guest/") ? join(GUEST_FOLDER, path.slice(7)) : join(folder, path);
    if (existsSync(file) && statSync(file).isDirectory()) file = join(file, "index.html");
    if (!existsSync(file)) {
      response.writeHead(404).end("not found");
      return;
    }
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream", "content-length": statSync(file).size });
    createReadStream(file).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** The library and the examples as `npm run build` makes them. */
export async function buildEmbed(): Promise<string> {
  const folder = join(ROOT, "build", "e2e-embed");
  process.env["TABVISOR_EMBED_OUT"] = join(folder, "embed");
  await build({ root: ROOT, configFile: join(ROOT, "vite.embed.config.ts"), logLevel: "warn" });
  return folder;
}

declare global {
  var machines: Record<string, Machine>;
}

/** Makes and starts a machine in the page, to its prompt. */
async function boot(page: Page, name: string, definition: MachineInput, keep?: string): Promise<void> {
  await page.evaluate(async ([as, what, kept]) => {
    const { Machine } = (await import(new URL("../embed/tabvisor.js", location.href).href)) as typeof Tabvisor;
    const machine = await Machine.create(what, kept === null ? {} : { keep: kept });
    (globalThis.machines ??= {})[as] = machine;
    await machine.start();
    await machine.waitFor("# ", { timeoutMs: 120_000 });
  }, [name, definition, keep ?? null] as const);
}

const run = (page: Page, name: string, command: string): Promise<string> =>
  page.evaluate(([as, line]) => globalThis.machines[as].run(line, { timeoutMs: 60_000 }), [name, command] as const);

/** How long a line takes there and back, in ms: `count` times, sorted. */
const roundTrips = (page: Page, name: string, count: number): Promise<number[]> =>
  page.evaluate(async ([as, n]) => {
    const times: number[] = [];
    for (let i = 0; i < n; i++) {
      const began = performance.now();
      await globalThis.machines[as].run(`echo x${i}`);
      times.push(performance.now() - began);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    return times.sort((a, b) => a - b);
  }, [name, count] as const);

/** Fields of proc(5)'s stat behind the name, from the state on. */
const statFields = (text: string): string[] => text.slice(text.lastIndexOf(")") + 2).split(" ");

/** Ids of the processes that come from this one. */
function descendants(): Set<string> {
  const parents = new Map<string, string>();
  for (const pid of readdirSync("/proc").filter((p) => /^\d+$/.test(p))) {
    try {
      parents.set(pid, statFields(readFileSync(`/proc/${pid}/stat`, "utf8"))[1]);
    } catch {
      // Gone meanwhile.
    }
  }
  const ours = new Set([`${process.pid}`]);
  for (let before = 0; before !== ours.size; ) {
    before = ours.size;
    for (const [pid, parent] of parents) if (ours.has(parent)) ours.add(pid);
  }
  return ours;
}

/** CPU seconds that the web workers of our browsers have taken, by thread. */
function workerSeconds(): Map<string, number> {
  const seconds = new Map<string, number>();
  for (const pid of descendants()) {
    let threads: string[];
    try {
      threads = readdirSync(`/proc/${pid}/task`);
    } catch {
      continue;
    }
    for (const tid of threads) {
      try {
        const stat = readFileSync(`/proc/${pid}/task/${tid}/stat`, "utf8");
        if (!stat.includes("(DedicatedWorker")) continue;
        const fields = statFields(stat);
        // utime and stime (proc(5)), in ticks of 10 ms.
        seconds.set(`${pid}/${tid}`, (Number(fields[11]) + Number(fields[12])) / 100);
      } catch {
        // Gone meanwhile.
      }
    }
  }
  return seconds;
}


export async function embedTests(runner: Runner, browser: Browser): Promise<void> {
  const folder = await buildEmbed();
  const site = await staticSite(folder);
  const open = async (path: string): Promise<Page> => {
    const page = await (await browser.newContext()).newPage();
    await page.goto(site.url + path);
    return page;
  };
  try {
    await runner.test("the element's example boots at a click, and takes commands", async () => {
      const page = await open("examples/element.html");
      try {
        equal(await page.evaluate(() => globalThis.crossOriginIsolated), false, "cross-origin isolation");
        await page.getByRole("button", { name: "Start" }).click();
        await page.evaluate(async () => (await (document.querySelector("tab-machine") as HTMLElement & { readonly machine: Promise<Machine> } | null)?.machine)?.waitFor("# ", { timeoutMs: 120_000 }));
        await page.locator("tab-machine .xterm-helper-textarea").focus();
        await page.keyboard.type("echo $((6*7)) > /answer; ps\n");
        const said = await page.evaluate(async () => (await (document.querySelector("tab-machine") as HTMLElement & { readonly machine: Promise<Machine> } | null)?.machine)?.waitFor(/init[^#]*# /));
        check(said?.includes("PID") === true, `ps said ${said ?? "nothing"}`);
        equal(await page.locator("tab-machine .status").textContent(), "Running", "state");
        await page.getByRole("button", { name: "Pause" }).click();
        await page.getByText("Paused").waitFor();
        await page.getByRole("button", { name: "Go on" }).click();
        await page.getByRole("button", { name: "Power off" }).click();
        await page.getByText("Off", { exact: true }).waitFor();
      } finally {
        await page.context().close();
      }
    }, undefined, 150_000);

    await runner.test("the module's example runs a command", async () => {
      const page = await open("examples/module.html");
      try {
        await page.locator("#run:enabled").click({ timeout: 120_000 });
        await page.waitForFunction(() => document.getElementById("output")?.textContent?.includes("42"), null, { timeout: 60_000 });
        check((await page.locator("#output").textContent())?.startsWith("Linux tabvisor ") === true, "uname");
      } finally {
        await page.context().close();
      }
    }, undefined, 200_000);

    await runner.test("bad definitions are told by line and field", async () => {
      const page = await open("examples/element.html");
      try {
        await page.route("**/bad.yaml", (route) => route.fulfill({ body: "name: x\nmemory: lots\n", contentType: "text/yaml" }));
        await page.evaluate(() => document.body.insertAdjacentHTML("beforeend", '<tab-machine id="bad" src="bad.yaml"></tab-machine>'));
        await page.locator("#bad .message").getByText("bad.yaml:2: memory: is not a size such as 256M or 2G").waitFor();
      } finally {
        await page.context().close();
      }
    });

    await runner.test("a machine with a network card and nothing else that has to be opened", async () => {
      const page = await open("examples/element.html");
      try {
        await boot(page, "n", { memory: "128M", network: true });
        equal(await run(page, "n", "ip link show eth0 | grep -o 52:54:00:12:34:56"), "52:54:00:12:34:56\n", "network card");
      } finally {
        await page.context().close();
      }
    }, undefined, 120_000);

    await runner.test("a machine that spins does not disturb another, and its share holds", async () => {
      const page = await open("examples/element.html");
      try {
        await boot(page, "a", { memory: "128M" });
        await boot(page, "b", { memory: "128M", cpu: { share: 0.3 } });
        const alone = await roundTrips(page, "a", 40);
        await page.evaluate(() => globalThis.machines["b"].type("while :; do :; done\n"));
        await page.waitForTimeout(1500);
        const before = workerSeconds();
        const began = performance.now();
        const beside = await roundTrips(page, "a", 40);
        await page.waitForTimeout(6000);
        const wall = (performance.now() - began) / 1000;
        const used = [...workerSeconds()].map(([id, s]) => s - (before.get(id) ?? 0)).sort((x, y) => y - x);
        const load = await page.evaluate(() => globalThis.machines["b"].summary.load);
        const spin = used[0] / wall;
        console.log(`      round trip: ${alone[20].toFixed(1)} ms alone, ${beside[20].toFixed(1)} ms beside a spinning machine; worst ${alone[39].toFixed(1)} and ${beside[39].toFixed(1)}; the spinner took ${(100 * spin).toFixed(1)} % of a core of its 30, says ${(100 * load).toFixed(1)}`);
        check(beside[20] < alone[20] * 3 + 30, `median ${beside[20]} ms beside, ${alone[20]} ms alone`);
        // The host may give a thread less than it wants; more than its share it must not take.
        check(spin <= 0.3 * 1.05 && load <= 0.3 * 1.05, `the spinner took ${spin} of a core, and says ${load}`);
      } finally {
        await page.context().close();
      }
    }, undefined, 300_000);

    await runner.test("disks and folders that are kept are there after a reload; folders work while the machine is off", async () => {
      const page = await open("examples/element.html");
      const definition: MachineInput = { memory: "128M", disks: [{ image: { blank: "64M" } }], sharedFolders: [{ tag: "share" }], network: true };
      try {
        await boot(page, "k", definition, "a test");
        await page.evaluate(() => globalThis.machines["k"].folder("share").write("in/hello.txt", new Blob(["from the page\n"])));
        // A command of more than a line comes back in pieces before its output.
        check((await run(page, "k", "modprobe virtiofs; mkdir -p /s; mount -t virtiofs share /s; cat /s/in/hello.txt; echo from the guest > /s/out; echo kept | dd of=/dev/vda conv=fsync 2>&1 | tail -1 | cut -c1-7"))
          .endsWith("from the page\n0+1 rec\n"), "the guest reads the folder and writes to the disk");
        equal(await page.evaluate(async () => (await globalThis.machines["k"].folder("share").read("out")).text()), "from the guest\n", "the page");
        equal(await run(page, "k", "ip link show eth0 | grep -o 52:54:00:12:34:56"), "52:54:00:12:34:56\n", "network card");
        await page.evaluate(() => globalThis.machines["k"].powerOff());
        await page.reload();
        await page.evaluate(async ([what]) => {
          const { Machine } = (await import(new URL("../embed/tabvisor.js", location.href).href)) as typeof Tabvisor;
          globalThis.machines = { k: await Machine.create(what, { keep: "a test" }) };
        }, [definition] as const);
        equal(await page.evaluate(async () => (await globalThis.machines["k"].folder("share").read("out")).text()), "from the guest\n", "the page, with the machine off");
        await boot(page, "k", definition, "a test");
        equal(await run(page, "k", "dd if=/dev/vda bs=5 count=1 2>/dev/null"), "kept\n", "the disk");
      } finally {
        await page.context().close();
      }
    }, undefined, 300_000);

    await runner.test("snapshots: taken, restored, branched, forked, saved, exported and imported", async () => {
      const page = await open("examples/element.html");
      try {
        await boot(page, "s", { memory: "128M", disks: [{ image: { blank: "16M" } }] });
        await run(page, "s", "echo one > /f; echo disk-one | dd of=/dev/vda conv=fsync 2>/dev/null");
        const took = await page.evaluate(async () => {
          const { s } = globalThis.machines;
          const began = performance.now();
          const { id, storedBytes, terminalTail } = await s.takeSnapshot("one", "the first");
          return { id, storedBytes, tail: terminalTail.includes("echo one"), ms: performance.now() - began };
        });
        check(took.tail, "the terminal's tail");
        await run(page, "s", "echo two > /f; echo disk-two | dd of=/dev/vda conv=fsync 2>/dev/null");
        const second = await page.evaluate(async () => (await globalThis.machines["s"].takeSnapshot("two")).id);
        equal(await page.evaluate(async () => (await globalThis.machines["s"].snapshots()).map((x) => [x.name, x.notes, x.current, x.parent !== null])), [["one", "the first", false, false], ["two", "", true, true]], "the tree");
        const look = "cat /f; head -c 8 /dev/vda; echo";
        const restored = await page.evaluate(async (id) => {
          const began = performance.now();
          await globalThis.machines["s"].restoreSnapshot(id);
          return performance.now() - began;
        }, took.id);
        equal(await run(page, "s", look), "one\ndisk-one\n", "after the restore");
        await page.evaluate(async (id) => {
          const { s } = globalThis.machines;
          globalThis.machines["b"] = await s.branch(id);
          await globalThis.machines["b"].start();
        }, second);
        equal(await run(page, "b", look), "two\ndisk-two\n", "the branch");
        equal(await run(page, "s", look), "one\ndisk-one\n", "the machine beside its branch");
        await run(page, "s", "echo three > /f; echo disk-thr | dd of=/dev/vda conv=fsync 2>/dev/null");
        const forked = await page.evaluate(async () => {
          const began = performance.now();
          globalThis.machines["f"] = await globalThis.machines["s"].fork();
          return performance.now() - began;
        });
        equal(await run(page, "f", look), "three\ndisk-thr\n", "the fork");
        await run(page, "f", "echo four > /f");
        equal(await run(page, "s", look), "three\ndisk-thr\n", "the parent after its fork's write");
        const saved = await page.evaluate(async () => {
          const { f } = globalThis.machines;
          await f.save();
          const { state } = f;
          await f.start();
          return state;
        });
        equal(saved, "saved", "state");
        equal(await run(page, "f", look), "four\ndisk-thr\n", "a saved machine goes on");
        const bytes = await page.evaluate(async () => {
          const { Machine } = (await import(new URL("../embed/tabvisor.js", location.href).href)) as typeof Tabvisor;
          const file = await globalThis.machines["f"].export();
          globalThis.machines["i"] = await Machine.import(file);
          await globalThis.machines["i"].start();
          return file.size;
        });
        equal(await run(page, "i", look), "four\ndisk-thr\n", "an imported machine goes on");
        console.log(`      snapshot ${took.ms.toFixed(0)} ms and ${(took.storedBytes / 1e6).toFixed(1)} MB, restore ${restored.toFixed(0)} ms, fork ${forked.toFixed(0)} ms, export ${(bytes / 1e6).toFixed(1)} MB`);
      } finally {
        await page.context().close();
      }
    }, undefined, 300_000);
  } finally {
    site.close();
  }
}

