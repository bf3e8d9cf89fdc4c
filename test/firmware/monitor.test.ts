/** The monitor of our BIOS on the serial terminal, with nothing to boot; the demonstrations tell what the processor really did. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { ensureBios } from "../../bios/build.ts";
import { takeScreenshot } from "../../src/vmm/screenshot.ts";
import { haveTools } from "./fixtures.ts";
import { startFirmware, type FirmwareRun } from "./run.ts";

let run: FirmwareRun;
beforeAll(() => {
  run = startFirmware(ensureBios());
  run.until("Nothing to boot.");
  run.until("> ");
});

/** What the monitor answers to a line. */
function answer(line: string): string {
  const from = run.serial.length;
  run.type(`${line}\r`);
  run.until("\r\n> ", 60);
  return run.serial.slice(from + line.length).replace(/\r/g, "").replace(/^\n/, "").replace(/\n?> $/, "");
}

it("keeps itself in RAM at F0000h, equal to the ROM below 4 GiB", () => {
  const bios = ensureBios();
  const shadow = [0xf0000, 0xf1230, 0xffff0].map((at) => answer(`d ${at.toString(16)} 10`).slice(10, 58).replace(/ +/g, " ").trim());
  const rom = [0, 0x1230, 0xfff0].map((at) => [...bios.subarray(at, at + 16)].map((b) => b.toString(16).padStart(2, "0")).join(" "));
  expect(shadow).toEqual(rom);
  expect(answer("d fffffff0 10").slice(10, 58).replace(/ +/g, " ").trim()).toBe(rom[2]);
});
it("writes memory and reads it back, above 1 MiB too", () => {
  answer("e 234567 de ad be ef");
  expect(answer("d 234567 4")).toMatch(/^00234567 {2}de ad be ef 00/);
});
it("reads and writes ports", () => {
  answer("o 70 f");
  answer("o 71 5a");
  expect(answer("i 71")).toBe("5a");
  answer("od cf8 80000000");
  expect(answer("id cfc")).toBe("12378086");
});
it("lists the PCI bus", () => {
  const list = answer("pci");
  expect(list).toMatch(/00\.0 {2}8086:1237 {6}060000/);
  expect(list).toMatch(/01\.1 {2}8086:7010 {6}010180/);
});
it("shows the memory map that the machine has: 64 MiB", () => {
  const lines = answer("mem").split("\n").map((l) => l.trim());
  const [, end] = /^00100000 - ([0-9a-f]{8}) {2}RAM$/m.exec(lines.join("\n")) ?? [];
  const tables = (parseInt(end, 16) + 1).toString(16).padStart(8, "0");
  expect(lines).toContain(`${tables} - 03ffffff  ACPI tables`);
  expect(parseInt(tables, 16)).toBeGreaterThan(0x3ff0000);
});
it("refuses what it does not know, and numbers that are missing", () => {
  expect(answer("nonsense")).toContain("no such command");
  expect(answer("e")).toContain("A number is missing");
  expect(answer("")).toBe("");
});
it("lets a line be corrected", () => {
  run.type("cpX\x7fu\r");
  run.until("GenuineIntel", 20);
  run.until("\r\n> ");
});

it("shows itself on a VGA where there is one, and takes its keyboard", () => {
  const { machine } = startFirmware(ensureBios(), {}, { vga: "std" });
  const text = (): string => takeScreenshot(machine)?.text ?? "";
  const shows = (what: string): void => {
    for (let i = 0; i < 500 && !text().includes(what); i++) machine.run(20);
    expect(text()).toContain(what);
  };
  shows("Nothing to boot.");
  for (const key of ["KeyP", "KeyC", "KeyI", "Enter"]) {
    machine.board.keyboard.key(key, true);
    machine.board.keyboard.key(key, false);
  }
  shows("1234:1111");
});

describe("demonstrations", () => {
  it("modes: products of 16, 32 and 64 bits", () => {
    const text = answer("demo modes").replace(/\s+/g, " ");
    expect(text).toContain(`FFFF * FFFF = ${(0xffffn * 0xffffn).toString(16).padStart(8, "0")}`);
    expect(text).toContain(`FFFFFFFF * FFFFFFFF = ${(0xffffffffn ** 2n).toString(16).padStart(16, "0")}`);
    expect(text.replace(/ /g, "")).toContain(`squared=${((2n ** 64n - 1n) ** 2n).toString(16).padStart(32, "0")}`);
    expect(text).toContain("EFER 00000500");
  });
  it("paging: one page at two addresses, marked accessed and dirty", () => {
    const text = answer("demo paging");
    expect(text).toContain("00301000 reads 12345678");
    expect(text).toMatch(/dirty, [0-9a-f]{6}67/);
  });
  it("timer: interrupts 10 ms apart", () => {
    const text = answer("demo timer");
    expect(text).toContain("interrupts taken: 00000003");
    const ticks = parseInt(/third: ([0-9a-f]{8})/.exec(text)?.[1] ?? "0", 16);
    expect(ticks / 1e6).toBeCloseTo((11932 / 1_193_182) * 1000, 1); // the TSC ticks at 1 GHz
  });
  it("system call: rings 3 and 0, and a general protection fault", () => {
    const text = answer("demo syscall");
    expect(text).toContain("the program's CS: 0000002b, in the kernel: 00000008");
    expect(text).toContain("sum of 1 to 10: 00000037");
    expect(text).toContain("error code 00000000");
  });
  it("fault: the instruction is run again once the page is there", () => {
    const text = answer("demo fault");
    expect(text).toContain("page faults: 00000001, address (CR2) 00300000, error code 00000002");
    expect(text).toContain("now there stands 0000cafe");
  });
});

it.runIf(haveTools(["qemu-system-x86_64"]))("our BIOS runs on QEMU, and its demonstrations show the same there", () => {
  ensureBios();
  const demos = ["demo paging", "demo syscall", "demo fault"];
  const { stdout } = spawnSync("qemu-system-x86_64", [
    "-accel", "tcg", "-bios", join(import.meta.dirname, "../../build/bios/bios.bin"), "-m", "64", "-vga", "none", "-display", "none", "-serial", "stdio", "-monitor", "none",
    "-net", "none", "-nodefaults",
  ], { // What arrives before the serial port is set up is lost.
    input: `\r\r${demos.map((d) => `${d}\r`).join("")}`, timeout: 8_000, encoding: "latin1" });
  const theirs = stdout.replace(/\r/g, "");
  for (const demo of demos) expect(theirs).toContain(`> ${demo}\n${answer(demo)}\n`);
});

it("starts again through the reset control register", () => {
  run.type("reboot\r");
  let stopped = false;
  for (let i = 0; i < 50 && !stopped; i++) {
    const outcome = run.machine.run(20);
    stopped = outcome.kind === "stopped" && outcome.report.kind === "reset";
  }
  expect(stopped).toBe(true);
});
