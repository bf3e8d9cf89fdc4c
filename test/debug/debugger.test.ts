/** The debugger on whole machines: stops are exact in both tiers, the guest sees nothing of them, and the run stays the same to the state hash. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Breakpoint } from "../../src/vmm/debug/api.ts";
import type { MachineConfig } from "../../src/vmm/config.ts";
import { assembleKernel, assembleWithSymbols, GUESTS, makeMachine, readGuest, START } from "../machine/guest.ts";
import { DirectTarget } from "./target.ts";

type Tier = "0" | "1";
const TIERS: readonly Tier[] = ["0", "1"];

function start(source: string, config: Partial<MachineConfig> = {}): { target: DirectTarget; at: (name: string) => bigint; debug: () => string } {
  const { bytes, symbols } = assembleWithSymbols(source);
  const { machine, debug } = makeMachine({ kernel: bytes }, config);
  return {
    target: new DirectTarget(machine), debug,
    at: (name) => {
      const value = symbols.get(name);
      if (value === undefined) throw new Error(`no label ${name}`);
      return value;
    },
  };
}

const HEAD32 = "start:\n mov esp, 0x200000\n call setup_gdt32\n";
const TAIL32 = "\n%include lib32.inc\n%include gdt32.inc\n";
const END32 = " mov eax, 0\n jmp exit32\n";
const LONG = `${HEAD32} call enter_long\nbits 64\n mov rsp, 0x200000\n`;
const TAIL64 = "\nbits 32\n%include lib32.inc\n%include gdt32.inc\n%include long.inc\n";

/** A loop of 100,000 rounds with a call; counts in EBX. */
const LOOP = `${HEAD32} xor ebx, ebx\n mov ecx, 100000\nround:\n call work\n loop round\n${END32}work:\n inc ebx\n mov edx, ebx\n xor edx, 0x5555\nmiddle:\n add esi, edx\n ret\n${TAIL32}`;

describe("breakpoints on code", () => {
  it.each(TIERS)("are exact in tier %s, set before and while code is hot, and gone when they are removed", (tier) => {
    const { target, at } = start(LOOP, { tier });
    const { state } = target.current.vcpu;
    const stop: Breakpoint = { id: 7, kind: "code", address: at("middle") };
    target.debug.setBreakpoints([stop]);
    for (let n = 1n; n <= 5n; n++) {
      expect(target.does((d) => d.resume())).toEqual({ kind: "code", id: 7, address: at("middle") });
      expect([target.rip, state.reg(3), state.reg(1)]).toEqual([at("middle"), n, 100001n - n]);
    }
    target.debug.setBreakpoints([]);
    target.debug.resume();
    target.run(200_000);
    expect(state.reg(3)).toBeGreaterThan(10_000n);
    if (tier === "1") expect(target.current.vcpu.retiredInRegions).toBeGreaterThan(100_000);
    target.debug.setBreakpoints([stop]);
    const before = state.reg(3);
    const inRegions = target.current.vcpu.retiredInRegions;
    // It stands somewhere in a round.
    target.does((d) => d.resume());
    const first = state.reg(3);
    expect(first === before || first === before + 1n).toBe(true);
    for (let n = 1n; n <= 1000n; n++) {
      target.does((d) => d.resume());
      expect([target.rip, state.reg(3)]).toEqual([at("middle"), first + n]);
    }
    target.debug.setBreakpoints([]);
    expect(target.does((d) => d.resume())).toBeNull();
    expect([state.reg(3), target.ended?.exitCode]).toEqual([100_000n, 1]);
    // What no breakpoint stands in goes on compiled.
    if (tier === "1") expect(target.current.vcpu.retiredInRegions).toBeGreaterThan(inRegions + 300_000);
  });

  it.each(TIERS)("linear ones belong to their mapping, physical ones to the memory (tier %s)", (tier) => {
    // The same code at its own address and at ffff8000_00000000 above it.
    const { target, at } = start(`${LONG} mov ebp, 6\nagain:\n call both\n mov rax, both\n mov rdx, 0xffff800000000000\n add rax, rdx\n call rax\n dec ebp\n jnz again\n mov rax, 0\n mov edx, 0xf4\n out dx, eax\n hlt\nboth:\n nop\ninside:\n inc rbx\n ret\n${TAIL64}`, { tier });
    const high = 0xffff800000000000n + at("inside");
    const rbx = (): bigint => target.current.vcpu.state.reg(3);
    target.debug.setBreakpoints([{ id: 1, kind: "code", address: high }]);
    const zero = ((): bigint => {
      target.does((d) => d.resume());
      return rbx() - 1n;
    })();
    expect(target.rip).toBe(high);
    target.does((d) => d.resume());
    expect([target.rip, rbx() - zero]).toEqual([high, 3n]);
    target.debug.setBreakpoints([{ id: 2, kind: "code", address: at("inside") }]);
    target.does((d) => d.resume());
    expect([target.rip, rbx() - zero]).toEqual([at("inside"), 4n]);
    target.debug.setBreakpoints([{ id: 3, kind: "code", address: at("inside"), physical: true }]);
    const seen: bigint[] = [];
    while (seen.length < 50 && target.does((d) => d.resume()) !== null) seen.push(target.rip);
    expect(seen).toEqual([high, at("inside"), high, at("inside"), high, at("inside"), high]);
  });

  it("code that is written over keeps its breakpoint", () => {
    const { target, at } = start(`${HEAD32} mov ecx, 5\nround:\n xor byte [patch], 0xd6\npatch:\n nop\n dec ecx\n jnz round\n${END32}${TAIL32}`);
    target.debug.setBreakpoints([{ id: 1, kind: "code", address: at("patch") }]);
    const seen: bigint[] = [];
    while (seen.length < 50 && target.does((d) => d.resume()) !== null) seen.push(target.current.vcpu.state.reg(1));
    expect(seen).toEqual([5n, 4n, 3n, 2n, 1n]);
  });
});

