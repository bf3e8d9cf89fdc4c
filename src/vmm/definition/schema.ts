/**
 * The definition of a machine: one schema, from which come the types, the checks and the published JSON Schema
 * (docs/machine.schema.json). What a file may say is the schema's input; `MachineDefinition`, its output, has every default
 * filled in and is itself a valid input.
 */
import * as v from "valibot";
import { UserError } from "../../base/errors.ts";
import { DEFAULT_MODEL, parseModel } from "../../cpu/helpers/features.ts";
import { DEFAULT_MEMORY_MIB, MAX_MEMORY_MIB, MIN_MEMORY_MIB } from "../config.ts";
import { parseShare, parseSize } from "./units.ts";

const MIB = 2 ** 20;

/** A field that may be left out. */
const optional = <const S extends v.BaseSchema<unknown, unknown, v.BaseIssue<unknown>>, const D extends v.Default<S, undefined>>(schema: S, value: D, text: string) =>
  v.pipe(v.optional(schema, value), v.description(text));

const text = (most: number) => v.pipe(v.string(), v.nonEmpty("must not be empty"), v.maxLength(most, `has more than ${most} characters`));

const sizeText = v.pipe(v.string(), v.regex(/^\d+(\.\d+)?\s*[KMGT]?(iB|B)?$/i, "is not a size such as 256M or 2G"));

/** Bytes out of `unit`s or a text with K, M, G or T. */
const size = (unit: number, min: number, max: number, what: string) =>
  v.pipe(
    v.union([v.number(), sizeText]),
    v.transform((given) => parseSize(given, unit)),
    v.check((bytes) => bytes >= min && bytes <= max, what),
  );

/** Where a file comes from. A mere text is an address. */
const source = v.pipe(
  v.union([
    text(4096),
    v.pipe(
      v.strictObject({
        url: v.pipe(v.optional(text(4096)), v.description("Address, relative to the definition's own; for the command a path or an http address")),
        file: v.pipe(v.optional(text(1024)), v.description("Name of a file that the user has given to the page, which keeps it; for the command a path")),
        guest: v.pipe(v.optional(v.picklist(["default", "debian"])), v.description("What `npm run image` (default) or `npm run image -- debian` makes")),
      }),
      v.check((s) => Object.values(s).filter((x) => x !== undefined).length === 1, "must name its file by one of url, file and guest"),
    ),
  ]),
  v.transform((s): FileSource => {
    if (typeof s === "string") return { url: s };
    if (s.url !== undefined) return { url: s.url };
    if (s.file !== undefined) return { file: s.file };
    return { guest: s.guest ?? "default" };
  }),
);

export type FileSource =
  /** Relative to the definition's own address or folder. */
  | { readonly url: string }
  /** Given by the user: kept by the page (`Manager.addFile`); a path on the command line. */
  | { readonly file: string }
  | { readonly guest: "default" | "debian" };

const writes = (value: "keep" | "discard") =>
  optional(
    v.picklist(["keep", "discard", "none"]), value,
    "What becomes of the guest's writes: kept in the machine's own layer above the image, forgotten when it is switched off, or refused (the disk is read-only)",
  );

const format = optional(v.nullable(v.picklist(["raw", "qcow2"])), null, "Format of the image; null: what it looks like");
const slot = optional(v.nullable(v.pipe(v.number(), v.integer("must be a whole number"), v.minValue(0, "must be 0 to 3"), v.maxValue(3, "must be 0 to 3"))), null,
  "Place on IDE, 0 (primary master) to 3 (secondary slave); null: the first free one");
const serialNumber = optional(v.nullable(v.pipe(v.string(), v.regex(/^[ -~]{1,20}$/, "is not 1 to 20 ASCII characters"))), null, "What the disk says of itself");
const packed = optional(v.boolean(), false, "Offer virtio's packed rings");

