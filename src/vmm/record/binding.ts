/** What a recording belongs to: the machine's settings and the contents of its images. A replay on anything else is refused. */
import { SECTOR_BYTES, type BlockBackend } from "../../base/block.ts";
import { UserError } from "../../base/errors.ts";
import type { MachineConfig } from "../config.ts";
import type { MachineOptions } from "../machine/machine.ts";

/** An image by its content (`sha256:` of it, for disks of its pieces' hashes) or, where that is far away, by what its server says. */
export interface ImageIdentity {
  /** For messages: "kernel", "drive ide 0". */
  readonly name: string;
  readonly identity: string;
}

/** Settings that decide what a guest does. The tier is none of them. */
export interface BoundMachine {
  readonly memoryMib: number;
  readonly cpu: string;
  readonly cmdline: string;
  readonly deterministic: boolean;
  readonly debugExit: MachineConfig["debugExit"];
  readonly epochSeconds: number;
  readonly noReboot: boolean;
  readonly vga: "std" | "none";
  /** What cards there are, as text. */
  readonly devices: string;
  readonly images: readonly ImageIdentity[];
}

const HASH_PIECE = 4 << 20;

async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
  return [...digest].map((b) => b.toString(16).padStart(2, "0")).join("");
}

/** The hash of the hashes of 4 MiB pieces. */
async function diskIdentity(disk: BlockBackend, name: string): Promise<string> {
  if ("identity" in disk && typeof disk.identity === "string") return disk.identity;
  if (!disk.synchronous) throw new UserError(`recording: ${name} does not say what it is`);
  const bytes = disk.sectors * SECTOR_BYTES;
  const pieces: string[] = [];
  for (let at = 0; at < bytes; at += HASH_PIECE) {
    const piece = new Uint8Array(Math.min(HASH_PIECE, bytes - at));
    let failure: string | null = null;
    disk.read(at / SECTOR_BYTES, [piece], (error) => (failure = error?.message ?? null));
    if (failure !== null) throw new UserError(`recording: ${name} cannot be read: ${String(failure)}`);
    pieces.push(await sha256(piece));
  }
  return `sha256:${await sha256(new TextEncoder().encode(`${bytes} ${pieces.join(" ")}`))}`;
}

function describeDevices({ devices = {}, drives = [], bootOrder, bootMenu }: MachineOptions, serialPorts = 1): string {
  return JSON.stringify({
    ...(serialPorts > 1 ? { serialPorts } : {}),
    nics: (devices.nics ?? []).map((n) => ({ packed: n.packed === true, mac: n.mac === null ? null : [...n.mac] })),
    shares: (devices.shares ?? []).map((s) => ({ tag: s.tag, readOnly: s.tree.readOnly })),
    disks: (devices.disks ?? []).map((d) => ({ packed: d.packed === true, queues: d.queues ?? 1, serial: d.serial ?? "", sectors: d.backend.sectors, readOnly: d.backend.readOnly, discard: d.backend.canDiscard })),
    consoles: (devices.consoles ?? []).length, rng: devices.rng ?? null, balloon: devices.balloon ?? null,
    drives: drives.map((d) => ({ at: `${d.interface} ${d.index}`, media: d.media, serial: d.serial ?? null, sectors: d.backend?.sectors ?? null, readOnly: d.backend?.readOnly ?? null })),
    bootOrder: bootOrder ?? null, bootMenu: bootMenu === true,
  });
}

/** Before the machine runs. Throws UserError for a disk that cannot be read. */
export async function bindingOf(config: MachineConfig, options: MachineOptions): Promise<BoundMachine> {
  const { boot } = config;
  const images: ImageIdentity[] = [];
  const file = async (name: string, bytes: Uint8Array | null | undefined): Promise<void> => {
    if (bytes !== null && bytes !== undefined) images.push({ name, identity: `sha256:${await sha256(bytes)}` });
  };
  await file("kernel", boot.kernel);
  await file("firmware", boot.firmware);
  await file("VGA BIOS", boot.videoRom);
  for (const [i, initrd] of boot.initrds.entries()) await file(boot.initrds.length === 1 ? "initrd" : `initrd ${i + 1}`, initrd);
  for (const { interface: kind, index, backend } of options.drives ?? []) {
    const name = `drive ${kind} ${index}`;
    if (backend !== null) images.push({ name, identity: await diskIdentity(backend, name) });
  }
  for (const [i, { backend }] of (options.devices?.disks ?? []).entries()) images.push({ name: `virtio disk ${i}`, identity: await diskIdentity(backend, `virtio disk ${i}`) });
  return {
    memoryMib: config.memoryMib, cpu: config.cpu, cmdline: boot.cmdline, deterministic: config.deterministic, debugExit: config.debugExit,
    epochSeconds: config.epochSeconds, noReboot: config.noReboot, vga: config.vga ?? "std", devices: describeDevices(options, config.serialPorts), images,
  };
}

const LABELS: readonly (readonly [keyof BoundMachine, string])[] = [
  ["memoryMib", "MiB of RAM"], ["cpu", "the CPU model"], ["cmdline", "the kernel's command line"], ["deterministic", "deterministic mode"], ["debugExit", "isa-debug-exit"],
  ["epochSeconds", "the date"], ["noReboot", "-no-reboot"], ["vga", "the display adapter"], ["devices", "the devices"],
];

/** Throws UserError, naming the first difference. */
export function checkBinding(recorded: BoundMachine, here: BoundMachine): void {
  for (const [field, label] of LABELS) {
    const [then, now] = [recorded[field], here[field]].map((v) => (typeof v === "string" ? v : JSON.stringify(v)));
    if (then !== now) throw new UserError(`replay: ${label} differ${label.startsWith("the devices") || label.startsWith("MiB") ? "" : "s"}: recorded with '${then}', given is '${now}'`);
  }
  for (const image of recorded.images) {
    const other = here.images.find((i) => i.name === image.name);
    if (other === undefined) throw new UserError(`replay: the recording was made with a ${image.name}, and none is given`);
    if (other.identity !== image.identity) throw new UserError(`replay: the ${image.name} is not the one that was recorded (${short(image.identity)}, given is ${short(other.identity)})`);
  }
  const extra = here.images.find((i) => !recorded.images.some((r) => r.name === i.name));
  if (extra !== undefined) throw new UserError(`replay: the recording was made without a ${extra.name}`);
}

const short = (identity: string): string => (identity.startsWith("sha256:") ? identity.slice(0, 7 + 12) : identity);

const isText = (v: unknown): v is string => typeof v === "string";

/** From a log's header. Throws UserError. */
export function readBinding(json: unknown): BoundMachine {
  const m = json as BoundMachine | null;
  const ok = m !== null && typeof m === "object" && Number.isInteger(m.memoryMib) && isText(m.cpu) && isText(m.cmdline) && typeof m.deterministic === "boolean" &&
    Number.isInteger(m.epochSeconds) && typeof m.noReboot === "boolean" && (m.vga === "std" || m.vga === "none") && isText(m.devices) &&
    Array.isArray(m.images) && m.images.every((i) => isText((i as ImageIdentity | null)?.name) && isText((i as ImageIdentity | null)?.identity));
  if (!ok) throw new UserError("the recording is damaged: its header does not describe a machine");
  return m;
}