describe("watchpoints, ports, vectors", () => {
  it.each(TIERS)("data: after the access, whatever its width and way (tier %s)", (tier) => {
    const source = `${HEAD32} mov ecx, 3000\nwarm:\n mov eax, [other]\n mov [other], ecx\n loop warm\nbegin:\n mov eax, [data + 4]\nread:\n mov byte [data + 7], 1\nwrite:\n mov dword [data + 2], 0\nacross:\n push dword [data + 6]\npushed:\n xchg [data + 5], eax\nswapped:\n mov edi, data - 8\n mov ecx, 20\nmov al, 9\nfill:\n rep stosb\nstored:\n mov [data - 4], eax\n mov [data + 12], eax\n fnstenv [data - 20]\nfpu:\n${END32}align 64\nother: dd 0\ntimes 28 db 0\ndata: times 64 db 0\n${TAIL32}`;
    const { target, at } = start(source, { tier });
    const stops = (list: readonly Breakpoint[]): [bigint, boolean][] => {
      const seen: [bigint, boolean][] = [];
      target.debug.setBreakpoints([{ id: 9, kind: "code", address: at("begin") }]);
      target.does((d) => d.resume());
      target.debug.setBreakpoints(list);
      for (;;) {
        const reason = target.does((d) => d.resume());
        if (reason === null) return seen;
        if (reason.kind === "data") seen.push([target.rip, reason.write]);
      }
    };
    expect(stops([{ id: 1, kind: "data", address: at("data") + 4n, length: 8, access: "access" }])).toEqual([
      [at("read"), false], [at("write"), true], [at("across"), true], [at("pushed"), false], [at("swapped"), true],
      // All that a repeated instruction does in one go.
      [at("stored"), true], [at("fpu"), true],
    ]);
  });

  it.each([["64-bit", LONG, TAIL64], ["32-bit", HEAD32, TAIL32]])("data: real time stops at the very element of a repeated instruction in %s code", (_name, head, tail) => {
    const { target, at } = start(`${head} mov edi, data\n mov ecx, 100\n cld\n xor eax, eax\ngo:\n rep stosb\nend:\n mov edx, 0xf4\n out dx, eax\n hlt\nalign 16\ndata: times 128 db 0xff\n${tail}`, { deterministic: false });
    target.debug.setBreakpoints([{ id: 1, kind: "data", address: at("data") + 40n, length: 4, access: "write" }]);
    expect(target.does((d) => d.resume())).toEqual({ kind: "data", id: 1, address: at("data") + 40n, write: true });
    expect([target.rip, target.current.vcpu.state.reg(1)]).toEqual([at("go"), 59n]);
    // Single steps are elements.
    expect(target.does((d) => d.step())).toMatchObject({ kind: "data" });
    expect(target.current.vcpu.state.reg(1)).toBe(58n);
    target.debug.setBreakpoints([]);
    target.does((d) => d.step());
    expect([target.rip, target.current.vcpu.state.reg(1)]).toEqual([at("go"), 57n]);
    expect(target.does((d) => d.stepOver())).toEqual({ kind: "step", event: null });
    expect(target.rip).toBe(at("end"));
  });

  it("ports: with range, direction and value", () => {
    const { target, at } = start(`${HEAD32} mov al, 0x5a\n out 0x80, al\nfirst:\n in al, 0x61\nsecond:\n mov dx, 0x81\n mov ax, 0x1234\n out dx, ax\nthird:\n in al, 0x80\nfourth:\n${END32}${TAIL32}`);
    target.debug.setBreakpoints([{ id: 3, kind: "port", first: 0x80, last: 0x82, access: "write" }, { id: 4, kind: "port", first: 0x61, last: 0x61, access: "read" }]);
    expect(target.does((d) => d.resume())).toEqual({ kind: "port", id: 3, port: 0x80, width: 1, write: true, value: 0x5a });
    expect(target.rip).toBe(at("first"));
    expect(target.does((d) => d.resume())).toMatchObject({ kind: "port", id: 4, port: 0x61, write: false });
    expect(target.rip).toBe(at("second"));
    expect(target.does((d) => d.resume())).toEqual({ kind: "port", id: 3, port: 0x81, width: 2, write: true, value: 0x1234 });
    expect(target.does((d) => d.resume())).toBeNull();
  });

  it("vectors: exceptions, software and hardware interrupts, at the handler's first instruction", () => {
    const { target } = start(readGuest("faults32"));
    target.debug.setBreakpoints([{ id: 1, kind: "vector", first: 0, last: 255 }]);
    const seen: string[] = [];
    for (let n = 0; n < 40; n++) {
      const reason = target.does((d) => d.resume());
      if (reason?.kind !== "vector") break;
      seen.push(`${reason.vector} ${reason.event} ${reason.errorCode}`);
      // The interrupt's gate leads where RIP stands.
      const { state, mmu } = target.current.vcpu;
      const gate = mmu.peek64(state.idtr.base + BigInt(8 * reason.vector)) ?? 0n;
      expect(target.rip).toBe((gate & 0xffffn) | ((gate >> 32n) & 0xffff0000n));
    }
    expect(seen.length).toBeGreaterThan(15);
    expect(new Set(seen.map((s) => s.split(" ")[1])).has("fault")).toBe(true);
  });
});

