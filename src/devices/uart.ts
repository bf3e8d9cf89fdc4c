/**
 * The serial port: National Semiconductor PC16550D (datasheet TL/C/8652, June 1995), a 16550A with FIFOs.
 *
 * Sending takes no time: a byte leaves when it is written and the transmitter is empty at once. Receiving is paced:
 * the other end queues without limit and sends only into a FIFO that has room, so nothing overruns.
 */
import type { Scheduler, Timer } from "../base/clock.ts";
import type { ByteSink, LevelLine } from "../base/lines.ts";
import type { Persistent, StateFields, StateReader } from "../base/persist.ts";
import { ByteQueue } from "./byte-queue.ts";
import type { BusRegion } from "./bus/region.ts";

const RBR_THR_DLL = 0;
const IER_DLM = 1;
const IIR_FCR = 2;
const LCR = 3;
const MCR = 4;
const LSR = 5;
const MSR = 6;
const SCR = 7;

const IER_ERBFI = 0x01;
const IER_ETBEI = 0x02;
const IER_ELSI = 0x04;
const IER_EDSSI = 0x08;

const LCR_DLAB = 0x80;
const MCR_DTR = 0x01;
const MCR_RTS = 0x02;
const MCR_OUT1 = 0x04;
const MCR_OUT2 = 0x08;
const MCR_LOOP = 0x10;

const LSR_DR = 0x01;
const LSR_OE = 0x02;
const LSR_THRE = 0x20;
const LSR_TEMT = 0x40;

const MSR_CTS = 0x10;
const MSR_DSR = 0x20;
const MSR_RI = 0x40;
const MSR_DCD = 0x80;
/** The cable: the other end is there and always ready. */
const MSR_CONNECTED = MSR_CTS | MSR_DSR | MSR_DCD;

const IIR_NONE = 0x01;
const IIR_MODEM = 0x00;
const IIR_THRE = 0x02;
const IIR_DATA = 0x04;
const IIR_LINE = 0x06;
const IIR_TIMEOUT = 0x0c;
const IIR_FIFOS = 0xc0;

const FIFO_BYTES = 16;
/** RCVR trigger levels of FCR bits 7..6. */
const TRIGGERS = [1, 4, 8, 14] as const;

/**
 * Guest time for one received character: 320,000 bit/s whatever the divisor says. Instant reception would let a
 * long paste run over the guest's own buffers (Linux keeps at most 64 KiB between the interrupt and the reader).
 */
const CHARACTER_NS = 31_250;
/** The RCVR FIFO timeout: four character times (§8.4). */
const TIMEOUT_NS = 4 * CHARACTER_NS;
/** How long the other end waits after the receiver was set up: drivers read RBR blindly while they do. */
const SETTLE_NS = 10_000_000;

export class Uart implements Persistent {
  readonly sectionName: string;
  readonly sectionVersion = 1;
  /** Eight byte registers. */
  readonly ports: BusRegion;

  private ier = 0;
  private lcr = 0;
  private mcr = 0;
  private scr = 0;
  private divisor = 0;
  private fifosEnabled = false;
  private trigger = 1;
  private overrun = false;
  private thrPending = false;
  private timeoutPending = false;
  /** MSR bits 7..4 as last seen, and the delta bits 3..0. */
  private modemInputs = MSR_CONNECTED;
  private modemDeltas = 0;
  /** RTS has been asserted since reset: from then on the other end sends only while it is. */
  private rtsSeen = false;
  /** The RCVR FIFO, or RBR alone while FIFOs are off. */
  private readonly fifo = new Uint8Array(FIFO_BYTES);
  private fifoHead = 0;
  private fifoCount = 0;
  private lastReceived = 0;
  /** Bytes of the FIFO, at its end, that came from the other end (and not round the loop). */
  private fifoFromHost = 0;
  /** What the other end has yet to send. */
  private readonly incoming = new ByteQueue();
  /** Guest ns before which the other end sends nothing more. */
  private nextCharacterNs = 0;
  private asserted = false;
  private readonly receiveTimer: Timer;
  private readonly timeoutTimer: Timer;

