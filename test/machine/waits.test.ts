/** Waits of a real-time guest that asks the clock until it is time, as a kernel's udelay() does: on a host of known speed. */
import { expect, it } from "vitest";
import { assembleKernel, makeMachine } from "./guest.ts";

const WAITS = 200;
const WAIT_US = 20;

/** Host ns of an instruction: what leaving emitted code for each question makes of it. */
const HOST_NS_EACH = 200;

it.each([
  ["RDTSC", "rdtsc"],
  ["the PM timer's port, and RDTSC", "mov dx, 0x608\nin eax, dx\nrdtsc"],
])("last hardly longer than asked for: %s", (_name, ask) => {
  const kernel = assembleKernel(`
    start:
      mov ecx, ${WAITS}
    .next:
      rdtsc
      mov esi, eax
    .wait:
      ${ask}
      sub eax, esi
      cmp eax, ${WAIT_US * 1000}
      jb .wait
      loop .next
      mov dx, 0xf4
      mov eax, 0
      out dx, eax
      hlt
  `);
  let retired = (): number => 0;
  const { machine } = makeMachine({ kernel }, { deterministic: false }, {}, undefined, () => retired() * HOST_NS_EACH);
  retired = () => machine.vcpu.retiredNow;
  const outcome = machine.run(1e9);
  expect(outcome).toMatchObject({ kind: "stopped", report: { kind: "debug-exit" } });
  expect(machine.guestTimeNs).toBeGreaterThanOrEqual(WAITS * WAIT_US * 1000);
  expect(machine.guestTimeNs).toBeLessThan(WAITS * (WAIT_US + 60) * 1000);
  // Behind the host's clock, never ahead.
  expect(machine.guestTimeNs).toBeLessThanOrEqual(retired() * HOST_NS_EACH);
});
