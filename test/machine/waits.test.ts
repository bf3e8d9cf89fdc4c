/** Waits of a real-time guest that asks the clock until it is time, as a kernel's udelay() does: on a host of known speed. */
import { expect, it } from "vitest";
import { GuestClock } from "../../src/vmm/machine/clock.ts";
import { assembleKernel, makeMachine } from "./guest.ts";

/** Host ns of an instruction: what leaving emitted code for each question makes of it. */
const HOST_NS_EACH = 200;

/** Waits by `ask` at privilege level `ring`, then ends: guest and host ns that it took. */
function wait(waits: number, us: number, ask: string, ring: 0 | 3 = 0): { readonly guest: number; readonly host: number } {
  const kernel = assembleKernel(`
    start:
      mov esp, stack
      lgdt [gdtr]
      push dword ${ring === 3 ? 0x23 : 0x10}
      push dword stack
      push dword 0x3002
      push dword ${ring === 3 ? 0x1b : 0x08}
      push dword inside
      ${ring === 3 ? "iretd" : "pop eax\n add esp, 16\n jmp eax"}
    inside:
      mov ecx, ${waits}
    .next:
      rdtsc
      mov esi, eax
    .wait:
      ${ask}
      sub eax, esi
      cmp eax, ${us * 1000}
      jb .wait
      loop .next
      mov dx, 0xf4
      mov eax, 0
      out dx, eax
    .end:
      jmp .end
    gdtr:
      dw 0x27
      dd gdt
    gdt:
      dq 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00cffb000000ffff, 0x00cff3000000ffff
      times 256 db 0
    stack:
  `);
  let retired = (): number => 0;
  const { machine } = makeMachine({ kernel }, { deterministic: false }, {}, undefined, () => retired() * HOST_NS_EACH);
  retired = () => machine.vcpu.retiredNow;
  const outcome = machine.run(1e9);
  expect(outcome).toMatchObject({ kind: "stopped", report: { kind: "debug-exit" } });
  return { guest: machine.guestTimeNs, host: retired() * HOST_NS_EACH };
}

it.each([
  ["RDTSC", "rdtsc"],
  ["the PM timer's port, and RDTSC", "mov dx, 0x608\nin eax, dx\nrdtsc"],
])("last hardly longer than asked for: %s", (_name, ask) => {
  const { guest } = wait(200, 20, ask);
  expect(guest).toBeGreaterThanOrEqual(200 * 20e3);
  expect(guest).toBeLessThan(200 * 80e3);
});

it("a kernel's take less of the host's time, until its clock is half a second ahead", () => {
  const short = wait(1000, 250, "rdtsc");
  expect(short.guest).toBeGreaterThanOrEqual(250e6);
  expect(short.guest).toBeLessThan(250e6 * 1.25);
  expect(short.host).toBeLessThan(short.guest / 2);
  const long = wait(8000, 250, "rdtsc");
  expect(long.guest).toBeGreaterThanOrEqual(2e9);
  expect(long.guest - long.host).toBeGreaterThan(400e6);
  expect(long.guest - long.host).toBeLessThan(501e6);
});

it("a program's last as long as they say", () => {
  const { guest, host } = wait(1000, 250, "rdtsc", 3);
  expect(guest).toBeGreaterThanOrEqual(250e6);
  expect(guest).toBeLessThanOrEqual(host);
});

it("a clock that is ahead goes a tenth slower until the host's has caught up", () => {
  const clock = new GuestClock(false, () => 0, () => undefined);
  clock.resume(1000);
  clock.skip(1e6);
  const at = (hostNs: number): number => {
    clock.sync(1000 + hostNs, 1);
    return clock.nowNs();
  };
  expect([0, 2e6, 5e6, 10e6, 20e6].map(at)).toEqual([1e6, 2.8e6, 5.5e6, 10e6, 20e6]);
  expect(clock.leadNs(1000 + 30e6)).toBe(-10e6);
});
