/** The PC's DMA: two 8237As and the page registers (IBM PC AT Technical Reference; PIIX3 290550-002 §2.5). */
import type { Persistent, StateFields, StateReader } from "../../base/persist.ts";
import type { BusRegion } from "../bus/region.ts";
import type { DmaMemory } from "../../base/guest-memory.ts";
import { I8237 } from "./i8237.ts";

/** Offsets of the page registers from 80h, by channel; 4 is the cascade. */
const PAGE_OF_CHANNEL = [7, 3, 1, 2, 15, 11, 9, 10] as const;

/** The device's end of a DMA channel. */
export interface DmaChannel {
  /** Moves `data` to memory or fills it from memory, as far as the channel is programmed. `terminal`: TC was signalled. */
  transfer(data: Uint8Array, toMemory: boolean): { moved: number; terminal: boolean };
}

export class IsaDma implements Persistent {
  readonly sectionName = "dma";
  readonly sectionVersion = 1;
  /** Channels 0..3: sixteen ports. */
  readonly firstPorts: BusRegion;
  /** Channels 4..7: thirty-two ports, of which the even ones count. */
  readonly secondPorts: BusRegion;
  /** Fifteen ports from 81h on: page registers, and latches nobody uses. */
  readonly pagePorts: BusRegion;
  private readonly chips = [new I8237(), new I8237()] as const;
  private readonly pages = new Uint8Array(16);

  constructor(private readonly memory: DmaMemory) {
    const [first, second] = this.chips;
    this.firstPorts = { length: 16, widths: [1], read: (o) => first.read(o), write: (o, _w, v) => first.write(o, v) };
    this.secondPorts = { length: 32, widths: [1], read: (o) => second.read(o >> 1), write: (o, _w, v) => second.write(o >> 1, v) };
    this.pagePorts = {
      length: 15,
      widths: [1],
      read: (o) => this.pages[o + 1],
      write: (o, _w, v) => {
        this.pages[o + 1] = v;
      },
    };
  }

  /** Channel 0..3, of bytes. */
  channel(n: 0 | 1 | 2 | 3): DmaChannel {
    return {
      transfer: (data, toMemory) => {
        const page = this.pages[PAGE_OF_CHANNEL[n]] << 16;
        return this.chips[0].transfer(n, data.length, toMemory, (address, offset, length) => {
          const piece = data.subarray(offset, offset + length);
          if (toMemory) this.memory.write(page | address, piece);
          else this.memory.read(page | address, piece);
        });
      },
    };
  }

  reset(): void {
    for (const c of this.chips) c.reset();
  }

  save(): StateFields {
    return { first: this.chips[0].save(), second: this.chips[1].save(), pages: this.pages.slice() };
  }
  restore(r: StateReader): void {
    for (const [i, name] of (["first", "second"] as const).entries()) {
      const fields = r.record(name);
      this.chips[i].restore(fields);
      fields.finish();
    }
    this.pages.set(r.bytes("pages", 16));
  }
}
