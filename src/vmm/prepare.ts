/** In the machine's worker: opens what a definition names (drives, shared folders, an own firmware) for the machine that follows. */
import type { BlockBackend } from "../base/block.ts";
import type { MachineSpec } from "./api.ts";
import { machineOptions, type WiredOptions } from "./definition/wiring.ts";
import type { KeptFolder } from "./files/kept-folder.ts";
import type { FileTree } from "./files/tree.ts";
import { loadImage } from "./images/load.ts";
import { ProgressMeter, type LoadProgress } from "./images/progress.ts";
import { loadParts } from "./machine/parts.ts";
import type { SnapshotDisk } from "./snapshot/disk.ts";
import type { DiskLayer } from "./snapshot/disk-layer.ts";
import { openOpfs } from "./storage/opfs-store.ts";

export interface Prepared {
  readonly spec: MachineSpec;
  readonly options: WiredOptions;
  /** Null: our own, or none at all. */
  readonly firmware: Uint8Array | null;
  readonly folders: ReadonlyMap<string, KeptFolder>;
  /** Drives that the guest writes to, by id. */
  readonly snapshotDisks: ReadonlyMap<string, SnapshotDisk>;
  /** Flushes, and gives files free for the next machine. */
  close(): void;
}

/** The two files that a kept folder is written to in turn. */
const slotsOf = (path: string): readonly string[] => [`${path}.a`, `${path}.b`];

export async function openFolder(path: string | null, changed: () => void): Promise<KeptFolder> {
  const { KeptFolder } = await import("./files/kept-folder.ts");
  if (path === null) return new KeptFolder([], changed);
  return new KeptFolder(await Promise.all(slotsOf(path).map((p) => openOpfs(p))), changed);
}

/** Throws UserError, one clear line; nothing stays open then. */
export async function prepareMachine(
  spec: MachineSpec, onProgress: (progress: LoadProgress) => void, onFolder: (tag: string) => void, layer: (drive: string) => DiskLayer | undefined = () => undefined,
): Promise<Prepared> {
  const closers: (() => void)[] = [];
  const close = (): void => {
    for (const closer of closers.splice(0).reverse()) closer();
  };
  try {
    const { definition } = spec;
    const meter = new ProgressMeter(onProgress);
    const drives = new Map<string, BlockBackend>();
    const snapshotDisks = new Map<string, SnapshotDisk>();
    if (Object.keys(spec.drives).length > 0) {
      const { openDrives } = await import("./prepare-drives.ts");
      closers.push(await openDrives(spec, layer, drives, snapshotDisks));
    }
    const folders = new Map<string, KeptFolder>();
    const trees = new Map<string, FileTree>();
    for (const { tag, readOnly } of definition.sharedFolders) {
      const folder = await openFolder(spec.folders[tag] ?? null, () => onFolder(tag));
      closers.push(() => folder.close());
      folders.set(tag, folder);
      trees.set(tag, folder.view(readOnly));
    }
    const firmware = spec.firmware === null ? null : (await loadImage(spec.firmware, meter, new AbortController().signal)).bytes;
    const options = machineOptions(definition, { drives, folders: trees });
    await loadParts(options);
    return { spec, firmware, folders, snapshotDisks, options, close };
  } catch (e) {
    close();
    throw e;
  }
}
