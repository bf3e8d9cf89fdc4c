/** QEMU's disk tools, where they are installed. */
import { execFileSync } from "node:child_process";

export const HAVE_QEMU_IMG = ((): boolean => {
  try {
    execFileSync("qemu-img", ["--version"], { stdio: "ignore" });
    execFileSync("qemu-io", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

export function qemuImg(...args: readonly string[]): string {
  return execFileSync("qemu-img", [...args], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** Commands of qemu-io on an image, e.g. `write -P 7 64k 4k`. */
export function qemuIo(file: string, format: string, ...commands: readonly string[]): void {
  const out = execFileSync("qemu-io", ["-f", format, ...commands.flatMap((c) => ["-c", c]), file], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  if (/failed|error/i.test(out)) throw new Error(out);
}
