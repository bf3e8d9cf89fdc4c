/** Guest RAM as devices get it: views of the Wasm memory, and the decode cache told about writes. */
import type { GuestMemory } from "../../base/guest-memory.ts";
import { RAM_BASE } from "../../cpu/layout.ts";
import type { PhysicalMemory } from "../../cpu/mmu/physical.ts";

const PAGE = 4096;

export function guestMemory(phys: PhysicalMemory, ramBytes: number): GuestMemory {
  const { buffer } = phys.state.memory;
  return {
    bytes: new Uint8Array(buffer, RAM_BASE, ramBytes),
    words: new Uint16Array(buffer, RAM_BASE, ramBytes / 2),
    longs: new Uint32Array(buffer, RAM_BASE, ramBytes / 4),
    isRam(address, length) {
      if (!(address >= 0 && length >= 0 && address + length <= ramBytes)) return false;
      for (let page = address - (address % PAGE); page < address + length; page += PAGE) if (phys.ramAddress(page) !== RAM_BASE + page) return false;
      return true;
    },
    wrote(address, length) {
      const end = address + length;
      for (let at = address; at < end; ) {
        const offset = at % PAGE;
        const size = Math.min(end - at, PAGE - offset);
        const ppn = (at - offset) / PAGE;
        if (phys.pageFlags[ppn] !== 0) phys.beforeWrite(ppn, offset, size);
        at += size;
      }
    },
  };
}