  /** `index` numbers the section (`uart.0`); `irq` is INTR behind the PC's OUT2 gate; `output` is SOUT. */
  constructor(
    index: number,
    private readonly scheduler: Scheduler,
    private readonly irq: LevelLine,
    private readonly output: ByteSink,
  ) {
    this.sectionName = `uart.${index}`;
    this.receiveTimer = scheduler.createTimer(`uart.${index}.receive`, () => this.receive());
    this.timeoutTimer = scheduler.createTimer(`uart.${index}.timeout`, () => {
      this.timeoutPending = this.fifosEnabled && this.fifoCount > 0;
      this.update();
    });
    this.ports = {
      length: 8,
      widths: [1],
      read: (offset) => this.read(offset),
      write: (offset, _width, value) => this.write(offset, value),
    };
  }

  /** Master reset (MR, table I). The divisor and the scratch register are not affected by MR. */
  reset(): void {
    this.clearFifo();
    this.ier = this.lcr = this.mcr = 0;
    this.fifosEnabled = false;
    this.trigger = 1;
    this.overrun = this.thrPending = this.timeoutPending = this.rtsSeen = false;
    this.modemInputs = MSR_CONNECTED;
    this.modemDeltas = 0;
    this.timeoutTimer.cancel();
    this.receiveTimer.cancel();
    this.settle();
    this.update();
  }

  /** Bytes from the other end: queued without limit. */
  receiveBytes(bytes: Uint8Array): void {
    this.incoming.push(bytes);
    this.receive();
  }

  /** Bytes that the other end still waits to send. */
  get queuedInput(): number {
    return this.incoming.length;
  }

  private get depth(): number {
    return this.fifosEnabled ? FIFO_BYTES : 1;
  }

  /** Moves what may come now from the other end into the FIFO and arms the timer for the rest. */
  private receive(): void {
    if (this.incoming.length === 0 || (this.mcr & MCR_LOOP) !== 0) return;
    if (this.rtsSeen && (this.mcr & MCR_RTS) === 0) return;
    const now = this.scheduler.nowNs();
    if (now < this.nextCharacterNs) {
      if (this.receiveTimer.deadlineNs === null) this.receiveTimer.arm(this.nextCharacterNs);
      return;
    }
    const count = Math.min(this.depth - this.fifoCount, this.incoming.length);
    if (count <= 0) return; // reading RBR calls again
    for (let i = 0; i < count; i++) this.enqueue(this.incoming.shift());
    this.fifoFromHost += count;
    this.nextCharacterNs = now + count * CHARACTER_NS;
    if (this.incoming.length > 0) this.receiveTimer.arm(this.nextCharacterNs);
    this.update();
  }

  /** The other end falls silent for a while. */
  private settle(): void {
    this.nextCharacterNs = Math.max(this.nextCharacterNs, this.scheduler.nowNs() + SETTLE_NS);
    this.receiveTimer.cancel();
    if (this.incoming.length > 0) this.receiveTimer.arm(this.nextCharacterNs);
  }

  private enqueue(byte: number): void {
    this.fifo[(this.fifoHead + this.fifoCount) % FIFO_BYTES] = byte;
    this.fifoCount++;
    this.timeoutPending = false;
    if (this.fifosEnabled) this.timeoutTimer.arm(this.scheduler.nowNs() + TIMEOUT_NS);
  }

  /** What came from the other end and was not read is taken back: it is sent again later, so that nothing is lost. */
  private returnToHost(): void {
    const n = this.fifoFromHost;
    if (n === 0) return;
    const bytes = new Uint8Array(n);
    for (let i = 0; i < n; i++) bytes[i] = this.fifo[(this.fifoHead + this.fifoCount - n + i) % FIFO_BYTES];
    this.incoming.unshift(bytes);
    this.fifoCount -= n;
    this.fifoFromHost = 0;
  }

  private clearFifo(): void {
    this.returnToHost();
    this.fifoHead = this.fifoCount = 0;
    this.timeoutPending = false;
    this.timeoutTimer.cancel();
  }

