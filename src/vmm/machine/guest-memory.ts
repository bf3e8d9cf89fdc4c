/** Guest RAM as devices get it, as views of the Wasm memory or by copies. Decoded code and whoever watches pages are told about writes. */
import type { DmaMemory, GuestMemory } from "../../base/guest-memory.ts";
import { RAM_BASE } from "../../cpu/layout.ts";
import type { PhysicalMemory } from "../../cpu/mmu/physical.ts";

const PAGE = 4096;

/** Calls `piece` for what lies in each page: its address, the bytes before it, its length. */
function byPage(paddr: number, length: number, piece: (paddr: number, offset: number, length: number) => void): void {
  for (let done = 0; done < length; ) {
    const at = paddr + done;
    const n = Math.min(length - done, PAGE - (at % PAGE));
    piece(at, done, n);
    done += n;
  }
}

function tellOfWrite(phys: PhysicalMemory, paddr: number, length: number): void {
  const ppn = Math.floor(paddr / PAGE);
  if (phys.pageFlags[ppn] !== 0) phys.beforeWrite(ppn, paddr % PAGE, length);
}

export function guestMemory(phys: PhysicalMemory, ramBytes: number): GuestMemory {
  const { buffer } = phys.state.memory;
  return {
    bytes: new Uint8Array(buffer, RAM_BASE, ramBytes),
    words: new Uint16Array(buffer, RAM_BASE, ramBytes / 2),
    longs: new Uint32Array(buffer, RAM_BASE, ramBytes / 4),
    isRam(address, length) {
      if (!(address >= 0 && length >= 0 && address + length <= ramBytes)) return false;
      for (let page = address - (address % PAGE); page < address + length; page += PAGE) {
        if (phys.ramAddress(page) !== RAM_BASE + page || !phys.isWritable(page / PAGE)) return false;
      }
      return true;
    },
    willWrite(address, length) {
      phys.beforeWrites(address, length);
    },
    wrote(address, length) {
      byPage(address, length, (at, _offset, n) => tellOfWrite(phys, at, n));
    },
  };
}

export function dmaMemory(phys: PhysicalMemory): DmaMemory {
  return {
    read: (paddr, into) => byPage(paddr, into.length, (at, offset, n) => {
      const from = phys.ramAddress(at);
      if (from < 0) into.fill(0xff, offset, offset + n);
      else into.set(phys.state.u8.subarray(from, from + n), offset);
    }),
    write: (paddr, from) => byPage(paddr, from.length, (at, offset, n) => {
      const to = phys.writeAddress(at);
      if (to < 0) return;
      tellOfWrite(phys, at, n);
      phys.state.u8.set(from.subarray(offset, offset + n), to);
    }),
  };
}
