/** What a machine is: the type, and the checks that look at more than one field. */
import * as v from "valibot";
import { type FileSource, MachineFields } from "./schema.ts";

export type { FileSource } from "./schema.ts";

type Fields = Omit<MachineFields, "$schema" | "boot" | "cdroms">;

/** A kernel that is booted directly. */
export interface KernelBoot {
  readonly kernel: FileSource;
  readonly initrds: readonly FileSource[];
  /** Null: what the guest brings, else empty. */
  readonly cmdline: string | null;
}

/** A start in firmware. */
export interface FirmwareBoot {
  readonly firmware: "own" | FileSource;
  readonly order: readonly ("disk" | "cdrom" | "floppy")[];
  readonly menu: boolean;
}

/** A place on IDE is fixed once a definition is checked. */
export type DiskDefinition = Readonly<MachineFields["disks"][number]>;
export type CdromDefinition = Readonly<MachineFields["cdroms"][number]>;
export type FloppyDefinition = Readonly<MachineFields["floppies"][number]>;
export type SharedFolderDefinition = Readonly<MachineFields["sharedFolders"][number]>;
export type NicDefinition = Readonly<MachineFields["network"][number]>;

/** A definition with every default filled in. Plain JSON, and itself a valid input. */
export type MachineDefinition = Readonly<Fields> & {
  readonly boot: KernelBoot | FirmwareBoot;
  readonly cdroms: readonly CdromDefinition[];
};

/** What a file or a caller may give: everything is optional. */
export type MachineInput = v.InferInput<typeof MachineFields>;

type Issue = { readonly path: readonly (string | number)[]; readonly message: string };

const IDE_PLACES = 4;
/** QEMU's first CD-ROM is the secondary master. */
const CDROM_PLACE = 2;

/** Gives drives on IDE their places: those that are asked for first. */
function place(fields: MachineFields, issue: (i: Issue) => void): Pick<MachineFields, "disks" | "cdroms"> {
  const taken = new Map<number, string>();
  const wants = [
    ...fields.disks.map((d, i) => ({ list: "disks" as const, i, ide: d.bus === "ide", slot: d.slot })),
    ...fields.cdroms.map((d, i) => ({ list: "cdroms" as const, i, ide: true, slot: d.slot })),
  ];
  const places = new Map<string, number | null>();
  for (const { list, i, ide, slot } of wants) {
    const key = `${list}[${i}]`;
    if (!ide && slot !== null) issue({ path: [list, i, "slot"], message: "only drives on ide have a place" });
    if (!ide || slot === null) continue;
    const other = taken.get(slot);
    if (other !== undefined) issue({ path: [list, i, "slot"], message: `place ${slot} is taken by ${other}` });
    taken.set(slot, key);
    places.set(key, slot);
  }
  for (const { list, i, ide, slot } of wants) {
    const key = `${list}[${i}]`;
    if (!ide || slot !== null) continue;
    const free = [...(list === "cdroms" ? [CDROM_PLACE] : []), ...Array(IDE_PLACES).keys()].find((n) => !taken.has(n));
    if (free === undefined) issue({ path: [list, i], message: `there are no more than ${IDE_PLACES} drives on ide` });
    else {
      taken.set(free, key);
      places.set(key, free);
    }
  }
  return {
    disks: fields.disks.map((d, i) => ({ ...d, slot: places.get(`disks[${i}]`) ?? null })),
    cdroms: fields.cdroms.map((d, i) => ({ ...d, slot: places.get(`cdroms[${i}]`) ?? null })),
  };
}

/** Where nothing is said: firmware if there is something to boot from that it sees, else the default guest. */
function bootOf({ boot, disks, cdroms, floppies }: MachineFields): MachineDefinition["boot"] {
  const { kernel, initrds, cmdline, firmware, order, menu } = boot;
  if (kernel) return { kernel, initrds, cmdline };
  const bootable = cdroms.length > 0 || floppies.length > 0 || disks.some((d) => d.bus === "ide");
  if (firmware || (bootable && initrds.length === 0)) return { firmware: firmware ?? "own", order, menu };
  return { kernel: { guest: "default" }, initrds, cmdline };
}

export const MachineSchema = v.pipe(
  MachineFields,
  v.rawTransform(({ dataset, addIssue, NEVER }): MachineDefinition => {
    const { value } = dataset;
    let failed = false;
    const issue = ({ path, message }: Issue): void => {
      failed = true;
      addIssue({ message, path: path.map((key) => ({ type: "unknown", origin: "value", input: value, key, value: undefined })) as [v.IssuePathItem, ...v.IssuePathItem[]] });
    };
    const placed = place(value, issue);
    value.sharedFolders.forEach(({ tag }, i) => {
      if (value.sharedFolders.findIndex((f) => f.tag === tag) !== i) issue({ path: ["sharedFolders", i, "tag"], message: `'${tag}' is given twice` });
    });
    value.disks.forEach(({ image, writes }, i) => {
      if ("blank" in image && writes === "none") issue({ path: ["disks", i, "writes"], message: "a new disk that cannot be written is of no use" });
    });
    if (failed) return NEVER;
    const { $schema: _schema, boot: _boot, ...rest } = value;
    return { ...rest, ...placed, boot: bootOf(value) };
  }),
);
