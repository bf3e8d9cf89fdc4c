/** The default guest as each engine is given it: the same kernel, initramfs and command line. */
import type { GuestPaths } from "../../tools/image/ensure.ts";
import { tabvisor, type Command } from "./child.ts";

export const MEMORY_MIB = 256;
/** The first line of the kernel's log. */
export const FIRST_LINE = "Linux version";
/** The end of the greeting, right before the prompt. */
export const PROMPT = "ends the machine.";

/** What a machine is given; by default the guest as it is. */
export interface GuestBoot {
  readonly kernel: string;
  readonly initrd: string;
  readonly cmdline: string;
}

export function defaultBoot({ files, info }: GuestPaths): GuestBoot {
  return { kernel: files.vmlinux, initrd: files["initramfs.cpio"], cmdline: info.cmdline };
}

/** The shared options: QEMU's, which are ours too. */
function options({ kernel, initrd, cmdline }: GuestBoot): string[] {
  return ["-m", String(MEMORY_MIB), "-nographic", "-no-reboot", "-kernel", kernel, "-initrd", initrd, "-append", cmdline];
}

export function qemuBoot(qemu: string, boot: GuestBoot): Command {
  return { file: qemu, args: ["-accel", "tcg,thread=single", ...options(boot)] };
}

/** `more` are further options of ours. */
export function nodeBoot(boot: GuestBoot, more: readonly string[] = []): Command {
  return tabvisor([...options(boot), "--stats", ...more]);
}

/** Seconds on the guest's own clock at the kernel's last message before the prompt. */
export function guestSeconds(output: string): number | null {
  const stamps = [...output.slice(0, output.indexOf(PROMPT)).matchAll(/^\[ *(\d+\.\d+)\]/gm)];
  const last = stamps.at(-1);
  return last === undefined ? null : Number(last[1]);
}
