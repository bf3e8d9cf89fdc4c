/** The floppy disk controller: Intel 82077AA (290166-007) with two drives, DMA and non-DMA transfers. */
import { SECTOR_BYTES, type BlockBackend } from "../../base/block.ts";
import type { Scheduler, Timer } from "../../base/clock.ts";
import type { LevelLine } from "../../base/lines.ts";
import type { Persistent, StateFields, StateReader } from "../../base/persist.ts";
import type { BusRegion } from "../bus/region.ts";
import type { DmaChannel } from "../dma/isa-dma.ts";
import { floppyFormat, type FloppyFormat } from "./format.ts";

const DOR_RESET = 0x04; // active low
const DOR_DMA = 0x08;

const MSR_RQM = 0x80;
const MSR_DIO = 0x40;
const MSR_NDMA = 0x20;
const MSR_BUSY = 0x10;

/** Status 0 (table 6-1): abnormal termination, invalid command, seek end, equipment check, not ready. */
const ST0 = { abnormal: 0x40, invalid: 0x80, changed: 0xc0, seekEnd: 0x20, equipment: 0x10 } as const;
const ST1 = { endOfCylinder: 0x80, noData: 0x04, notWritable: 0x02, missingAddress: 0x01 } as const;
const ST3_TRACK0 = 0x10;

/** Command bytes by code, bits 4..0 (table 5-1). */
const LENGTH: Readonly<Record<number, number>> = {
  0x02: 9, 0x03: 3, 0x04: 2, 0x05: 9, 0x06: 9, 0x07: 2, 0x08: 1, 0x09: 9, 0x0a: 2, 0x0c: 9, 0x0d: 6, 0x0e: 1, 0x0f: 3, 0x10: 1, 0x12: 2, 0x13: 4,
  0x14: 1, 0x16: 9,
};

/** Guest ns from a command's last byte to its result: long enough for drivers to be waiting. */
const COMMAND_NS = 50_000;
const SEEK_NS = 200_000;
const SECTOR_NS = 20_000;

type Phase = "command" | "execution" | "pio-in" | "pio-out" | "result";
const PHASES: readonly Phase[] = ["command", "execution", "pio-in", "pio-out", "result"];

interface Drive {
  readonly disk: BlockBackend | null;
  readonly format: FloppyFormat | null;
  cylinder: number;
  changed: boolean;
}

export class FloppyController implements Persistent {
  readonly sectionName = "floppy";
  readonly sectionVersion = 1;
  /** Ports 3F0h..3F5h. */
  readonly ports: BusRegion;
  /** Port 3F7h: Digital Input and Configuration Control. */
  readonly inputPort: BusRegion;
  private readonly drives: readonly Drive[];
  private readonly timer: Timer;
  private dor = 0x0c;
  private tdr = 0;
  private rate = 2;
  private phase: Phase = "command";
  private fifo: number[] = [];
  private resultAt = 0;
  private nonDma = false;
  private specify = [0, 0];
  private configuration = [0, 0, 0];
  private locked = false;
  private perpendicular = 0;
  /** Interrupt results that SENSE INTERRUPT STATUS takes up: ST0 and cylinder. */
  private readonly sense: number[] = [];
  private asserted = false;
  private readonly buffer = new Uint8Array(SECTOR_BYTES);
  private position = 0;
  // The transfer under way.
  private cylinder = 0;
  private head = 0;
  private sector = 0;
  private terminal = false;
  /** The command's effect is still with the block backend. */
  private generation = 0;

  constructor(
    private readonly scheduler: Scheduler,
    private readonly irq: LevelLine,
    private readonly dma: DmaChannel,
    disks: readonly (BlockBackend | null)[],
  ) {
    this.drives = [0, 1].map((i) => {
      const disk = disks[i] ?? null;
      return { disk, format: disk === null ? null : floppyFormat(disk.sectors), cylinder: 0, changed: true };
    });
    this.timer = scheduler.createTimer("floppy", () => this.execute());
    this.ports = {
      length: 6,
      widths: [1],
      read: (offset) => this.read(offset),
      write: (offset, _width, value) => this.write(offset, value),
    };
    this.inputPort = {
      length: 1,
      widths: [1],
      read: () => (this.motor(this.selected) && this.drives[this.selected]?.changed !== false ? 0x80 : 0) | 0x7f,
      write: (_offset, _width, value) => {
        this.rate = value & 3;
      },
    };
  }

