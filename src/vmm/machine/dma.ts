/** Guest memory for devices that move data by themselves: RAM, with decoded code kept in step; all ones where there is none. */
import type { PhysicalMemory } from "../../cpu/mmu/physical.ts";
import type { DmaMemory } from "../../devices/dma-memory.ts";

const PAGE = 4096;

export function dmaMemory(phys: () => PhysicalMemory): DmaMemory {
  /** Calls `piece` for what lies in each page. */
  const pages = (paddr: number, length: number, piece: (paddr: number, offset: number, length: number) => void): void => {
    for (let done = 0; done < length; ) {
      const at = paddr + done;
      const n = Math.min(length - done, PAGE - (at % PAGE));
      piece(at, done, n);
      done += n;
    }
  };
  return {
    read: (paddr, into) => {
      const memory = phys();
      pages(paddr, into.length, (at, offset, n) => {
        const from = memory.ramAddress(at);
        if (from < 0) into.fill(0xff, offset, offset + n);
        else into.set(memory.state.u8.subarray(from, from + n), offset);
      });
    },
    write: (paddr, from) => {
      const memory = phys();
      pages(paddr, from.length, (at, offset, n) => {
        const to = memory.writeAddress(at);
        if (to < 0) return;
        const ppn = Math.floor(at / PAGE);
        if (memory.pageFlags[ppn] & 1) memory.codePages?.onCodeWrite(ppn, at % PAGE, n);
        memory.state.u8.set(from.subarray(offset, offset + n), to);
      });
    },
  };
}