  private read(offset: number): number {
    switch (offset) {
      case RBR_THR_DLL:
        return (this.lcr & LCR_DLAB) !== 0 ? this.divisor & 0xff : this.readReceived();
      case IER_DLM:
        return (this.lcr & LCR_DLAB) !== 0 ? this.divisor >> 8 : this.ier;
      case IIR_FCR: {
        const source = this.interruptSource();
        if (source === IIR_THRE) {
          this.thrPending = false;
          this.update();
        }
        return source | (this.fifosEnabled ? IIR_FIFOS : 0);
      }
      case LCR:
        return this.lcr;
      case MCR:
        return this.mcr;
      case LSR: {
        const value = LSR_THRE | LSR_TEMT | (this.overrun ? LSR_OE : 0) | (this.fifoCount > 0 ? LSR_DR : 0);
        if (this.overrun) {
          this.overrun = false;
          this.update();
        }
        return value;
      }
      case MSR: {
        const value = this.modemInputs | this.modemDeltas;
        if (this.modemDeltas !== 0) {
          this.modemDeltas = 0;
          this.update();
        }
        return value;
      }
      default:
        return this.scr;
    }
  }

  private readReceived(): number {
    if (this.fifoCount === 0) return this.lastReceived;
    this.lastReceived = this.fifo[this.fifoHead];
    this.fifoHead = (this.fifoHead + 1) % FIFO_BYTES;
    this.fifoCount--;
    if (this.fifoFromHost > this.fifoCount) this.fifoFromHost = this.fifoCount;
    this.timeoutPending = false;
    if (this.fifoCount === 0) this.timeoutTimer.cancel();
    else if (this.fifosEnabled) this.timeoutTimer.arm(this.scheduler.nowNs() + TIMEOUT_NS);
    this.receive();
    this.update();
    return this.lastReceived;
  }

  private write(offset: number, value: number): void {
    switch (offset) {
      case RBR_THR_DLL:
        if ((this.lcr & LCR_DLAB) !== 0) this.divisor = (this.divisor & 0xff00) | value;
        else this.transmit(value);
        break;
      case IER_DLM:
        if ((this.lcr & LCR_DLAB) !== 0) {
          this.divisor = (this.divisor & 0x00ff) | (value << 8);
          break;
        }
        // Enabling ETBEI while THR is empty raises the interrupt.
        if ((value & IER_ETBEI) !== 0 && (this.ier & IER_ETBEI) === 0) this.thrPending = true;
        this.ier = value & 0x0f;
        this.update();
        break;
      case IIR_FCR:
        this.writeFcr(value);
        break;
      case LCR:
        this.lcr = value;
        break;
      case MCR:
        this.writeMcr(value & 0x1f);
        break;
      case SCR:
        this.scr = value;
        break;
      default: // LSR is for factory testing; MSR bits are inputs
    }
  }

  /** THR. The word length of LCR is not applied: eight bits go out whatever it says. */
  private transmit(value: number): void {
    // Writing THR clears its interrupt; the byte leaves at once, and the next request is a new edge.
    this.thrPending = false;
    this.update();
    if ((this.mcr & MCR_LOOP) === 0) this.output.write(value);
    else if (this.fifoCount < this.depth) this.enqueue(value);
    else {
      // §8.6.3 OE: without FIFO the old character is destroyed, with a full FIFO the new one.
      this.overrun = true;
      if (!this.fifosEnabled) this.fifo[this.fifoHead] = value;
    }
    this.thrPending = true;
    this.update();
  }

  private writeFcr(value: number): void {
    const enabled = (value & 0x01) !== 0;
    const toggled = enabled !== this.fifosEnabled;
    // Bits 7..1 are programmed only while bit 0 is written as 1; changing bit 0 clears both FIFOs.
    if (toggled || (enabled && (value & 0x02) !== 0)) {
      this.clearFifo();
      this.settle();
    }
    this.fifosEnabled = enabled;
    if (enabled) this.trigger = TRIGGERS[value >> 6];
    if (toggled) this.thrPending = true;
    this.update();
  }

  private writeMcr(value: number): void {
    const changed = value ^ this.mcr;
    this.mcr = value;
    if ((value & MCR_RTS) !== 0 && (value & MCR_LOOP) === 0) this.rtsSeen = true;
    const inputs =
      (value & MCR_LOOP) === 0
        ? MSR_CONNECTED
        : ((value & MCR_RTS) !== 0 ? MSR_CTS : 0) |
          ((value & MCR_DTR) !== 0 ? MSR_DSR : 0) |
          ((value & MCR_OUT1) !== 0 ? MSR_RI : 0) |
          ((value & MCR_OUT2) !== 0 ? MSR_DCD : 0);
    const edges = inputs ^ this.modemInputs;
    // TERI reports only the trailing edge of RI (asserted to not asserted); the others report any change.
    this.modemDeltas |= ((edges & ~MSR_RI) | (edges & this.modemInputs & MSR_RI)) >> 4;
    this.modemInputs = inputs;
    if ((changed & value & MCR_LOOP) !== 0) this.returnToHost();
    if ((changed & (MCR_RTS | MCR_LOOP)) !== 0) this.settle();
    this.update();
  }