  private get selected(): number {
    return this.dor & 3;
  }
  private motor(drive: number): boolean {
    return (this.dor & (0x10 << drive)) !== 0;
  }

  private read(offset: number): number {
    switch (offset) {
      case 0: return (this.asserted ? 0x80 : 0) | 0x40; // SRA: INT PENDING, no second drive
      case 1: return 0xc0 | ((this.dor & 1) << 5); // SRB
      case 2: return this.dor;
      case 3: return this.tdr;
      case 4: return this.mainStatus();
      default: return this.readFifo();
    }
  }
  private write(offset: number, value: number): void {
    switch (offset) {
      case 2: this.writeDor(value); break;
      case 3: this.tdr = value & 3; break;
      case 4: // Data Rate Select
        this.rate = value & 3;
        if ((value & 0x80) !== 0) this.softReset();
        break;
      case 5: this.writeFifo(value); break;
    }
  }

  /** Main Status Register (§2.1.6). */
  private mainStatus(): number {
    if ((this.dor & DOR_RESET) === 0) return 0;
    switch (this.phase) {
      case "command": return MSR_RQM | (this.fifo.length > 0 ? MSR_BUSY : 0);
      case "execution": return MSR_BUSY;
      case "pio-in": return MSR_RQM | MSR_DIO | MSR_NDMA | MSR_BUSY;
      case "pio-out": return MSR_RQM | MSR_NDMA | MSR_BUSY;
      case "result": return MSR_RQM | MSR_DIO | MSR_BUSY;
    }
  }

  private writeDor(value: number): void {
    const before = this.dor;
    this.dor = value;
    if ((value & DOR_RESET) === 0) this.stop();
    else if ((before & DOR_RESET) === 0) this.softReset();
    else this.drive();
  }

  private stop(): void {
    this.generation++;
    this.timer.cancel();
    this.phase = "command";
    this.fifo = [];
    this.sense.length = 0;
    this.setInterrupt(false);
  }

  /** After a reset the controller polls its drives: four SENSE INTERRUPTs (§5.2.4, §6.4). */
  private softReset(): void {
    this.stop();
    if (!this.locked) this.configuration = [0, 0, 0];
    for (let i = 0; i < 4; i++) this.sense.push(ST0.changed | i, this.drives[i]?.cylinder ?? 0);
    this.setInterrupt(true);
  }

  private setInterrupt(asserted: boolean): void {
    this.asserted = asserted;
    this.drive();
  }
  /** The DMA gate bit also gates the interrupt pin (§2.1.4). */
  private drive(): void {
    this.irq.set(this.asserted && (this.dor & DOR_DMA) !== 0);
  }

  private readFifo(): number {
    if (this.phase === "pio-in") {
      const byte = this.buffer[this.position++];
      if (this.position === SECTOR_BYTES) this.sectorMoved();
      return byte;
    }
    if (this.phase !== "result") return 0;
    this.setInterrupt(false);
    const byte = this.fifo[this.resultAt++] ?? 0;
    if (this.resultAt >= this.fifo.length) {
      this.phase = "command";
      this.fifo = [];
    }
    return byte;
  }

  private writeFifo(value: number): void {
    if ((this.dor & DOR_RESET) === 0) return;
    if (this.phase === "pio-out") {
      this.buffer[this.position++] = value;
      if (this.position === SECTOR_BYTES) this.storeSector();
      return;
    }
    if (this.phase !== "command") return;
    this.fifo.push(value);
    const length = LENGTH[this.fifo[0] & 0x1f] ?? 1;
    // RELATIVE SEEK is SEEK with bit 7.
    if (this.fifo.length < length) return;
    const code = this.fifo[0] & 0x1f;
    this.phase = "execution";
    // What moves no head answers at once.
    if ([0x03, 0x04, 0x08, 0x0e, 0x10, 0x12, 0x13, 0x14].includes(code) || LENGTH[code] === undefined) this.execute();
    else this.timer.arm(this.scheduler.nowNs() + (code === 0x07 || code === 0x0f ? SEEK_NS : COMMAND_NS));
  }

