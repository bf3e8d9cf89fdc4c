/** One Intel 8237A DMA controller (231466): four channels of 16-bit address and count. */
import type { StateFields, StateReader } from "../../base/persist.ts";

/** What a channel is programmed to do (Mode register bits 3..2). */
const VERIFY = 0;
const WRITE_MEMORY = 1;
const READ_MEMORY = 2;

class Channel {
  baseAddress = 0;
  baseCount = 0;
  address = 0;
  count = 0;
  mode = 0;
}

export class I8237 {
  private readonly channels = [new Channel(), new Channel(), new Channel(), new Channel()];
  /** First/last flip-flop: false gives the low byte. */
  private highByte = false;
  private command = 0;
  private mask = 0x0f;
  /** Terminal counts reached, since the last read of Status. */
  private reached = 0;
  private requests = 0;
  private temporary = 0;

  /** Register 0..15 (table "Register Codes"). */
  read(register: number): number {
    if (register < 8) {
      const c = this.channels[register >> 1];
      return this.half((register & 1) === 0 ? c.address : c.count);
    }
    switch (register) {
      case 8: {
        const value = this.reached | (this.requests << 4);
        this.reached = 0;
        return value;
      }
      case 13: return this.temporary;
      case 15: return this.mask | 0xf0;
      default: return 0xff;
    }
  }

  private half(value: number): number {
    const high = this.highByte;
    this.highByte = !high;
    return high ? value >>> 8 : value & 0xff;
  }

  write(register: number, value: number): void {
    if (register < 8) {
      const c = this.channels[register >> 1];
      const merge = (old: number): number => (this.highByte ? (old & 0xff) | (value << 8) : (old & 0xff00) | value);
      if ((register & 1) === 0) c.address = c.baseAddress = merge(c.baseAddress);
      else c.count = c.baseCount = merge(c.baseCount);
      this.highByte = !this.highByte;
      return;
    }
    const bit = 1 << (value & 3);
    switch (register) {
      case 8: this.command = value; break;
      case 9: this.requests = (value & 4) !== 0 ? this.requests | bit : this.requests & ~bit; break;
      case 10: this.mask = (value & 4) !== 0 ? this.mask | bit : this.mask & ~bit; break;
      case 11: this.channels[value & 3].mode = value & 0xfc; break;
      case 12: this.highByte = false; break;
      case 13: this.reset(); break;
      case 14: this.mask = 0; break;
      case 15: this.mask = value & 0x0f; break;
    }
  }

  /** RESET or Master Clear: address, count and mode registers stay. */
  reset(): void {
    this.command = this.reached = this.requests = this.temporary = 0;
    this.highByte = false;
    this.mask = 0x0f;
  }

  /** DREQ of channel `n` is served: unmasked, controller enabled? */
  enabled(n: number): boolean {
    return (this.mask & (1 << n)) === 0 && (this.command & 4) === 0;
  }

  /**
   * Up to `units` transfers of channel `n` for a device that gives (`toMemory`) or takes data. `move` is told the 16-bit address
   * where each piece begins, its offset from the first unit, and its length; pieces do not wrap.
   */
  transfer(n: number, units: number, toMemory: boolean, move: (address: number, offset: number, length: number) => void): { moved: number; terminal: boolean } {
    const c = this.channels[n];
    let moved = 0;
    let terminal = false;
    const kind = (c.mode >> 2) & 3;
    const down = (c.mode & 0x20) !== 0;
    while (moved < units && this.enabled(n) && !terminal) {
      // A unit at a time downwards: no device of a PC does so.
      const room = down ? 1 : 0x1_0000 - c.address;
      const length = Math.min(units - moved, c.count + 1, room);
      if (kind === (toMemory ? WRITE_MEMORY : READ_MEMORY)) move(c.address, moved, length);
      else if (kind !== VERIFY) break; // the other direction: the device is not served
      moved += length;
      c.address = (c.address + (down ? -length : length)) & 0xffff;
      c.count = (c.count - length) & 0xffff;
      if (c.count === 0xffff) {
        terminal = true;
        this.reached |= 1 << n;
        if ((c.mode & 0x10) !== 0) {
          c.address = c.baseAddress;
          c.count = c.baseCount;
        } else this.mask |= 1 << n;
      }
    }
    return { moved, terminal };
  }

  save(): StateFields {
    return {
      channels: this.channels.map((c) => ({ ...c })), highByte: this.highByte, command: this.command, mask: this.mask, reached: this.reached,
      requests: this.requests, temporary: this.temporary,
    };
  }
  restore(r: StateReader): void {
    r.records("channels", 4).forEach((f, i) => {
      const c = this.channels[i];
      for (const k of ["baseAddress", "baseCount", "address", "count", "mode"] as const) c[k] = f.int(k, 0, 0xffff);
      f.finish();
    });
    this.highByte = r.bool("highByte");
    this.command = r.int("command", 0, 255);
    this.mask = r.int("mask", 0, 15);
    this.reached = r.int("reached", 0, 15);
    this.requests = r.int("requests", 0, 15);
    this.temporary = r.int("temporary", 0, 255);
  }
}
