/** A stand-in for a machine in page tests: prints a boot log and answers like a small shell. No CPU in it. */
import type {
  FolderAnswer, FolderCall, ImageSources, LoadProgress, MachineApi, MachineEvents, MachineSpec, MachineState, StopReport, WorkerConfig,
} from "../../src/vmm/api.ts";
import { KeptFolder } from "../../src/vmm/files/kept-folder.ts";
import { loadImages } from "../../src/vmm/images/load.ts";

const PROMPT = "~ # ";
const BOOT_LOG = [
  "Linux version 6.1.0-40-cloud-amd64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14) 12.2.0) #1 SMP PREEMPT_DYNAMIC",
  "Command line: console=ttyS0",
  "BIOS-provided physical RAM map:",
  "BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable",
  "BIOS-e820: [mem 0x0000000000100000-0x000000000fffffff] usable",
  "NX (Execute Disable) protection: active",
  "tsc: Detected 1000.000 MHz processor",
  "Memory: 219280K/261752K available (14342K kernel code, 2308K rwdata, 8992K rodata, 2712K init)",
  "Console: colour VGA+ 80x25",
  "printk: console [ttyS0] enabled",
  "Serial: 8250/16550 driver, 4 ports, IRQ sharing enabled",
  "00:00: ttyS0 at I/O 0x3f8 (irq = 4, base_baud = 115200) is a 16550A",
  "Run /init as init process",
];
const REGISTERS = [
  "RAX=0000000000000000 RBX=ffffffff82a0c1c0 RCX=0000000000000cf9 RDX=0000000000000060",
  "RSI=0000000000000010 RDI=ffffffff82203df0 RBP=ffffffff82203e10 RSP=ffffffff82203dd8",
  "R8 =0000000000000000 R9 =00000000ffffdfff R10=ffffffff82252fe0 R11=ffffffff82252fe0",
  "R12=00000000fee1dead R13=0000000000000000 R14=0000000000000000 R15=0000000000014770",
  "RIP=ffffffff8106b5c4 RFL=00010002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=0",
  "CS =0010 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]",
  "CR0=80050033 CR2=ffffc90000000ff8 CR3=000000000220a000 CR4=000006b0",
  "EFER=0000000000000d01",
];
const DISASSEMBLY = [
  "ffffffff8106b5a0: 48 89 e5                 mov    rbp, rsp",
  "ffffffff8106b5a3: 48 c7 c7 f0 3d 20 82     mov    rdi, 0xffffffff82203df0",
  "ffffffff8106b5aa: 0f 01 1f                 lidt   [rdi]",
  "ffffffff8106b5ad: cc                       int3",
];

const report = (kind: StopReport["kind"], message: string, exitCode: number, evidence = exitCode !== 0): StopReport => ({
  kind,
  message,
  exitCode,
  registers: evidence ? REGISTERS : [],
  disassembly: evidence ? DISASSEMBLY : [],
});

export class FakeMachine implements MachineApi {
  private events: MachineEvents | null = null;
  private config: WorkerConfig | null = null;
  private kernel = new Uint8Array(0);
  private state: MachineState = "off";
  private line: number[] = [];
  /** The file that `cat > FILE` is writing, and the files there are. */
  private writing: { name: string; bytes: number[] } | null = null;
  private files = new Map<string, Uint8Array>();
  private held: Uint8Array[] = [];
  private ticks = 0;
  private timer: ReturnType<typeof setInterval> | null = null;
  private out = "";

  async load(images: ImageSources, onProgress: (progress: LoadProgress) => void): Promise<ImageSources> {
    const { kernel, kept } = await loadImages(images, onProgress);
    this.kernel = new Uint8Array(kernel);
    return kept;
  }

  private spec: MachineSpec | null = null;

  prepare(spec: MachineSpec): Promise<void> {
    this.spec = spec;
    return Promise.resolve();
  }

  private prepared(): WorkerConfig {
    if (this.spec === null) throw new Error("there is no machine: prepare one first");
    const { definition, cmdline, epochSeconds } = this.spec;
    const { memory, cpu, deterministic, devices } = definition;
    return { memoryMib: memory, cpu: cpu.model, deterministic, debugExit: devices.debugExit, epochSeconds, noReboot: !definition.reboot, boot: { cmdline: cmdline ?? "" } };
  }