  private result(...bytes: number[]): void {
    this.fifo = bytes;
    this.resultAt = 0;
    this.phase = "result";
  }
  private noResult(): void {
    this.fifo = [];
    this.phase = "command";
  }

  private target(): Drive | null {
    return this.drives[this.fifo[1] & 3] ?? null;
  }

  private execute(): void {
    if (this.position < 0) {
      // A sector's time has passed.
      this.position = 0;
      this.nextSector();
      return;
    }
    const c = this.fifo;
    const drive = this.target();
    switch (c[0] & 0x1f) {
      case 0x03:
        this.specify = [c[1], c[2]];
        this.nonDma = (c[2] & 1) !== 0;
        this.noResult();
        return;
      case 0x04: {
        const track0 = drive !== null && drive.cylinder === 0 ? ST3_TRACK0 : 0;
        const protectedDisk = drive?.disk?.readOnly === true ? 0x40 : 0;
        this.result((c[1] & 7) | 0x28 | track0 | protectedDisk);
        return;
      }
      case 0x07: this.seek(drive, 0); return;
      case 0x08: this.senseInterrupt(); return;
      case 0x0e: {
        const [a, b, d, e] = [0, 1, 2, 3].map((i) => this.drives[i]?.cylinder ?? 0);
        const end = this.target()?.format?.sectors ?? 0;
        this.result(a, b, d, e, ...this.specify, end, (this.locked ? 0x80 : 0) | (this.perpendicular & 0x7f), this.configuration[1], this.configuration[2]);
        return;
      }
      case 0x0f: {
        const relative = (c[0] & 0x80) !== 0;
        const to = !relative ? c[2] : (drive?.cylinder ?? 0) + ((c[0] & 0x40) !== 0 ? c[2] : -c[2]);
        this.seek(drive, Math.min(255, Math.max(0, to)));
        return;
      }
      case 0x10: this.result(0x90); return; // an 82077
      case 0x12:
        this.perpendicular = c[1];
        this.noResult();
        return;
      case 0x13:
        this.configuration = [c[1], c[2], c[3]];
        this.noResult();
        return;
      case 0x14:
        this.locked = (c[0] & 0x80) !== 0;
        this.result(this.locked ? 0x10 : 0);
        return;
      case 0x0a: {
        const { format, cylinder } = drive ?? { format: null, cylinder: 0 };
        const head = (c[1] >> 2) & 1;
        if (format === null || cylinder >= format.cylinders || head >= format.heads || drive === null || !this.motor(c[1] & 3)) {
          this.finish(ST0.abnormal, ST1.missingAddress, 0, cylinder, head, 1, 2);
        } else this.finish(0, 0, 0, cylinder, head, 1, 2);
        return;
      }
      case 0x02: case 0x05: case 0x06: case 0x09: case 0x0c: case 0x16:
        this.beginTransfer();
        return;
      case 0x0d: this.formatTrack(drive); return;
      default: this.result(ST0.invalid);
    }
  }

  private seek(drive: Drive | null, cylinder: number): void {
    const unit = this.fifo[1] & 3;
    let status: number = ST0.seekEnd | (this.fifo[1] & 7);
    if (drive === null) status |= ST0.abnormal | ST0.equipment;
    else {
      drive.cylinder = Math.min(cylinder, 85);
      // A step pulse resets the change line when a disk is there.
      if (drive.disk !== null) drive.changed = false;
    }
    this.sense.push(status, this.drives[unit]?.cylinder ?? 0);
    this.noResult();
    this.setInterrupt(true);
  }

  private senseInterrupt(): void {
    const [st0, cylinder] = this.sense.splice(0, 2);
    if (st0 === undefined || cylinder === undefined) {
      this.result(ST0.invalid);
      return;
    }
    if (this.sense.length === 0) this.setInterrupt(false);
    this.result(st0, cylinder);
  }

  // --- Transfers -------------------------------------------------------------------------------------------------------

  private get writing(): boolean {
    const code = this.fifo[0] & 0x1f;
    return code === 0x05 || code === 0x09;
  }
  private get verifying(): boolean {
    return (this.fifo[0] & 0x1f) === 0x16;
  }

