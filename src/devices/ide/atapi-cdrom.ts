/** An ATAPI CD-ROM drive with a data disc: the PACKET feature set (ATA/ATAPI-6 §4.8, §8.23) and MMC-3 commands. */
import type { BlockBackend } from "../../base/block.ts";
import type { StateFields, StateReader } from "../../base/persist.ts";
import { CMD, ER, finishIdentify, putString, REASON } from "./ata.ts";
import { BUFFER_BYTES, IdeDrive, type DriveHost, type Phase } from "./drive.ts";
import { ASC, CD_SECTOR_BYTES, featureList, modePages, readToc, SENSE } from "./mmc.ts";

const PACKET_BYTES = 12;
/** What the host's byte count may be at most, and even (§8.23.3). */
const MAX_PIO_BYTES = 0xfffe;
const CHUNK_SECTORS = BUFFER_BYTES / CD_SECTOR_BYTES;

const OP = {
  testUnitReady: 0x00, requestSense: 0x03, inquiry: 0x12, startStop: 0x1b, preventRemoval: 0x1e, readCapacity: 0x25, read10: 0x28, seek10: 0x2b,
  readToc: 0x43, getConfiguration: 0x46, getEventStatus: 0x4a, stopPlay: 0x4e, readDiscInfo: 0x51, modeSense10: 0x5a, read12: 0xa8, setSpeed: 0xbb,
  mechanismStatus: 0xbd, readCd: 0xbe,
} as const;

export class AtapiCdrom extends IdeDrive {
  private sense = { key: 0, asc: 0 };
  private locked = false;
  /** The tray; the disc stays the same. */
  private open = false;
  /** Told once after a reset or a tray movement: UNIT ATTENTION. */
  private attention = true;
  private readonly command12 = new Uint8Array(PACKET_BYTES);
  private dma = false;
  /** Bytes that the command may still move, in `buffer` from `ready` on and on the disc from `lba` on. */
  private lba = 0;
  private left = 0;
  private ready = 0;
  private filled = 0;
  private pioLimit = MAX_PIO_BYTES;

  /** `disc` null: no disc in the drive. */
  constructor(host: DriveHost, disc: BlockBackend | null, private readonly serial: string) {
    super(host, disc ?? NO_DISC);
    this.signature();
  }

  private get sectors(): number {
    return Math.floor(this.disk.sectors / 4);
  }
  private get hasDisc(): boolean {
    return this.disk !== NO_DISC && !this.open;
  }

  protected signature(): void {
    const { task } = this;
    task.count = task.lbaLow = 1;
    task.lbaMid = 0x14;
    task.lbaHigh = 0xeb;
    task.device = 0;
    task.error = 1;
    task.status = 0;
    this.left = this.ready = this.filled = 0;
  }
  protected resetMode(): void {
    this.attention = true;
    this.locked = false;
    this.sense = { key: 0, asc: 0 };
  }
  protected override takesWhenBusy(code: number): boolean {
    return code === CMD.deviceReset;
  }

  protected execute(code: number): void {
    const { task } = this;
    switch (code) {
      case CMD.packet:
        this.dma = (task.features & 1) !== 0;
        this.pioLimit = task.lbaMid | (task.lbaHigh << 8);
        if (this.pioLimit === 0 || this.pioLimit > MAX_PIO_BYTES) this.pioLimit = MAX_PIO_BYTES;
        if (this.pioLimit > 1) this.pioLimit &= ~1;
        task.count = REASON.CD;
        this.offerPio("packet", PACKET_BYTES, false);
        return;
      case CMD.identifyPacket:
        this.left = this.ready = this.filled = 0;
        this.buffer.set(this.identify());
        task.count = REASON.IO;
        this.offerPio("pio-in", 512, true);
        return;
      case CMD.deviceReset:
        this.signature();
        return;
      case CMD.identify: case CMD.read:
        // So that old drivers notice what the drive is (§8.15.5.2, §8.27.5.2).
        this.signature();
        this.abort();
        return;
      case CMD.setFeatures:
        if (task.features === 3 || task.features === 0x66 || task.features === 0xcc) this.succeed();
        else this.abort();
        return;
      case CMD.flush: case CMD.idleImmediate: case CMD.standbyImmediate: case CMD.idle: case CMD.standby: case CMD.sleep: this.succeed(); return;
      case CMD.checkPower:
        task.count = 0xff;
        this.succeed();
        return;
      case CMD.nop: default: this.abort();
    }
  }

