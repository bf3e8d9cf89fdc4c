/** In the machine's worker: opens the drives of a definition. Loaded for a machine that has any. */
import type { BlockBackend } from "../base/block.ts";
import { UserError } from "../base/errors.ts";
import type { MachineSpec } from "./api.ts";
import { SnapshotDisk } from "./snapshot/disk.ts";
import type { DiskLayer } from "./snapshot/disk-layer.ts";
import { openDisk } from "./storage/open-disk.ts";
import { Overlay } from "./storage/overlay.ts";
import { Quota } from "./storage/quota-store.ts";

/**
 * Fills in the drives by id, and those that the guest writes to once more for snapshots. Resolves to what closes them. Throws
 * UserError, one clear line; nothing stays open then.
 */
export async function openDrives(
  { definition, drives: specs }: MachineSpec, layer: (drive: string) => DiskLayer | undefined, drives: Map<string, BlockBackend>, snapshotDisks: Map<string, SnapshotDisk>,
): Promise<() => void> {
  const closers: (() => void)[] = [];
  const closeAll = (): void => {
    for (const closer of closers.splice(0).reverse()) closer();
  };
  const quota = definition.storage.quota === null ? undefined : new Quota(definition.storage.quota);
  for (const [id, config] of Object.entries(specs)) {
    try {
      const { disk, identity, close } = await openDisk(config, {}, quota);
      closers.push(close);
      if (disk.readOnly) {
        drives.set(id, disk);
        continue;
      }
      const below = layer(id);
      const kept = new SnapshotDisk(disk, {
        base: identity, ...(below === undefined ? {} : { layer: below }),
        ...(disk instanceof Overlay ? { written: (range: (sector: number, count: number) => void) => disk.eachWritten(range) } : {}),
      });
      snapshotDisks.set(id, kept);
      drives.set(id, kept);
    } catch (e) {
      closeAll();
      throw e instanceof UserError ? new UserError(`${id}: ${e.message}`) : e;
    }
  }
  return closeAll;
}
