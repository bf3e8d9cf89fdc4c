/** What the i8042 and a device at its serial port have to say to each other (IBM PS/2 Hardware Interface TR). */
import type { Persistent } from "../../base/persist.ts";

/** The device's side of the cable. */
export interface Ps2Device extends Persistent {
  reset(): void;
  /** A command or parameter byte from the controller. Answers wait in the device. */
  receive(byte: number): void;
  /** Whether a byte waits to be sent. */
  readonly hasOutput: boolean;
  /** The next byte to the controller; only while `hasOutput`. */
  send(): number;
  /** The controller's callback: output has appeared without being asked for. */
  onOutput: () => void;
}