describe("steps", () => {
  it("over, finish and run-to; calls that call themselves", () => {
    const { target, at } = start(`${HEAD32} mov ecx, 4\nhere:\n call deep\nback:\n nop\n${END32}deep:\n dec ecx\n jz out\nagain:\n call deep\ninner:\n inc ebx\nout:\n ret\n${TAIL32}`);
    const { state } = target.current.vcpu;
    expect(target.does((d) => d.runTo(at("here")))).toEqual({ kind: "step", event: null });
    expect(target.rip).toBe(at("here"));
    target.does((d) => d.stepOver());
    expect([target.rip, state.reg(1)]).toEqual([at("back"), 0n]);
    const second = start(`${HEAD32} mov ecx, 4\nhere:\n call deep\nback:\n nop\n${END32}deep:\n dec ecx\n jz out\nagain:\n call deep\ninner:\n inc ebx\nout:\n ret\n${TAIL32}`);
    second.target.does((d) => d.runTo(second.at("again")));
    // The outermost one: those inside pass the same address deeper on the stack.
    const sp = second.target.current.vcpu.state.reg(4);
    second.target.does((d) => d.stepOver());
    expect([second.target.rip, second.target.current.vcpu.state.reg(4)]).toEqual([second.at("inner"), sp]);
    second.target.does((d) => d.finish());
    expect(second.target.rip).toBe(second.at("back"));
  });

  it("show no trap flag to the guest, and end in the handlers of its own exceptions", () => {
    for (const name of ["debug32", "strings"]) {
      const { target, debug } = start(readGuest(name));
      const expected = readFileSync(join(GUESTS, `${name}.expected`), "utf8");
      for (let n = 0; n < 60_000 && target.ended === null; n++) target.does((d) => d.step("into"));
      if (target.ended === null) target.does((d) => d.resume());
      expect(`${debug().slice(START.length)}exit ${target.ended?.exitCode}\n`).toBe(expected);
    }
  });

  it("do not get lost in interrupts: held, or handled in full", () => {
    const source = readGuest("irq");
    const handlers = (policy: "hold" | "over" | "into"): number => {
      const { target } = start(source, { deterministic: policy === "over" });
      let n = 0;
      for (let i = 0; i < 20_000 && target.ended === null; i++) {
        const reason = target.does((d) => d.step(policy));
        if (reason?.kind === "step" && reason.event !== null && reason.event >= 0x20) n++;
      }
      return n;
    };
    expect(handlers("hold")).toBeLessThan(handlers("into") + 1);
    expect(handlers("into")).toBeGreaterThan(0);
  });
});

