/** Ports for guests that know they are emulated: QEMU's isa-debug-exit and Bochs' debug console at E9h. */
import { UserError } from "../base/errors.ts";
import type { ByteSink } from "../base/lines.ts";
import type { BusRegion, IoWidth } from "./bus/region.ts";

/** Any write ends the machine with exit code (value << 1) | 1 (QEMU, docs of isa-debug-exit). Reads give 0. */
export class DebugExit {
  readonly ports: BusRegion;

  /** `iosize`: ports covered, 1..8. */
  constructor(iosize: number, onExit: (code: number) => void) {
    if (!Number.isInteger(iosize) || iosize < 1 || iosize > 8) {
      throw new UserError(`isa-debug-exit: iosize must be 1 to 8, not ${iosize}`);
    }
    this.ports = {
      length: iosize,
      widths: ([1, 2, 4] as const).filter((w): w is IoWidth => w <= iosize),
      read: () => 0,
      write: (_offset, _width, value) => onExit(((value << 1) | 1) >>> 0),
    };
  }
}

/** Bytes written go out; reads give E9h, by which a guest knows that the port is there (Bochs, port_e9_hack). */
export class DebugConsole {
  readonly ports: BusRegion;

  constructor(output: ByteSink) {
    this.ports = {
      length: 1,
      widths: [1],
      read: () => 0xe9,
      write: (_offset, _width, value) => output.write(value),
    };
  }
}
