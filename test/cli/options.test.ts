/** The command's options and exit codes, and what it says to bad input: one line, an exit code, no stack trace. */
import { chmodSync, existsSync, readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { afterAll, describe, expect, it } from "vitest";
import { parseOptions } from "../../src/cli/options.ts";
import { existingGuest } from "../../tools/image/ensure.ts";
import { Folder, ROOT, tabvisor } from "./cli.ts";

const folder = new Folder();
afterAll(() => folder.remove());
const EXIT = ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x4"];
const guest = await existingGuest();

describe("exit codes", () => {
  it("isa-debug-exit: (value << 1) | 1, nothing said", () => {
    expect(tabvisor(["-kernel", folder.kernel("exit"), ...EXIT])).toEqual({ code: 43, stdout: Buffer.alloc(0), stderr: "" });
  });
  it("triple fault: 1, with registers and the last instructions", () => {
    const { code, stdout, stderr } = tabvisor(["-kernel", folder.kernel("triple")]);
    expect([code, stdout.length]).toEqual([1, 0]);
    expect(stderr).toMatch(/^tabvisor: triple fault at 0x1000[0-9a-f]{2}\nRAX=0000000000001234 [^]*CR0=[^]*\n=> [0-9a-f]{16}: 0f 0b +ud2/m);
    expect(stderr).not.toContain(".ts:");
  });
  it("halted with interrupts off: 1", () => {
    const { code, stderr } = tabvisor(["-kernel", folder.kernel("halt")]);
    expect([code, stderr.split("\n")[0]]).toEqual([1, "tabvisor: the CPU halted with interrupts disabled: nothing can wake it"]);
  });
  it("-no-reboot: a reset ends the machine, 0", () => {
    expect(tabvisor(["-kernel", folder.kernel("reset"), "-no-reboot"])).toMatchObject({ code: 0, stderr: "" });
  });
  it("without it the machine starts again; --timeout: 124", () => {
    const { code, stderr } = tabvisor(["-kernel", folder.kernel("reset"), "--timeout", "1"]);
    expect([code, stderr]).toEqual([124, "tabvisor: ended after 1 s (--timeout)\n"]);
  });
  it("--timeout ends a busy guest, too", () => {
    const timed = (kernel: "panic" | "loop", code: number): number => {
      const from = performance.now();
      expect(tabvisor(["-kernel", folder.kernel(kernel), "--timeout", "0.5"]).code).toBe(code);
      return performance.now() - from;
    };
    // How long a process takes to start is the host's affair: a guest that ends by itself tells.
    const starting = timed("panic", 1);
    expect(timed("loop", 124)).toBeLessThan(2 * starting + 2000);
  });
  it("a kernel panic on the console: 1, with its line", () => {
    const { code, stdout, stderr } = tabvisor(["-kernel", folder.kernel("panic")]);
    expect([code, stderr.split("\n")[0]]).toEqual([1, "tabvisor: Kernel panic - not syncing: no root"]);
    expect(stdout.toString()).toContain("end Kernel panic");
  });
});

describe("options", () => {
  it("-append, -initrd with several files and strings", () => {
    const [a, b] = [folder.file("first", "one"), folder.file("second", "two\n2")];
    folder.file("empty-module", "");
    const args = ["-kernel", folder.kernel("modules"), "-append", "root=/dev/x quiet -- -v", "-initrd", `${a} its args=1,${b},${folder.path}/empty-module x`, ...EXIT];
    const { code, stdout, stderr } = tabvisor(args);
    expect([code, stderr]).toEqual([1, ""]);
    expect(stdout.toString()).toBe(`modules root=/dev/x quiet -- -v\n${a} its args=1:one\n${b}:two\n2\n${folder.path}/empty-module x:\n`);
  });
  it("values that begin with a dash, and empty ones", () => {
    expect(tabvisor(["-kernel", folder.kernel("modules"), "-append", "-s", ...EXIT]).stdout.toString()).toBe("modules -s\n");
    expect(parseOptions(["-append", "-kernel", "-kernel", "--append", "-s"])).toMatchObject({ append: "-kernel", kernel: "--append", gdb: { port: 1234 } });
    expect(() => parseOptions(["-s", "-append"])).toThrow("option '-append' needs a value");
    expect(tabvisor(["-kernel", folder.kernel("modules"), "-append", "", ...EXIT]).stdout.toString()).toBe("modules\n");
  });
  it("-m in QEMU's forms", () => {
    const forms = { 64: 64, "64M": 64, "64m": 64, "size=64M": 64, "1G": 1024, "0.5G": 512, 3072: 3072 };
    for (const [text, mib] of Object.entries(forms)) expect([text, parseOptions(["-m", text]).memoryMib]).toEqual([text, mib]);
    expect(parseOptions([]).memoryMib).toBe(256);
    for (const [text, mib] of [["64M", 64], ["3072", 3072]] as const) {
      const { code, stderr } = tabvisor(["-kernel", folder.kernel("memory"), "-m", text, ...EXIT]);
      expect([code, parseInt(stderr, 16)]).toEqual([1, (mib - 1) * 1024]);
    }
  });
  it("-cpu flags are what CPUID tells", () => {
    const words = (cpu: string): number[] => tabvisor(["-kernel", folder.kernel("cpuid"), "-cpu", cpu, ...EXIT]).stderr.trim().split(" ").map((w) => parseInt(w, 16));
    const [ecx, ebx] = words("x86-64-v2");
    expect([(ecx >> 20) & 1, (ecx >> 23) & 1, (ebx >> 7) & 1, (ebx >> 20) & 1]).toEqual([1, 1, 1, 1]); // SSE4.2, POPCNT, SMEP, SMAP
    const [less, less7] = words("x86-64-v2,-sse4.2,-smap");
    expect([(less >> 20) & 1, (less >> 23) & 1, (less7 >> 7) & 1, (less7 >> 20) & 1]).toEqual([0, 1, 1, 0]);
    const [more] = words("qemu64,+popcnt");
    expect([(more >> 20) & 1, (more >> 23) & 1]).toEqual([0, 1]);
  });
  it("--stats: a JSON object on the last line of standard error", () => {
    const { code, stderr } = tabvisor(["-kernel", folder.kernel("bytes"), ...EXIT, "--stats"]);
    expect(code).toBe(1);
    const stats = JSON.parse(stderr) as Record<string, unknown> & { instructions: number; instructionsByTier: Record<string, number>; exitsByReason: Record<string, number> };
    expect(Object.keys(stats).sort()).toEqual(["decodeMisses", "exitsByReason", "instructions", "instructionsByTier", "mips", "peakMemory", "seconds", "tier1", "tlbMisses", "unimplemented"]);
    // 25,600 bytes, more than eight instructions each.
    expect(stats.instructions).toBeGreaterThan(200_000);
    expect(Object.values(stats.instructionsByTier).reduce((a, b) => a + b)).toBe(stats.instructions);
    expect(stats["seconds"]).toBeGreaterThan(0);
    expect(stats["peakMemory"]).toBeGreaterThan(2 ** 25);
    expect(stats["mips"]).toBeCloseTo(stats.instructions / Number(stats["seconds"]) / 1e6, 3);
    for (const n of [stats["decodeMisses"], stats["tlbMisses"], ...Object.values(stats.exitsByReason)]) expect(n).toBeGreaterThanOrEqual(0);
  });
  it("--symbols: names in --stats and in dumps", () => {
    const run = (...more: string[]): { stdout: string; stderr: string } => {
      const { stdout, stderr } = tabvisor(["-kernel", folder.kernel("bytes"), ...EXIT, "--tier", "1", "--stats", ...more]);
      return { stdout: stdout.toString(), stderr };
    };
    const hottest = (stderr: string): { address: string; symbol?: string; compileMs: number }[] =>
      (JSON.parse(stderr.trim().split("\n").at(-1) ?? "") as { tier1: { hottest: { address: string; symbol?: string; compileMs: number }[] } }).tier1.hottest;
    const [plain] = hottest(run().stderr);
    expect(plain.symbol).toBe(undefined);
    expect(plain.compileMs).toBeGreaterThan(0);
    const map = folder.file("names.map", Buffer.from(`${(BigInt(plain.address) - 3n).toString(16).padStart(16, "0")} T the_loop\n`));
    const { stderr } = run("--symbols", map, "--dump-hot", "1");
    expect(hottest(stderr)[0]).toMatchObject({ address: plain.address, symbol: "the_loop+0x3" });
    expect(stderr).toContain(`region ${plain.address} <the_loop+0x3>: entered`);
  });
  it("--deterministic: equal counts", () => {
    const count = (): number => (JSON.parse(tabvisor(["-kernel", folder.kernel("bytes"), ...EXIT, "--stats", "--deterministic"]).stderr) as { instructions: number }).instructions;
    expect(count()).toBe(count());
  });
  it("--help and --version", () => {
    const help = tabvisor(["--help"]);
    expect([help.code, help.stderr]).toEqual([0, ""]);
    for (const option of ["-kernel", "-initrd", "-append", "-m ", "-cpu", "-serial", "-nographic", "-device isa-debug-exit", "-no-reboot", "--timeout", "--deterministic", "--stats"]) {
      expect(help.stdout.toString()).toContain(option);
    }
    expect(tabvisor(["--version"]).stdout.toString()).toMatch(/^tabvisor \d+\.\d+\.\d+\n$/);
  });
  it("from another folder, and through npm", () => {
    folder.kernel("hello");
    expect(tabvisor(["-kernel", "hello", ...EXIT], { cwd: folder.path }).stdout.toString()).toBe("hello from the guest\r\n");
    const npm = spawnSync("npm", ["run", "--silent", "vm", "--", "-kernel", folder.kernel("hello"), ...EXIT], { cwd: ROOT, timeout: 30_000, killSignal: "SIGKILL", input: "" });
    expect([npm.status, npm.stdout.toString()]).toEqual([1, "hello from the guest\r\n"]);
  });
});

describe("bad input", () => {
  /** Exactly one line, that begins so; exit code 1; nothing on standard output. */
  function refused(args: readonly string[], message: string | RegExp): void {
    const { code, stdout, stderr } = tabvisor(args);
    expect(stderr).toMatch(/^tabvisor: [^\n]+\n$/);
    expect(stderr.slice("tabvisor: ".length, -1)).toMatch(message);
    expect([code, stdout.toString()]).toEqual([1, ""]);
  }
  const halt = (): string[] => ["-kernel", folder.kernel("halt")];

  it("options", () => {
    const wrong: [string[], RegExp][] = [
      [["-foo"], /^unknown option '-foo'/],
      [["kernel.bin"], /^unexpected argument 'kernel.bin'/],
      [["-kernel"], /^option '-kernel' needs a value$/],
      [["-kernel", "a", "-kernel", "b"], /^option '-kernel' is given twice$/],
      [["-serial", "tcp:1"], /^-serial: 'tcp:1' is not/],
      [["-device", "e1000"], /^-device: 'e1000' is unknown/],
      [["-device", "isa-debug-exit,iobase=0xf4,colour=red"], /property 'colour'/],
      [["-device", "isa-debug-exit,iobase=x"], /'x' is not a number/],
      [["--timeout", "soon"], /^--timeout: 'soon'/],
      ...["-5", "lots", "1.3", "5T", "64K", ""].map((size): [string[], RegExp] => [["-m", size], /-m/]),
    ];
    for (const [args, message] of wrong) expect(() => parseOptions(args)).toThrow(message);
    refused(["-foo"], /^unknown option '-foo'/);
    refused([...halt(), "-cpu", "pentium9"], /^unknown CPU model 'pentium9'; models: .*x86-64-v2/);
    refused([...halt(), "-cpu", "x86-64-v2,+warp"], /^CPU flag 'warp' is unknown/);
    refused([...halt(), "-serial", `file:${folder.path}/no/such/folder`], /^-serial: cannot write .*there is no such file or folder$/);
    refused([...halt(), "-device", "isa-debug-exit,iobase=0x3f8"], /taken by another device/);
  });
  it("symbols", () => {
    refused([...halt(), "--symbols", join(folder.path, "missing")], /^--symbols: cannot read '.*missing': there is no such file/);
    refused([...halt(), "--symbols", folder.file("prose", "This is no map.\n")], /^--symbols: '.*prose': symbols: this is no ELF file/);
  });
  it("RAM", () => {
    for (const size of ["4G", "1"]) refused([...halt(), "-m", size], /^RAM must be a whole number of MiB from 2 to 3072/);
    if (guest !== null) refused(["-m", "16"], /^RAM too small: .* needs at least \d+ MiB, the machine has 16 MiB$/);
    const initrd = folder.file("large", "");
    truncateSync(initrd, 40 * 2 ** 20);
    refused(["-kernel", folder.kernel("modules"), "-initrd", initrd, "-m", "32"], /^RAM too small: module 1/);
  });
  it("kernels and initrds", () => {
    const missing = join(folder.path, "missing");
    refused(["-kernel", missing], /^kernel: cannot read '.*missing': there is no such file/);
    refused(["-kernel", folder.path], /^kernel: '.*' is not a file$/);
    refused(["-kernel", folder.file("empty", "")], /^kernel: the file is empty$/);
    refused(["-kernel", folder.file("text", "This is no kernel.\n".repeat(100))], /^kernel: not in a known format/);
    refused(["-kernel", folder.file("gz", Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0))], /^kernel: the file is gzip-compressed/);
    const whole = readFileSync(folder.kernel("halt"));
    refused(["-kernel", folder.file("cut", whole.subarray(0, 40))], /^kernel: the Multiboot image is truncated|^kernel: /);
    const huge = folder.file("huge", "");
    truncateSync(huge, 4 * 2 ** 30);
    refused(["-kernel", huge], /^kernel: '.*huge' has 4096 MiB, at most 1024 are taken$/);
    refused([...halt(), "-initrd", missing], /^initrd: cannot read/);
    if (process.getuid?.() !== 0) {
      const locked = folder.file("locked", "x");
      chmodSync(locked, 0);
      refused(["-kernel", locked], /^kernel: cannot read '.*locked': permission denied$/);
    }
    if (guest !== null) {
      for (const [name, size] of [["vmlinux", 5000], ["bzImage", 100_000]] as const) {
        refused(["-kernel", folder.file("cut", readFileSync(guest.files[name]).subarray(0, size))], /^kernel: /);
      }
    }
  });
  it("a display that cannot be shown", () => {
    refused([...halt(), "-vga", "cirrus"], /^-vga: 'cirrus' is not std or none$/);
    refused([...halt(), "-display", "gtk"], /^-display: 'gtk' is not none, text or png:PATH$/);
    refused(["-kernel", folder.kernel("hello"), ...EXIT, "-vga", "none", "-display", "text"], /^-display: there is no display \(-vga none\)$/);
    refused(["-kernel", folder.kernel("hello"), ...EXIT, "-serial", "none", "-display", "png:/nowhere/at/all.png"], /^-display: there is no such file or folder$/);
    refused(["-kernel", folder.kernel("hello"), ...EXIT, "-append", "vga=0x999"], /^vga=0x999: no such mode/);
    refused(["-kernel", folder.kernel("hello"), ...EXIT, "-append", "vga=9999x9999x32"], /^vga=: the display has no mode of 9999x9999 with 32 bits$/);
  });
  it("a full disk", () => {
    if (!existsSync("/dev/full")) return;
    refused(["-kernel", folder.kernel("hello"), ...EXIT, "-serial", "file:/dev/full"], /^serial output: the disk is full$/);
  });

  it("dumps: addresses in hexadecimal, a number of regions", () => {
    expect(parseOptions([]).dump).toBeNull();
    expect(parseOptions(["--dump-region", "0xffffffff81000000,12"]).dump).toEqual({ addresses: [0xffffffff81000000n, 0x12n], hottest: 0 });
    expect(parseOptions(["--dump-hot", "3"]).dump).toEqual({ addresses: [], hottest: 3 });
    expect(() => parseOptions(["--dump-region", "main"])).toThrow("--dump-region: 'main' is not an address");
    expect(() => parseOptions(["--dump-hot", "0"])).toThrow("--dump-hot: '0' is not a number of regions");
  });
});
