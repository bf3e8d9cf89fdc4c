/** Runs the real command as a user does, with small guests in a temporary folder. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assembleKernel } from "../machine/guest.ts";

export const ROOT = join(import.meta.dirname, "..", "..");
export const COMMAND = join(ROOT, "bin", "tabvisor.mjs");

export interface Result {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface Options {
  readonly input?: string | Buffer;
  readonly cwd?: string;
}

/** Runs to the end; 30 s at most. */
export function tabvisor(args: readonly string[], options: Options = {}): Result {
  const r = spawnSync(process.execPath, [COMMAND, ...args], { input: options.input ?? "", cwd: options.cwd ?? tmpdir(), timeout: 30_000, killSignal: "SIGKILL", maxBuffer: 1 << 26 });
  return { code: r.status, stdout: r.stdout, stderr: r.stderr.toString("utf8") };
}

/** Starts it, and lets `during` talk to it; its end is awaited. */
export async function talk(args: readonly string[], during: (session: Session) => Promise<void>, command = process.execPath, before: readonly string[] = [COMMAND]): Promise<Result> {
  const child = spawn(command, [...before, ...args], { cwd: tmpdir(), stdio: ["pipe", "pipe", "pipe"] });
  let stdout = Buffer.alloc(0);
  let stderr = "";
  let wake = (): void => undefined;
  child.stdout.on("data", (d: Buffer) => {
    stdout = Buffer.concat([stdout, d]);
    wake();
  });
  child.stderr.on("data", (d: Buffer) => (stderr += d.toString("utf8")));
  child.stdin.on("error", () => undefined);
  const limit = setTimeout(() => child.kill("SIGKILL"), 30_000);
  const closed = new Promise<number | null>((resolve) => child.on("close", (code) => {
    clearTimeout(limit);
    wake();
    resolve(code);
  }));
  await during({
    pid: child.pid ?? 0,
    write: (text) => void child.stdin.write(text),
    end: () => void child.stdin.end(),
    kill: (signal) => void child.kill(signal),
    printed: async (text) => {
      while (!stdout.includes(text)) {
        if (child.exitCode !== null) throw new Error(`ended before it printed ${JSON.stringify(text)}: ${stdout.toString("latin1")}${stderr}`);
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  });
  return { code: await closed, stdout, stderr };
}

export interface Session {
  readonly pid: number;
  write(text: string | Buffer): void;
  end(): void;
  kill(signal: NodeJS.Signals): void;
  /** Waits until standard output contains it. */
  printed(text: string): Promise<void>;
}

/** 32-bit guests with a serial port of 115200 baud: `serial_putz` (ESI), `serial_put` (AL), `serial_get` (AL). */
const SERIAL = `
bits 32
serial_put:
  push edx
  push eax
  mov dx, 0x3fd
.wait:
  in al, dx
  test al, 0x20
  jz .wait
  mov dx, 0x3f8
  pop eax
  out dx, al
  pop edx
  ret
serial_get:
  mov dx, 0x3fd
.wait:
  in al, dx
  test al, 1
  jz .wait
  mov dx, 0x3f8
  in al, dx
  ret
serial_putz:
  lodsb
  test al, al
  jz .end
  call serial_put
  jmp serial_putz
.end:
  ret
exit:
  mov dx, 0xf4
  out dx, eax
  cli
  hlt
`;

const SOURCES = {
  /** Exits with the value 21: code 43. */
  exit: "mov eax, 21\n jmp exit",
  hello: "mov esi, .text\n call serial_putz\n mov eax, 0\n jmp exit\n.text: db \"hello from the guest\", 13, 10, 0",
  /** All 256 bytes, a hundred times. */
  bytes: "mov ecx, 100\n.again:\n xor ebx, ebx\n.next:\n mov al, bl\n call serial_put\n inc bl\n jnz .next\n loop .again\n mov eax, 0\n jmp exit",
  /** Sends back what it reads, with one added; ends at 'q'. */
  echo: "mov esi, .ready\n call serial_putz\n.next:\n call serial_get\n cmp al, 113\n je .end\n inc al\n call serial_put\n jmp .next\n.end:\n mov eax, 1\n jmp exit\n.ready: db \"ready\", 10, 0",
  /** The command line, then each module's string, size and first bytes up to a zero. */
  modules: `mov esi, [ebx + 16]
  call serial_putz
  mov al, 10
  call serial_put
  mov ecx, [ebx + 20]
  mov edi, [ebx + 24]
  jecxz .end
.next:
  mov esi, [edi + 8]
  call serial_putz
  mov al, 58
  call serial_put
  mov esi, [edi]
  mov ebp, [edi + 4]
.byte:
  cmp esi, ebp
  je .done
  lodsb
  call serial_put
  jmp .byte
.done:
  mov al, 10
  call serial_put
  add edi, 16
  loop .next
.end:
  mov eax, 0
  jmp exit`,
  /** Upper memory in KiB, in hexadecimal, on the debug port. */
  memory: "%hex [ebx + 8]\n mov eax, 0\n jmp exit32\n%include lib32.inc",
  /** CPUID leaf 1 ECX and leaf 7 EBX on the debug port. */
  cpuid: "mov eax, 1\n cpuid\n %hex ecx\n mov eax, 7\n xor ecx, ecx\n cpuid\n %hex ebx\n mov eax, 0\n jmp exit32\n%include lib32.inc",
  triple: "mov eax, 0x1234\n lidt [.none]\n ud2\n.none: dq 0",
  halt: "cli\n hlt",
  loop: "jmp $",
  /** Resets at once; the second time it would do so again. */
  reset: "mov al, 0xfe\n out 0x64, al\n jmp $",
  /** Resets until CMOS RAM says that it is the third time. */
  panic: "mov esi, .text\n call serial_putz\n jmp $\n.text: db \"[ 1.0] Kernel panic - not syncing: no root\", 10, \"[ 1.1] ---[ end Kernel panic - not syncing: no root ]---\", 10, 0",
} as const;

export type GuestName = keyof typeof SOURCES;

export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), "tabvisor-cli-"));
  private readonly made = new Map<string, string>();

  file(name: string, content: string | Uint8Array): string {
    const path = join(this.path, name);
    writeFileSync(path, content);
    return path;
  }
  /** Path of a guest's kernel. */
  kernel(name: GuestName): string {
    let path = this.made.get(name);
    if (path === undefined) {
      path = this.file(name, assembleKernel(`start:\n mov esp, 0x200000\n cld\n ${SOURCES[name]}\n${SERIAL}`));
      this.made.set(name, path);
    }
    return path;
  }
  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
