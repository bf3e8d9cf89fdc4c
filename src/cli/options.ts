/** Command-line options: QEMU's names, plus --timeout, --deterministic and --stats. Pure: text in, settings or a UserError out. */
import parse from "yargs-parser";
import { UserError } from "../base/errors.ts";
import { STORE_COMMANDS, type StoreCommand } from "./commands.ts";
import { parseDevices, type DeviceOptions } from "./device-options.ts";
import { DRIVE_OPTIONS, parseBoot, parseDrives, type DriveArgument, type DriveOption } from "./drives.ts";

export interface CliOptions {
  /** `up FILE`: a machine's definition in place of options. */
  readonly up: string | null;
  /** `resume WHAT`: a snapshot of the store, or an exported machine. */
  readonly resume: string | null;
  /** A command that starts no machine. */
  readonly command: { readonly name: StoreCommand; readonly args: readonly string[] } | null;
  /** Where machines of definitions keep what they change. */
  readonly store: string | null;
  /** The name of a snapshot that is taken at the end. */
  readonly save: string | null;
  readonly help: boolean;
  readonly version: boolean;
  readonly kernel: string | null;
  /** Each `FILE[ ARGS]`. */
  readonly initrds: readonly string[];
  readonly append: string;
  readonly drives: readonly DriveOption[];
  /** Writes to drives are kept in memory. */
  readonly snapshot: boolean;
  /** Instead of a machine: the drive as a raw image. */
  readonly saveDisk: string | null;
  readonly boot: { readonly order: readonly ("a" | "c" | "d")[]; readonly menu: boolean };
  readonly bios: string | null;
  /** The VGA's option ROM: a file, "" for none, null for SeaBIOS's where it is installed. */
  readonly videoRom: string | null;
  /** The machine starts in its firmware. */
  readonly firmware: boolean;
  readonly memoryMib: number;
  readonly cpu: string;
  readonly serial: { readonly kind: "stdio" } | { readonly kind: "none" } | { readonly kind: "file"; readonly path: string };
  readonly vga: "std" | "none";
  /** What is shown of the screen at exit. */
  readonly display: { readonly kind: "none" } | { readonly kind: "text" } | { readonly kind: "png"; readonly path: string };
  readonly devices: DeviceOptions;
  readonly noReboot: boolean;
  /** Seconds of host time, or null. */
  readonly timeoutSeconds: number | null;
  readonly deterministic: boolean;
  readonly stats: boolean;
  /** Files with names for addresses in what is printed at exit: ELF, System.map, /proc/kallsyms. */
  readonly symbols: readonly string[];
  /** Files that the run is written down in, or taken from. */
  readonly record: string | null;
  readonly replay: string | null;
  /** Million instructions between hashes of the whole state in a recording. */
  readonly checkpointMillions: number | null;
  /** Which tiers run the guest. */
  readonly tier: "0" | "1" | "auto";
  /** Where GDB's remote stub listens; null: nowhere. */
  readonly gdb: { readonly host: string; readonly port: number } | null;
  /** The machine waits for GDB's "continue". */
  readonly startStopped: boolean;
  /** Compiled regions to be printed at exit: those at linear addresses, and the so many that were entered most. */
  readonly dump: { readonly addresses: readonly bigint[]; readonly hottest: number } | null;
}

