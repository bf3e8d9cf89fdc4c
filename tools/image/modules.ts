/** Chooses kernel modules and their dependencies, and writes what modprobe reads: our own scan of .modinfo, no depmod. */
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { decodeXz } from "../../src/vmm/boot/xz.ts";
import { UserError } from "../../src/base/errors.ts";
import type { CpioEntry } from "./cpio.ts";

/** What makes the power button an event: they go into the initramfs itself. */
export const POWER_BUTTON = ["button", "evdev"] as const;

/** Roots; each comes with what it depends on. One that a kernel has built in or does not have is left out. */
const WANTED = [
  "virtio_pci", "virtio_blk", "virtio_net", "virtio_console", "virtio_rng", "virtio_balloon", "virtiofs", "9p", "9pnet_virtio",
  "ext4", "crc32c_generic", "squashfs", "overlay", "loop", "isofs", "af_packet", "sd_mod", "sr_mod", "ata_piix", "e1000", "psmouse",
  // Its lists of modules take the place of the initramfs's.
  ...POWER_BUTTON,
];

interface Module {
  readonly name: string;
  /** Relative to the modules folder. */
  readonly path: string;
  readonly info: ReadonlyMap<string, readonly string[]>;
  readonly data: Uint8Array;
}

export interface ModuleSet {
  /** Names, each after what it needs. */
  readonly order: readonly string[];
  readonly entries: readonly CpioEntry[];
}

function canonical(name: string): string {
  return name.replaceAll("-", "_");
}

/** `base` is the unpacked package's folder lib/modules/RELEASE. */
export async function collectModules(base: string, release: string, wanted: readonly string[] = WANTED): Promise<ModuleSet> {
  const paths = new Map<string, string>();
  for (const path of await readdir(base, { recursive: true })) {
    const match = /([^/]+)\.ko(\.xz|\.zst|\.gz)?$/.exec(path);
    if (match !== null) paths.set(canonical(match[1]), path);
  }

  const chosen = new Map<string, Module>();
  const visit = async (name: string): Promise<void> => {
    const path = paths.get(name);
    if (path === undefined || chosen.has(name)) return;
    const data = await readModule(join(base, path));
    const info = parseModinfo(data);
    const needs = [
      ...(info.get("depends") ?? []).flatMap((d) => d.split(",")),
      ...(info.get("softdep") ?? []).flatMap((d) => (d.startsWith("pre:") ? d.slice(4).split(/\s+/) : [])),
    ];
    for (const need of needs) if (need !== "") await visit(canonical(need));
    if (!chosen.has(name)) chosen.set(name, { name, path: path.replace(/\.(xz|zst|gz)$/, ""), info, data });
  };
  for (const name of wanted) await visit(name);

  const modules = [...chosen.values()];
  const folders = new Set<string>();
  for (const m of modules) {
    const parts = m.path.split("/").slice(0, -1);
    parts.forEach((_, i) => folders.add(parts.slice(0, i + 1).join("/")));
  }
  const prefix = `lib/modules/${release}`;
  const text = (name: string, lines: readonly string[]): CpioEntry => ({
    kind: "file", path: `${prefix}/${name}`, mode: 0o644, data: Buffer.from(lines.map((l) => `${l}\n`).join("")),
  });
  const direct = (m: Module): Module[] => (m.info.get("depends") ?? []).flatMap((d) => d.split(",")).flatMap((d) => chosen.get(canonical(d)) ?? []);
  const all = (m: Module): Set<Module> => new Set(direct(m).flatMap((d) => [d, ...all(d)]));
  // modprobe loads a line's dependencies from right to left.
  const depends = (m: Module): string[] => {
    const needed = all(m);
    return modules.filter((d) => needed.has(d)).reverse().map((d) => d.path);
  };
  return {
    order: modules.map((m) => m.name),
    entries: [
      ...["lib", "lib/modules", prefix].map((path): CpioEntry => ({ kind: "directory", path, mode: 0o755 })),
      ...[...folders].sort().map((f): CpioEntry => ({ kind: "directory", path: `${prefix}/${f}`, mode: 0o755 })),
      ...modules.map((m): CpioEntry => ({ kind: "file", path: `${prefix}/${m.path}`, mode: 0o644, data: m.data })),
      text("modules.order", modules.map((m) => m.path)),
      text("modules.dep", modules.map((m) => `${m.path}:${depends(m).map((d) => ` ${d}`).join("")}`)),
      text("modules.alias", modules.flatMap((m) => (m.info.get("alias") ?? []).map((a) => `alias ${a} ${m.name}`))),
      text("modules.softdep", []),
    ],
  };
}

/** Distributions compress modules or not; the guest gets them plain. */
async function readModule(path: string): Promise<Uint8Array> {
  const data = new Uint8Array(await readFile(path));
  if (path.endsWith(".ko")) return data;
  if (path.endsWith(".ko.xz")) return decodeXz(data, 64 * 1024 * 1024, path);
  if (path.endsWith(".ko.zst")) {
    const { ZSTDDecoder } = await import("zstddec");
    const decoder = new ZSTDDecoder();
    await decoder.init();
    return decoder.decode(data);
  }
  throw new UserError(`${path}: this module compression is not supported`);
}

/** .modinfo: NUL-separated `key=value`. The section is found through the section headers (System V gABI, chapter 4). */
export function parseModinfo(data: Uint8Array): ReadonlyMap<string, readonly string[]> {
  const info = new Map<string, string[]>();
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const wide = data[4] === 2;
  const headers = wide ? Number(view.getBigUint64(40, true)) : view.getUint32(32, true);
  const headerSize = view.getUint16(wide ? 58 : 46, true);
  const count = view.getUint16(wide ? 60 : 48, true);
  const section = (i: number): { name: number; bytes: Uint8Array } => {
    const at = headers + i * headerSize;
    const offset = wide ? Number(view.getBigUint64(at + 24, true)) : view.getUint32(at + 16, true);
    const size = wide ? Number(view.getBigUint64(at + 32, true)) : view.getUint32(at + 20, true);
    return { name: view.getUint32(at, true), bytes: data.subarray(offset, offset + size) };
  };
  const names = Buffer.from(section(view.getUint16(wide ? 62 : 50, true)).bytes);
  for (let i = 0; i < count; i++) {
    const { name, bytes } = section(i);
    if (names.subarray(name, names.indexOf(0, name)).toString() !== ".modinfo") continue;
    for (const entry of Buffer.from(bytes).toString("latin1").split("\0")) {
      const equals = entry.indexOf("=");
      if (equals < 0) continue;
      const key = entry.slice(0, equals);
      info.set(key, [...(info.get(key) ?? []), entry.slice(equals + 1)]);
    }
  }
  return info;
}
