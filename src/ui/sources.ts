/** What a machine is started from: the default guest or the user's own files, with the settings of the form. */
import { DETERMINISTIC_EPOCH_SECONDS, type ImageSource, type WorkerConfig } from "../vmm/api.ts";
import type { DefaultGuest } from "./guest.ts";
import { formatBytes } from "./format.ts";
import type { MachineSource } from "./session.ts";
import type { Settings } from "./settings.ts";

/** More cannot be in a 32-bit Wasm memory, nor in one array of some browsers. */
const LARGEST_IMAGE = 2 ** 31 - 1;

export interface OwnImages {
  readonly kernel: File | null;
  readonly initrds: readonly File[];
}

function configure(settings: Settings, cmdline: string, own: boolean): WorkerConfig {
  return {
    memoryMib: settings.memoryMib,
    cpu: settings.cpu,
    boot: { cmdline },
    deterministic: settings.deterministic,
    // Test kernels end through it; the default guest has no use for it.
    debugExit: own ? { iobase: 0xf4, iosize: 4 } : null,
    epochSeconds: settings.deterministic ? DETERMINISTIC_EPOCH_SECONDS : Math.floor(Date.now() / 1000),
    // Every reset is reported: a triple fault is shown, and a reboot is the session's to do.
    noReboot: true,
  };
}

export function defaultSource(guest: DefaultGuest, settings: Settings): MachineSource {
  return {
    async load(worker, onProgress) {
      const [{ cmdline }] = await Promise.all([guest.manifest(), guest.load(worker, onProgress)]);
      return configure(settings, settings.defaultCmdline ?? cmdline, false);
    },
  };
}

export function ownSource(images: OwnImages, settings: Settings): MachineSource {
  return {
    async load(worker) {
      if (images.kernel === null) throw new Error("Choose a kernel first.");
      for (const file of [images.kernel, ...images.initrds]) {
        if (file.size > LARGEST_IMAGE) throw new Error(`${file.name} is too large: ${formatBytes(file.size)}, at most 2 GB`);
      }
      const source = (file: File, unzip: boolean): ImageSource => ({ name: file.name, from: { blob: file }, unzip, size: null });
      // An initrd stays as it is: the guest unpacks it itself.
      await worker.load({ kernel: source(images.kernel, true), initrds: images.initrds.map((file) => source(file, false)) }, () => undefined);
      return configure(settings, settings.ownCmdline, true);
    },
  };
}

export type ImageKind = "kernel" | "initrd";

const ascii = (head: Uint8Array, at: number, length: number): string => String.fromCharCode(...head.subarray(at, at + length));

/** Tells a dropped file by its first kilobyte, and by its name where content does not decide. */
export function classifyImage(name: string, head: Uint8Array): ImageKind {
  if (ascii(head, 0, 4) === "\x7fELF" || ascii(head, 0x202, 4) === "HdrS") return "kernel";
  if (/^0707(0[127])/.test(ascii(head, 0, 6))) return "initrd";
  const lower = name.toLowerCase();
  if (/init(rd|ramfs)|\.cpio|ramdisk/.test(lower)) return "initrd";
  return /vmlinu|bzimage|kernel|\.elf|\.bin|xen/.test(lower) ? "kernel" : "initrd";
}
