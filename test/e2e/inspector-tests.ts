/** The inspector on the page, in each browser: controls, live values, breakpoints of every kind, by mouse and by keyboard, on a wide and on a narrow screen. */
import { assembleWithSymbols } from "../machine/guest.ts";
import { flow, once, type OpenPage } from "./flows.ts";
import type { GuestPage } from "./guest-page.ts";
import { check, equal, type Runner } from "./harness.ts";

/** Counts in EAX, writes port 80h, raises vector 30h by INT, calls a function. */
const KERNEL = `start:
  mov esp, 0x200000
  mov eax, handler
  mov [idt + 0x180], ax
  shr eax, 16
  mov [idt + 0x186], ax
  mov word [idt + 0x184], 0x8e00
  mov ax, cs
  mov [idt + 0x182], ax
  lidt [idt_pointer]
  xor eax, eax
count:
  inc eax
  out 0x80, al
  call twice
  int 0x30
  jmp count
twice:
  mov ebx, eax
  add ebx, ebx
  ret
handler:
  inc ecx
  iret
align 8
idt_pointer: dw 0x187
  dd idt
align 16
idt: times 0x190 db 0
`;

const register = async (m: GuestPage, name: string): Promise<number> => {
  const text = await m.tab.evaluate((wanted) => [...document.querySelectorAll(".ins-registers dt")].find((e) => e.textContent === wanted)?.nextElementSibling?.textContent ?? "", name);
  return Number.parseInt(text, 16);
};
const state = (m: GuestPage): Promise<string | null> => m.tab.evaluate(() => document.querySelector(".inspector")?.getAttribute("data-state") ?? null);
const waitPaused = (m: GuestPage): Promise<void> => m.poll(async () => (await state(m)) === "paused", "the machine to stop", 15_000);
const why = (m: GuestPage): Promise<string> => m.tab.text(".ins-why");
const tab = (m: GuestPage, name: string): Promise<void> => m.tab.click({ css: "[role=tab]", text: name });
const press = (m: GuestPage, name: string): Promise<void> => m.tab.click({ css: ".inspector button", text: name });
/** What the line says that is executed next. */
const instruction = async (m: GuestPage): Promise<string> => (await m.tab.texts(".ins-code tr.here td"))[3] ?? "";

async function addBreakpoint(m: GuestPage, kind: string, where: string): Promise<void> {
  await tab(m, "Breakpoints");
  await m.tab.select('[aria-label="Kind of breakpoint"]', kind);
  await m.tab.fill('[aria-label="Where"]', where);
  await press(m, "Add");
}
async function removeAll(m: GuestPage): Promise<void> {
  await tab(m, "Breakpoints");
  for (let left = await m.tab.count(".ins-list .button"); left > 0; ) {
    const before = left;
    await m.tab.click(".ins-list .button");
    await m.poll(async () => (left = await m.tab.count(".ins-list .button")) < before, "the breakpoint to go");
  }
}

