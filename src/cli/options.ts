/** Command-line options: QEMU's names, plus --timeout, --deterministic and --stats. Pure: text in, settings or a UserError out. */
import parse from "yargs-parser";
import { UserError } from "../base/errors.ts";
import { DRIVE_OPTIONS, parseBoot, parseDrives, type DriveArgument, type DriveOption } from "./drives.ts";

export interface CliOptions {
  readonly help: boolean;
  readonly version: boolean;
  readonly kernel: string | null;
  /** Each `FILE[ ARGS]`. */
  readonly initrds: readonly string[];
  readonly append: string;
  readonly drives: readonly DriveOption[];
  /** Writes to drives are kept in memory. */
  readonly snapshot: boolean;
  readonly boot: { readonly order: readonly ("a" | "c" | "d")[]; readonly menu: boolean };
  readonly bios: string | null;
  readonly memoryMib: number;
  readonly cpu: string;
  readonly serial: { readonly kind: "stdio" } | { readonly kind: "none" } | { readonly kind: "file"; readonly path: string };
  readonly debugExit: { readonly iobase: number; readonly iosize: number } | null;
  readonly noReboot: boolean;
  /** Seconds of host time, or null. */
  readonly timeoutSeconds: number | null;
  readonly deterministic: boolean;
  readonly stats: boolean;
  /** Which tiers run the guest. */
  readonly tier: "0" | "1" | "auto";
}

export const HELP = `Usage: tabvisor [options]

  -kernel FILE          bzImage, ELF vmlinux, or Multiboot 1 ELF (default: the guest made by 'npm run image')
  -initrd FILE[,FILE]   initramfs archives; Multiboot modules ("FILE ARGS,FILE ARGS")
  -append STRING        kernel command line
  -hda FILE … -hdd FILE, -cdrom FILE, -fda FILE, -fdb FILE
  -drive file=FILE[,if=ide|floppy][,media=disk|cdrom][,index=N][,format=raw][,readonly=on]
                        without -kernel the firmware boots from them
  -snapshot             writes to drives are forgotten at exit
  -boot [order=]LETTERS[,menu=on]
                        a floppy, c disk, d CD-ROM (default cda)
  -bios FILE            firmware image instead of Tabvisor's own; 'own' is that
  -m SIZE[M|G]          guest RAM (default 256M)
  -cpu NAME[,+F][,-F]   CPU model and flags (default x86-64-v2)
  -serial stdio|none|file:PATH
  -nographic            as -serial stdio
  -device isa-debug-exit,iobase=0xf4,iosize=0x4
  -no-reboot            a guest reset ends the machine
  --timeout SECONDS     end the machine after so much host time (exit code 124)
  --deterministic       guest time from the instruction count
  --tier 0|1|auto       the interpreter alone, compiled code at once, or what is hot (default)
  --stats               a JSON object on standard error at exit
  -h, --help   --version

Ctrl-A X quits, Ctrl-A Ctrl-A sends Ctrl-A.
`;

const STRINGS = ["kernel", "initrd", "append", "m", "cpu", "serial", "device", "timeout", "tier", "boot", "bios", ...DRIVE_OPTIONS] as const;
const FLAGS = ["nographic", "snapshot", "no-reboot", "deterministic", "stats", "help", "h", "version"] as const;

/** Bytes to MiB: `512`, `512M`, `2G`, `size=…` as QEMU takes them; a bare number is MiB. */
export function parseMemory(text: string): number {
  const match = /^(?:size=)?(\d+(?:\.\d+)?)([MmGg]?)$/.exec(text);
  if (match === null) throw new UserError(`-m: '${text}' is not SIZE, SIZEM or SIZEG`);
  const mib = Number(match[1]) * (match[2].toLowerCase() === "g" ? 1024 : 1);
  if (!Number.isInteger(mib)) throw new UserError(`-m: '${text}' is not a whole number of MiB`);
  return mib;
}

