/**
 * ACPI fixed hardware: PM1a event and control blocks, PM timer, GPE block 0, and their SCI.
 * ACPI 6.5 §4.8.1 (PM timer §4.8.3.3, PM1 §4.8.3.1 and §4.8.3.2, GPE §4.8.4.1), with the PIIX4's layout of one PM block.
 */
import type { Scheduler, Timer } from "../../base/clock.ts";
import type { LevelLine } from "../../base/lines.ts";
import type { Persistent, StateFields, StateReader } from "../../base/persist.ts";
import { Oscillator } from "../../base/ticks.ts";
import type { BusRegion } from "../bus/region.ts";

/** §4.8.3.3 */
export const PM_TIMER_HZ = 3_579_545;
const PM_TIMER_BITS = 24;

/** Offsets in the PM block. */
export const PM_BLOCK = { event: 0, eventLength: 4, control: 4, controlLength: 2, timer: 8, timerLength: 4, length: 12 } as const;
/** Status and enable bytes of GPE block 0: 16 events. */
export const GPE_LENGTH = 4;

const TMR_STS = 1 << 0;
const GBL_STS = 1 << 5;
const PWRBTN_STS = 1 << 8;
const RTC_STS = 1 << 10;
const STATUS_BITS = TMR_STS | GBL_STS | PWRBTN_STS | RTC_STS;
const ENABLE_BITS = STATUS_BITS;

const SCI_EN = 1 << 0;
const BM_RLD = 1 << 1;
const SLP_TYP = 7 << 10;
const SLP_EN = 1 << 13;

/** What SLP_TYP means, as \_S5 in the DSDT says. */
export const SLEEP_TYPE = { s5: 0 } as const;

export interface PowerSignals {
  /** The guest has entered S5. */
  powerOff(): void;
}

export class AcpiPower implements Persistent {
  readonly sectionName = "acpi.power";
  readonly sectionVersion = 1;
  /** PM1a_EVT, PM1a_CNT and PM_TMR. */
  readonly pmPorts: BusRegion;
  readonly gpePorts: BusRegion;

  private status = 0;
  private enable = 0;
  private control = SCI_EN;
  private gpeStatus = 0;
  private gpeEnable = 0;
  private asserted = false;
  private readonly oscillator = new Oscillator(PM_TIMER_HZ);
  private readonly carry: Timer;

  constructor(
    private readonly scheduler: Scheduler,
    private readonly sci: LevelLine,
    private readonly signals: PowerSignals,
  ) {
    this.carry = scheduler.createTimer("acpi.pm-timer", () => {
      this.status |= TMR_STS;
      this.update();
    });
    const bytes = (length: number, read: (offset: number) => number, write: (offset: number, value: number) => void): BusRegion => ({
      length,
      widths: [1, 2, 4],
      read: (offset, width) => {
        let value = 0;
        for (let i = width - 1; i >= 0; i--) value = (value << 8) | read(offset + i);
        return value >>> 0;
      },
      write: (offset, width, value) => {
        for (let i = 0; i < width; i++) write(offset + i, (value >>> (8 * i)) & 0xff);
        this.update();
      },
    });
    const pm = bytes(PM_BLOCK.length, (o) => this.readByte(o), (o, v) => this.writeByte(o, v));
    this.pmPorts = {
      ...pm,
      // The timer is read in one piece: its bytes must belong to one moment.
      read: (offset, width) => (offset === PM_BLOCK.timer && width === 4 ? this.timerValue() : pm.read(offset, width)),
      // SLP_EN acts with the SLP_TYP of the same write.
      write: (offset, width, value) => {
        if (offset === PM_BLOCK.control && width > 1) this.writeControl(value & 0xffff);
        else pm.write(offset, width, value);
      },
    };
    this.gpePorts = bytes(GPE_LENGTH, (o) => this.readGpe(o), (o, v) => this.writeGpe(o, v));
  }

  reset(): void {
    this.status = this.enable = this.gpeStatus = this.gpeEnable = 0;
    // There is no SMI command port: the machine is always in ACPI mode (§4.8.2.5, SMI_CMD = 0).
    this.control = SCI_EN;
    this.update();
  }

