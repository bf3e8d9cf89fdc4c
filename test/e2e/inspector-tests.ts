/** The inspector on the page: controls, live values, breakpoints of every kind, by mouse and by keyboard, on a wide and on a narrow screen. */
import type { Browser } from "playwright";
import { assembleWithSymbols } from "../machine/guest.ts";
import { check, equal, MachinePage, type Runner, type Site } from "./harness.ts";

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

const register = async (m: MachinePage, name: string): Promise<number> => {
  const text = await m.page.locator(".ins-registers > div", { has: m.page.locator(`dt:text-is("${name}")`) }).locator("dd").textContent();
  return Number.parseInt(text ?? "", 16);
};
const state = (m: MachinePage): Promise<string | null> => m.page.locator(".inspector").getAttribute("data-state");
const waitPaused = (m: MachinePage): Promise<void> => m.poll(async () => (await state(m)) === "paused", "the machine to stop", 15_000);
const why = async (m: MachinePage): Promise<string> => (await m.page.locator(".ins-why").textContent()) ?? "";
const tab = (m: MachinePage, name: string): Promise<void> => m.page.getByRole("tab", { name }).click();

async function addBreakpoint(m: MachinePage, kind: string, where: string): Promise<void> {
  await tab(m, "Breakpoints");
  await m.page.getByLabel("Kind of breakpoint").selectOption(kind);
  await m.page.getByLabel("Where").fill(where);
  await m.page.getByRole("button", { name: "Add", exact: true }).click();
}
async function removeAll(m: MachinePage): Promise<void> {
  await tab(m, "Breakpoints");
  const remove = m.page.locator(".ins-list .button");
  while ((await remove.count()) > 0) {
    const before = await remove.count();
    await remove.first().click();
    await m.poll(async () => (await remove.count()) < before, "the breakpoint to go");
  }
}