  private beginTransfer(): void {
    const c = this.fifo;
    this.cylinder = c[2];
    this.head = c[3];
    this.sector = c[4];
    this.terminal = false;
    this.position = 0;
    this.nextSector();
  }

  /** The sector of the present cylinder, head and sector on the disk, or an error already reported. */
  private place(): number | null {
    const c = this.fifo;
    const drive = this.target();
    const format = drive?.format ?? null;
    if (drive === null || format === null || !this.motor(c[1] & 3)) {
      this.finish(ST0.abnormal, ST1.missingAddress, 0);
      return null;
    }
    const wrongTrack = drive.cylinder !== this.cylinder || this.cylinder >= format.cylinders;
    if (wrongTrack || this.head >= format.heads || this.head !== ((c[1] >> 2) & 1) || this.sector === 0 || this.sector > format.sectors || c[5] !== 2) {
      this.finish(ST0.abnormal, ST1.noData, wrongTrack ? 0x10 : 0);
      return null;
    }
    return (this.cylinder * format.heads + this.head) * format.sectors + this.sector - 1;
  }

  private nextSector(): void {
    const at = this.place();
    if (at === null) return;
    const disk = this.target()?.disk ?? null;
    if (disk === null) return;
    if (this.writing) {
      if (disk.readOnly) this.finish(ST0.abnormal, ST1.notWritable, 0);
      else if (this.nonDma) {
        this.phase = "pio-out";
        this.position = 0;
        this.setInterrupt(true);
      } else {
        const { moved, terminal } = this.dma.transfer(this.buffer, false);
        if (moved < SECTOR_BYTES) this.buffer.fill(0, moved);
        this.terminal = terminal || moved < SECTOR_BYTES;
        if (moved === 0) this.finish(ST0.abnormal, 0x10, 0); // overrun: nobody serves the DMA request
        else this.storeSector();
      }
      return;
    }
    this.phase = "execution";
    const mine = ++this.generation;
    // Cut images read as zeroes behind their end.
    if (at >= disk.sectors) {
      this.buffer.fill(0);
      this.loaded();
      return;
    }
    disk.read(at, [this.buffer], (error) => {
      if (mine !== this.generation) return;
      if (error !== null) this.finish(ST0.abnormal, ST1.noData | 0x20, 0x20);
      else this.loaded();
    });
  }

  private loaded(): void {
    if (this.verifying) {
      this.terminal = false;
      this.sectorMoved();
    } else if (this.nonDma) {
      this.phase = "pio-in";
      this.position = 0;
      this.setInterrupt(true);
    } else {
      const { moved, terminal } = this.dma.transfer(this.buffer, true);
      this.terminal = terminal || moved < SECTOR_BYTES;
      if (moved === 0) this.finish(ST0.abnormal, 0x10, 0);
      else this.sectorMoved();
    }
  }

  private storeSector(): void {
    const at = this.place();
    const disk = this.target()?.disk ?? null;
    if (at === null || disk === null) return;
    this.phase = "execution";
    const mine = ++this.generation;
    if (at >= disk.sectors) {
      this.finish(ST0.abnormal, ST1.noData, 0);
      return;
    }
    disk.write(at, [this.buffer], (error) => {
      if (mine !== this.generation) return;
      if (error === null) this.sectorMoved();
      else this.finish(ST0.abnormal, error.kind === "read-only" ? ST1.notWritable : ST1.noData | 0x20, 0);
    });
  }

  /** A sector is through: on to the next, to the other side with MT, or to the end (§5.1.1, table 5-5). */
  private sectorMoved(): void {
    const c = this.fifo;
    const multiTrack = (c[0] & 0x80) !== 0;
    const wasLast = this.sector >= c[6];
    if (wasLast) {
      this.sector = 1;
      if (multiTrack) {
        this.head ^= 1;
        c[1] ^= 4;
        if (this.head === 0) this.cylinder++;
      } else this.cylinder++;
    } else this.sector++;
    const end = wasLast && (!multiTrack || this.head === 0);
    if (this.terminal) this.finish(0, 0, 0);
    else if (end) {
      // Without TC the controller runs into the end of the cylinder; verify is meant to.
      if (this.verifying || this.nonDma) this.finish(0, 0, 0);
      else this.finish(ST0.abnormal, ST1.endOfCylinder, 0);
    } else {
      this.phase = "execution";
      this.position = -1;
      this.setInterrupt(false);
      this.timer.arm(this.scheduler.nowNs() + SECTOR_NS);
    }
  }

