/**
 * The PC's small control ports: 61h (NMI status and control), 80h (POST code), 92h (fast A20 and reset),
 * CF9h (reset control). PIIX3 (Intel 290550-002) §2.5.4, §2.5.5 and §2.6; IBM PC AT Technical Reference for 80h.
 */
import type { Clock } from "../base/clock.ts";
import type { Persistent, StateFields, StateReader } from "../base/persist.ts";
import { Oscillator } from "../base/ticks.ts";
import type { BusRegion } from "./bus/region.ts";
import { PIT_HZ } from "./pit.ts";

/** What port 61h needs of the interval timer. */
export interface SpeakerTimer {
  setGate2(high: boolean): void;
  out2(): boolean;
}

/** What the ports drive. */
export interface SystemControlSignals {
  /** The system is to be reset. */
  reset(): void;
  /** State of the fast-A20 bit of port 92h, when it changes. */
  fastA20(enabled: boolean): void;
}

/** PIT ticks between two DRAM refresh requests (IBM PC AT: counter 1 programmed with 18, 15.09 µs). */
const REFRESH_TICKS = 18;

export class SystemControl implements Persistent {
  readonly sectionName = "sysctl";
  readonly sectionVersion = 1;
  /** Port 61h. */
  readonly nmiPort: BusRegion;
  /** Port 80h. */
  readonly postPort: BusRegion;
  /** Port 92h. */
  readonly fastPort: BusRegion;
  /** Port CF9h. */
  readonly resetPort: BusRegion;

  private nmiControl = 0;
  private postCode = 0;
  private fast = 0;
  private resetControl = 0;
  private readonly oscillator = new Oscillator(PIT_HZ);

  constructor(
    private readonly clock: Clock,
    private readonly timer: SpeakerTimer,
    private readonly signals: SystemControlSignals,
  ) {
    const byte = (read: () => number, write: (value: number) => void): BusRegion => ({
      length: 1,
      widths: [1],
      read,
      write: (_offset, _width, value) => write(value),
    });
    this.nmiPort = byte(
      () => this.readNmiStatus(),
      (v) => this.writeNmiControl(v),
    );
    this.postPort = byte(
      () => this.postCode,
      (v) => (this.postCode = v),
    );
    this.fastPort = byte(
      () => this.fast,
      (v) => this.writeFast(v),
    );
    this.resetPort = byte(
      () => this.resetControl,
      (v) => this.writeReset(v),
    );
  }

  reset(): void {
    this.nmiControl = this.postCode = this.resetControl = 0;
    this.timer.setGate2(false);
    if (this.fast !== 0) {
      this.fast = 0;
      this.signals.fastA20(false);
    }
  }

  /** The last POST code written to port 80h. */
  get lastPostCode(): number {
    return this.postCode;
  }

  /** Port 61h bit 1: counter 2's OUT reaches the speaker. */
  get speakerEnabled(): boolean {
    return (this.nmiControl & 0x02) !== 0;
  }

  /** Bits 3..0 as written; 4 refresh toggle; 5 OUT2; 6 IOCHK# and 7 SERR# never asserted. */
  private readNmiStatus(): number {
    const refresh = Math.floor(this.oscillator.ticksAt(this.clock.nowNs()) / REFRESH_TICKS) & 1;
    return this.nmiControl | (refresh << 4) | (this.timer.out2() ? 0x20 : 0);
  }

  private writeNmiControl(value: number): void {
    this.nmiControl = value & 0x0f;
    this.timer.setGate2((value & 0x01) !== 0);
  }

  /** Bit 0: a rising edge resets; bit 1: A20. */
  private writeFast(value: number): void {
    const rising = value & ~this.fast;
    const changed = value ^ this.fast;
    this.fast = value & 0x03;
    if ((changed & 0x02) !== 0) this.signals.fastA20((value & 0x02) !== 0);
    if ((rising & 0x01) !== 0) this.signals.reset();
  }

  /** Bit 1: hard instead of soft; a rising edge of bit 2 resets. Both kinds reset the machine here. */
  private writeReset(value: number): void {
    const rising = value & ~this.resetControl;
    this.resetControl = value & 0x06;
    if ((rising & 0x04) !== 0) this.signals.reset();
  }

  save(): StateFields {
    return {
      nmiControl: this.nmiControl,
      postCode: this.postCode,
      fast: this.fast,
      resetControl: this.resetControl,
    };
  }

  /** GATE 2 and the A20 gate are saved by their owners. */
  restore(r: StateReader): void {
    this.nmiControl = r.int("nmiControl", 0, 0x0f);
    this.postCode = r.int("postCode", 0, 0xff);
    this.fast = r.int("fast", 0, 0x03);
    this.resetControl = r.int("resetControl", 0, 0x06);
  }
}
