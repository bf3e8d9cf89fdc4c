/** The real default guest, where `npm run image` has made it: its bzImage, extracted kernel and initramfs load as they should. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { loadKernel } from "../../src/vmm/boot/load.ts";
import { parseElf } from "../../src/vmm/boot/elf.ts";
import { extractKernel, findPayload } from "../../src/vmm/boot/payload.ts";
import { pvhEntry } from "../../src/vmm/boot/linux.ts";
import { packElf } from "../../tools/image/elfPack.ts";
import { existingGuest } from "../../tools/image/ensure.ts";
import { TestRam } from "./images.ts";

const guest = await existingGuest();
const MIB = 1024 * 1024;

describe.skipIf(guest === null)("the default guest", () => {
  const read = (name: "bzImage" | "vmlinux" | "vmlinux.gz" | "initramfs.cpio"): Uint8Array => {
    if (guest === null) throw new Error("no guest");
    return new Uint8Array(readFileSync(guest.files[name]));
  };

  it("files are what guest.json says", () => {
    for (const [name, { size, sha256 }] of Object.entries(guest?.info.files ?? {})) {
      const bytes = read(name as "vmlinux");
      expect([name, bytes.length, createHash("sha256").update(bytes).digest("hex")]).toEqual([name, size, sha256]);
    }
    expect(Buffer.compare(gunzipSync(read("vmlinux.gz")), read("vmlinux"))).toBe(0);
  });

  it("the packed kernel leaves the same memory as the extracted one", async () => {
    const bzImage = read("bzImage");
    expect(findPayload(bzImage).format).not.toBe("none");
    const whole = await extractKernel(bzImage);
    const packed = packElf(whole);
    expect(Buffer.compare(packed, read("vmlinux"))).toBe(0);
    expect(pvhEntry(parseElf(packed))).toBe(pvhEntry(parseElf(whole)));
    const [a, b] = [whole, packed].map((kernel) => {
      const ram = new TestRam(96 * MIB);
      const entry = loadKernel({ kernel, initrds: [read("initramfs.cpio")], cmdline: "console=ttyS0" }, ram);
      return { ram, entry };
    });
    expect(b.entry).toEqual(a.entry);
    expect(Buffer.compare(a.ram.bytes, b.ram.bytes)).toBe(0);
    expect(a.entry).toMatchObject({ protocol: "linux64", entry: 0x1000000 });
  });

  it("starts by bzImage and by PVH, too", () => {
    const images = { initrds: [read("initramfs.cpio")], cmdline: "" };
    expect(loadKernel({ kernel: read("bzImage"), ...images }, new TestRam(128 * MIB))).toMatchObject({ protocol: "linux64", entry: 0x1000200 });
    expect(loadKernel({ kernel: read("vmlinux"), ...images }, new TestRam(96 * MIB), { protocol: "pvh" }).protocol).toBe("pvh");
  });

  it("too little RAM is one clear line", () => {
    expect(() => loadKernel({ kernel: read("vmlinux"), initrds: [], cmdline: "" }, new TestRam(48 * MIB))).toThrow(/^RAM too small: .* needs at least \d+ MiB, the machine has 48 MiB$/);
  });
});
