/**
 * Systems of other people's: Debian's kernels to a shell, memtest86+ over all of its memory. By default the small 32-bit kernel
 * alone; with TABVISOR_SYSTEMS=1 all, which takes a quarter of an hour and more.
 */
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.ts";
import { ensureImage, type GuestPaths } from "../../tools/image/ensure.ts";
import { ensureMemtest } from "../../tools/image/memtest.ts";
import { bootSystem } from "./boot.ts";

const ALL = process.env["TABVISOR_SYSTEMS"] === "1";

/** Null where there are no packages to be had, which is said. */
async function orSkip<T>(make: () => Promise<T>): Promise<T | null> {
  try {
    return await make();
  } catch (e) {
    if (!(e instanceof UserError)) throw e;
    console.log(`left out: ${e.message}`);
    return null;
  }
}

const KERNELS = [
  { name: "linux-image-686", file: "vmlinux", machine: "i686", always: true },
  { name: "linux-image-686", file: "bzImage", machine: "i686", always: false },
  { name: "linux-image-686-pae", file: "vmlinux", machine: "i686", always: false },
  { name: "linux-image-686-pae", file: "bzImage", machine: "i686", always: false },
  { name: "linux-image-amd64", file: "vmlinux", machine: "x86_64", always: false },
  { name: "linux-image-amd64", file: "bzImage", machine: "x86_64", always: false },
] as const;

function shell(guest: GuestPaths, file: "vmlinux" | "bzImage", machine: string, cpu = "x86-64-v2"): void {
  const end = bootSystem({
    kernel: guest.files[file], initrd: guest.files["initramfs.cpio"], cmdline: guest.info.cmdline, memoryMib: 256, seconds: 400, config: { cpu },
    dialogue: [[/# (\x1b\[6n)?$/, "uname -m; echo sum $((6 * 7)); sha256sum /bin/busybox | cut -c1-64 > /tmp/a; sha256sum < /bin/busybox | cut -c1-64 | cmp - /tmp/a && echo same; poweroff -f\n"]],
  });
  expect(end.report?.kind).toBe("power-off");
  const said = end.serial.replaceAll("\r", "");
  expect(said).toContain(`\n${machine}\nsum 42\nsame\n`);
  expect(said).not.toMatch(/\b(BUG|Oops|Call Trace|general protection|segfault)\b/);
  console.log(`${guest.info.release} ${file} on ${cpu}: ${(end.instructions / 1e9).toFixed(2)} G instructions, ${end.seconds.toFixed(1)} s`);
}

describe("Debian's kernels", () => {
  for (const k of KERNELS) {
    it.skipIf(!ALL && !k.always)(`${k.name} (${k.file}) boots to a shell`, async () => {
      const guest = await orSkip(() => ensureImage({ kernel: k.name }));
      if (guest !== null) shell(guest, k.file, k.machine);
    }, 600_000);
  }
});

// What a kernel does with features it finds: AVX and XSAVES in its task switch, protection keys, 5-level paging.
describe("Debian's kernels on other processors", () => {
  const cases = [
    { name: "linux-image-686", machine: "i686" }, { name: "linux-image-686-pae", machine: "i686" }, { name: "linux-image-amd64", machine: "x86_64" },
  ].flatMap((k) => ["x86-64-v3", "max"].map((cpu) => ({ ...k, cpu })));
  it.skipIf(!ALL).each([...cases, { name: "linux-image-amd64", machine: "x86_64", cpu: "max,+la57" }])("$name on $cpu", async ({ name, machine, cpu }) => {
    const guest = await orSkip(() => ensureImage({ kernel: name }));
    if (guest !== null) shell(guest, "vmlinux", machine, cpu);
  }, 600_000);
});

describe("memtest86+", () => {
  for (const which of ["x64", "ia32"] as const) {
    it.skipIf(!ALL)(`${which}: a pass over 64 MiB without an error`, async () => {
      const files = await orSkip(ensureMemtest);
      if (files === null) return;
      const end = bootSystem({
        kernel: files[which], cmdline: "console=ttyS0,115200", memoryMib: 64, seconds: 3000, until: /Pass: +[1-9]\d* +Errors: |Errors: +[1-9]/,
      });
      expect(end.serial.slice(-4000)).toMatch(/Pass: +1 +Errors: 0 /);
      expect(end.serial).not.toMatch(/Errors: +[1-9]/);
      console.log(`memtest86+ ${which}: ${(end.instructions / 1e9).toFixed(1)} G instructions, ${end.seconds.toFixed(0)} s`);
    }, 3_600_000);
  }
});
