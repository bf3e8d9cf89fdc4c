/**
 * A PS/2 mouse: three bytes a packet, or four with the wheel and five buttons once the guest has asked for them (IBM PS/2
 * Hardware Interface TR, auxiliary device; Microsoft, IntelliMouse protocol extensions).
 */
import type { Scheduler, Timer } from "../../base/clock.ts";
import type { StateFields, StateReader } from "../../base/persist.ts";
import { ByteQueue } from "../byte-queue.ts";
import type { Ps2Device } from "./device.ts";

const ACK = 0xfa;
const NAK = 0xfe;
const ERROR = 0xfc;
const BAT_COMPLETED = 0xaa;

/** Identities: plain, with wheel, with wheel and five buttons. */
const PLAIN = 0;
const WHEEL = 3;
const FIVE_BUTTONS = 4;
/** Sample rates in a row that unlock them. */
const KNOCKS: readonly (readonly [readonly number[], number])[] = [[[200, 100, 80], WHEEL], [[200, 200, 80], FIVE_BUTTONS]];

const RATES = [10, 20, 40, 60, 80, 100, 200];
/** More movement than this waits for the next packet. */
const MAX_MOVE = 255;
/** Scaling 2:1 (IBM PS/2 HITR): small movements. */
const DOUBLED = [0, 1, 1, 3, 6, 9];

/** Buttons: bit 0 left, 1 right, 2 middle, 3 and 4 the side ones. Movement to the right, down and towards the user. */
export interface MouseInput {
  readonly dx: number;
  readonly dy: number;
  /** Wheel notches. */
  readonly dz: number;
  readonly buttons: number;
}

export class Ps2Mouse implements Ps2Device {
  readonly sectionName = "ps2.mouse";
  readonly sectionVersion = 1;
  onOutput: () => void = () => undefined;

  private readonly replies = new ByteQueue();
  private readonly packets = new ByteQueue();
  private readonly timer: Timer;
  /** Movement that was not reported yet, in counts; up is positive, as in packets. */
  private x = 0;
  private y = 0;
  private z = 0;
  private buttons = 0;
  private reportedButtons = 0;
  private identity = PLAIN;
  private rate = 100;
  /** Counts a millimetre: 1, 2, 4 or 8, as a power of 2. */
  private resolution = 2;
  private scaling21 = false;
  private streaming = true;
  private reporting = false;
  private wrap = false;
  /** A command that waits for its parameter, or 0; bit 8: its parameter was wrong once. */
  private command = 0;
  private lastSent = 0;
  private recentRates: number[] = [];
  private dueNs: number | null = null;

  constructor(private readonly scheduler: Scheduler) {
    this.timer = scheduler.createTimer("ps2 mouse", () => {
      this.dueNs = null;
      this.report();
    });
  }

  reset(): void {
    this.replies.clear();
    this.defaults();
    this.identity = PLAIN;
    this.wrap = false;
    this.command = this.lastSent = 0;
    this.buttons = this.reportedButtons = 0;
  }

  private defaults(): void {
    this.rate = 100;
    this.resolution = 2;
    this.scaling21 = false;
    this.setReporting(false);
    this.streaming = true;
    this.recentRates = [];
    this.forget();
  }

  private forget(): void {
    this.packets.clear();
    this.x = this.y = this.z = 0;
    this.dueNs = null;
    this.timer.cancel();
  }

  /** Told about changes of `active`. */
  onActive: (active: boolean) => void = () => undefined;

  private setReporting(on: boolean): void {
    if (this.reporting === on) return;
    this.reporting = on;
    this.onActive(on);
  }

  /** Whether the guest listens. */
  get active(): boolean {
    return this.reporting;
  }

  /** A movement, or another state of the buttons. */
  move({ dx, dy, dz, buttons }: MouseInput): void {
    const limit = (v: number): number => Math.max(-0x7fff, Math.min(0x7fff, Math.trunc(Number.isFinite(v) ? v : 0)));
    this.x = limit(this.x + limit(dx));
    this.y = limit(this.y - limit(dy));
    this.z = limit(this.z + limit(dz));
    this.buttons = buttons & 0x1f;
    if (this.reporting && this.streaming && !this.wrap && this.dueNs === null) this.report();
  }

  private get changed(): boolean {
    return this.x !== 0 || this.y !== 0 || this.z !== 0 || this.buttons !== this.reportedButtons;
  }

  /** Sends a packet when there is something to say, at most so many a second as the sample rate says. */
  private report(): void {
    if (!this.reporting || !this.streaming || !this.changed) return;
    // The guest is behind: movement adds up meanwhile.
    if (this.packets.length === 0) {
      for (const byte of this.packet(this.scaling21)) this.packets.pushByte(byte);
      this.onOutput();
    }
    this.dueNs = this.scheduler.nowNs() + Math.floor(1e9 / this.rate);
    this.timer.arm(this.dueNs);
  }

  private packet(scaled: boolean): number[] {
    const take = (v: number, most: number): number => Math.max(-most - 1, Math.min(most, v));
    const x = take(this.x, MAX_MOVE), y = take(this.y, MAX_MOVE);
    const z = this.identity === PLAIN ? this.z : take(this.z, 7);
    this.x -= x;
    this.y -= y;
    this.z -= z;
    this.reportedButtons = this.buttons;
    const shown = (v: number): number => (!scaled ? v : Math.abs(v) < DOUBLED.length ? Math.sign(v) * DOUBLED[Math.abs(v)] : take(2 * v, MAX_MOVE));
    const sx = shown(x), sy = shown(y);
    const bytes = [(this.buttons & 7) | 0x08 | (sx < 0 ? 0x10 : 0) | (sy < 0 ? 0x20 : 0), sx & 0xff, sy & 0xff];
    if (this.identity === WHEEL) bytes.push(z & 0xff);
    else if (this.identity === FIVE_BUTTONS) bytes.push((z & 0x0f) | ((this.buttons & 0x18) << 1));
    return bytes;
  }