function parseNumber(what: string, text: string): number {
  const n = Number(text);
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(text) || !Number.isInteger(n)) throw new UserError(`${what}: '${text}' is not a number`);
  return n;
}

function parseDevice(text: string): { iobase: number; iosize: number } {
  const [name = "", ...properties] = text.split(",");
  if (name !== "isa-debug-exit") throw new UserError(`-device: '${name}' is unknown; known: isa-debug-exit`);
  const device = { iobase: 0x501, iosize: 2 };
  for (const property of properties) {
    const [key = "", value = ""] = property.split("=");
    if (key !== "iobase" && key !== "iosize") throw new UserError(`-device isa-debug-exit: property '${key}' is unknown; known: iobase, iosize`);
    device[key] = parseNumber(`-device isa-debug-exit,${key}`, value);
  }
  return device;
}

function parseSerial(text: string): CliOptions["serial"] {
  if (text === "stdio" || text === "mon:stdio") return { kind: "stdio" };
  if (text === "none" || text === "null") return { kind: "none" };
  if (text.startsWith("file:") && text.length > 5) return { kind: "file", path: text.slice(5) };
  throw new UserError(`-serial: '${text}' is not stdio, none or file:PATH`);
}

/** QEMU's option values may begin with a dash only where none can be an option: each takes exactly the next word. */
export function parseOptions(argv: readonly string[]): CliOptions {
  const parsed = parse.detailed([...argv], {
    string: [...STRINGS], boolean: [...FLAGS], array: [],
    narg: Object.fromEntries(STRINGS.map((s) => [s, 1])),
    configuration: {
      "short-option-groups": false, "camel-case-expansion": false, "boolean-negation": false, "dot-notation": false,
      "parse-numbers": false, "duplicate-arguments-array": true, "unknown-options-as-args": true,
    },
  });
  if (parsed.error !== null) throw new UserError(parsed.error.message.replace(/^Not enough arguments following: (.*)$/, "option '-$1' needs a value"));
  const values = parsed.argv as Record<string, unknown> & { _: (string | number)[] };
  const stray = values._[0];
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
  const flag = (name: (typeof FLAGS)[number]): boolean => values[name] === true || (Array.isArray(values[name]) && values[name].includes(true));
  const drives: DriveArgument[] = DRIVE_OPTIONS.flatMap((name) => {
    const v = values[name];
    const list: unknown[] = v === undefined ? [] : Array.isArray(v) ? v : [v];
    return list.map((value): DriveArgument => {
      if (typeof value !== "string" || value === "") throw new UserError(`option '-${name}' needs a value`);
      return [name, value];
    });
  });
  const timeout = one("timeout");
  const timeoutSeconds = timeout === null ? null : Number(timeout);
  if (timeoutSeconds !== null && !(timeoutSeconds > 0)) throw new UserError(`--timeout: '${timeout ?? ""}' is not a positive number of seconds`);
  const device = one("device");
  const tier = one("tier") ?? "auto";
  if (tier !== "0" && tier !== "1" && tier !== "auto") throw new UserError(`--tier: '${tier}' is not 0, 1 or auto`);
  return {
    help: flag("help") || flag("h"),
    version: flag("version"),
    kernel: one("kernel"),
    initrds: (one("initrd") ?? "").split(",").filter((f) => f !== ""),
    append: one("append") ?? "",
    drives: parseDrives(drives),
    snapshot: flag("snapshot"),
    boot: parseBoot(one("boot")),
    bios: one("bios"),
    memoryMib: parseMemory(one("m") ?? "256M"),
    cpu: one("cpu") ?? "x86-64-v2",
    serial: parseSerial(one("serial") ?? "stdio"),
    debugExit: device === null ? null : parseDevice(device),
    noReboot: flag("no-reboot"),
    timeoutSeconds,
    deterministic: flag("deterministic"),
    stats: flag("stats"),
    tier,
  };
}