export async function inspectorTests(runner: Runner, open: OpenPage): Promise<void> {
  const { bytes, symbols } = assembleWithSymbols(KERNEL);
  const at = (name: string): number => Number(symbols.get(name) ?? 0n);
  const opened = once(async (m) => {
    await m.chooseOwn({ name: "kernel", bytes });
    await m.waitForPhase("running", 60_000);
    await m.tab.click('#panel-tabs [data-panel="inspect"]');
    await m.poll(async () => (await state(m)) === "running", "the inspector", 20_000);
  });
  /** The machine stands, whatever was picked to run before. */
  const paused = async (m: GuestPage): Promise<void> => {
    await opened(m);
    if ((await state(m)) === "running") await press(m, "Pause");
    await waitPaused(m);
  };

  await flow(runner, () => open({ query: "?autostart=0", size: { width: 1280, height: 860 } }), 90_000, async (test) => {
    await test("inspector: opens, and shows a running machine live", async (m) => {
      await opened(m);
      const first = await register(m, "eax");
      await m.poll(async () => (await register(m, "eax")) !== first, "EAX to change");
    });
    await test("inspector: pauses and steps by the keyboard; changes are marked", async (m) => {
      await opened(m);
      await m.tab.focus({ css: "[role=tab]", text: "CPU" });
      await m.tab.press("c");
      await waitPaused(m);
      equal(await m.phase(), "paused", "the page's own state");
      const here = await register(m, "eip");
      await m.tab.press("s");
      await m.poll(async () => (await register(m, "eip")) !== here, "a step");
      equal(await m.tab.count(".ins-pointer dd[data-changed]"), 1, "EIP is marked as changed");
      equal(await m.tab.count(".ins-code tr.here"), 1, "the present line is marked");
    });
    await test("inspector: a click on a line of code sets a breakpoint there, and removes it", async (m) => {
      await paused(m);
      await tab(m, "CPU");
      // The lines are those of the last look at the running machine until the next has come.
      await m.sleep(500);
      const here = await register(m, "eip");
      await m.tab.click(".ins-code tr.here");
      await m.poll(async () => (await m.tab.count(".ins-code tr.here.stop")) === 1, "the mark of the breakpoint");
      await press(m, "Continue");
      // Once around the loop.
      await m.poll(async () => (await state(m)) === "paused" && /at address/.test(await why(m)), "the breakpoint", 15_000);
      await m.sleep(500);
      equal(await register(m, "eip"), here, "where it stopped");
      await m.tab.click(".ins-code tr.here");
      await m.poll(async () => (await m.tab.count(".ins-code tr.stop")) === 0, "the mark to go");
    });
    await test("inspector: a breakpoint at an address, step over and finish", async (m) => {
      await paused(m);
      await addBreakpoint(m, "code", at("count").toString(16));
      await tab(m, "CPU");
      await press(m, "Continue");
      await m.poll(async () => (await register(m, "eip")) === at("count") && (await state(m)) === "paused", "the breakpoint", 15_000);
      check(/at address 0*10/.test(await why(m)), `the reason: ${await why(m)}`);
      const eax = await register(m, "eax");
      // inc, out, then the call in full.
      for (const n of [1, 2, 3]) {
        const from = await register(m, "eip");
        await press(m, "Over");
        await m.poll(async () => (await register(m, "eip")) !== from && (await state(m)) === "paused", `step over ${n}`);
      }
      equal(await register(m, "ebx"), 2 * (eax + 1), "EBX behind the call");
      check((await instruction(m)).startsWith("int"), "the next instruction");
      await removeAll(m);
      await addBreakpoint(m, "code", at("twice").toString(16));
      await press(m, "Continue");
      await waitPaused(m);
      await tab(m, "CPU");
      await m.poll(async () => (await register(m, "eip")) === at("twice"), "the function");
      await press(m, "Finish");
      await m.poll(async () => (await instruction(m)).startsWith("int"), "the return");
      await removeAll(m);
    });
    await test("inspector: breakpoints on a port and on an interrupt", async (m) => {
      await paused(m);
      await addBreakpoint(m, "port", "80");
      await press(m, "Continue");
      await m.poll(async () => /after out of [0-9a-f]{2} at port 0080/.test(await why(m)), "the port", 15_000);
      await removeAll(m);
      await addBreakpoint(m, "vector", "30-31");
      await press(m, "Continue");
      await m.poll(async () => /in the handler of 30/.test(await why(m)), "the interrupt", 15_000);
      await tab(m, "CPU");
      await m.poll(async () => (await register(m, "eip")) === at("handler"), "the handler");
      await removeAll(m);
    });
    await test("inspector: a watchpoint on data, memory and page walk", async (m) => {
      await paused(m);
      await addBreakpoint(m, "data", "$esp-4");
      await press(m, "Continue");
      await m.poll(async () => /after a write of/.test(await why(m)), "the watchpoint", 15_000);
      await removeAll(m);
      await tab(m, "Memory");
      const address = '[aria-label="Address in memory"]';
      await m.tab.fill(address, at("count").toString(16));
      await m.tab.press("Enter");
      await m.poll(async () => ((await m.tab.texts(".ins-dump td"))[1] ?? "").startsWith("40 e6 80 e8"), "the code's bytes");
      check(/No paging/.test(await m.tab.text("#ins-page-1 .ins-note")), "what the walk says");
      await m.tab.fill(address, "no such thing");
      await m.tab.press("Enter");
      // A clear line for nonsense.
      await m.tab.seen({ css: ".ins-error", has: "neither a hexadecimal number" });
    });
    await test("inspector: activity: interrupts, ports, tiers", async (m) => {
      await paused(m);
      await press(m, "Continue");
      await tab(m, "Activity");
      const tables = (): Promise<string[]> => m.tab.texts("#ins-page-2 .ins-table");
      await m.poll(async () => /30interrupt/.test((await tables())[0] ?? ""), "vector 30");
      await m.poll(async () => /portpost/.test((await tables())[1] ?? ""), "port 80h");
    });
    await test("inspector: on a phone: nothing is cut off sideways; closing and a new machine", async (m) => {
      await opened(m);
      await m.tab.size(390, 800);
      await tab(m, "CPU");
      await m.poll(async () => (await m.tab.text(".ins-registers dd")) !== "", "registers");
      const over = await m.tab.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      equal(over, 0, "pixels beyond the screen");
      const wide = await m.tab.evaluate(() => [...document.querySelectorAll(".ins-registers dd")].filter((e) => e.getBoundingClientRect().right > innerWidth).length);
      equal(wide, 0, "registers that are cut off");
      await m.tab.size(1280, 860);
      // A machine that is started anew is found by itself.
      await m.tab.click("#power-off");
      await m.poll(async () => (await state(m)) === "none", "no machine");
      await m.tab.click("#power-on");
      await m.poll(async () => (await state(m)) === "running", "the new machine", 60_000);
      await m.tab.click('#panel-tabs [data-panel="inspect"]');
      await m.tab.gone("#panel");
      equal(await m.phase(), "running", "the machine goes on");
    });
  });
}
