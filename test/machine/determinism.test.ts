/** Deterministic mode on the default guest: equal runs, in slices of any size, and across a snapshot; idle time. */
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { existingGuest } from "../../tools/image/ensure.ts";
import { RAM_BASE } from "../../src/cpu/layout.ts";
import type { MachineConfig } from "../../src/vmm/config.ts";
import { Runner } from "../../src/vmm/runner.ts";
import { assembleKernel, makeMachine, readGuest, runKernel, type Run } from "./guest.ts";

const guest = await existingGuest();
if (guest === null) console.log("there is no default guest (npm run image): the determinism tests on it are left out");

const boot = (): MachineConfig["boot"] => {
  if (guest === null) throw new Error("no guest");
  return {
    kernel: new Uint8Array(readFileSync(guest.files.vmlinux)), initrds: [new Uint8Array(readFileSync(guest.files["initramfs.cpio"]))],
    cmdline: guest.info.cmdline,
  };
};
const MEMORY_MIB = 96;

/** Runs until `total` instructions, in pieces. */
function runTo(run: Run, total: number, slice: (i: number) => number): void {
  const { machine } = run;
  for (let i = 0; machine.vcpu.retired < total; i++) {
    const outcome = machine.run(1e9, Math.min(slice(i), total - machine.vcpu.retired));
    if (outcome.kind === "stopped" || outcome.kind === "reset") throw new Error(`ended early: ${JSON.stringify(outcome)}`);
  }
}

async function summary(run: Run): Promise<Record<string, unknown>> {
  return { instructions: run.machine.vcpu.retired, ns: run.machine.guestTimeNs, serial: run.serial(), hash: await run.machine.stateHash() };
}

describe.skipIf(guest === null)("the default guest", () => {
  it("150 M instructions: equal, whole or in odd pieces, and after a snapshot in the middle", async () => {
    const TOTAL = 150_000_000;
    const whole = makeMachine(boot(), { memoryMib: MEMORY_MIB });
    runTo(whole, TOTAL, () => Infinity);
    const expected = await summary(whole);
    expect(String(expected["serial"])).toContain("Linux version");
    expect(expected["instructions"]).toBe(TOTAL);

    const pieces = makeMachine(boot(), { memoryMib: MEMORY_MIB });
    runTo(pieces, TOTAL / 2, (i) => 1 + ((i * 7919) % 200_003));
    const sections = pieces.machine.save();
    const ram = pieces.machine.vcpu.state.u8.slice(RAM_BASE);
    const before = pieces.serial();
    runTo(pieces, TOTAL, (i) => 100_000 + ((i * 31) % 997));
    expect(await summary(pieces)).toEqual(expected);

    // Into a machine that has run something else.
    const copy = makeMachine(boot(), { memoryMib: MEMORY_MIB });
    runTo(copy, 3_000_000, () => Infinity);
    const skipped = copy.serial().length;
    copy.machine.vcpu.state.u8.set(ram, RAM_BASE);
    copy.machine.restore(sections);
    expect(copy.machine.save()).toEqual(sections);
    runTo(copy, TOTAL, () => 1_000_003);
    expect({ ...(await summary(copy)), serial: before + copy.serial().slice(skipped) }).toEqual(expected);
  });
});

describe("snapshots of small guests", () => {
  it.each(["irq", "modes", "smc", "strings", "syscall64"])("%s goes on identically from any instruction", async (name) => {
    const kernel = assembleKernel(readGuest(name));
    const whole = runKernel(kernel);
    const total = whole.machine.vcpu.retired;
    const hash = await whole.machine.stateHash();
    let from = makeMachine({ kernel });
    let output = "";
    for (let k = 1; k <= 12; k++) {
      // Primes apart from any loop of the guest.
      runTo(from, Math.floor((total * k) / 13) + k * 17, () => Infinity);
      output += from.debug();
      const to = makeMachine({ kernel });
      to.machine.vcpu.state.u8.set(from.machine.vcpu.state.u8.subarray(RAM_BASE), RAM_BASE);
      to.machine.restore(from.machine.save());
      from = to;
    }
    for (;;) if (from.machine.run(100).kind === "stopped") break;
    expect(output + from.debug()).toBe(whole.debug);
    expect([from.machine.vcpu.retired, from.machine.guestTimeNs, await from.machine.stateHash()]).toEqual([total, whole.machine.guestTimeNs, hash]);
  });
});