  debugger(): Promise<never> {
    return Promise.reject(new Error("the stand-in has no debugger"));
  }
  startRecording(): Promise<never> {
    return Promise.reject(new Error("the stand-in has no run"));
  }
  stopRecording(): Promise<never> {
    return Promise.reject(new Error("the stand-in has no run"));
  }
  warm(): Promise<void> {
    return Promise.resolve();
  }
  foresee(): Promise<void> {
    return Promise.resolve();
  }
  useStore(): Promise<void> {
    return Promise.resolve();
  }
  snapshot(): Promise<never> {
    return Promise.reject(new Error("the stand-in takes no snapshots"));
  }
  fork(): Promise<never> {
    return Promise.reject(new Error("the stand-in does not fork"));
  }
  setShare(): Promise<void> {
    return Promise.resolve();
  }
  private readonly shared = new KeptFolder([], () => void this.events?.folder("share"));
  folder(_tag: string, call: FolderCall): Promise<FolderAnswer> {
    if (call.kind === "list") return Promise.resolve(this.shared.list(call.path));
    if (call.kind === "read") return Promise.resolve(this.shared.read(call.path));
    if (call.kind === "write") this.shared.write(call.path, call.position, call.bytes);
    else if (call.kind === "remove") this.shared.remove(call.path);
    else this.shared.makeFolder(call.path);
    return Promise.resolve(null);
  }
  openFolder(): Promise<void> {
    return Promise.resolve();
  }
  screenshot(): Promise<null> {
    return Promise.resolve(null);
  }
  useCompiler(): Promise<void> {
    return Promise.resolve();
  }
  compilerLost(): Promise<void> {
    return Promise.resolve();
  }

  async powerOn(given: WorkerConfig | "prepared", events: MachineEvents): Promise<void> {
    const config = given === "prepared" ? this.prepared() : given;
    this.check(config);
    this.events = events;
    this.config = config;
    this.timer ??= setInterval(() => this.tick(), 200);
    this.state = "running";
    if (this.kernel.length < 4096) {
      const exit = config.boot.cmdline.includes("exit=");
      setTimeout(() => (exit ? this.stop(report("debug-exit", "debug exit with value 0x10", 33, true)) : this.stop(report("triple-fault", "triple fault: #GP while delivering #DF at rip 0xffffffff8106b5c4", 1))), 30);
      return;
    }
    await this.boot();
  }

  async pause(): Promise<void> {
    if (this.state !== "running") throw new Error("the machine is not running");
    this.state = "paused";
    this.tick();
  }

  async resume(): Promise<void> {
    this.state = "running";
    for (const bytes of this.held.splice(0)) await this.serialInput(bytes);
  }

  async reset(): Promise<void> {
    this.files.clear();
    await this.boot();
  }

  async powerButton(): Promise<boolean> {
    return false;
  }

  async powerOff(): Promise<void> {
    this.state = "off";
  }

  async serialInput(bytes: Uint8Array): Promise<void> {
    if (this.state === "paused") {
      this.held.push(bytes);
      return;
    }
    for (const byte of bytes) await this.typed(byte);
    this.flush();
  }

  async key(): Promise<void> {}
  async mouse(): Promise<void> {}
  async attachDisplay(port: MessagePort): Promise<void> {
    port.close();
  }

  async stats(): Promise<never> {
    throw new Error("the fake worker has no figures");
  }

  private check({ memoryMib, cpu }: WorkerConfig): void {
    const { kernel } = this;
    const magic = String.fromCharCode(...kernel.subarray(0, 4));
    const setup = String.fromCharCode(...kernel.subarray(0x202, 0x206));
    if (kernel.length === 0) throw new Error("kernel: the file is empty");
    if (magic !== "\x7fELF" && setup !== "HdrS") throw new Error("kernel: neither a bzImage nor an ELF file");
    if (memoryMib < 16) throw new Error(`RAM of ${memoryMib} MiB is too small for this kernel`);
    if (!/^[\w.-]+(,[+-][\w.-]+)*$/.test(cpu) || cpu.startsWith("nonsense")) throw new Error(`unknown CPU '${cpu}'`);
  }

