/** The one Wasm memory of a machine: state, caches, RAM and video memory. */
import { UserError } from "../../base/errors.ts";
import { RAM_BASE } from "../../cpu/layout.ts";
import { VIDEO_BYTES } from "./video-memory.ts";

export const MIB = 1 << 20;
const WASM_PAGE = 65536;

/** Memory for a machine of `mib` MiB: zeroes. Throws UserError. */
export function machineMemory(mib: number, hasVideo: boolean): WebAssembly.Memory {
  const pages = Math.ceil((RAM_BASE + mib * MIB + (hasVideo ? VIDEO_BYTES : 0)) / WASM_PAGE);
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages });
  } catch {
    throw new UserError(`this host does not grant ${mib} MiB of guest RAM: choose less`);
  }
}
