/**
 * gdb and Debian's kernel: attaches to the running default guest, stops in kernel functions by the names of its own kallsyms, walks
 * into a system call, detaches; and from the first instruction on, with -S. Two boots: runs with GDB_LINUX=1 alone.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { COMMAND, ROOT } from "../cli/cli.ts";
import { symbolFile } from "../elf32.ts";
import { hasCommand, runGdb, startStub, type Stub } from "./gdb-session.ts";

const READY = process.env["GDB_LINUX"] !== undefined && existsSync(join(ROOT, ".cache/guest/vmlinux")) && hasCommand("gdb");
const NAMES = ["start_kernel", "do_sys_openat2", "__x64_sys_openat", "vfs_read", "jiffies", "schedule"];
const folder = mkdtempSync(join(tmpdir(), "tabvisor-linux-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

class Shell {
  private text = "";
  constructor(private readonly stub: Stub) {
    stub.child.stdout?.on("data", (d: Buffer) => (this.text += d.toString("latin1")));
  }
  async until(pattern: RegExp, ms: number): Promise<string> {
    for (const end = performance.now() + ms; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
      if (pattern.test(this.text)) return this.text;
      if (performance.now() > end) throw new Error(`no ${pattern.source} in:\n${this.text.slice(-2000)}`);
    }
  }
  write(text: string): void {
    this.text = "";
    this.stub.child.stdin?.write(text);
  }
}

it.skipIf(!READY)("Debian's kernel under gdb", async () => {
  const symbols = new Map<string, bigint>();
  const file = join(folder, "symbols");
  const running = await startStub(process.execPath, [COMMAND], ["-serial", "stdio"], false);
  try {
    const shell = new Shell(running);
    await shell.until(/# $/, 120_000);
    shell.write(`grep -wE '${NAMES.join("|")}' /proc/kallsyms; echo done\n`);
    for (const m of (await shell.until(/\ndone\r?\n[^]*# $/, 20_000)).matchAll(/^([0-9a-f]{16}) \w (\w+)\r?$/gm)) symbols.set(m[2], BigInt(`0x${m[1]}`));
    expect(symbols.size).toBe(NAMES.length);
    writeFileSync(file, symbolFile(64, 0xffffffff81000000n, 0x3000000, symbols));
    // The shell opens the file once gdb has set its breakpoint: the guest runs on until then.
    shell.write("sleep 2; cat /etc/passwd; echo over\n");
    const out = runGdb(running, `
symbol-file ${file}
break do_sys_openat2
continue
p $rip == &do_sys_openat2
info registers cs cr0 cr4 efer
x/i $rip
delete
stepi 50
hbreak *&vfs_read
continue
info symbol $rip
monitor info mem
detach
`, 100);
    expect(out).toMatch(/Breakpoint 1, 0xffffffff8[0-9a-f]+ in do_sys_openat2 \(\)/);
    expect(out).toContain("$1 = 1");
    expect(out).toMatch(/cs +0x10 +16/);
    expect(out).toMatch(/efer +0xd01 +\[ NXE LMA LME SCE \]/);
    expect(out).toContain("vfs_read in section .text");
    expect(out).toMatch(/^ffff8880[0-9a-f]{8}-[0-9a-f]{16} [0-9a-f]{16} -r/m);
    // Detached, it goes on.
    await shell.until(/root:x:0:0[^]*over/, 60_000);
  } finally {
    await running.stop();
  }
  const fresh = await startStub(process.execPath, [COMMAND], ["-serial", "stdio"]);
  try {
    const out = runGdb(fresh, `symbol-file ${file}\nhbreak *&start_kernel\ncontinue\ninfo symbol $rip\np $_siginfo\nwatch *(long*)&jiffies\ncontinue\ncontinue\nkill\n`, 100);
    expect(out).toMatch(/start_kernel in section \.text/);
    expect(out.match(/Hardware watchpoint 2: \*\(long\*\)&jiffies\n\nOld value/g)?.length).toBe(2);
    expect(await fresh.ended).toBe(0);
  } finally {
    await fresh.stop();
  }
}, 280_000);