  /** The power button is pressed: the guest's SCI, if it listens. */
  pressPowerButton(): void {
    this.status |= PWRBTN_STS;
    this.update();
  }
  /** The guest wants to know of the power button. */
  get powerButtonEnabled(): boolean {
    return (this.enable & PWRBTN_STS) !== 0;
  }

  /** The RTC asserts its interrupt. */
  rtcAlarm(): void {
    this.status |= RTC_STS;
    this.update();
  }

  private timerTicks(): number {
    return this.oscillator.ticksAt(this.scheduler.nowNs());
  }
  private timerValue(): number {
    return this.timerTicks() % 2 ** PM_TIMER_BITS;
  }

  private readByte(offset: number): number {
    const shift = 8 * (offset & 1);
    switch (offset & ~1) {
      case 0: return (this.status >>> shift) & 0xff;
      case 2: return (this.enable >>> shift) & 0xff;
      case PM_BLOCK.control: return (this.control >>> shift) & 0xff;
      case PM_BLOCK.timer:
      case PM_BLOCK.timer + 2: return (this.timerValue() >>> (8 * (offset - PM_BLOCK.timer))) & 0xff;
      default: return 0;
    }
  }

  private writeByte(offset: number, value: number): void {
    const shift = 8 * (offset & 1);
    const put = (old: number, bits: number): number => (old & ~(0xff << shift)) | ((value << shift) & bits);
    switch (offset & ~1) {
      case 0:
        this.status &= ~(value << shift);
        break;
      case 2:
        this.enable = put(this.enable, ENABLE_BITS);
        break;
      case PM_BLOCK.control:
        this.writeControl((this.control & ~(0xff << shift)) | (value << shift));
        break;
    }
  }

  private writeControl(value: number): void {
    // SLP_EN and GBL_RLS are write-only; SCI_EN is not software's to change here.
    this.control = (value & (BM_RLD | SLP_TYP)) | SCI_EN;
    if ((value & SLP_EN) !== 0 && (value & SLP_TYP) >> 10 === SLEEP_TYPE.s5) this.signals.powerOff();
  }

  private readGpe(offset: number): number {
    const word = offset < 2 ? this.gpeStatus : this.gpeEnable;
    return (word >>> (8 * (offset & 1))) & 0xff;
  }
  private writeGpe(offset: number, value: number): void {
    const shift = 8 * (offset & 1);
    if (offset < 2) this.gpeStatus &= ~(value << shift);
    else this.gpeEnable = (this.gpeEnable & ~(0xff << shift)) | (value << shift);
  }

  /** A general-purpose event, 0..15, for hot-plug and the like. */
  raiseGpe(event: number): void {
    this.gpeStatus |= 1 << event;
    this.update();
  }

  private update(): void {
    const asserted = (this.status & this.enable) !== 0 || (this.gpeStatus & this.gpeEnable) !== 0;
    if (asserted !== this.asserted) {
      this.asserted = asserted;
      this.sci.set(asserted);
    }
    // TMR_STS is set whenever the timer's highest bit changes; nobody looks unless it is enabled.
    if ((this.enable & TMR_STS) === 0 || (this.status & TMR_STS) !== 0) this.carry.cancel();
    else if (this.carry.deadlineNs === null) {
      const half = 2 ** (PM_TIMER_BITS - 1);
      this.carry.arm(this.oscillator.nsAt((Math.floor(this.timerTicks() / half) + 1) * half));
    }
  }

  save(): StateFields {
    return {
      status: this.status, enable: this.enable, control: this.control, gpeStatus: this.gpeStatus, gpeEnable: this.gpeEnable,
      asserted: this.asserted, carryNs: this.carry.deadlineNs,
    };
  }

  restore(r: StateReader): void {
    this.status = r.int("status", 0, STATUS_BITS);
    this.enable = r.int("enable", 0, ENABLE_BITS);
    this.control = r.int("control", 0, 0xffff);
    this.gpeStatus = r.int("gpeStatus", 0, 0xffff);
    this.gpeEnable = r.int("gpeEnable", 0, 0xffff);
    this.asserted = r.bool("asserted");
    const carry = r.intOrNull("carryNs");
    if (carry !== null) this.carry.arm(carry);
  }
}