  // --- The packet protocol (§9.8, §9.9) --------------------------------------------------------------------------------

  protected blockDone(phase: Phase): void {
    if (phase === "packet") {
      this.command12.set(this.buffer.subarray(0, PACKET_BYTES));
      this.left = this.ready = this.filled = 0;
      this.packet();
    } else if (this.left === 0 && this.ready === this.filled) {
      if (this.task.count === REASON.IO && phase === "pio-in" && this.filled === 0) this.succeed(false); // IDENTIFY PACKET DEVICE
      else this.good();
    } else this.continueIn();
  }

  private good(): void {
    this.sense = { key: 0, asc: 0 };
    this.task.count = REASON.IO | REASON.CD;
    this.succeed();
  }

  private check(key: number, asc: number): void {
    this.sense = { key, asc };
    this.task.count = REASON.IO | REASON.CD;
    this.fail((key << 4) | (key === SENSE.illegalRequest ? ER.ABRT : 0));
  }

  /** Sends a short answer out of memory, cut to what the packet's allocation length allows. */
  private answer(data: Uint8Array, allocation: number): void {
    const length = Math.min(data.length, allocation);
    if (length === 0) {
      this.good();
      return;
    }
    this.buffer.set(data.subarray(0, length));
    this.left = this.ready = 0;
    this.filled = length;
    this.continueIn();
  }

  /** The next piece for the host: a whole DMA block, or up to the byte count of PIO. */
  private continueIn(): void {
    if (this.ready === this.filled) {
      this.fetch();
      return;
    }
    if (this.ready > 0) this.buffer.copyWithin(0, this.ready, this.filled);
    this.filled -= this.ready;
    this.ready = 0;
    const { task } = this;
    task.count = REASON.IO;
    if (this.dma) {
      this.ready = this.filled;
      this.offerDma("dma-in", this.filled);
      return;
    }
    const piece = Math.min(this.filled, this.pioLimit);
    task.lbaMid = piece & 0xff;
    task.lbaHigh = piece >>> 8;
    this.ready = piece;
    this.offerPio("pio-in", piece, true);
  }

  private fetch(): void {
    const count = Math.min(CHUNK_SECTORS, this.left);
    const into = this.buffer.subarray(0, count * CD_SECTOR_BYTES);
    this.request((done) => this.disk.read(this.lba * 4, [into], done), (error) => {
      if (error !== null) {
        this.left = this.ready = this.filled = 0;
        this.check(SENSE.mediumError, ASC.unrecoveredRead);
        return;
      }
      this.lba += count;
      this.left -= count;
      this.ready = 0;
      this.filled = into.length;
      this.continueIn();
    });
  }

  protected resumeRequest(): void {
    this.fetch();
  }

  // --- Commands (MMC-3) ------------------------------------------------------------------------------------------------

