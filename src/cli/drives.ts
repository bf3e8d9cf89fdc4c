/** Drives of the command line: -hda to -hdd, -cdrom, -fda, -fdb and -drive, with QEMU's meaning. */
import { UserError } from "../base/errors.ts";
import { IMAGE_FORMATS, type ImageFormat } from "../vmm/storage/open-image.ts";
import { oneOf, parseNumber, parseProperties, parseSwitch } from "./properties.ts";

export interface DriveOption {
  /** A drive of `none` waits for a -device that names its id. */
  readonly interface: "ide" | "floppy" | "virtio" | "none";
  readonly media: "disk" | "cdrom";
  /** Its place on IDE and floppy; virtio disks follow each other. */
  readonly index: number;
  readonly file: string;
  /** Null: what the file looks like. */
  readonly format: ImageFormat | null;
  readonly readOnly: boolean;
  /** What the guest writes is forgotten at the end. */
  readonly snapshot: boolean;
  /** A file that takes what the guest writes; null: the image does. */
  readonly overlay: string | null;
  readonly serial: string | null;
  readonly id: string | null;
}

/** What stands for one drive on the command line: option name and value. */
export type DriveArgument = readonly [name: string, value: string];

/** The options that name a drive, and where each puts it. */
const SHORT: Readonly<Record<string, Pick<DriveOption, "interface" | "media" | "index" | "readOnly">>> = {
  hda: { interface: "ide", media: "disk", index: 0, readOnly: false },
  hdb: { interface: "ide", media: "disk", index: 1, readOnly: false },
  hdc: { interface: "ide", media: "disk", index: 2, readOnly: false },
  hdd: { interface: "ide", media: "disk", index: 3, readOnly: false },
  cdrom: { interface: "ide", media: "cdrom", index: 2, readOnly: true },
  fda: { interface: "floppy", media: "disk", index: 0, readOnly: false },
  fdb: { interface: "floppy", media: "disk", index: 1, readOnly: false },
};
export const DRIVE_OPTIONS = [...Object.keys(SHORT), "drive"] as const;

const INTERFACES = ["ide", "floppy", "virtio", "none"] as const;
/** Places of an interface. */
const PLACES: Readonly<Partial<Record<DriveOption["interface"], number>>> = { ide: 4, floppy: 2 };
/** `cache` and `discard` are taken for the sake of QEMU's command lines. */
const KEYS = ["file", "format", "if", "media", "index", "readonly", "snapshot", "overlay", "serial", "id", "cache", "discard"];

/** `file=…,if=ide|floppy|virtio|none,format=raw|qcow2,media=disk|cdrom,index=N,readonly=on|off,overlay=PATH`; a comma in the file name is doubled. */
function parseDrive(text: string, taken: readonly DriveOption[]): DriveOption {
  const p = parseProperties("-drive", text, KEYS);
  const file = p.get("file");
  if (file === undefined || file === "") throw new UserError("-drive: file=PATH is missing");
  const kind = oneOf("-drive if", p.get("if") ?? "ide", INTERFACES);
  const media = oneOf("-drive media", p.get("media") ?? "disk", ["disk", "cdrom"]);
  if (media === "cdrom" && kind !== "ide") throw new UserError(`-drive: if=${kind} has no CD-ROM drives`);
  const format = p.get("format");
  if (p.get("overlay") === "") throw new UserError("-drive: overlay=PATH is missing");
  return {
    interface: kind,
    media,
    index: placeOf(kind, p.get("index"), taken),
    file,
    format: format === undefined ? null : oneOf("-drive format", format, IMAGE_FORMATS),
    readOnly: parseSwitch("-drive readonly", p.get("readonly")) || media === "cdrom",
    snapshot: parseSwitch("-drive snapshot", p.get("snapshot")),
    overlay: p.get("overlay") ?? null,
    serial: p.get("serial") ?? null,
    id: p.get("id") ?? null,
  };
}

/** The place that is asked for, or the first free one. */
function placeOf(kind: DriveOption["interface"], text: string | undefined, taken: readonly DriveOption[]): number {
  const places = PLACES[kind];
  if (places === undefined) return 0;
  const free = [...Array(places).keys()].find((i) => !taken.some((d) => d.interface === kind && d.index === i));
  const index = text === undefined ? free : parseNumber("-drive index", text);
  if (index === undefined) throw new UserError(`-drive: there are no more than ${places} ${kind} drives`);
  if (index >= places) throw new UserError(`-drive: index=${index} is not 0 to ${places - 1}`);
  return index;
}

/** Throws UserError for what is unknown, or for two drives in one place. */
export function parseDrives(given: readonly DriveArgument[]): DriveOption[] {
  const drives: DriveOption[] = [];
  const add = (name: string, drive: DriveOption): void => {
    if (PLACES[drive.interface] !== undefined && drives.some((d) => d.interface === drive.interface && d.index === drive.index)) {
      throw new UserError(`-${name}: ${drive.interface} drive ${drive.index} is given twice`);
    }
    drives.push(drive);
  };
  for (const [name, value] of given) if (name !== "drive") add(name, { ...SHORT[name], file: value, format: null, snapshot: false, overlay: null, serial: null, id: null });
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
