/** Numbers, states and reports in words; dropped files told apart. */
import { describe, expect, it } from "vitest";
import type { MachinePhase, StopKind } from "../vmm/api.ts";
import { describeState, describeStop, formatAgo, formatBytes, formatCount, formatGuestTime, formatMemory, formatMips } from "./format.ts";
import { classifyImage } from "./later/sources.ts";

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

describe("a machine's state", () => {
  it("has a word and a colour", () => {
    const of = (state: MachinePhase, error: string | null = null): string => describeState({ state, report: null, error }).label;
    expect((["off", "loading", "running", "paused", "saved", "stopped"] as const).map((s) => of(s))).toEqual(["Off", "Loading", "Running", "Paused", "Saved", "Stopped"]);
    expect(of("off", "no kernel")).toBe("Failed");
  });
  it("tells how long ago", () => {
    const at = (minutes: number): string => formatAgo(0, minutes * 60_000);
    expect([at(0.5), at(1), at(59), at(60), at(300)]).toEqual(["just now", "a minute ago", "59 minutes ago", "an hour ago", "5 hours ago"]);
    expect(formatAgo(Date.UTC(2026, 0, 5), Date.UTC(2026, 1, 5))).toContain("2026");
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
    ["cd.img", head(`${"\0".repeat(0x8001)}CD001`), "cdrom"],
    ["debian", head("QFI\xfb"), "disk"],
    ["disk.bin", head(`${"\0".repeat(510)}\x55\xaa`), "disk"],
    ["root", head(`${"\0".repeat(0x438)}\x53\xef`), "disk"],
    ["saved.tabvisor", head("whatever"), "machine"],
    ["machine.yaml", head("name: x"), "definition"],
    ["freedos.img", head(""), "disk"],
  ] as const)("%s", (name, bytes, kind) => {
    expect(classifyImage(name, bytes)).toBe(kind);
  });
});