const disk = v.strictObject({
  image: v.pipe(
    v.union([source, v.strictObject({ blank: v.pipe(size(1, 512, 2 ** 46, "must be 512 bytes to 64 TiB"), v.description("Size of a new, empty disk, e.g. 2G")) })]),
    v.description("The image, or {blank: SIZE} for a new disk"),
  ),
  bus: optional(v.picklist(["virtio", "ide"]), "virtio", "Our firmware boots from IDE"),
  slot,
  format,
  writes: writes("keep"),
  serial: serialNumber,
  queues: optional(v.pipe(v.number(), v.integer("must be a whole number"), v.minValue(1, "must be 1 to 16"), v.maxValue(16, "must be 1 to 16")), 1, "virtio queues"),
  packed,
});

const cdrom = v.strictObject({
  image: v.pipe(v.optional(v.nullable(source), null), v.description("An ISO image; null: the drive is empty")),
  slot,
});

const floppy = v.strictObject({
  image: v.pipe(v.optional(v.nullable(source), null), v.description("A raw image; null: the drive is empty")),
  writes: writes("keep"),
});

const macText = v.pipe(
  v.string(),
  v.regex(/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i, "is not a MAC address like 52:54:00:12:34:56"),
  v.check((t) => (parseInt(t.slice(0, 2), 16) & 1) === 0, "is a group address"),
);
const nic = v.strictObject({ mac: optional(v.nullable(macText), null, "Null: one of ours"), packed });

const folder = v.strictObject({
  tag: v.pipe(text(31), v.check((t) => new TextEncoder().encode(t).length <= 31, "has more than 31 bytes"), v.description("What the guest mounts: mount -t 9p TAG /mnt, or -t virtiofs")),
  path: optional(v.nullable(text(4096)), null, "A folder of the host (the command only), relative to the definition; null: files that the page keeps"),
  readOnly: optional(v.boolean(), false, "The guest must not write"),
});

const withPacked = v.pipe(
  v.nullable(v.union([v.boolean(), v.strictObject({ packed })])),
  v.transform((given) => (given === false || given === null ? null : given === true ? { packed: false } : given)),
);

const port = (what: string) => v.pipe(v.number(), v.integer("must be a whole number"), v.minValue(1, what), v.maxValue(0xffff, what));

const cpuModel = v.pipe(
  v.string(),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    try {
      parseModel(dataset.value);
    } catch (e) {
      addIssue({ message: e instanceof UserError ? e.message : String(e) });
    }
  }),
);

const cpuFields = v.strictObject({
  model: optional(cpuModel, DEFAULT_MODEL, "QEMU's notation: NAME[,+flag][,-flag]"),
  share: v.pipe(
    v.optional(v.union([v.number(), v.pipe(v.string(), v.regex(/^\d+(\.\d+)?\s*%$/, "is not a share such as 50% or 0.5"))]), 1),
    v.description("At most so much of one core: 0.5 or 50%"),
    v.transform(parseShare),
    v.check((share) => share >= 0.01 && share <= 1, "must be 1% to 100% of a core"),
  ),
  tier: optional(v.picklist(["auto", "0", "1"]), "auto", "Which tiers run the guest: the interpreter alone (0), compiled code at once (1), or what is hot"),
});

const boot = v.pipe(
  v.strictObject({
    kernel: v.pipe(v.optional(v.nullable(source)), v.description("bzImage, ELF vmlinux or Multiboot 1 ELF, gzip allowed; {guest: default} brings its initrds and command line")),
    initrds: optional(v.array(source), [], "Initramfs archives; Multiboot modules"),
    cmdline: optional(v.nullable(v.pipe(v.string(), v.maxLength(4095, "has more than 4095 characters"))), null, "Kernel command line; null: what the guest brings, else empty"),
    firmware: v.pipe(v.optional(v.nullable(v.union([v.literal("own"), source]))), v.description("Start in firmware: `own`, Tabvisor's BIOS, or an image")),
    order: optional(v.array(v.picklist(["disk", "cdrom", "floppy"])), ["disk", "cdrom", "floppy"], "What firmware tries, in this order"),
    menu: optional(v.boolean(), false, "Firmware offers a menu"),
  }),
  v.check((b) => !(b.kernel && b.firmware), "must not name both a kernel and a firmware"),
);