  private async boot(): Promise<void> {
    this.ticks = 0;
    this.line = [];
    this.writing = null;
    this.state = "running";
    BOOT_LOG.forEach((text, i) => this.print(`[\x1b[32m    ${(i * 0.0417).toFixed(6)}\x1b[0m] ${text}\r\n`));
    this.print(`\r\n\x1b[1;34mDebian\x1b[0m in a tab, cpu ${this.config?.cpu ?? ""}, type \x1b[33mpoweroff\x1b[0m to leave\r\n${PROMPT}`);
    this.flush();
  }

  private stop(why: StopReport): void {
    this.state = "stopped";
    this.flush();
    void this.events?.stopped(why);
  }

  private tick(): void {
    if (this.state === "running") this.ticks++;
    if (this.state === "off" || this.state === "stopped") return;
    void this.events?.status({
      state: this.state,
      guestTimeNs: this.ticks * 200_000_000,
      instructions: this.ticks * 61_234_567,
      instructionsPerSecond: this.state === "running" ? 306_172_835 : 0,
      memoryMib: this.config?.memoryMib ?? 0,
      idle: this.ticks > 3,
      load: this.ticks > 3 ? 0.02 : 0.9,
      tiers: { share: 0.964, regions: 412, queue: 3 },
    });
  }

  private print(text: string): void {
    this.out += text;
  }

  private flush(): void {
    const bytes = new TextEncoder().encode(this.out);
    this.out = "";
    if (bytes.length > 0) void this.events?.serial(bytes);
  }

  private async typed(byte: number): Promise<void> {
    if (byte === 3) {
      this.line = [];
      this.writing = null;
      this.print(`^C\r\n${PROMPT}`);
    } else if (byte === 4 && this.writing !== null) {
      this.files.set(this.writing.name, Uint8Array.from(this.writing.bytes));
      this.writing = null;
      this.print(PROMPT);
    } else if (byte === 127) {
      if (this.line.pop() !== undefined) this.print("\b \b");
    } else if (byte === 13) {
      this.print("\r\n");
      const bytes = this.line;
      this.line = [];
      if (this.writing === null) await this.run(new TextDecoder().decode(Uint8Array.from(bytes)).trim());
      else this.writing.bytes.push(...bytes, 10);
    } else {
      this.line.push(byte);
      this.print(String.fromCharCode(byte));
    }
  }

  private async run(command: string): Promise<void> {
    const [name, ...words] = command.split(/\s+/);
    if (name === "echo") {
      const result = (_all: string, a: string, operator: string, b: string): string => String(operator === "*" ? Number(a) * Number(b) : Number(a) + Number(b));
      if (!words.includes(">")) this.print(`${words.join(" ").replace(/\$\(\((\d+)([*+])(\d+)\)\)/g, result)}\r\n`);
    } else if (name === "cat" && words[0] !== ">") this.print(`cat: can't open '${words[0]}': No such file or directory\r\n`);
    else if (name === "cat") {
      this.writing = { name: words[1], bytes: [] };
      return;
    } else if (name === "sha256sum") {
      const digest = await crypto.subtle.digest("SHA-256", Uint8Array.from(this.files.get(words[0]) ?? []));
      this.print(`${[...new Uint8Array(digest)].map((b) => b.toString(16).padStart(2, "0")).join("")}  ${words[0]}\r\n`);
    } else if (name === "flood") return this.flood(Number(words[0]));
    else if (name === "poweroff") return this.stop(report("power-off", "the guest powered off", 0));
    else if (name === "reboot") {
      if (this.config?.noReboot === true) return this.stop(report("reset", "the guest reset the machine", 0));
      this.events?.restarted();
      return this.boot();
    }
    else if (name === "panic") return this.stop(report("kernel-panic", "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000b00", 1));
    else if (name === "halt") return this.stop(report("halted-forever", "HLT with interrupts disabled at rip 0xffffffff8106b5c4", 1));
    else if (name === "throw") setTimeout(() => { throw new Error("the emulator ran out of memory"); });
    else if (name !== "" && name !== "stty") this.print(`sh: ${name}: not found\r\n`);
    this.print(PROMPT);
  }

  /** Prints so many megabytes, waiting whenever the page asks for it. */
  private async flood(megabytes: number): Promise<void> {
    const block = new TextEncoder().encode("The quick brown fox jumps over the lazy dog, again and again. \r\n".repeat(1024));
    for (let sent = 0; sent < megabytes * 1e6; sent += block.length) await this.events?.serial(block);
    this.print(`flood of ${megabytes} MB done\r\n${PROMPT}`);
    this.flush();
  }
}