export async function inspectorTests(runner: Runner, browser: Browser, site: Site): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  const { bytes, symbols } = assembleWithSymbols(KERNEL);
  const at = (name: string): number => Number(symbols.get(name) ?? 0n);
  let machine: MachinePage | null = null;
  const test = (name: string, body: (m: MachinePage) => Promise<void>): Promise<void> =>
    runner.test(
      `inspector: ${name}`,
      async () => {
        machine ??= await MachinePage.open(context, site.url, "?autostart=0");
        await body(machine);
        equal(machine.errors, [], "uncaught errors on the page");
      },
      () => machine?.page ?? null,
      90_000,
    );

  await test("opens, and shows a running machine live", async (m) => {
    await m.chooseOwn({ name: "kernel", bytes: Buffer.from(bytes) });
    await m.waitForPhase("running", 60_000);
    await m.page.locator('#panel-tabs [data-panel="inspect"]').click();
    await m.poll(async () => (await state(m)) === "running", "the inspector", 20_000);
    const first = await register(m, "eax");
    await m.poll(async () => (await register(m, "eax")) !== first, "EAX to change");
  });
  await test("pauses and steps by the keyboard; changes are marked", async (m) => {
    await m.page.getByRole("tab", { name: "CPU" }).focus();
    await m.page.keyboard.press("c");
    await waitPaused(m);
    equal(await m.phase(), "paused", "the page's own state");
    const here = await register(m, "eip");
    await m.page.keyboard.press("s");
    await m.poll(async () => (await register(m, "eip")) !== here, "a step");
    check((await m.page.locator(".ins-pointer dd").getAttribute("data-changed")) !== null, "EIP is marked as changed");
    check((await m.page.locator(".ins-code tr.here").count()) === 1, "the present line is marked");
  });
  await test("a click on code sets a breakpoint, step over and finish", async (m) => {
    await addBreakpoint(m, "code", at("count").toString(16));
    await tab(m, "CPU");
    await m.page.getByRole("button", { name: "Continue" }).click();
    await m.poll(async () => (await register(m, "eip")) === at("count") && (await state(m)) === "paused", "the breakpoint", 15_000);
    check(/at address 0*10/.test(await why(m)), `the reason: ${await why(m)}`);
    const eax = await register(m, "eax");
    // inc, out, then the call in full.
    for (const n of [1, 2, 3]) {
      const from = await register(m, "eip");
      await m.page.getByRole("button", { name: "Over" }).click();
      await m.poll(async () => (await register(m, "eip")) !== from && (await state(m)) === "paused", `step over ${n}`);
    }
    equal(await register(m, "ebx"), 2 * (eax + 1), "EBX behind the call");
    equal((await m.page.locator(".ins-code tr.here td").nth(3).textContent())?.startsWith("int"), true, "the next instruction");
    await removeAll(m);
    await addBreakpoint(m, "code", at("twice").toString(16));
    await m.page.getByRole("button", { name: "Continue" }).click();
    await waitPaused(m);
    await tab(m, "CPU");
    await m.poll(async () => (await register(m, "eip")) === at("twice"), "the function");
    await m.page.getByRole("button", { name: "Finish" }).click();
    await m.poll(async () => (await m.page.locator(".ins-code tr.here td").nth(3).textContent())?.startsWith("int") === true, "the return");
    await removeAll(m);
  });
  await test("breakpoints on a port and on an interrupt", async (m) => {
    await addBreakpoint(m, "port", "80");
    await m.page.getByRole("button", { name: "Continue" }).click();
    await m.poll(async () => /after out of [0-9a-f]{2} at port 0080/.test(await why(m)), "the port", 15_000);
    await removeAll(m);
    await addBreakpoint(m, "vector", "30-31");
    await m.page.getByRole("button", { name: "Continue" }).click();
    await m.poll(async () => /in the handler of 30/.test(await why(m)), "the interrupt", 15_000);
    await tab(m, "CPU");
    await m.poll(async () => (await register(m, "eip")) === at("handler"), "the handler");
    await removeAll(m);
  });
  await test("a watchpoint on data, memory and page walk", async (m) => {
    await addBreakpoint(m, "data", "$esp-4");
    await m.page.getByRole("button", { name: "Continue" }).click();
    await m.poll(async () => /after a write of/.test(await why(m)), "the watchpoint", 15_000);
    await removeAll(m);
    await tab(m, "Memory");
    await m.page.getByLabel("Address in memory").fill(at("count").toString(16));
    await m.page.getByLabel("Address in memory").press("Enter");
    await m.poll(async () => ((await m.page.locator(".ins-dump td").nth(1).textContent()) ?? "").startsWith("40 e6 80 e8"), "the code's bytes");
    check(/No paging/.test((await m.page.locator("#ins-page-1 .ins-note").first().textContent()) ?? ""), "what the walk says");
    await m.page.getByLabel("Address in memory").fill("no such thing");
    await m.page.getByLabel("Address in memory").press("Enter");
    await m.poll(async () => /neither a hexadecimal number/.test((await m.page.locator(".ins-error:visible").first().textContent()) ?? ""), "a clear line for nonsense");
  });
  await test("activity: interrupts, ports, tiers", async (m) => {
    await m.page.getByRole("button", { name: "Continue" }).click();
    await tab(m, "Activity");
    await m.poll(async () => /30interrupt/.test((await m.page.locator("#ins-page-2 .ins-table").first().textContent()) ?? ""), "vector 30");
    await m.poll(async () => /portpost/.test((await m.page.locator("#ins-page-2 .ins-table").nth(1).textContent()) ?? ""), "port 80h");
  });
  await test("on a phone: nothing is cut off sideways; closing and a new machine", async (m) => {
    await m.page.setViewportSize({ width: 390, height: 800 });
    await tab(m, "CPU");
    await m.poll(async () => (await m.page.locator(".ins-registers dd").first().textContent()) !== "", "registers");
    const over = await m.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    equal(over, 0, "pixels beyond the screen");
    const wide = await m.page.evaluate(() => [...document.querySelectorAll(".ins-registers dd")].filter((e) => e.getBoundingClientRect().right > innerWidth).length);
    equal(wide, 0, "registers that are cut off");
    await m.page.setViewportSize({ width: 1280, height: 860 });
    // A machine that is started anew is found by itself.
    await m.page.locator("#power-off").click();
    await m.poll(async () => (await state(m)) === "none", "no machine");
    await m.page.locator("#power-on").click();
    await m.poll(async () => (await state(m)) === "running", "the new machine", 60_000);
    await m.page.locator('#panel-tabs [data-panel="inspect"]').click();
    check(await m.page.locator("#panel").isHidden(), "closed");
    equal(await m.phase(), "running", "the machine goes on");
  });
  await (machine as MachinePage | null)?.close();
  await context.close();
}