  private packet(): void {
    const c = this.command12;
    const be16 = (at: number): number => (c[at] << 8) | c[at + 1];
    const be32 = (at: number): number => be16(at) * 0x1_0000 + be16(at + 2);
    const op = c[0];
    // INQUIRY, REQUEST SENSE and GET EVENT STATUS tell no attention (SPC-3 §5.6).
    if (this.attention && op !== OP.inquiry && op !== OP.requestSense && op !== OP.getEventStatus && op !== OP.getConfiguration) {
      this.attention = false;
      this.check(SENSE.unitAttention, ASC.mediumMayHaveChanged);
      return;
    }
    switch (op) {
      case OP.testUnitReady: if (this.needDisc()) this.good(); return;
      case OP.requestSense: {
        const { key, asc } = this.attention ? { key: SENSE.unitAttention, asc: ASC.mediumMayHaveChanged } : this.sense;
        this.attention = false;
        const data = new Uint8Array(18);
        data[0] = 0x70;
        data[2] = key;
        data[7] = 10;
        data[12] = asc >>> 8;
        data[13] = asc & 0xff;
        this.answer(data, c[4]);
        return;
      }
      case OP.inquiry: this.answer(INQUIRY, c[4]); return;
      case OP.startStop: this.startStop(c[4]); return;
      case OP.preventRemoval:
        this.locked = (c[4] & 1) !== 0;
        this.good();
        return;
      case OP.readCapacity: {
        if (!this.needDisc()) return;
        const data = new DataView(new ArrayBuffer(8));
        data.setUint32(0, this.sectors - 1);
        data.setUint32(4, CD_SECTOR_BYTES);
        this.answer(new Uint8Array(data.buffer), 8);
        return;
      }
      case OP.read10: this.read(be32(2), be16(7)); return;
      case OP.read12: this.read(be32(2), be32(6)); return;
      case OP.readCd: {
        const count = (c[6] << 16) | be16(7);
        // Whole user data of a Mode 1 sector, or nothing; raw headers and audio are not there (MMC-3 §6.17).
        const wanted = c[9] & 0xf8;
        if (wanted === 0) this.good();
        else if (wanted === 0x10) this.read(be32(2), count);
        else this.check(SENSE.illegalRequest, ASC.invalidField);
        return;
      }
      case OP.seek10: case OP.setSpeed: case OP.stopPlay: if (this.needDisc()) this.good(); return;
      case OP.readToc: {
        if (!this.needDisc()) return;
        const toc = readToc(this.sectors, (c[1] & 2) !== 0, c[2] & 0x0f || c[9] >>> 6, c[6]);
        if (toc === null) this.check(SENSE.illegalRequest, ASC.invalidField);
        else this.answer(toc, be16(7));
        return;
      }
      case OP.getConfiguration: this.answer(featureList(this.hasDisc, c[1] & 3, be16(2)), be16(7)); return;
      case OP.getEventStatus: this.eventStatus(c[1], c[4], be16(7)); return;
      case OP.readDiscInfo: {
        if (!this.needDisc()) return;
        const info = new Uint8Array(34);
        info.set([0, 32, 0x0e, 1, 1, 1, 1, 0x20]); // complete, last session complete; one session, track 1
        this.answer(info, be16(7));
        return;
      }
      case OP.modeSense10: {
        const pages = modePages(c[2] & 0x3f, this.locked);
        if (pages === null || c[2] >>> 6 === 3) this.check(SENSE.illegalRequest, pages === null ? ASC.invalidField : ASC.savingNotSupported);
        else this.answer(pages, be16(7));
        return;
      }
      case OP.mechanismStatus: this.answer(Uint8Array.of(0, this.open ? 0x10 : 0, 0, 0, 0, 1, 0, 0), be16(8)); return;
      default: this.check(SENSE.illegalRequest, ASC.invalidOpcode);
    }
  }

  private needDisc(): boolean {
    if (this.hasDisc) return true;
    this.check(SENSE.notReady, ASC.noMedium);
    return false;
  }

  private read(lba: number, count: number): void {
    if (!this.needDisc()) return;
    if (lba + count > this.sectors) this.check(SENSE.illegalRequest, ASC.addressOutOfRange);
    else if (count === 0) this.good();
    else {
      this.lba = lba;
      this.left = count;
      this.ready = this.filled = 0;
      this.fetch();
    }
  }

  private startStop(how: number): void {
    const eject = (how & 2) !== 0;
    const start = (how & 1) !== 0;
    if (eject && !start && this.locked) {
      this.check(SENSE.illegalRequest, ASC.removalPrevented);
      return;
    }
    if (eject && this.open !== !start) {
      this.open = !start;
      this.attention = start && this.disk !== NO_DISC;
    }
    this.good();
  }

