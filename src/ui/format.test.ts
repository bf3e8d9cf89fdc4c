/** Numbers and reports in words; settings, manifests and dropped files. */
import { describe, expect, it } from "vitest";
import type { StopKind } from "../vmm/api.ts";
import { describeStop, formatBytes, formatCount, formatGuestTime, formatMemory, formatMips } from "./format.ts";
import { parseManifest } from "./guest.ts";
import { checkForm, DEFAULT_SETTINGS, parseSettings } from "./settings.ts";
import { classifyImage } from "./sources.ts";

describe("format", () => {
  it.each([[0, "0 bytes"], [999, "999 bytes"], [1000, "1.0 KB"], [14_186_432, "14.2 MB"], [999_960, "1.0 MB"], [2_147_483_648, "2.1 GB"], [150e6, "150 MB"]])("bytes %d", (n, text) => {
    expect(formatBytes(n)).toBe(text);
  });
  it.each([[0, "0.00 s"], [4.312e9, "4.31 s"], [59.96e9, "60.0 s"], [65e9, "1:05"], [3723e9, "1:02:03"]])("guest time %d", (ns, text) => {
    expect(formatGuestTime(ns)).toBe(text);
  });
  it.each([[0, "0.0 MIPS"], [42.26e6, "42.3 MIPS"], [306.2e6, "306 MIPS"], [12_345e6, "12.3 GIPS"]])("speed %d", (n, text) => {
    expect(formatMips(n)).toBe(text);
  });
  it.each([[7, "7"], [1234, "1.23 K"], [61_234_567, "61.2 M"], [498e6, "498 M"], [1.24e9, "1.24 G"]])("count %d", (n, text) => {
    expect(formatCount(n)).toBe(text);
  });
  it("memory", () => {
    expect([formatMemory(256), formatMemory(2048), formatMemory(1536)]).toEqual(["256 MiB", "2 GiB", "1536 MiB"]);
  });
  it("names every way to stop", () => {
    const kinds: StopKind[] = ["power-off", "reset", "triple-fault", "debug-exit", "halted-forever", "kernel-panic", "error"];
    const titles = kinds.map((kind) => describeStop({ kind, message: "", exitCode: 1, registers: [], disassembly: [] }).title);
    expect(new Set(titles).size).toBe(kinds.length);
    expect(titles.every((t) => t.length > 5)).toBe(true);
  });
});

describe("settings", () => {
  it("survive whatever is stored", () => {
    for (const junk of [null, undefined, 7, "x", [], { memoryMib: "many", cpu: 3, deterministic: 1 }]) expect(parseSettings(junk)).toEqual(DEFAULT_SETTINGS);
    const own = { ...DEFAULT_SETTINGS, memoryMib: 512, defaultCmdline: "quiet", deterministic: true };
    expect(parseSettings(structuredClone(own))).toEqual(own);
  });
  it.each(["", "abc", "-4", "1.5", "1e3", "0", "4000"])("refuse RAM of '%s'", (memory) => {
    expect(checkForm({ memory, cpu: "x" }, DEFAULT_SETTINGS)).toHaveProperty("error");
  });
  it("take a good form", () => {
    expect(checkForm({ memory: " 512 ", cpu: " qemu64,-sse3 " }, DEFAULT_SETTINGS)).toEqual({ settings: { ...DEFAULT_SETTINGS, memoryMib: 512, cpu: "qemu64,-sse3" } });
  });
});

describe("guest.json", () => {
  it("gives command line, files and what is inside", () => {
    const manifest = parseManifest({
      cmdline: "console=ttyS0",
      release: "6.1.0-40-cloud-amd64",
      busyboxPackage: { name: "busybox-static", version: "1:1.35.0-4" },
      files: { vmlinux: { size: 100 }, "vmlinux.gz": { size: 30 }, "initramfs.cpio": { size: 9 }, "modules.cpio": null },
    });
    expect(manifest.sizes).toEqual({ vmlinux: 100, "vmlinux.gz": 30, "initramfs.cpio": 9, "modules.cpio": undefined });
    expect(manifest.description).toBe("Linux 6.1.0-40-cloud-amd64, busybox-static 1:1.35.0-4");
  });
  it("is refused without a command line", () => {
    expect(() => parseManifest([])).toThrow("cmdline");
    expect(() => parseManifest({})).toThrow("cmdline");
  });
});

describe("dropped files", () => {
  const head = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
  it.each([
    ["whatever", head("\x7fELF"), "kernel"],
    ["initrd-or-so", head(`${"x".repeat(0x202)}HdrS`), "kernel"],
    ["bzImage", head("070701"), "initrd"],
    ["initrd.img-6.1", head("\x28\xb5\x2f\xfd"), "initrd"],
    ["vmlinux.gz", head("\x1f\x8b\x08"), "kernel"],
    ["module.dat", head(""), "initrd"],
  ] as const)("%s", (name, bytes, kind) => {
    expect(classifyImage(name, bytes)).toBe(kind);
  });
});
