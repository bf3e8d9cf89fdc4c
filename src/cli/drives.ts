/** Drives of the command line: -hda to -hdd, -cdrom, -fda, -fdb and -drive, with QEMU's meaning. */
import { UserError } from "../base/errors.ts";

export interface DriveOption {
  readonly interface: "ide" | "floppy";
  readonly media: "disk" | "cdrom";
  readonly index: number;
  readonly file: string;
  readonly readOnly: boolean;
}

/** What stands for one drive on the command line: option name and value. */
export type DriveArgument = readonly [name: string, value: string];

/** The options that name a drive, and where each puts it. */
const SHORT: Readonly<Record<string, Omit<DriveOption, "file">>> = {
  hda: { interface: "ide", media: "disk", index: 0, readOnly: false },
  hdb: { interface: "ide", media: "disk", index: 1, readOnly: false },
  hdc: { interface: "ide", media: "disk", index: 2, readOnly: false },
  hdd: { interface: "ide", media: "disk", index: 3, readOnly: false },
  cdrom: { interface: "ide", media: "cdrom", index: 2, readOnly: true },
  fda: { interface: "floppy", media: "disk", index: 0, readOnly: false },
  fdb: { interface: "floppy", media: "disk", index: 1, readOnly: false },
};
export const DRIVE_OPTIONS = [...Object.keys(SHORT), "drive"] as const;

const KEYS = ["file", "if", "format", "media", "index", "readonly", "snapshot"];

/** `file=…,if=ide|floppy,format=raw,media=disk|cdrom,index=N,readonly=on|off`; a comma in the file name is doubled. */
function parseDrive(text: string, taken: readonly DriveOption[]): DriveOption {
  const fields = new Map<string, string>();
  for (const part of text.split(/(?<!,),(?!,)/)) {
    const at = part.indexOf("=");
    const key = at < 0 ? "file" : part.slice(0, at);
    if (!KEYS.includes(key)) throw new UserError(`-drive: '${key}' is unknown; known: ${KEYS.join(", ")}`);
    fields.set(key, (at < 0 ? part : part.slice(at + 1)).replaceAll(",,", ","));
  }
  const choice = <T extends string>(key: string, fallback: T, values: readonly T[]): T => {
    const value = fields.get(key) ?? fallback;
    const found = values.find((v) => v === value);
    if (found === undefined) throw new UserError(`-drive: ${key}=${value} is not ${values.join(" or ")}`);
    return found;
  };
  const file = fields.get("file");
  if (file === undefined || file === "") throw new UserError("-drive: file=… is missing");
  const kind = choice("if", "ide", ["ide", "floppy"]);
  const media = choice("media", "disk", ["disk", "cdrom"]);
  choice("format", "raw", ["raw"]);
  const last = kind === "ide" ? 3 : 1;
  const free = [...Array(last + 1).keys()].find((i) => !taken.some((d) => d.interface === kind && d.index === i));
  const index = fields.has("index") ? Number(fields.get("index")) : free;
  if (index === undefined) throw new UserError(`-drive: there are no more than ${last + 1} ${kind} drives`);
  if (!Number.isInteger(index) || index < 0 || index > last) throw new UserError(`-drive: index=${fields.get("index") ?? ""} is not 0 to ${last}`);
  return { interface: kind, media, index, file, readOnly: media === "cdrom" || choice("readonly", "off", ["on", "off"]) === "on" };
}

/** Throws UserError for what is unknown, or for two drives in one place. */
export function parseDrives(given: readonly DriveArgument[]): DriveOption[] {
  const drives: DriveOption[] = [];
  const add = (name: string, drive: DriveOption): void => {
    if (drives.some((d) => d.interface === drive.interface && d.index === drive.index)) {
      throw new UserError(`-${name}: ${drive.interface} drive ${drive.index} is given twice`);
    }
    drives.push(drive);
  };
  for (const [name, value] of given) if (name !== "drive") add(name, { ...SHORT[name], file: value });
  for (const [name, value] of given) if (name === "drive") add(name, parseDrive(value, drives));
  return drives;
}

/** `order=LETTERS`, `menu=on|off`, or the letters alone: a floppy, c disk, d CD-ROM. */
export function parseBoot(text: string | null): { readonly order: readonly ("a" | "c" | "d")[]; readonly menu: boolean } {
  let order = "cda";
  let menu = false;
  for (const part of (text ?? "").split(",").filter((p) => p !== "")) {
    const [key, value] = part.includes("=") ? part.split("=") : ["order", part];
    if (key === "order" || key === "once") order = value;
    else if (key === "menu" && (value === "on" || value === "off")) menu = value === "on";
    else throw new UserError(`-boot: '${part}' is not order=LETTERS or menu=on|off`);
  }
  const letters = [...order].map((ch) => {
    if (ch !== "a" && ch !== "c" && ch !== "d") throw new UserError(`-boot: '${ch}' is not a (floppy), c (disk) or d (CD-ROM)`);
    return ch;
  });
  return { order: letters, menu };
}
