/**
 * The keyboard controller: Intel 8042 as in the IBM PS/2 (Hardware Interface Technical Reference, keyboard and
 * auxiliary device controller). Bytes move at once: a device's answer is in the output buffer when the guest looks.
 */
import type { LevelLine } from "../../base/lines.ts";
import type { Persistent, StateFields, StateReader } from "../../base/persist.ts";
import type { BusRegion } from "../bus/region.ts";
import type { Ps2Device } from "./device.ts";
import { BREAK_PREFIX, translateSet2 } from "./translate.ts";

const STATUS_OBF = 0x01;
const STATUS_SYS = 0x04;
const STATUS_COMMAND = 0x08;
const STATUS_UNLOCKED = 0x10;
const STATUS_AUX_OBF = 0x20;

const CONFIG_KEYBOARD_INT = 0x01;
const CONFIG_AUX_INT = 0x02;
const CONFIG_SYS = 0x04;
const CONFIG_KEYBOARD_OFF = 0x10;
const CONFIG_AUX_OFF = 0x20;
const CONFIG_TRANSLATE = 0x40;

const OUTPUT_NOT_RESET = 0x01;
const OUTPUT_A20 = 0x02;

/** Who filled the output buffer. */
const enum Source {
  None = 0,
  Controller = 1,
  Keyboard = 2,
  Aux = 3,
}

export interface I8042Signals {
  /** Output port bit 0 was pulled low. */
  reset(): void;
  /** Output port bit 1, when it is written. */
  a20(enabled: boolean): void;
}

export class I8042 implements Persistent {
  readonly sectionName = "ps2.controller";
  readonly sectionVersion = 1;
  /** One port each: 60h and 64h of the PC. */
  readonly dataPort: BusRegion;
  readonly commandPort: BusRegion;

  /** 32 bytes; byte 0 is the command byte (configuration). */
  private readonly ram = new Uint8Array(32);
  private outputPort = 0xcf;
  private source: Source = Source.None;
  private outputByte = 0;
  /** The last write went to the command port. */
  private lastWasCommand = false;
  /** A command that waits for its data byte, or 0. */
  private pending = 0;
  /** The set 2 break prefix was taken in and the next code gets bit 7. */
  private breakPrefix = false;

  /** Without an auxiliary device the controller is an AT's: it has no auxiliary port. */
  constructor(
    private readonly irq1: LevelLine,
    private readonly irq12: LevelLine,
    private readonly signals: I8042Signals,
    private readonly keyboard: Ps2Device,
    private readonly aux: Ps2Device | null = null,
  ) {
    this.ram[0] = this.powerOnConfig();
    keyboard.onOutput = () => this.pump();
    if (aux !== null) aux.onOutput = () => this.pump();
    this.dataPort = {
      length: 1,
      widths: [1],
      read: () => this.readData(),
      write: (_offset, _width, value) => this.writeData(value),
    };
    this.commandPort = {
      length: 1,
      widths: [1],
      read: () => this.status(),
      write: (_offset, _width, value) => this.writeCommand(value),
    };
  }

  get hasAuxiliaryDevice(): boolean {
    return this.aux !== null;
  }

  /** As a BIOS leaves it: keyboard interrupt and translation on. */
  private powerOnConfig(): number {
    return CONFIG_KEYBOARD_INT | CONFIG_SYS | CONFIG_TRANSLATE | (this.aux === null ? CONFIG_AUX_OFF : 0);
  }

  reset(): void {
    this.ram.fill(0);
    this.ram[0] = this.powerOnConfig();
    this.outputPort = 0xcf;
    this.source = Source.None;
    this.outputByte = 0;
    this.lastWasCommand = this.breakPrefix = false;
    this.pending = 0;
    this.keyboard.reset();
    this.aux?.reset();
    this.signals.a20(true);
    this.update();
  }

  private status(): number {
    return (
      (this.source !== Source.None ? STATUS_OBF : 0) |
      (this.ram[0] & STATUS_SYS) |
      (this.lastWasCommand ? STATUS_COMMAND : 0) |
      STATUS_UNLOCKED |
      (this.source === Source.Aux ? STATUS_AUX_OBF : 0)
    );
  }

  private readData(): number {
    const byte = this.outputByte;
    if (this.source !== Source.None) {
      this.source = Source.None;
      this.update();
      this.pump();
    }
    return byte;
  }

  private fill(source: Source, byte: number): void {
    this.source = source;
    this.outputByte = byte;
    this.update();
  }

  /** A byte of the controller's own displaces what lies in the output buffer. */
  private answer(byte: number): void {
    // A new byte is a new edge of the interrupt.
    this.source = Source.None;
    this.update();
    this.fill(Source.Controller, byte);
  }

  /** Fills an empty output buffer from a device whose clock is enabled. */
  private pump(): void {
    while (this.source === Source.None && (this.ram[0] & CONFIG_KEYBOARD_OFF) === 0 && this.keyboard.hasOutput) {
      let byte = this.keyboard.send();
      if ((this.ram[0] & CONFIG_TRANSLATE) !== 0) {
        if (byte === BREAK_PREFIX) {
          this.breakPrefix = true;
          continue;
        }
        byte = translateSet2(byte) | (this.breakPrefix ? 0x80 : 0);
      }
      this.breakPrefix = false;
      this.fill(Source.Keyboard, byte);
    }
    if (this.aux !== null && this.source === Source.None && (this.ram[0] & CONFIG_AUX_OFF) === 0 && this.aux.hasOutput) {
      this.fill(Source.Aux, this.aux.send());
    }
  }