export const HELP = `Usage: tabvisor [options]
       tabvisor up FILE [options]      a machine out of its definition (YAML or JSON, docs/MACHINES.md)

       tabvisor resume SNAPSHOT|FILE [options]   goes on from a snapshot of the store, or from an exported machine
       tabvisor snapshots | export SNAPSHOT FILE | import FILE | remove SNAPSHOT   --store FOLDER

  --store FOLDER        where machines of definitions keep their snapshots, and what is written to their disks and folders
  --save NAME           with up and resume: takes a snapshot when the command is ended (Ctrl-A X, a signal, --timeout)

  -kernel FILE          bzImage, ELF vmlinux, or Multiboot 1 ELF (default: the guest made by 'npm run image')
  -initrd FILE[,FILE]   initramfs archives; Multiboot modules ("FILE ARGS,FILE ARGS")
  -append STRING        kernel command line
  -hda FILE … -hdd FILE, -cdrom FILE, -fda FILE, -fdb FILE
  -drive file=FILE[,if=ide|floppy|virtio|none][,media=disk|cdrom][,index=N][,format=raw|qcow2]
         [,readonly=on][,snapshot=on][,overlay=FILE][,serial=S][,id=ID]
                        without -kernel the firmware boots from IDE and floppy drives
                        overlay: what the guest writes goes into that file, and the image (raw or qcow2) stays as it is
  --save-disk FILE      writes the one drive that is given, with its overlay, to a new raw image; starts no machine
  -snapshot             writes to drives are forgotten at exit; qcow2 images need it, overlay=, or readonly=on
  -boot [order=]LETTERS[,menu=on]
                        a floppy, c disk, d CD-ROM (default cda)
  -bios FILE            firmware image instead of Tabvisor's own; 'own' is that
  -global VGA.romfile=FILE
                        its VGA BIOS (default: vgabios-stdvga.bin beside it or in /usr/share/seabios; nothing: none)
  -m SIZE[M|G]          guest RAM (default 256M)
  -cpu NAME[,+F][,-F]   CPU model and flags (default x86-64-v2)
  -serial stdio|none|file:PATH
  -vga std|none         display adapter (default std; none where firmware starts without -display: it talks on the serial port)
  -display none|text|png:PATH
                        at exit, print a text screen, or write a screenshot (default none)
  -nographic            as -serial stdio
  -virtfs local,path=FOLDER,mount_tag=TAG,security_model=none[,readonly=on]
                        a shared folder, both as virtio-9p and as virtio-fs
  -nic user[,mac=M]     a network card on a network of our own (10.0.2.0/24; DHCP, DNS, ping at 10.0.2.2)
  -netdev user,id=ID    the same network for a -device virtio-net-pci
  -device isa-debug-exit,iobase=0xf4,iosize=0x4
  -device virtio-blk-pci,drive=ID[,num-queues=N][,packed=on]
  -device virtio-net-pci,netdev=ID[,mac=M][,packed=on]
  -device virtio-rng-pci | virtio-balloon-pci
  -s                    GDB's remote stub at port 1234 of this computer, as -gdb tcp::1234
  -gdb tcp:[HOST]:PORT  the same elsewhere; without HOST at 127.0.0.1
  -S                    start stopped: GDB continues
  -no-reboot            a guest reset ends the machine
  --timeout SECONDS     end the machine after so much host time (exit code 124)
  --deterministic       guest time from the instruction count
  --record FILE         write the run down: everything that enters the machine, and when
  --replay FILE         run it again, to the same instruction and state (docs/REPLAY.md); the recorded command's options
                        hold unless they are given anew
  --checkpoint MILLIONS instructions between hashes of the whole state in a recording (default 500; 0: only at the end)
  --tier 0|1|auto       the interpreter alone, compiled code at once, or what is hot (default)
  --dump-region ADDRESS[,ADDRESS]  the compiled regions there at exit, from instructions to WebAssembly, on standard error
  --dump-hot N          those of the N regions that were entered most
  --stats               a JSON object on standard error at exit
  --symbols FILE        names for its addresses and for the dumps': an ELF file, System.map or /proc/kallsyms
  -h, --help   --version

Ctrl-A X quits, Ctrl-A Ctrl-A sends Ctrl-A.
`;

export const STRINGS = [
  "kernel", "initrd", "append", "m", "cpu", "serial", "timeout", "tier", "vga", "display", "boot", "bios", "global", "save-disk", "dump-region", "dump-hot", "record",
  "replay", "checkpoint", "store", "save", "gdb",
] as const;
/** Options that may be given several times. */
export const LISTS = ["device", "netdev", "nic", "virtfs", "symbols", ...DRIVE_OPTIONS] as const;
const FLAGS = ["s", "S", "nographic", "snapshot", "no-reboot", "deterministic", "stats", "help", "h", "version"] as const;

/** Bytes to MiB: `512`, `512M`, `2G`, `size=…` as QEMU takes them; a bare number is MiB. */
export function parseMemory(text: string): number {
  const match = /^(?:size=)?(\d+(?:\.\d+)?)([MmGg]?)$/.exec(text);
  if (match === null) throw new UserError(`-m: '${text}' is not SIZE, SIZEM or SIZEG`);
  const mib = Number(match[1]) * (match[2].toLowerCase() === "g" ? 1024 : 1);
  if (!Number.isInteger(mib)) throw new UserError(`-m: '${text}' is not a whole number of MiB`);
  return mib;
}

function parseDump(regions: string | null, hot: string | null): CliOptions["dump"] {
  if (regions === null && hot === null) return null;
  const addresses = (regions ?? "").split(",").filter((a) => a !== "").map((a) => {
    if (!/^(0x)?[0-9a-f]{1,16}$/i.test(a)) throw new UserError(`--dump-region: '${a}' is not an address (hexadecimal)`);
    return BigInt(a.toLowerCase().startsWith("0x") ? a : `0x${a}`);
  });
  const hottest = hot === null ? 0 : Number(hot);
  if (hot !== null && !(/^\d+$/.test(hot) && hottest > 0)) throw new UserError(`--dump-hot: '${hot}' is not a number of regions`);
  return { addresses, hottest };
}