describe("idle time", () => {
  /** Sleeps through `count` ticks of 10 ms, then ends the machine. */
  const sleeper = (count: number): Uint8Array => assembleKernel(`
start:
  mov esp, 0x200000
  call setup_gdt32
  call setup_idt32
  mov al, 0x11
  out 0x20, al
  mov al, 0x20
  out 0x21, al
  mov al, 4
  out 0x21, al
  mov al, 1
  out 0x21, al
  mov ebx, 0x20
  mov ecx, tick
  mov dx, 0x8e00
  call set_gate32
  mov al, 0x34
  out 0x43, al
  mov ax, 11932
  out 0x40, al
  mov al, ah
  out 0x40, al
  mov al, 0xfe
  out 0x21, al
  xor esi, esi
  sti
.wait:
  hlt
  cmp esi, ${count}
  jb .wait
  mov eax, 3
  jmp exit32
tick:
  inc esi
  mov al, 0x20
  out 0x20, al
  iretd
%include lib32.inc
%include gdt32.inc
`);
  const config = (deterministic: boolean, kernel: Uint8Array): MachineConfig => ({
    memoryMib: 32, cpu: "x86-64-v2", boot: { kernel, initrds: [], cmdline: "" }, deterministic, debugExit: { iobase: 0xf4, iosize: 4 },
    epochSeconds: 1_700_000_000, noReboot: true,
  });

  /** Runs the sleeper to its end: what passed on the host and in the guest, in ms. */
  async function sleepThrough(mode: "deterministic" | "real-time"): Promise<{ host: number; guest: number }> {
    makeMachine({ kernel: sleeper(1) }); // the interpreter is there
    const from = performance.now();
    let host = 0;
    const runner = await new Promise<Runner>((resolve) => {
      const made = new Runner(config(mode === "deterministic", sleeper(100)), {
        serial: () => undefined,
        stopped: (report) => {
          expect(report.exitCode).toBe(7);
          host = performance.now() - from;
          resolve(made);
        },
      });
      made.resume();
    });
    return { host, guest: runner.current.guestTimeNs / 1e6 };
  }
  it.each(["deterministic", "real-time"] as const)("Runner lets a second of it pass on the host (%s mode)", async (mode) => {
    // No upper bound: how late timers of a busy host come is its affair. A host without that is below.
    const { host, guest } = await sleepThrough(mode);
    expect(guest).toBeGreaterThan(990);
    expect(host).toBeGreaterThan(950);
  });
  it.each([
    ["deterministic", 0], ["deterministic", 0.3], ["deterministic", 4], ["real-time", 0], ["real-time", 0.3], ["real-time", 4],
  ] as const)("Runner lets no more than that pass (%s mode, a host whose timers and waits are %d ms late)", async (mode, lateMs) => {
    let now = 5000;
    const cleared = new Set<unknown>();
    vi.stubGlobal("performance", { now: () => (now += 0.001) }); // what happens between two looks takes a microsecond
    vi.stubGlobal("Atomics", {
      wait: (_cells: unknown, _index: unknown, _value: unknown, ms = 0) => {
        now += ms + lateMs;
        return "timed-out";
      },
    });
    vi.stubGlobal("setTimeout", (f: () => void, ms = 0) => {
      const at = now + ms + lateMs;
      const id = setImmediate(() => {
        if (cleared.has(id)) return;
        now = Math.max(now, at);
        f();
      });
      return id;
    });
    vi.stubGlobal("clearTimeout", (id: unknown) => cleared.add(id));
    const { host, guest } = await sleepThrough(mode);
    expect(guest).toBeGreaterThan(1000);
    expect(host).toBeGreaterThan(1000);
    expect(host).toBeLessThan(1001 + lateMs);
  });
  afterEach(() => {
    vi.unstubAllGlobals();
  });
  it("a Machine that is driven directly is not slowed", () => {
    const kernel = sleeper(2000);
    const from = performance.now();
    const ended = runKernel(kernel);
    expect(ended.machine.guestTimeNs).toBeGreaterThan(19.9e9);
    expect(performance.now() - from).toBeLessThan(5000);
  });
});