  private update(): void {
    const config = this.ram[0];
    const keyboard = this.source === Source.Keyboard || this.source === Source.Controller;
    this.irq1.set(keyboard && (config & CONFIG_KEYBOARD_INT) !== 0);
    this.irq12.set(this.source === Source.Aux && (config & CONFIG_AUX_INT) !== 0);
  }

  private writeCommand(command: number): void {
    this.lastWasCommand = true;
    this.pending = 0;
    if (command >= 0x20 && command <= 0x3f) this.answer(this.ram[command & 0x1f]);
    else if (command >= 0x60 && command <= 0x7f) this.pending = command;
    else if (command >= 0xf0) {
      // Pulse output port: bits 3..0 at 0 go low for a moment.
      if ((command & OUTPUT_NOT_RESET) === 0) this.signals.reset();
    } else this.otherCommand(command);
  }

  private otherCommand(command: number): void {
    switch (command) {
      case 0xa7: // disable auxiliary device
        if (this.aux !== null) this.configure(this.ram[0] | CONFIG_AUX_OFF);
        break;
      case 0xa8: // enable auxiliary device
        if (this.aux !== null) this.configure(this.ram[0] & ~CONFIG_AUX_OFF);
        break;
      case 0xa9: // auxiliary interface test: 00h passed, 02h clock line stuck high
        this.answer(this.aux !== null ? 0x00 : 0x02);
        break;
      case 0xaa: // self test
        this.configure(this.ram[0] | CONFIG_SYS);
        this.answer(0x55);
        break;
      case 0xab: // keyboard interface test
        this.answer(0x00);
        break;
      case 0xad:
        this.configure(this.ram[0] | CONFIG_KEYBOARD_OFF);
        break;
      case 0xae:
        this.configure(this.ram[0] & ~CONFIG_KEYBOARD_OFF);
        break;
      case 0xc0: // read input port: not locked, colour display jumper, manufacturing jumper open
        this.answer(0xa0);
        break;
      case 0xd0: // read output port: bits 4 and 5 follow the buffers
        this.answer(
          (this.outputPort & 0xcf) |
            (this.source === Source.Keyboard || this.source === Source.Controller ? 0x10 : 0) |
            (this.source === Source.Aux ? 0x20 : 0),
        );
        break;
      case 0xd1: // write output port
      case 0xd2: // write keyboard output buffer
      case 0xd3: // write auxiliary device output buffer
      case 0xd4: // write to auxiliary device
        this.pending = command;
        break;
      case 0xdd: // A20 off and on, of later controllers
        this.writeOutputPort(this.outputPort & ~OUTPUT_A20);
        break;
      case 0xdf:
        this.writeOutputPort(this.outputPort | OUTPUT_A20);
        break;
      default: // unknown commands are ignored
    }
  }

  private configure(config: number): void {
    this.ram[0] = config;
    this.update();
    this.pump();
  }

  private writeOutputPort(value: number): void {
    this.outputPort = value;
    this.signals.a20((value & OUTPUT_A20) !== 0);
    if ((value & OUTPUT_NOT_RESET) === 0) this.signals.reset();
  }

  private writeData(value: number): void {
    this.lastWasCommand = false;
    const command = this.pending;
    this.pending = 0;
    if (command >= 0x60 && command <= 0x7f) {
      if (command === 0x60) this.configure(this.aux === null ? value | CONFIG_AUX_OFF : value);
      else this.ram[command & 0x1f] = value;
      return;
    }
    switch (command) {
      case 0xd1:
        this.writeOutputPort(value);
        break;
      case 0xd2:
        this.source = Source.None;
        this.update();
        this.fill(Source.Keyboard, value);
        break;
      case 0xd3:
        this.source = Source.None;
        this.update();
        this.fill(this.aux !== null ? Source.Aux : Source.Keyboard, value);
        break;
      case 0xd4:
        this.aux?.receive(value);
        break;
      default:
        // Sending to the keyboard enables its clock.
        this.ram[0] &= ~CONFIG_KEYBOARD_OFF;
        this.keyboard.receive(value);
    }
  }

  save(): StateFields {
    return {
      ram: this.ram.slice(),
      outputPort: this.outputPort,
      source: this.source,
      outputByte: this.outputByte,
      lastWasCommand: this.lastWasCommand,
      pending: this.pending,
      breakPrefix: this.breakPrefix,
    };
  }

  /** The devices and the A20 gate save themselves; the interrupt pins are saved by the interrupt controller. */
  restore(r: StateReader): void {
    this.ram.set(r.bytes("ram", 32));
    this.outputPort = r.int("outputPort", 0, 0xff);
    this.source = r.int("source", 0, 3);
    this.outputByte = r.int("outputByte", 0, 0xff);
    this.lastWasCommand = r.bool("lastWasCommand");
    this.pending = r.int("pending", 0, 0xff);
    this.breakPrefix = r.bool("breakPrefix");
  }
}
