/** The default guest as each engine is given it: the same kernel, initramfs and command line. */
import type { GuestPaths } from "../../tools/image/ensure.ts";
import { tabvisor, type Command } from "./child.ts";

export const MEMORY_MIB = 256;
/** The first line of the kernel's log. */
export const FIRST_LINE = "Linux version";
/** The end of the greeting, right before the prompt. */
export const PROMPT = "ends the machine.";

/** The shared options: QEMU's, which are ours too. */
function options({ files, info }: GuestPaths): string[] {
  return ["-m", String(MEMORY_MIB), "-nographic", "-no-reboot", "-kernel", files.vmlinux, "-initrd", files["initramfs.cpio"], "-append", info.cmdline];
}

export function qemuBoot(qemu: string, guest: GuestPaths): Command {
  return { file: qemu, args: ["-accel", "tcg,thread=single", ...options(guest)] };
}

export function nodeBoot(guest: GuestPaths): Command {
  return tabvisor([...options(guest), "--stats"]);
}

/** Seconds on the guest's own clock at the kernel's last message before the prompt. */
export function guestSeconds(output: string): number | null {
  const stamps = [...output.slice(0, output.indexOf(PROMPT)).matchAll(/^\[ *(\d+\.\d+)\]/gm)];
  const last = stamps.at(-1);
  return last === undefined ? null : Number(last[1]);
}
