/** Ports 61h, 80h, 92h and CF9h (PIIX3), the A20 gate, the debug ports. */
import { beforeEach, expect, it } from "vitest";
import { TimerQueue } from "../base/clock.ts";
import { UserError } from "../base/errors.ts";
import { A20Gate } from "./a20.ts";
import { DebugConsole, DebugExit } from "./debug-ports.ts";
import { SystemControl } from "./sysctl.ts";

let clock: TimerQueue;
let log: string[];
let out2: boolean;
let sysctl: SystemControl;
beforeEach(() => {
  clock = new TimerQueue();
  log = [];
  out2 = false;
  const timer = { setGate2: (high: boolean) => log.push(`gate ${high}`), out2: () => out2 };
  sysctl = new SystemControl(clock, timer, { reset: () => log.push("reset"), fastA20: (on) => log.push(`a20 ${on}`) });
});

it("61h: gate and speaker are written, OUT2 and the refresh toggle read", () => {
  sysctl.nmiPort.write(0, 1, 0xff);
  expect(log).toEqual(["gate true"]);
  expect(sysctl.speakerEnabled).toBe(true);
  expect(sysctl.nmiPort.read(0, 1)).toBe(0x0f);
  out2 = true;
  expect(sysctl.nmiPort.read(0, 1)).toBe(0x2f);
  let toggles = 0;
  let last = 0;
  for (let us = 0; us < 1000; us++) {
    clock.advanceTo(us * 1000);
    const bit = sysctl.nmiPort.read(0, 1) & 0x10;
    if (bit !== last) toggles++;
    last = bit;
  }
  expect(toggles).toBe(66); // 1 ms / 15.086 µs
});
it("92h and CF9h reset on a rising edge only", () => {
  sysctl.fastPort.write(0, 1, 0x02);
  sysctl.fastPort.write(0, 1, 0x03);
  sysctl.fastPort.write(0, 1, 0x03);
  expect(sysctl.fastPort.read(0, 1)).toBe(0x03);
  sysctl.resetPort.write(0, 1, 0x02);
  expect(log).toEqual(["a20 true", "reset"]);
  sysctl.resetPort.write(0, 1, 0x06);
  sysctl.resetPort.write(0, 1, 0x06);
  expect(log).toEqual(["a20 true", "reset", "reset"]);
});
it("80h keeps the POST code", () => {
  sysctl.postPort.write(0, 1, 0x5a);
  expect([sysctl.lastPostCode, sysctl.postPort.read(0, 1)]).toEqual([0x5a, 0x5a]);
});
it("A20 is the OR of its sources", () => {
  const states: boolean[] = [];
  const gate = new A20Gate((on) => states.push(on));
  gate.setFast(true);
  gate.setKeyboard(false);
  expect(gate.enabled).toBe(true);
  gate.setFast(false);
  gate.setKeyboard(true);
  expect(states).toEqual([false, true]);
});
it("isa-debug-exit gives (value << 1) | 1", () => {
  const codes: number[] = [];
  const device = new DebugExit(4, (code) => codes.push(code));
  device.ports.write(0, 1, 0x10);
  device.ports.write(0, 4, 0xffff_ffff);
  expect(codes).toEqual([0x21, 0xffff_ffff]);
  expect(device.ports.read(0, 1)).toBe(0);
  expect(new DebugExit(2, () => undefined).ports.widths).toEqual([1, 2]);
  expect(() => new DebugExit(0, () => undefined)).toThrow(UserError);
});
it("the debug console identifies itself and passes bytes on", () => {
  const bytes: number[] = [];
  const device = new DebugConsole({ write: (b) => bytes.push(b) });
  device.ports.write(0, 1, 65);
  expect([device.ports.read(0, 1), bytes]).toEqual([0xe9, [65]]);
});