function parseCheckpoint(text: string | null): number | null {
  if (text === null) return null;
  if (!/^\d{1,9}$/.test(text)) throw new UserError(`--checkpoint: '${text}' is not a number of million instructions`);
  return Number(text);
}

/** QEMU's notation. `host` without brackets. */
function parseGdb(text: string): NonNullable<CliOptions["gdb"]> {
  const match = /^tcp:(\[[0-9a-fA-F:]+\]|[^:]*):(\d{1,5})(?:,.*)?$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || !(port >= 1 && port <= 65535)) throw new UserError(`-gdb: '${text}' is not tcp:[HOST]:PORT`);
  return { host: match[1] === "" ? "127.0.0.1" : match[1].replace(/^\[|\]$/g, ""), port };
}

function parseSerial(text: string): CliOptions["serial"] {
  if (text === "stdio" || text === "mon:stdio") return { kind: "stdio" };
  if (text === "none" || text === "null") return { kind: "none" };
  if (text.startsWith("file:") && text.length > 5) return { kind: "file", path: text.slice(5) };
  throw new UserError(`-serial: '${text}' is not stdio, none or file:PATH`);
}

function parseVga(text: string): CliOptions["vga"] {
  if (text === "std" || text === "none") return text;
  throw new UserError(`-vga: '${text}' is not std or none`);
}

/** QEMU's way to set a device's property: only that of the VGA's option ROM. */
function parseGlobal(text: string | null): string | null {
  const match = /^(?:VGA\.romfile=)(.*)$/.exec(text ?? "VGA.romfile=");
  if (match === null) throw new UserError(`-global: '${text ?? ""}' is unknown; known: VGA.romfile=FILE`);
  return text === null ? null : match[1];
}

function parseDisplay(text: string): CliOptions["display"] {
  if (text === "none" || text === "text") return { kind: text };
  if (text.startsWith("png:") && text.length > 4) return { kind: "png", path: text.slice(4) };
  throw new UserError(`-display: '${text}' is not none, text or png:PATH`);
}

/** Options that say what a machine is: with a definition, that says it. */
const OF_THE_MACHINE: readonly string[] = [
  "kernel", "initrd", "append", "m", "cpu", "tier", "vga", "boot", "bios", "device", "netdev", "nic", "virtfs", "snapshot", "no-reboot", "deterministic", ...DRIVE_OPTIONS,
];

/** The file of `up FILE` or `resume FILE`. */
function fileOf(name: "up" | "resume", values: Record<string, unknown> & { _: (string | number)[] }): string {
  const file = values._[1];
  if (file === undefined) throw new UserError(name === "up" ? "up: name a machine's definition: tabvisor up machine.yaml" : "resume: name a snapshot, or an exported machine");
  const twice = OF_THE_MACHINE.find((option) => values[option] !== undefined && values[option] !== false);
  if (twice !== undefined) throw new UserError(`${name}: option '-${twice}' is not taken: the definition says what the machine is`);
  return String(file);
}

/** As QEMU does: an option that has a value takes exactly the next word, even one that looks like an option. The parser sees `--name=word`. */
function withValues(argv: readonly string[]): string[] {
  const named = new Set<string>([...STRINGS, ...LISTS]);
  const words: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const name = /^--?([^=]+)$/.exec(argv[i])?.[1];
    words.push(name !== undefined && named.has(name) && i + 1 < argv.length ? `--${name}=${argv[++i]}` : argv[i]);
  }
  return words;
}

