/** Guest memory for a debugger: no side effects of reading, no accessed bits, no device registers; ROM can be read. */
import { physicalOf } from "../../cpu/mmu/inspect.ts";
import type { Machine } from "../machine/machine.ts";
import { dmaMemory } from "../machine/guest-memory.ts";
import type { MemorySpace } from "./api.ts";

const PAGE = 4096;
const M64 = (1n << 64n) - 1n;

/** Calls `piece` for the part of [address, address + length) in each page: physical address or -1, bytes before it, its length. */
function byPage(machine: Machine, space: MemorySpace, address: bigint, length: number, piece: (paddr: number, offset: number, n: number) => void): void {
  const { state, phys } = machine.vcpu;
  for (let done = 0; done < length; ) {
    const at = (address + BigInt(done)) & M64;
    const n = Math.min(length - done, PAGE - Number(at & 0xfffn));
    const paddr = space === "linear" ? physicalOf(state, phys, at) : at < 1n << 52n ? Number(at) : -1;
    piece(paddr, done, n);
    done += n;
  }
}

/** Bytes, -1 where nothing can be read. */
export function readMemory(machine: Machine, space: MemorySpace, address: bigint, length: number): Int16Array {
  const out = new Int16Array(length).fill(-1);
  const { phys, state } = machine.vcpu;
  byPage(machine, space, address, length, (paddr, offset, n) => {
    if (paddr < 0) return;
    const from = phys.ramAddress(paddr);
    if (from >= 0) out.set(state.u8.subarray(from, from + n), offset);
    else for (let i = 0; i < n; i++) out[offset + i] = machine.board.memory.peek(paddr + i) ?? -1;
  });
  return out;
}

/** The bytes up to the first that cannot be read. */
export function readBytes(machine: Machine, space: MemorySpace, address: bigint, length: number): Uint8Array {
  const all = readMemory(machine, space, address, length);
  const end = all.indexOf(-1);
  return Uint8Array.from(end < 0 ? all : all.subarray(0, end));
}

/** False, with nothing written, unless all of it is RAM. Write protection is the guest's, not ours. */
export function writeMemory(machine: Machine, space: MemorySpace, address: bigint, bytes: Uint8Array): boolean {
  const { phys } = machine.vcpu;
  const pieces: { paddr: number; offset: number; n: number }[] = [];
  byPage(machine, space, address, bytes.length, (paddr, offset, n) => pieces.push({ paddr, offset, n }));
  if (pieces.some((p) => p.paddr < 0 || phys.writeAddress(p.paddr) < 0)) return false;
  const memory = dmaMemory(phys);
  for (const { paddr, offset, n } of pieces) memory.write(paddr, bytes.subarray(offset, offset + n));
  return true;
}
