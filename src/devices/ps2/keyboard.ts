/**
 * A PS/2 keyboard: answers every command of the IBM PS/2 Hardware Interface Technical Reference (keyboard section).
 * Keys arrive as ready-made set 2 codes through `typeCodes`; layouts and typematic belong to a later stage.
 */
import type { StateFields, StateReader } from "../../base/persist.ts";
import { ByteQueue } from "../byte-queue.ts";
import type { Ps2Device } from "./device.ts";

const ACK = 0xfa;
const RESEND = 0xfe;
const BAT_COMPLETED = 0xaa;
const ECHO = 0xee;
const OVERRUN = 0x00;
/** Codes that the keyboard buffers (17 with the overrun code in the last place). */
const KEY_BUFFER_BYTES = 16;

export class Ps2Keyboard implements Ps2Device {
  readonly sectionName = "ps2.keyboard";
  readonly sectionVersion = 1;
  onOutput: () => void = () => undefined;

  private readonly replies = new ByteQueue();
  private readonly keys = new ByteQueue();
  /** A command that waits for its parameter, or 0. */
  private command = 0;
  private leds = 0;
  private typematic = 0x2b;
  private scanCodeSet = 2;
  private scanning = true;
  private lastSent = 0;

  reset(): void {
    this.replies.clear();
    this.setDefaults();
    this.scanning = true;
    this.leds = this.command = this.lastSent = 0;
  }

  private setDefaults(): void {
    this.keys.clear();
    this.typematic = 0x2b; // 10.9 characters a second after 500 ms
    this.scanCodeSet = 2;
  }

  /** Whether keys are reported. */
  get enabled(): boolean {
    return this.scanning;
  }
  /** Bit 0 Scroll Lock, 1 Num Lock, 2 Caps Lock. */
  get ledState(): number {
    return this.leds;
  }
  get codeSet(): number {
    return this.scanCodeSet;
  }

  /** The codes of one key event; dropped while scanning is disabled, cut off when the buffer is full. */
  typeCodes(codes: readonly number[]): void {
    if (!this.scanning) return;
    if (this.keys.length + codes.length <= KEY_BUFFER_BYTES) for (const c of codes) this.keys.pushByte(c);
    else if (this.keys.length <= KEY_BUFFER_BYTES) this.keys.pushByte(OVERRUN);
    this.onOutput();
  }

  get hasOutput(): boolean {
    return this.replies.length > 0 || (this.keys.length > 0 && this.command === 0);
  }

  send(): number {
    const byte = this.replies.length > 0 ? this.replies.shift() : this.keys.shift();
    if (byte !== RESEND) this.lastSent = byte;
    return byte;
  }

  receive(byte: number): void {
    // A new command ends whatever was being answered.
    this.replies.clear();
    const command = this.command;
    this.command = 0;
    if (command !== 0 && byte < 0x80) this.parameter(command, byte);
    else this.begin(byte);
    this.onOutput();
  }

  private reply(...bytes: readonly number[]): void {
    for (const b of bytes) this.replies.pushByte(b);
  }

  private begin(command: number): void {
    switch (command) {
      case 0xed: // set/reset status indicators
      case 0xf0: // select alternate scan codes
      case 0xf3: // set typematic rate/delay
      case 0xfb: // set 3: key type of one key: typematic
      case 0xfc: // make/break
      case 0xfd: // make
        this.command = command;
        this.reply(ACK);
        break;
      case 0xee:
        this.reply(ECHO);
        break;
      case 0xf2: // read ID
        this.reply(ACK, 0xab, 0x83);
        break;
      case 0xf4: // enable
        this.keys.clear();
        this.scanning = true;
        this.reply(ACK);
        break;
      case 0xf5: // default disable
        this.setDefaults();
        this.scanning = false;
        this.reply(ACK);
        break;
      case 0xf6: // set default
        this.setDefaults();
        this.reply(ACK);
        break;
      case 0xf7: // set 3: key types of all keys
      case 0xf8:
      case 0xf9:
      case 0xfa:
        this.keys.clear();
        this.reply(ACK);
        break;
      case 0xfe: // resend
        this.reply(this.lastSent);
        break;
      case 0xff: // reset
        this.setDefaults();
        this.scanning = true;
        this.leds = 0;
        this.reply(ACK, BAT_COMPLETED);
        break;
      default:
        this.reply(RESEND);
    }
  }

  private parameter(command: number, value: number): void {
    if (command === 0xed) this.leds = value & 0x07;
    else if (command === 0xf3) this.typematic = value & 0x7f;
    else if (command === 0xf0) {
      if (value === 0) {
        this.reply(ACK, this.scanCodeSet);
        return;
      }
      if (value > 3) {
        this.reply(RESEND);
        return;
      }
      this.keys.clear();
      this.scanCodeSet = value;
    }
    this.reply(ACK);
  }

  save(): StateFields {
    return {
      replies: this.replies.toBytes(),
      keys: this.keys.toBytes(),
      command: this.command,
      leds: this.leds,
      typematic: this.typematic,
      scanCodeSet: this.scanCodeSet,
      scanning: this.scanning,
      lastSent: this.lastSent,
    };
  }

  restore(r: StateReader): void {
    this.replies.clear();
    this.replies.push(r.bytes("replies"));
    this.keys.clear();
    this.keys.push(r.bytes("keys"));
    this.command = r.int("command", 0, 0xff);
    this.leds = r.int("leds", 0, 7);
    this.typematic = r.int("typematic", 0, 0x7f);
    this.scanCodeSet = r.int("scanCodeSet", 1, 3);
    this.scanning = r.bool("scanning");
    this.lastSent = r.int("lastSent", 0, 0xff);
  }
}