/** The fields, each for itself; `definition.ts` checks what goes together. */
export const MachineFields = v.strictObject({
  $schema: v.pipe(v.optional(v.string()), v.description("Where the schema is, for editors")),
  name: optional(text(80), "Machine", "What people call it"),
  cpu: v.optional(v.pipe(v.union([cpuModel, cpuFields]), v.transform((c) => (typeof c === "string" ? { model: c, share: 1, tier: "auto" as const } : c))), { }),
  memory: v.pipe(
    v.optional(v.union([v.number(), sizeText]), DEFAULT_MEMORY_MIB),
    v.description("Guest RAM: MiB, or a size such as 256M or 1G"),
    v.transform((given) => parseSize(given, MIB) / MIB),
    v.check((mib) => Number.isInteger(mib) && mib >= MIN_MEMORY_MIB && mib <= MAX_MEMORY_MIB, `must be a whole number of MiB from ${MIN_MEMORY_MIB} to ${MAX_MEMORY_MIB}`),
  ),
  boot: v.optional(boot, {}),
  disks: optional(v.array(disk), [], "Disks; the guest's /dev/vda, vdb … (virtio) or sda, sdb … (ide)"),
  cdroms: optional(v.array(cdrom), [], "CD-ROM drives, on IDE"),
  floppies: optional(v.pipe(v.array(floppy), v.maxLength(2, "there are no more than two floppy drives")), [], "A: and B:"),
  sharedFolders: optional(v.array(folder), [], "Folders that guest and host share, by 9p and virtiofs"),
  network: v.pipe(
    v.optional(v.union([v.boolean(), v.array(nic)]), false),
    v.description("Network cards on a network of the machine's own (DHCP, DNS and ping at 10.0.2.2); true: one"),
    v.transform((given) => (given === true ? [{ mac: null, packed: false }] : given === false ? [] : given)),
  ),
  display: optional(v.picklist(["std", "none"]), "std", "The display adapter: QEMU's std VGA, or none"),
  console: v.optional(
    v.strictObject({
      ports: optional(v.pipe(v.number(), v.integer("must be a whole number"), v.minValue(0, "must be 0 to 4"), v.maxValue(4, "must be 0 to 4")), 1, "Serial ports that go to terminals, from COM1 on; output of others is dropped"),
      backlog: v.pipe(v.optional(size(1, 0, 64 * MIB, "must be at most 64M"), "256K"), v.description("How much of its output a terminal that is opened later gets")),
    }),
    {},
  ),
  devices: v.optional(
    v.strictObject({
      rng: v.pipe(v.optional(withPacked, false), v.description("virtio entropy device")),
      balloon: v.pipe(v.optional(withPacked, false), v.description("virtio memory balloon")),
      debugExit: optional(v.nullable(v.strictObject({ iobase: port("must be a port, 1 to 0xffff"), iosize: v.pipe(v.number(), v.integer("must be a whole number"), v.minValue(1, "must be 1 to 8"), v.maxValue(8, "must be 1 to 8")) })), null,
        "isa-debug-exit: a write there ends the machine with a code"),
    }),
    {},
  ),
  deterministic: optional(v.boolean(), false, "Guest time from the instruction count; the same inputs give the same run"),
  reboot: optional(v.boolean(), true, "A guest's reset starts the machine again; else it ends it"),
  background: optional(v.picklist(["run", "pause"]), "run", "What the machine does while its page is not seen"),
  storage: v.optional(
    v.strictObject({
      quota: v.pipe(v.optional(v.nullable(size(1, MIB, 2 ** 46, "must be at least 1M")), null), v.description("What the machine's disks may keep in the store at most; null: what the browser gives")),
    }),
    {},
  ),
});

export type MachineFields = v.InferOutput<typeof MachineFields>;
