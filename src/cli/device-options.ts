/** QEMU's device options: -device, -netdev, -nic, -virtfs. Pure: text in, settings or a UserError out. */
import { UserError } from "../base/errors.ts";
import type { DriveOption } from "./drives.ts";
import { oneOf, parseNumber, parseProperties, parseSwitch } from "./properties.ts";

export interface ShareOption {
  readonly path: string;
  readonly tag: string;
  readonly readOnly: boolean;
}

/** `mac` null: ours. */
export interface NicOption {
  readonly mac: Uint8Array | null;
  readonly packed: boolean;
}

export interface DeviceOptions {
  /** virtio disks. */
  readonly disks: readonly (DriveOption & { readonly queues: number; readonly packed: boolean })[];
  readonly shares: readonly ShareOption[];
  readonly nics: readonly NicOption[];
  readonly rng: { readonly packed: boolean } | null;
  readonly balloon: { readonly packed: boolean } | null;
  readonly debugExit: { readonly iobase: number; readonly iosize: number } | null;
}

function splitName(text: string): [string, string] {
  const comma = text.indexOf(",");
  return comma < 0 ? [text, ""] : [text.slice(0, comma), text.slice(comma + 1)];
}

function parseShare(text: string): ShareOption {
  const [kind, rest] = splitName(text);
  if (kind !== "local") throw new UserError(`-virtfs: '${kind}' is unknown; known: local`);
  const p = parseProperties("-virtfs local", rest, ["path", "mount_tag", "security_model", "readonly", "id"]);
  const path = p.get("path");
  const tag = p.get("mount_tag");
  if (path === undefined || path === "") throw new UserError("-virtfs local: path=FOLDER is missing");
  if (tag === undefined || tag === "") throw new UserError("-virtfs local: mount_tag=NAME is missing");
  if (new TextEncoder().encode(tag).length > 31) throw new UserError(`-virtfs local: mount_tag '${tag}' has more than 31 bytes`);
  oneOf("-virtfs local security_model", p.get("security_model") ?? "none", ["none"]);
  return { path, tag, readOnly: parseSwitch("-virtfs local readonly", p.get("readonly")) };
}

function parseMac(what: string, text: string): Uint8Array {
  const parts = text.split(/[:-]/);
  if (parts.length !== 6 || !parts.every((x) => /^[0-9a-f]{2}$/i.test(x))) throw new UserError(`${what}: '${text}' is not a MAC address like 52:54:00:12:34:56`);
  const mac = Uint8Array.from(parts, (x) => parseInt(x, 16));
  if ((mac[0] & 1) !== 0) throw new UserError(`${what}: '${text}' is a group address`);
  return mac;
}

const DEVICES = ["isa-debug-exit", "virtio-blk-pci", "virtio-net-pci", "virtio-rng-pci", "virtio-balloon-pci"] as const;

/** Raw option values, in the order of the command line. */
export interface DeviceTexts {
  /** All drives; those of virtio and without an interface are meant here. */
  readonly drives: readonly DriveOption[];
  readonly device: readonly string[];
  readonly netdev: readonly string[];
  readonly nic: readonly string[];
  readonly virtfs: readonly string[];
}

/** Throws UserError for what is wrong in itself or does not go together. */
export function parseDevices(texts: DeviceTexts): DeviceOptions {
  const disks = texts.drives.filter((d) => d.interface === "virtio").map((d) => ({ ...d, queues: 1, packed: false }));
  const shares = texts.virtfs.map(parseShare);
  const free = new Map(texts.drives.filter((d) => d.interface === "none").map((d) => [d.id ?? "", d]));
  const nets = new Set<string>();
  const nics: NicOption[] = [];
  let rng: DeviceOptions["rng"] = null;
  let balloon: DeviceOptions["balloon"] = null;
  let debugExit: DeviceOptions["debugExit"] = null;

  for (const text of texts.netdev) {
    const [kind, rest] = splitName(text);
    oneOf("-netdev", kind, ["user"]);
    const id = parseProperties("-netdev user", rest, ["id"]).get("id");
    if (id === undefined) throw new UserError("-netdev user: id=NAME is missing");
    if (nets.has(id)) throw new UserError(`-netdev: the id '${id}' is taken`);
    nets.add(id);
  }
  for (const text of texts.nic) {
    const [kind, rest] = splitName(text);
    if (oneOf("-nic", kind, ["user", "none"]) === "none") continue;
    const p = parseProperties("-nic user", rest, ["model", "mac", "id"]);
    oneOf("-nic user,model", p.get("model") ?? "virtio-net-pci", ["virtio-net-pci", "virtio"]);
    const mac = p.get("mac");
    nics.push({ mac: mac === undefined ? null : parseMac("-nic user,mac", mac), packed: false });
  }
  for (const text of texts.device) {
    const [name, rest] = splitName(text);
    const device = oneOf("-device", name, DEVICES);
    const what = `-device ${device}`;
    switch (device) {
      case "isa-debug-exit": {
        const p = parseProperties(what, rest, ["iobase", "iosize"]);
        debugExit = { iobase: parseNumber(`${what},iobase`, p.get("iobase") ?? "0x501"), iosize: parseNumber(`${what},iosize`, p.get("iosize") ?? "2") };
        break;
      }
      case "virtio-blk-pci": {
        const p = parseProperties(what, rest, ["drive", "num-queues", "packed", "serial", "id"]);
        const id = p.get("drive") ?? "";
        const drive = free.get(id);
        if (drive === undefined) throw new UserError(`${what}: no free -drive has if=none and id=${id === "" ? "NAME" : id}`);
        free.delete(id);
        const queues = parseNumber(`${what},num-queues`, p.get("num-queues") ?? "1");
        if (queues < 1 || queues > 16) throw new UserError(`${what}: num-queues is 1 to 16, not ${queues}`);
        disks.push({ ...drive, serial: p.get("serial") ?? drive.serial, queues, packed: parseSwitch(`${what},packed`, p.get("packed")) });
        break;
      }
      case "virtio-net-pci": {
        const p = parseProperties(what, rest, ["netdev", "mac", "packed", "id"]);
        const net = p.get("netdev");
        if (net === undefined || !nets.has(net)) throw new UserError(`${what}: there is no free -netdev with the id '${net ?? ""}'`);
        nets.delete(net);
        const mac = p.get("mac");
        nics.push({ mac: mac === undefined ? null : parseMac(`${what},mac`, mac), packed: parseSwitch(`${what},packed`, p.get("packed")) });
        break;
      }
      case "virtio-rng-pci":
        if (rng !== null) throw new UserError(`${what}: one is enough`);
        rng = { packed: parseSwitch(`${what},packed`, parseProperties(what, rest, ["packed", "id", "rng"]).get("packed")) };
        break;
      case "virtio-balloon-pci":
        if (balloon !== null) throw new UserError(`${what}: one is enough`);
        balloon = { packed: parseSwitch(`${what},packed`, parseProperties(what, rest, ["packed", "id"]).get("packed")) };
    }
  }
  for (const [id] of free) throw new UserError(`-drive: no -device uses the drive '${id}' of if=none`);
  const tags = shares.map((s) => s.tag);
  const twice = tags.find((t, i) => tags.indexOf(t) !== i);
  if (twice !== undefined) throw new UserError(`-virtfs: the mount_tag '${twice}' is given twice`);
  return { disks, shares, nics, rng, balloon, debugExit };
}
