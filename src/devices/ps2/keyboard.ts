/**
 * A PS/2 keyboard: commands, scan code sets 1 to 3 and typematic of the IBM PS/2 Hardware Interface Technical Reference
 * (keyboard section). Keys come by place; layouts are the guest's. A key repeats when the host says that it is still down,
 * and no faster than the guest has asked for: by a clock of its own, a key whose release comes late would be typed twice.
 */
import type { Scheduler } from "../../base/clock.ts";
import type { StateFields, StateReader } from "../../base/persist.ts";
import { ByteQueue } from "../byte-queue.ts";
import type { Ps2Device } from "./device.ts";
import { BREAKS, defaultKeyTypes, type Key, keyNamed, KEYS, PAUSE, PRINT_SCREEN, TYPEMATIC } from "./keys.ts";
import { BREAK_PREFIX, translateSet2 } from "./translate.ts";

const ACK = 0xfa;
const RESEND = 0xfe;
const BAT_COMPLETED = 0xaa;
const ECHO = 0xee;
const OVERRUN = 0x00;
/** Codes that the keyboard buffers (17 with the overrun code in the last place). */
const KEY_BUFFER_BYTES = 16;
/** The longest code: Pause. */
const LONGEST_CODE = 8;
/** Keys held back while the buffer is full. */
const MAX_WAITING = 4096;

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
  /** Set 3: TYPEMATIC and BREAKS by code. */
  private keyTypes = defaultKeyTypes();
  /** Events that found the buffer full: index of the key * 2, + 1 for a press. A person's typing is not lost. */
  private waiting: number[] = [];
  private readonly down = new Set<number>();
  /** The key that repeats, and from when on. */
  private repeating: Key | null = null;
  private repeatNs: number | null = null;
  /** Told about changes of `ledState`. */
  onLeds: (leds: number) => void = () => undefined;

  constructor(private readonly scheduler: Scheduler) {}

  reset(): void {
    this.replies.clear();
    this.setDefaults();
    this.scanning = true;
    this.command = this.lastSent = 0;
    this.setLeds(0);
    this.down.clear();
  }

  private setDefaults(): void {
    this.clearKeys();
    this.typematic = 0x2b; // 10.9 characters a second after 500 ms
    this.scanCodeSet = 2;
    this.keyTypes = defaultKeyTypes();
  }

  private clearKeys(): void {
    this.keys.clear();
    this.waiting = [];
    this.stopRepeating();
  }

  private setLeds(leds: number): void {
    if (leds === this.leds) return;
    this.leds = leds;
    this.onLeds(leds);
  }

  // --- Keys --------------------------------------------------------------------------------------------------------------

  /** A key goes down, is still down, or goes up: `name` as in KEYS. False for a key that no PC keyboard has. */
  key(name: string, pressed: boolean): boolean {
    const key = keyNamed(name);
    if (key === undefined) return false;
    // What is up already was let go with all keys.
    if (this.down.has(key.index) === pressed) {
      if (this.repeating === key) this.repeat(key);
      return true;
    }
    if (pressed) this.down.add(key.index);
    else this.down.delete(key.index);
    if (!this.scanning) return true;
    if (this.waiting.length < MAX_WAITING) this.waiting.push(key.index * 2 + (pressed ? 1 : 0));
    this.admit();
    this.onOutput();
    if (!pressed) {
      if (this.repeating === key) this.stopRepeating();
    } else if (key.set2 !== PAUSE && (this.scanCodeSet !== 3 || (this.keyTypes[key.set3] & TYPEMATIC) !== 0)) {
      this.repeating = key;
      this.repeatNs = this.scheduler.nowNs() + (1 + ((this.typematic >> 5) & 3)) * 250_000_000;
    }
    return true;
  }

  /** Lets go of every key: the host will not tell any more. */
  releaseAll(): void {
    for (const index of [...this.down]) this.key(KEYS[index].name, false);
  }

  private stopRepeating(): void {
    this.repeating = null;
    this.repeatNs = null;
  }

  /** Period: (8 + A) * 2^B * 4.17 ms, A in bits 2-0 and B in bits 4-3 of the rate. */
  private repeat(key: Key): void {
    const { repeatNs, typematic } = this;
    const now = this.scheduler.nowNs();
    if (repeatNs === null || now < repeatNs) return;
    // The host's period is another: the mean is the guest's, and what was missed is not made up for.
    const period = (8 + (typematic & 7)) * 2 ** ((typematic >> 3) & 3) * 4_170_000;
    this.repeatNs = Math.max(repeatNs + period, now + period / 2);
    // A guest that is behind gets no more of them.
    if (this.keys.length > 0 || this.waiting.length > 0) return;
    for (const c of this.codesOf(key, true)) this.keys.pushByte(c);
    this.onOutput();
  }

  /** Moves waiting keys into the buffer while it has room. The caller tells the controller. */
  private admit(): void {
    while (this.waiting.length > 0 && this.keys.length + LONGEST_CODE <= KEY_BUFFER_BYTES) {
      const event = this.waiting.shift() ?? 0;
      for (const c of this.codesOf(KEYS[event >> 1], (event & 1) !== 0)) this.keys.pushByte(c);
    }
  }

  private codesOf(key: Key, pressed: boolean): number[] {
    if (this.scanCodeSet === 3) {
      if (key.set3 === 0) return [];
      return pressed ? [key.set3] : (this.keyTypes[key.set3] & BREAKS) !== 0 ? [BREAK_PREFIX, key.set3] : [];
    }
    const codes = set2Codes(key, pressed, this.down);
    return this.scanCodeSet === 1 ? toSet1(codes) : codes;
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
    if (this.waiting.length > 0 && this.keys.length === 0) this.admit();
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
        this.clearKeys();
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
        this.clearKeys();
        this.keyTypes.fill(command === 0xf7 ? TYPEMATIC : command === 0xf8 ? BREAKS : command === 0xf9 ? 0 : TYPEMATIC | BREAKS);
        this.reply(ACK);
        break;
      case 0xfe: // resend
        this.reply(this.lastSent);
        break;
      case 0xff: // reset
        this.setDefaults();
        this.scanning = true;
        this.setLeds(0);
        this.reply(ACK, BAT_COMPLETED);
        break;
      default:
        this.reply(RESEND);
    }
  }

  private parameter(command: number, value: number): void {
    if (command === 0xed) this.setLeds(value & 0x07);
    else if (command >= 0xfb) {
      // One key's type; scanning stops until it is enabled again.
      this.keyTypes[value] = command === 0xfb ? TYPEMATIC : command === 0xfc ? BREAKS : 0;
      this.clearKeys();
    }
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
      this.clearKeys();
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
      keyTypes: this.keyTypes.slice(),
      waiting: [...this.waiting],
      down: [...this.down],
      repeating: this.repeating?.index ?? null,
      repeatNs: this.repeatNs,
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
    this.keyTypes.set(r.bytes("keyTypes", 256));
    const known = (n: number): boolean => Number.isInteger(n) && n >= 0 && n < KEYS.length;
    this.waiting = r.ints("waiting").filter((event) => known(event >> 1));
    this.down.clear();
    for (const index of r.ints("down").filter(known)) this.down.add(index);
    const repeating = r.intOrNull("repeating");
    this.repeating = repeating !== null && known(repeating) ? KEYS[repeating] : null;
    this.repeatNs = r.intOrNull("repeatNs");
  }
}

