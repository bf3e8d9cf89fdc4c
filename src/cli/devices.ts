/** The devices that the command line asks for, over the host's files. */
import type { DeviceSet } from "../vmm/machine/cards.ts";
import { FileDisk } from "./file-disk.ts";
import { HostTree } from "./host-tree.ts";
import type { CliOptions } from "./options.ts";

/** Throws UserError for files that cannot be used. */
export function makeDevices({ devices }: CliOptions): DeviceSet {
  return {
    disks: devices.drives.map(({ file, readOnly, serial, queues, packed }) => ({
      backend: new FileDisk(file, readOnly), queues, packed, ...(serial === null ? {} : { serial }),
    })),
    shares: devices.shares.map(({ path, tag, readOnly }) => ({ tag, tree: new HostTree(path, readOnly) })),
    nics: devices.nics,
    rng: devices.rng,
    balloon: devices.balloon,
  };
}
