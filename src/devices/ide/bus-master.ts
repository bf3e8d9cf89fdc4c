/** One channel's bus master: command, status and PRD table pointer (Programming Interface for Bus Master IDE Controller 1.0). */
import type { StateFields, StateReader } from "../../base/persist.ts";
import type { DmaMemory } from "../../base/guest-memory.ts";
import type { ChannelDma, IdeChannel } from "./channel.ts";

const CMD_START = 0x01;
/** To memory. */
const CMD_READ = 0x08;
const ST_ACTIVE = 0x01;
const ST_ERROR = 0x02;
const ST_IRQ = 0x04;
/** Drive capability bits: firmware's notes. */
const ST_CAPABLE = 0x60;

/** An entry's end-of-table bit. */
const EOT = 0x8000;
/** A table is at most 64 KiB. */
const MAX_ENTRIES = 8192;

export class BusMaster implements ChannelDma {
  private command = 0;
  private status = 0;
  private table = 0;
  /** The region being filled: physical address, bytes left, whether it is the last; entries read so far. */
  private address = 0;
  private left = 0;
  private last = false;
  private entries = 0;
  private moving = false;

  constructor(
    private readonly channel: () => IdeChannel,
    private readonly memory: DmaMemory,
  ) {}

  requested(): void {
    if ((this.status & ST_ACTIVE) !== 0) this.move();
  }
  interrupted(): void {
    this.status |= ST_IRQ;
  }

  /** Registers of a channel, offsets 0..7 (§2). */
  read(offset: number): number {
    if (offset === 0) return this.command;
    if (offset === 2) return this.status;
    return offset >= 4 ? (this.table >>> (8 * (offset - 4))) & 0xff : 0;
  }

  write(offset: number, value: number): void {
    if (offset === 0) {
      const before = this.command;
      this.command = value & (CMD_START | CMD_READ);
      if ((value & CMD_START) === 0) this.status &= ~ST_ACTIVE;
      else if ((before & CMD_START) === 0) this.start();
    } else if (offset === 2) {
      this.status = (this.status & ST_ACTIVE) | (value & ST_CAPABLE) | (this.status & ~value & (ST_ERROR | ST_IRQ));
    } else if (offset >= 4) {
      const shift = 8 * (offset - 4);
      this.table = ((this.table & ~(0xff << shift)) | (value << shift)) >>> 0;
      this.table = (this.table & ~3) >>> 0;
    }
  }

  private start(): void {
    this.status |= ST_ACTIVE;
    this.left = this.entries = 0;
    this.last = false;
    this.move();
  }

  /** Reads the next entry (§1.2). False at the table's end. */
  private nextEntry(): boolean {
    if (this.last || this.entries === MAX_ENTRIES) return false;
    const entry = new Uint8Array(8);
    this.memory.read((this.table + 8 * this.entries++) >>> 0, entry);
    const view = new DataView(entry.buffer);
    this.address = (view.getUint32(0, true) & ~1) >>> 0;
    this.left = view.getUint16(4, true) & ~1 || 0x1_0000;
    this.last = (view.getUint16(6, true) & EOT) !== 0;
    return true;
  }

  /** Moves what the drive offers. The drive's next offer, made from inside `dmaMoved`, is taken up by the same loop. */
  private move(): void {
    if (this.moving) return;
    this.moving = true;
    for (let drive = this.channel().selected; drive?.dmaPending === true && (this.status & ST_ACTIVE) !== 0; drive = this.channel().selected) {
      if (drive.dmaToMemory !== ((this.command & CMD_READ) !== 0)) {
        this.status = (this.status & ~ST_ACTIVE) | ST_ERROR;
        break;
      }
      if (this.left === 0 && !this.nextEntry()) {
        // The table is shorter than the transfer: the controller goes idle, the drive waits (§3.1).
        this.status &= ~ST_ACTIVE;
        break;
      }
      const block = drive.dmaBuffer();
      const bytes = Math.min(block.length, this.left);
      if (drive.dmaToMemory) this.memory.write(this.address, block.subarray(0, bytes));
      else this.memory.read(this.address, block.subarray(0, bytes));
      this.address += bytes;
      this.left -= bytes;
      // The transfer ends with the table; a longer table leaves the controller active.
      const exhausted = this.left === 0 && this.last;
      if (exhausted && bytes === block.length) this.status &= ~ST_ACTIVE;
      drive.dmaMoved(bytes);
      if (exhausted && drive.dmaPending) this.status &= ~ST_ACTIVE;
    }
    this.moving = false;
  }

  reset(): void {
    this.command = this.status = this.table = this.address = this.left = this.entries = 0;
    this.last = false;
  }

  save(): StateFields {
    return {
      command: this.command, status: this.status, table: this.table, address: this.address, left: this.left, last: this.last, entries: this.entries,
    };
  }
  restore(r: StateReader): void {
    this.command = r.int("command", 0, 255);
    this.status = r.int("status", 0, 255);
    this.table = r.int("table", 0, 0xffff_ffff);
    this.address = r.int("address", 0, 0x1_ffff_ffff);
    this.left = r.int("left", 0, 0x1_0000);
    this.last = r.bool("last");
    this.entries = r.int("entries", 0, MAX_ENTRIES);
  }
}