  get hasOutput(): boolean {
    return this.replies.length > 0 || (this.packets.length > 0 && this.command === 0);
  }

  send(): number {
    const byte = this.replies.length > 0 ? this.replies.shift() : this.packets.shift();
    if (byte !== NAK) this.lastSent = byte;
    return byte;
  }

  private reply(...bytes: readonly number[]): void {
    for (const b of bytes) this.replies.pushByte(b);
  }

  receive(byte: number): void {
    this.replies.clear();
    if (this.wrap && byte !== 0xff && byte !== 0xec) this.reply(byte);
    else if (this.command !== 0) this.parameter(byte);
    else this.begin(byte);
    this.onOutput();
  }

  private begin(command: number): void {
    switch (command) {
      case 0xe6:
      case 0xe7: // scaling 1:1, 2:1
        this.scaling21 = command === 0xe7;
        this.reply(ACK);
        break;
      case 0xe8: // resolution
      case 0xf3: // sample rate
        this.command = command;
        this.reply(ACK);
        break;
      case 0xe9: // status
        this.reply(
          ACK,
          (this.streaming ? 0 : 0x40) | (this.reporting ? 0x20 : 0) | (this.scaling21 ? 0x10 : 0) |
            ((this.buttons & 1) << 2) | ((this.buttons & 2) >> 1) | ((this.buttons & 4) >> 1),
          this.resolution,
          this.rate,
        );
        break;
      case 0xea: // stream mode
        this.streaming = true;
        this.forget();
        this.reply(ACK);
        break;
      case 0xeb: // read data: never scaled
        this.packets.clear();
        this.reply(ACK, ...this.packet(false));
        break;
      case 0xec: // out of wrap mode
        this.wrap = false;
        this.forget();
        this.reply(ACK);
        break;
      case 0xee:
        this.wrap = true;
        this.forget();
        this.reply(ACK);
        break;
      case 0xf0: // remote mode
        this.streaming = false;
        this.forget();
        this.reply(ACK);
        break;
      case 0xf2:
        this.reply(ACK, this.identity);
        break;
      case 0xf4:
      case 0xf5:
        this.setReporting(command === 0xf4);
        this.forget();
        this.reply(ACK);
        break;
      case 0xf6:
        this.defaults();
        this.reply(ACK);
        break;
      case 0xfe:
        this.reply(this.lastSent);
        break;
      case 0xff:
        this.wrap = false;
        this.identity = PLAIN;
        this.defaults();
        this.reply(ACK, BAT_COMPLETED, PLAIN);
        break;
      default:
        this.reply(NAK);
    }
  }

  private parameter(value: number): void {
    const command = this.command;
    if ((command & 0xff) === 0xe8 ? value > 3 : !RATES.includes(value)) {
      // Asked for once more; after a second wrong value the command is over.
      const again = (command & 0x100) === 0;
      this.command = again ? command | 0x100 : 0;
      this.reply(again ? NAK : ERROR);
      return;
    }
    this.command = 0;
    if ((command & 0xff) === 0xe8) this.resolution = value;
    else {
      this.rate = value;
      this.recentRates = [...this.recentRates, value].slice(-3);
      for (const [knock, identity] of KNOCKS) if (knock.every((r, i) => r === this.recentRates[i])) this.identity = identity;
    }
    this.reply(ACK);
  }

  save(): StateFields {
    return {
      replies: this.replies.toBytes(),
      packets: this.packets.toBytes(),
      x: this.x,
      y: this.y,
      z: this.z,
      buttons: this.buttons,
      reportedButtons: this.reportedButtons,
      identity: this.identity,
      rate: this.rate,
      resolution: this.resolution,
      scaling21: this.scaling21,
      streaming: this.streaming,
      reporting: this.reporting,
      wrap: this.wrap,
      command: this.command,
      lastSent: this.lastSent,
      recentRates: [...this.recentRates],
      dueNs: this.dueNs,
    };
  }

  restore(r: StateReader): void {
    this.replies.clear();
    this.replies.push(r.bytes("replies"));
    this.packets.clear();
    this.packets.push(r.bytes("packets"));
    for (const axis of ["x", "y", "z"] as const) this[axis] = r.int(axis, -0x7fff, 0x7fff);
    this.buttons = r.int("buttons", 0, 0x1f);
    this.reportedButtons = r.int("reportedButtons", 0, 0x1f);
    this.identity = r.int("identity", 0, FIVE_BUTTONS);
    this.rate = r.int("rate", 10, 200);
    this.resolution = r.int("resolution", 0, 3);
    this.scaling21 = r.bool("scaling21");
    this.streaming = r.bool("streaming");
    this.reporting = r.bool("reporting");
    this.wrap = r.bool("wrap");
    this.command = r.int("command", 0, 0x1ff);
    this.lastSent = r.int("lastSent", 0, 0xff);
    this.recentRates = r.ints("recentRates");
    this.dueNs = r.intOrNull("dueNs");
    if (this.dueNs === null) this.timer.cancel();
    else this.timer.arm(this.dueNs);
  }
}
