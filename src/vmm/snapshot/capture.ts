/**
 * A machine at one instant. What is small is copied at once; pages of RAM stay where they are, and are copied before the guest's first write
 * to them or when the sweep comes to them, whichever is first. The machine runs on meanwhile.
 */
import { RAM_BASE } from "../../cpu/layout.ts";
import type { Machine } from "../machine/machine.ts";
import { encodeSections, encodeState } from "../state-codec.ts";
import type { CapturableDisk, DiskCapture } from "./disk.ts";
import { PAGE_BYTES } from "./page-table.ts";

/** What a snapshot knows of the machine beside its sections: it has to fit the one that goes on from it. */
export interface MachineIdentity {
  readonly [field: string]: string | number | boolean;
}

export function identityOf(machine: Machine): MachineIdentity {
  const { config } = machine;
  return {
    memoryMib: config.memoryMib, cpu: config.cpu, vga: config.vga ?? "std", debugExitBase: config.debugExit?.iobase ?? -1,
    firmware: machine.hasFirmware,
  };
}

/** Pages given away at a time, in the order of their addresses. */
const BATCH_PAGES = 128;

export class Capture {
  /** Encoded: identity, what is wanted first in a restore, sections. */
  readonly state: Uint8Array;
  readonly instructions: number;
  readonly guestTimeNs: number;
  /** Pages of RAM that were written in the epoch that has ended, ascending. */
  readonly pages: Uint32Array;
  readonly videoPages: readonly number[];
  readonly videoBytes: readonly Uint8Array[];
  readonly disks: ReadonlyMap<string, DiskCapture>;
  /** Pages copied because the guest was about to write to them. */
  copied = 0;
  private readonly held: Uint8Array;
  private readonly copies = new Map<number, Uint8Array>();
  private next = 0;

  /** Between runs. `owed`: pages that are wanted although they may not have been written in the epoch that ends. */
  constructor(
    private readonly machine: Machine,
    disks: ReadonlyMap<string, CapturableDisk> = new Map(),
    owed: { readonly ram: ReadonlySet<number>; readonly video: ReadonlySet<number> } | null = null,
  ) {
    const { phys, mmu, state } = machine.vcpu;
    const first = Uint32Array.from(mmu.translated().filter((ppn) => ppn < phys.pages));
    // Saving may write to video memory.
    const sections = machine.save();
    this.instructions = machine.vcpu.retired;
    this.guestTimeNs = machine.guestTimeNs;
    this.state = encodeState({ machine: { ...identityOf(machine) }, epochSeconds: machine.config.epochSeconds, first: new Uint8Array(first.buffer), sections: encodeSections(sections) });
    const epoch = machine.beginEpoch();
    this.pages = owed === null || owed.ram.size === 0 ? epoch.ram : Uint32Array.from(new Set([...epoch.ram, ...owed.ram])).sort();
    this.videoPages = owed === null || owed.video.size === 0 ? epoch.video : [...new Set([...epoch.video, ...owed.video])].sort((a, b) => a - b);
    const video = machine.video?.bytes;
    this.videoBytes = video === undefined ? [] : this.videoPages.map((page) => video.slice(page * PAGE_BYTES, (page + 1) * PAGE_BYTES));
    this.disks = new Map([...disks].map(([name, disk]) => [name, disk.capture()]));
    this.held = new Uint8Array(phys.pages);
    for (const ppn of this.pages) this.held[ppn] = 1;
    phys.ram.beforeFirst = (ppn) => {
      if (this.held[ppn] === 0) return;
      this.held[ppn] = 0;
      this.copied++;
      this.copies.set(ppn, state.u8.slice(RAM_BASE + ppn * PAGE_BYTES, RAM_BASE + (ppn + 1) * PAGE_BYTES));
    };
  }

  /** Pages of RAM that are still to be given away. */
  get left(): number {
    return this.pages.length - this.next;
  }

  /** The contents of a page that has not been given away, as it was. */
  page(ppn: number): Uint8Array {
    return this.copies.get(ppn) ?? this.machine.vcpu.state.u8.subarray(RAM_BASE + ppn * PAGE_BYTES, RAM_BASE + (ppn + 1) * PAGE_BYTES);
  }

  /** The next pages and their contents, which stand in RAM: to be copied in this turn. Empty at the end. */
  batch(most = BATCH_PAGES): { readonly pages: Uint32Array; readonly contents: readonly Uint8Array[] } {
    const pages = this.pages.subarray(this.next, this.next + most);
    this.next += pages.length;
    const contents = Array.from(pages, (ppn) => {
      const page = this.page(ppn);
      this.held[ppn] = 0;
      this.copies.delete(ppn);
      return page;
    });
    if (this.left === 0) this.close();
    return { pages, contents };
  }

  /** The machine comes to its end: what is left is copied at once. */
  detach(): void {
    const { ram } = this.machine.vcpu.phys;
    for (const ppn of this.pages.subarray(this.next)) ram.beforeFirst?.(ppn);
    ram.beforeFirst = null;
  }

  /** Lets go of the machine: nothing is held back any more. */
  close(): void {
    this.machine.vcpu.phys.ram.beforeFirst = null;
    this.copies.clear();
    this.next = this.pages.length;
  }
}