  /** IIR bits 3..0 by priority (table II). */
  private interruptSource(): number {
    const ier = this.ier;
    if ((ier & IER_ELSI) !== 0 && this.overrun) return IIR_LINE;
    if ((ier & IER_ERBFI) !== 0) {
      if (this.fifoCount >= (this.fifosEnabled ? this.trigger : 1)) return IIR_DATA;
      if (this.timeoutPending) return IIR_TIMEOUT;
    }
    if ((ier & IER_ETBEI) !== 0 && this.thrPending) return IIR_THRE;
    if ((ier & IER_EDSSI) !== 0 && this.modemDeltas !== 0) return IIR_MODEM;
    return IIR_NONE;
  }

  /** The PC gates INTR with OUT2, which loopback forces inactive. */
  private update(): void {
    const gated = (this.mcr & (MCR_OUT2 | MCR_LOOP)) === MCR_OUT2;
    const asserted = gated && this.interruptSource() !== IIR_NONE;
    if (asserted === this.asserted) return;
    this.asserted = asserted;
    this.irq.set(asserted);
  }

  save(): StateFields {
    return {
      ier: this.ier,
      lcr: this.lcr,
      mcr: this.mcr,
      scr: this.scr,
      divisor: this.divisor,
      fifosEnabled: this.fifosEnabled,
      trigger: this.trigger,
      overrun: this.overrun,
      thrPending: this.thrPending,
      timeoutPending: this.timeoutPending,
      modemInputs: this.modemInputs,
      modemDeltas: this.modemDeltas,
      rtsSeen: this.rtsSeen,
      fifo: this.fifo.slice(),
      fifoHead: this.fifoHead,
      fifoCount: this.fifoCount,
      fifoFromHost: this.fifoFromHost,
      lastReceived: this.lastReceived,
      incoming: this.incoming.toBytes(),
      nextCharacterNs: this.nextCharacterNs,
      asserted: this.asserted,
      receiveDeadlineNs: this.receiveTimer.deadlineNs,
      timeoutDeadlineNs: this.timeoutTimer.deadlineNs,
    };
  }

  restore(r: StateReader): void {
    this.ier = r.int("ier", 0, 0x0f);
    this.lcr = r.int("lcr", 0, 0xff);
    this.mcr = r.int("mcr", 0, 0x1f);
    this.scr = r.int("scr", 0, 0xff);
    this.divisor = r.int("divisor", 0, 0xffff);
    this.fifosEnabled = r.bool("fifosEnabled");
    this.trigger = r.int("trigger", 1, 14);
    this.overrun = r.bool("overrun");
    this.thrPending = r.bool("thrPending");
    this.timeoutPending = r.bool("timeoutPending");
    this.modemInputs = r.int("modemInputs", 0, 0xf0);
    this.modemDeltas = r.int("modemDeltas", 0, 0x0f);
    this.rtsSeen = r.bool("rtsSeen");
    this.fifo.set(r.bytes("fifo", FIFO_BYTES));
    this.fifoHead = r.int("fifoHead", 0, FIFO_BYTES - 1);
    this.fifoCount = r.int("fifoCount", 0, FIFO_BYTES);
    this.fifoFromHost = r.int("fifoFromHost", 0, this.fifoCount);
    this.lastReceived = r.int("lastReceived", 0, 0xff);
    this.incoming.clear();
    this.incoming.push(r.bytes("incoming"));
    this.nextCharacterNs = r.int("nextCharacterNs", 0);
    this.asserted = r.bool("asserted");
    const receive = r.intOrNull("receiveDeadlineNs");
    if (receive !== null) this.receiveTimer.arm(receive);
    const timeout = r.intOrNull("timeoutDeadlineNs");
    if (timeout !== null) this.timeoutTimer.arm(timeout);
  }
}