export function parseOptions(argv: readonly string[]): CliOptions {
  const parsed = parse.detailed(withValues(argv), {
    string: [...STRINGS, ...LISTS], boolean: [...FLAGS], array: [],
    narg: Object.fromEntries([...STRINGS, ...LISTS].map((s) => [s, 1])),
    configuration: {
      "short-option-groups": false, "camel-case-expansion": false, "boolean-negation": false, "dot-notation": false,
      "parse-numbers": false, "duplicate-arguments-array": true, "unknown-options-as-args": true,
    },
  });
  if (parsed.error !== null) throw new UserError(parsed.error.message.replace(/^Not enough arguments following: (.*)$/, "option '-$1' needs a value"));
  const values = parsed.argv as Record<string, unknown> & { _: (string | number)[] };
  const word = values._[0];
  const up = word === "up" ? fileOf("up", values) : null;
  const resume = word === "resume" ? fileOf("resume", values) : null;
  const command = STORE_COMMANDS.find((name) => name === word);
  const stray = command !== undefined ? undefined : up === null && resume === null ? word : values._[2];
  if (stray !== undefined) {
    const text = String(stray);
    throw new UserError(text.startsWith("-") ? `unknown option '${text}' (--help lists them)` : `unexpected argument '${text}': a kernel is given with -kernel`);
  }
  const one = (name: (typeof STRINGS)[number]): string | null => {
    const v = values[name];
    if (v === undefined) return null;
    if (Array.isArray(v)) throw new UserError(`option '-${name}' is given twice`);
    if (typeof v !== "string" || v === "") {
      if (name === "append" && v === "") return "";
      throw new UserError(`option '-${name}' needs a value`);
    }
    return v;
  };
  const list = (name: (typeof LISTS)[number]): string[] => {
    const v = values[name];
    const all: unknown[] = v === undefined ? [] : Array.isArray(v) ? v : [v];
    return all.map((text) => {
      if (typeof text !== "string" || text === "") throw new UserError(`option '-${name}' needs a value`);
      return text;
    });
  };
  const flag = (name: (typeof FLAGS)[number]): boolean => values[name] === true || (Array.isArray(values[name]) && values[name].includes(true));
  const drives = parseDrives(DRIVE_OPTIONS.flatMap((name) => list(name).map((value): DriveArgument => [name, value])));
  const kernel = one("kernel");
  const bios = one("bios");
  const firmware = kernel === null && (bios !== null || drives.some((d) => d.interface === "ide" || d.interface === "floppy"));
  const timeout = one("timeout");
  const timeoutSeconds = timeout === null ? null : Number(timeout);
  if (timeoutSeconds !== null && !(timeoutSeconds > 0)) throw new UserError(`--timeout: '${timeout ?? ""}' is not a positive number of seconds`);
  const gdb = one("gdb");
  if (gdb !== null && flag("s")) throw new UserError("-s and -gdb: give one of them");
  if (flag("S") && gdb === null && !flag("s")) throw new UserError("-S: give -s or -gdb too, for nothing else can start the machine");
  const display = parseDisplay(one("display") ?? "none");
  const vga = parseVga(one("vga") ?? (firmware && display.kind === "none" ? "none" : "std"));
  if (vga === "none" && display.kind !== "none") throw new UserError("-display: there is no display (-vga none)");
  const tier = one("tier") ?? "auto";
  if (tier !== "0" && tier !== "1" && tier !== "auto") throw new UserError(`--tier: '${tier}' is not 0, 1 or auto`);
  const [record, replay] = [one("record"), one("replay")];
  if ((record !== null || replay !== null) && (up !== null || resume !== null)) throw new UserError("--record and --replay go with machines of options, not with 'up' and 'resume'");
  if (record !== null && replay !== null) throw new UserError("--record and --replay exclude each other");
  const store = one("store");
  const save = one("save");
  if (store !== null && word !== "up" && word !== "resume" && command === undefined) throw new UserError("--store: goes with 'up FILE' and the like");
  if (save !== null && ((up === null && resume === null) || store === null)) throw new UserError("--save: goes with 'up FILE' or 'resume', and with --store FOLDER");
  return {
    up,
    resume,
    command: command === undefined ? null : { name: command, args: values._.slice(1).map(String) },
    store,
    save,
    help: flag("help") || flag("h"),
    version: flag("version"),
    kernel,
    initrds: (one("initrd") ?? "").split(",").filter((f) => f !== ""),
    append: one("append") ?? "",
    drives,
    snapshot: flag("snapshot"),
    saveDisk: one("save-disk"),
    boot: parseBoot(one("boot")),
    bios,
    videoRom: parseGlobal(one("global")),
    firmware,
    memoryMib: parseMemory(one("m") ?? "256M"),
    cpu: one("cpu") ?? "x86-64-v2",
    serial: parseSerial(one("serial") ?? "stdio"),
    vga,
    display,
    devices: parseDevices({ drives, device: list("device"), netdev: list("netdev"), nic: list("nic"), virtfs: list("virtfs") }),
    noReboot: flag("no-reboot"),
    timeoutSeconds,
    deterministic: flag("deterministic"),
    stats: flag("stats"),
    symbols: list("symbols"),
    record,
    replay,
    checkpointMillions: parseCheckpoint(one("checkpoint")),
    tier,
    gdb: flag("s") ? { host: "127.0.0.1", port: 1234 } : gdb === null ? null : parseGdb(gdb),
    startStopped: flag("S"),
    dump: parseDump(one("dump-region"), one("dump-hot")),
  };
}
