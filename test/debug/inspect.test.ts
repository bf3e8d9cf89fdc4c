/** What the debugger shows against what the machine does: page walks in every paging mode, symbols, mappings. */
import { describe, expect, it } from "vitest";
import { ACCESS_READ } from "../../src/cpu/mmu/mmu.ts";
import { describeWalk, type PagingMode } from "../../src/cpu/mmu/inspect.ts";
import { MMU_KERNEL, RAM_BASE } from "../../src/cpu/layout.ts";
import { mappings } from "../../src/vmm/debug/mappings.ts";
import { SymbolTable } from "../../src/vmm/debug/symbols.ts";
import { symbolFile } from "../elf32.ts";
import { assembleKernel, makeMachine, readGuest } from "../machine/guest.ts";

describe("page walks", () => {
  it("agree with the MMU in every paging mode, and set no accessed bits", () => {
    const modes = new Set<PagingMode>();
    for (const name of ["modes", "la57", "vme32", "faults64", "limits32", "syscall64"]) {
      const { machine } = makeMachine({ kernel: assembleKernel(readGuest(name)) });
      const { state, phys, mmu } = machine.vcpu;
      for (let n = 0; n < 400; n++) {
        if (machine.run(50, 97).kind === "stopped") break;
        const { rip } = state;
        for (const at of [rip, rip + 0x1000n, state.reg(4), 0n, 0x400000n, 0x3ffff000n, 0xffff800000100000n, 0x0000800000000000n, 0x00ff000000100000n, 0xc0000000n]) {
          const linear = state.longMode ? BigInt.asUintN(64, at) : at & 0xffffffffn;
          const ram = n === 100 ? state.u8.slice(RAM_BASE) : null;
          const walk = describeWalk(state, phys, linear);
          if (ram !== null) expect(Buffer.compare(ram, state.u8.subarray(RAM_BASE))).toBe(0);
          modes.add(walk.mode);
          const { cr2 } = state;
          const real = mmu.walker.translate(Number(BigInt.asIntN(32, linear)), Number(BigInt.asIntN(32, linear >> 32n)), ACCESS_READ, MMU_KERNEL);
          state.cr2 = cr2;
          mmu.walker.nonCanonical = null;
          expect([name, n, linear.toString(16), walk.physical ?? -1]).toEqual([name, n, linear.toString(16), real]);
          if (n % 20 !== 0) break;
        }
        // Everything that is listed as mapped is.
        if (n % 100 === 60) {
          let count = 0;
          for (const m of mappings(machine)) {
            if (++count > 300) break;
            expect(describeWalk(state, phys, m.linear)).toMatchObject({ physical: Number(m.physical), pageSize: Number(m.bytes) });
          }
        }
      }
    }
    for (const m of ["none", "4-level", "5-level"] as const) expect(modes.has(m)).toBe(true);
  });

  // SDM 3A §4.3 and §4.4: tables by hand, the addresses worked out from the manual's figures.
  const MIB = 1024 * 1024;
  const hand = (): ReturnType<typeof makeMachine>["machine"] => makeMachine({ kernel: assembleKernel("start: hlt\n") }).machine;
  const put = (machine: ReturnType<typeof hand>, at: number, value: bigint): void => {
    const view = new DataView(machine.vcpu.state.memory.buffer);
    view.setBigUint64(RAM_BASE + at, value, true);
  };

  it("32-bit paging: tables, 4 MiB pages, PSE-36", () => {
    const machine = hand();
    const { state, phys } = machine.vcpu;
    Object.assign(state, { cr0: -0x7fffffff | 0x10000, cr3: 0x200000n, cr4: 0x10 });
    put(machine, 0x200000 + 4 * 1, 0x201007n | (0x00a02083n << 32n)); // entry 1: a table; entry 2: 4 MiB at 1_00800000h (bit 13 set)
    put(machine, 0x201000 + 8 * 1, 0n | (0x345067n << 32n)); // its entry 3
    expect(describeWalk(state, phys, 0x00403abcn)).toMatchObject({
      mode: "32-bit", physical: 0x345abc, pageSize: 4096, rights: "rwxu",
      steps: [{ table: "PD", at: 0x200004, index: 1, entry: 0x201007n }, { table: "PT", at: 0x20100c, index: 3, entry: 0x345067n, flags: ["P", "RW", "US", "A", "D"] }],
    });
    expect(describeWalk(state, phys, 0x00812345n)).toMatchObject({ physical: null, reason: "a reserved bit is set in the PD" });
    put(machine, 0x200008, 0x00802083n);
    expect(describeWalk(state, phys, 0x00812345n)).toMatchObject({ physical: 2 ** 32 + 8 * MIB + 0x12345, pageSize: 4 * MIB, rights: "rwx" });
    expect(describeWalk(state, phys, 0x00c00000n)).toMatchObject({ physical: null, reason: "not present in the PD" });
  });

  it("PAE: PDPTE registers, 2 MiB pages, NX", () => {
    const machine = hand();
    const { state, phys } = machine.vcpu;
    Object.assign(state, { cr0: -0x7fffffff | 0x10000, cr3: 0x200020n, cr4: 0x20, efer: 0x800 });
    state.pdptes.set([0x201001, 0], 2);
    put(machine, 0x201000 + 8 * 5, 0x8000000000e000e5n);
    expect(describeWalk(state, phys, 0x40a54321n)).toMatchObject({
      mode: "PAE", physical: 0xe54321, pageSize: 2 * MIB, rights: "ru",
      steps: [{ table: "PDPT", at: 0x200028, index: 1 }, { table: "PD", at: 0x201028, index: 5, flags: ["P", "US", "A", "D", "PS", "NX"] }],
    });
    expect(describeWalk(state, phys, 0x80000000n)).toMatchObject({ physical: null, reason: "not present in the PDPT" });
  });
});

describe("symbols", () => {
  const names = new Map([["first", 0x100000n], ["second", 0x100040n], ["twin", 0x100040n]]);
  it.each([32, 64] as const)("of an ELF%d file", (bits) => {
    const table = new SymbolTable();
    expect(table.addFile(symbolFile(bits, 0x100000, 0x1000, names))).toBe(3);
    expect([table.describe(0x100000n), table.describe(0x10003fn), table.describe(0x100041n), table.describe(0xfffffn), table.find("twin")])
      .toEqual(["first", "first+0x3f", "second+0x1", "", 0x100040n]);
  });
  it("of System.map and kallsyms", () => {
    const table = new SymbolTable();
    const text = "0000000000000000 A fixed_percpu_data\nffffffff81000000 T _stext\nffffffff81000100 t do_it\nffffffffc0001000 t probe\t[virtio_net]\n";
    expect(table.addFile(new TextEncoder().encode(text))).toBe(3);
    expect([table.describe(0xffffffff81000104n), table.describe(0xffffffffc0001000n), table.describe(0xffffffffd0001000n)]).toEqual(["do_it+0x4", "probe", ""]);
  });
  it("bad files: one clear line", () => {
    const file = symbolFile(64, 0x100000, 0x1000, names);
    for (let n = 4; n < file.length; n += 7) {
      const cut = Uint8Array.from(file.subarray(0, n));
      try {
        new SymbolTable().addFile(cut);
      } catch (e) {
        expect((e as Error).message).toMatch(/^symbols: /);
      }
    }
    expect(() => new SymbolTable().addFile(new TextEncoder().encode("0000000000000000 T a\n0000000000000000 t b\n"))).toThrow("symbols: all addresses are zero: read /proc/kallsyms as root");
  });
});