describe("the run stays the same", () => {
  const guests = ["irq", "faults32", "debug32", "smc", "syscall64", "taskfaults32", "strings"];
  it.each(guests.flatMap((name) => TIERS.map((tier) => [name, tier] as const)))("%s in tier %s: equal state hash with breakpoints, watchpoints and steps", async (name, tier) => {
    const kernel = assembleKernel(readGuest(name));
    const alone = makeMachine({ kernel }, { tier });
    while (alone.machine.run(100).kind !== "stopped");
    const { machine, debug } = makeMachine({ kernel }, { tier });
    const target = new DirectTarget(machine);
    let seed = 12345;
    const random = (n: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 8) % n;
    };
    let stops = 0;
    const addresses: bigint[] = [];
    for (let n = 0; n < 400 && target.ended === null; n++) {
      const sp = machine.vcpu.state.reg(4);
      addresses.push(target.rip);
      const list: Breakpoint[] = [];
      if (random(3) > 0) list.push({ id: 1, kind: "code", address: addresses[random(addresses.length)] });
      if (random(4) === 0) list.push({ id: 2, kind: "data", address: sp - 8n, length: 4, access: "write" });
      if (random(4) === 0) list.push({ id: 3, kind: "vector", first: 0, last: 255 });
      if (random(5) === 0) list.push({ id: 4, kind: "port", first: 0xe9, last: 0xe9, access: "write" });
      target.debug.setBreakpoints(list);
      const what = random(40);
      if (what < 30) for (let i = random(30); i >= 0 && target.ended === null; i--) target.does((d) => d.step());
      else if (what < 39) target.does((d) => d.stepOver());
      else {
        target.debug.resume();
        target.run(1 + random(2000));
      }
      stops++;
    }
    target.debug.setBreakpoints([]);
    while (target.ended === null) target.does((d) => d.resume());
    expect(stops).toBeGreaterThan(20);
    expect(debug()).toBe(alone.debug());
    expect([machine.vcpu.retired, machine.guestTimeNs]).toEqual([alone.machine.vcpu.retired, alone.machine.guestTimeNs]);
    expect(await machine.stateHash()).toBe(await alone.machine.stateHash());
  });
});

describe("looking", () => {
  it("changes nothing, and answers all", async () => {
    const kernel = assembleKernel(readGuest("syscall64"));
    const alone = makeMachine({ kernel });
    while (alone.machine.run(100).kind !== "stopped");
    const { machine } = makeMachine({ kernel });
    const target = new DirectTarget(machine);
    for (let n = 0; n < 300 && target.ended === null; n++) {
      target.debug.resume();
      target.run(200);
      const look = target.debug.look({
        registers: true, code: { address: null, lines: 20 }, stack: { lines: 10 }, walk: { address: null }, tlb: { near: null, most: 100 }, activity: true,
        memory: { space: "linear", address: machine.vcpu.state.reg(4) - 64n, length: 4096 },
      });
      expect(look.code?.some((l) => l.here)).toBe(true);
      expect(look.registers?.rip).toBe(machine.vcpu.state.rip);
      // The walk agrees with the MMU.
      expect(look.walk?.physical).not.toBeNull();
    }
    while (target.ended === null) target.does((d) => d.resume());
    expect(await machine.stateHash()).toBe(await alone.machine.stateHash());
  });

  it("bad requests get one clear line", () => {
    const { target } = start(LOOP);
    const { debug } = target;
    expect(() => debug.setBreakpoints([{ id: 1, kind: "port", first: 5, last: 70000, access: "read" }])).toThrow("breakpoint 1: ports 5 to 70000 lie outside 0 to 65535");
    expect(() => debug.setBreakpoints([{ id: 2, kind: "data", address: 5n, length: 0, access: "read" }])).toThrow("breakpoint 2: its length must be at least 1");
    expect(() => debug.evaluate("nonsense")).toThrow("nonsense: neither a hexadecimal number, a register nor a known symbol");
    expect(() => debug.evaluate("$foo")).toThrow("$foo: there is no such register");
    expect(() => debug.setRegister("foo", 1n)).toThrow("foo: there is no such register");
    expect(() => debug.writeMemory("physical", 0xfee00000n, new Uint8Array(4))).toThrow("not RAM");
    expect(() => debug.addSymbols(new TextEncoder().encode("hello\n"))).toThrow("symbols: this is no ELF file");
    expect(debug.evaluate("$esp + 10 - 0x8")).toBe((target.current.vcpu.state.reg(4) + 8n) & ((1n << 64n) - 1n));
  });
});