  /** GET EVENT STATUS NOTIFICATION, polled, media class only (MMC-3 §6.6). */
  private eventStatus(polled: number, classes: number, allocation: number): void {
    if ((polled & 1) === 0) {
      this.check(SENSE.illegalRequest, ASC.invalidField);
      return;
    }
    if ((classes & 0x10) === 0) {
      this.answer(Uint8Array.of(0, 2, 0x80, 0x10), allocation);
      return;
    }
    const status = (this.open ? 1 : 0) | (this.hasDisc ? 2 : 0);
    this.answer(Uint8Array.of(0, 6, 0x04, 0x10, this.attention && this.hasDisc ? 2 : 0, status, 0, 0), allocation);
  }

  /** IDENTIFY PACKET DEVICE data (§8.16, table 29). */
  private identify(): Uint8Array {
    const w = new Uint16Array(256);
    w[0] = 0x85c0; // ATAPI, CD-ROM, removable, DRQ within 50 µs, 12-byte packets
    putString(w, 10, 20, this.serial);
    putString(w, 23, 8, "1.0");
    putString(w, 27, 40, "TABVISOR CD-ROM");
    w[49] = 0x0b00; // IORDY, LBA, DMA
    w[53] = 0x0006;
    w[63] = 0x0007;
    w[64] = 0x0003;
    w[65] = w[66] = w[67] = w[68] = 120;
    w[80] = 0x007e;
    w[81] = 0x0019;
    w[82] = 0x0210; // DEVICE RESET, PACKET
    w[83] = w[84] = w[87] = 0x4000;
    w[85] = 0x0210;
    w[88] = 0x203f;
    w[93] = 0x6001;
    return finishIdentify(w);
  }

  protected saveMode(): StateFields {
    return {
      sense: this.sense.key, asc: this.sense.asc, locked: this.locked, open: this.open, attention: this.attention,
      packet: this.command12.slice(), dma: this.dma, lba: this.lba, left: this.left, ready: this.ready, filled: this.filled, pioLimit: this.pioLimit,
      data: this.buffer.slice(0, this.filled),
    };
  }
  protected restoreMode(r: StateReader): void {
    this.sense = { key: r.int("sense", 0, 15), asc: r.int("asc", 0, 0xffff) };
    this.locked = r.bool("locked");
    this.open = r.bool("open");
    this.attention = r.bool("attention");
    this.command12.set(r.bytes("packet", PACKET_BYTES));
    this.dma = r.bool("dma");
    this.lba = r.int("lba", 0, 2 ** 33);
    this.left = r.int("left", 0, 2 ** 32);
    this.filled = r.int("filled", 0, BUFFER_BYTES);
    this.ready = r.int("ready", 0, this.filled);
    this.pioLimit = r.int("pioLimit", 1, MAX_PIO_BYTES);
    const data = r.bytes("data", this.filled);
    if (this.filled > 0) this.buffer.set(data);
  }
}

const INQUIRY = ((): Uint8Array => {
  const bytes = new Uint8Array(36);
  bytes.set([0x05, 0x80, 0x00, 0x21, 31]); // CD-ROM, removable, ATAPI, response format 1
  const text = (at: number, length: number, s: string): void => {
    for (let i = 0; i < length; i++) bytes[at + i] = s.charCodeAt(i) || 0x20;
  };
  text(8, 8, "TABVISOR");
  text(16, 16, "CD-ROM");
  text(32, 4, "1.0");
  return bytes;
})();

/** Stands for an empty drive; nothing reads it. */
const NO_DISC: BlockBackend = {
  sectors: 4, readOnly: true, synchronous: true, canDiscard: false,
  read: (_s, _i, done) => done({ kind: "io", message: "there is no disc" }),
  write: (_s, _i, done) => done({ kind: "read-only", message: "there is no disc" }),
  flush: (done) => done(null),
  discard: (_s, _c, done) => done(null),
  writeZeroes: (_s, _c, _u, done) => done({ kind: "read-only", message: "there is no disc" }),
};