/** Make and break codes of set 2. Pause has no break; Print Screen and Pause depend on Alt and Ctrl. */
function set2Codes(key: Key, pressed: boolean, down: ReadonlySet<number>): number[] {
  const held = (...names: string[]): boolean => names.some((name) => down.has(keyNamed(name)?.index ?? -1));
  if (key.set2 === PAUSE) {
    if (!pressed) return [];
    return held("ControlLeft", "ControlRight") ? [0xe0, 0x7e, 0xe0, 0xf0, 0x7e] : [0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77];
  }
  if (key.set2 === PRINT_SCREEN) {
    if (held("AltLeft", "AltRight")) return pressed ? [0x84] : [BREAK_PREFIX, 0x84];
    if (held("ControlLeft", "ControlRight", "ShiftLeft", "ShiftRight")) return pressed ? [0xe0, 0x7c] : [0xe0, BREAK_PREFIX, 0x7c];
    return pressed ? [0xe0, 0x12, 0xe0, 0x7c] : [0xe0, BREAK_PREFIX, 0x7c, 0xe0, BREAK_PREFIX, 0x12];
  }
  const prefix = key.set2 > 0xff ? [key.set2 >> 8] : [];
  return [...prefix, ...(pressed ? [] : [BREAK_PREFIX]), key.set2 & 0xff];
}

/** Set 1 has bit 7 where set 2 has a prefix. */
function toSet1(codes: readonly number[]): number[] {
  const out: number[] = [];
  let bit = 0;
  for (const code of codes) {
    if (code === BREAK_PREFIX) bit = 0x80;
    else {
      out.push(code >= 0xe0 ? code : translateSet2(code) | bit);
      if (code < 0xe0) bit = 0;
    }
  }
  return out;
}