  private formatTrack(drive: Drive | null): void {
    const c = this.fifo;
    const { disk, format } = drive ?? { disk: null, format: null };
    const head = (c[1] >> 2) & 1;
    if (drive === null || disk === null || format === null || drive.cylinder >= format.cylinders || c[2] !== 2) {
      this.finish(ST0.abnormal, ST1.missingAddress, 0);
      return;
    }
    if (disk.readOnly) {
      this.finish(ST0.abnormal, ST1.notWritable, 0);
      return;
    }
    const headers = new Uint8Array(4 * Math.min(c[3], format.sectors));
    if (!this.nonDma) this.dma.transfer(headers, false);
    const first = (drive.cylinder * format.heads + head) * format.sectors;
    const count = Math.min(headers.length / 4, Math.max(0, disk.sectors - first));
    this.cylinder = drive.cylinder;
    this.head = head;
    this.sector = 1;
    const mine = ++this.generation;
    if (count === 0) {
      this.finish(0, 0, 0);
      return;
    }
    disk.write(first, [new Uint8Array(count * SECTOR_BYTES).fill(c[5])], (error) => {
      if (mine === this.generation) this.finish(error === null ? 0 : ST0.abnormal, error === null ? 0 : ST1.notWritable, 0);
    });
  }

  private finish(st0: number, st1: number, st2: number, c = this.cylinder, h = this.head, r = this.sector, n = 2): void {
    this.position = 0;
    this.result(st0 | (this.fifo[1] & 7), st1, st2, c & 0xff, h, r, n);
    this.setInterrupt(true);
  }

  reset(): void {
    this.stop();
    this.dor = 0x0c;
    this.locked = false;
    this.nonDma = false;
    for (const d of this.drives) Object.assign(d, { cylinder: 0, changed: true });
    this.position = 0;
    this.softReset();
    this.stop();
  }

  save(): StateFields {
    return {
      dor: this.dor, tdr: this.tdr, rate: this.rate, phase: this.phase, fifo: [...this.fifo], resultAt: this.resultAt, nonDma: this.nonDma,
      specify: [...this.specify], configuration: [...this.configuration], locked: this.locked, perpendicular: this.perpendicular, sense: [...this.sense],
      asserted: this.asserted, buffer: this.buffer.slice(), position: this.position, cylinder: this.cylinder, head: this.head, sector: this.sector,
      terminal: this.terminal, deadline: this.timer.deadlineNs, drives: this.drives.map((d) => ({ cylinder: d.cylinder, changed: d.changed })),
    };
  }
  restore(r: StateReader): void {
    const bytes = (field: string): number[] => r.ints(field).map((b) => b & 0xff);
    this.dor = r.int("dor", 0, 255);
    this.tdr = r.int("tdr", 0, 3);
    this.rate = r.int("rate", 0, 3);
    const phase = r.string("phase");
    this.phase = PHASES.find((p) => p === phase) ?? "command";
    this.fifo = bytes("fifo");
    this.resultAt = r.int("resultAt", 0, 16);
    this.nonDma = r.bool("nonDma");
    this.specify = bytes("specify");
    this.configuration = bytes("configuration");
    this.locked = r.bool("locked");
    this.perpendicular = r.int("perpendicular", 0, 255);
    this.sense.splice(0, Infinity, ...bytes("sense"));
    this.asserted = r.bool("asserted");
    this.buffer.set(r.bytes("buffer", SECTOR_BYTES));
    this.position = r.int("position", -1, SECTOR_BYTES - 1);
    this.cylinder = r.int("cylinder", 0, 256);
    this.head = r.int("head", 0, 255);
    this.sector = r.int("sector", 0, 256);
    this.terminal = r.bool("terminal");
    const deadline = r.intOrNull("deadline");
    r.records("drives", 2).forEach((f, i) => {
      this.drives[i].cylinder = f.int("cylinder", 0, 255);
      this.drives[i].changed = f.bool("changed");
      f.finish();
    });
    if (deadline === null) this.timer.cancel();
    else this.timer.arm(deadline);
  }
}
