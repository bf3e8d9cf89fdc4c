/** The firmware of machines that name none: ours, given by whoever has it at hand (the command, the worker). */
import { UserError } from "../../base/errors.ts";

let image: Uint8Array | null = null;

export function provideFirmware(bytes: Uint8Array): void {
  image = bytes;
}

export function providedFirmware(): Uint8Array {
  if (image === null) throw new UserError("no kernel and no firmware: give a kernel, or build the firmware");
  return image;
}
