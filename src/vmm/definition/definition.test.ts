import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { machineJsonSchema, SCHEMA_FILE } from "../../../tools/schema.ts";
import { checkDefinition } from "./check.ts";
import { DEFAULT_DEFINITION } from "./default.ts";
import { formatDefinition, parseDefinition, shorten } from "./parse.ts";
import { DefinitionError } from "./problems.ts";
import { machineConfig, machineOptions } from "./wiring.ts";
import { MemoryStore } from "../storage/memory-store.ts";
import { RawDisk } from "../storage/raw-disk.ts";

const parse = (text: string) => parseDefinition(text, "machine.yaml");
const FULL = `
name: Everything
cpu: { model: "max,-avx2", share: 25%, tier: "0" }
memory: 1G
boot: { firmware: { file: seabios.bin }, order: [cdrom, disk], menu: true }
disks:
  - image: debian.img
  - image: { file: other.qcow2 }
    bus: ide
    format: qcow2
    writes: discard
    serial: ABC
  - image: { blank: 2G }
    queues: 4
    packed: true
cdroms:
  - image: { url: "https://example.org/install.iso" }
  - {}
floppies:
  - image: a.img
    writes: none
sharedFolders: [{ tag: share, readOnly: true }, { tag: own, path: /srv }]
network:
  - mac: 52:54:00:00:00:01
display: none
console: { ports: 2, backlog: 1M }
devices: { rng: true, balloon: { packed: true }, debugExit: { iobase: 0xf4, iosize: 4 } }
deterministic: true
reboot: false
background: pause
storage: { quota: 4G }
`;

describe("definitions", () => {
  it("have defaults: those of the default guest", () => {
    expect(parse("{}")).toEqual(DEFAULT_DEFINITION);
    expect(checkDefinition({})).toEqual(DEFAULT_DEFINITION);
  });

  it("mean the same when they are checked again, written out and read back", () => {
    for (const text of [FULL, "{}", "name: x\nboot: {cmdline: quiet}", "cdroms: [{image: a.iso}]", "boot: {kernel: a, initrds: [b]}\nnetwork: true", "cdroms: [{}]\nboot: {initrds: [i]}"]) {
      const definition = parse(text);
      expect(checkDefinition(definition)).toEqual(definition);
      expect(checkDefinition(JSON.parse(JSON.stringify(definition)) as object)).toEqual(definition);
      expect(parse(formatDefinition(definition))).toEqual(definition);
    }
    expect(shorten(parse("name: x"))).toEqual({ name: "x" });
  });

  it("may be JSON", () => {
    expect(parse('{\n\t"name": "j", "memory": 64}')).toMatchObject({ name: "j", memory: 64 });
  });

  it("start in firmware where there is something that firmware boots from", () => {
    expect(parse("cdroms: [{image: a.iso}]").boot).toEqual({ firmware: "own", order: ["disk", "cdrom", "floppy"], menu: false });
    expect(parse("disks: [{image: a.img, bus: ide}]").boot).toHaveProperty("firmware");
    expect(parse("disks: [{image: a.img}]").boot).toHaveProperty("kernel");
    expect(parse("cdroms: [{image: a.iso}]\nboot: {kernel: {guest: default}}").boot).toHaveProperty("kernel");
  });

  it("give drives on IDE their places, those that are asked for first", () => {
    const { disks, cdroms } = parse("disks: [{image: a, bus: ide}, {image: b, bus: ide, slot: 0}, {image: c}]\ncdroms: [{}]");
    expect(disks.map((d) => d.slot)).toEqual([1, 0, null]);
    expect(cdroms.map((d) => d.slot)).toEqual([2]);
  });

  it.each([
    ["name: x\ncpu:\n  model: foo", "machine.yaml:3: cpu.model: unknown CPU model 'foo'; models: "],
    ["cpu: max,+nope", "machine.yaml:1: cpu: CPU flag 'nope' is unknown; flags: "],
    ["\n\ncpu: {share: 150%}", "machine.yaml:3: cpu.share: must be 1% to 100% of a core"],
    ["memory: 1", "machine.yaml:1: memory: must be a whole number of MiB from 2 to 3072"],
    ["memory: lots", "machine.yaml:1: memory: is not a size such as 256M or 2G"],
    ["disks:\n  - image: x\n  - image: {ur: x}", "machine.yaml:3: disks[1].image.ur: is not a field that is known here"],
    ["disks:\n  - image: {url: 5}", "machine.yaml:2: disks[0].image.url: must be a text, not 5"],
    ["disks:\n  - image: {url: a, file: b}", "machine.yaml:2: disks[0].image: must name its file by one of url, file and guest"],
    ["disks:\n  - bus: scsi\n    image: x", "machine.yaml:2: disks[0].bus: must be virtio or ide, not 'scsi'"],
    ["disks:\n  - image: a\n    bus: ide\n    slot: 1\n  - image: b\n    bus: ide\n    slot: 1", "machine.yaml:7: disks[1].slot: place 1 is taken by disks[0]"],
    ["disks:\n  - {}", "machine.yaml:2: disks[0].image: is missing"],
    ["name: x\ncolour: red", "machine.yaml:2: colour: is not a field that is known here"],
    ["network: yes", "machine.yaml:1: network: must be true or false or a list, not 'yes'"],
    ["name: a\nname: b", "machine.yaml:2: Map keys must be unique"],
    ["name: [", "machine.yaml:1: "],
    ["hello", "machine.yaml:1: is no machine definition: it has no fields"],
    ["", "machine.yaml: is no machine definition: it has no fields"],
    ["sharedFolders: [{tag: a}, {tag: a}]", "machine.yaml:1: sharedFolders[1].tag: 'a' is given twice"],
    ["network: [{mac: 53:54:00:00:00:01}]", "machine.yaml:1: network[0].mac: is a group address"],
    ["boot: {kernel: a, firmware: own}", "machine.yaml:1: boot: must not name both a kernel and a firmware"],
    ["cdroms: [{}, {}, {}, {}, {}]", "machine.yaml:1: cdroms[4]: there are no more than 4 drives on ide"],
  ])("say line and field of what is wrong: %j", (text, message) => {
    expect(() => parse(text)).toThrow(DefinitionError);
    try {
      parse(text);
    } catch (e) {
      expect((e as Error).message.startsWith(message), (e as Error).message).toBe(true);
      expect((e as Error).message).not.toContain("\n");
    }
  });

  it("name all problems", () => {
    try {
      parse("memory: 1\nbus: x\ndisplay: vga");
      expect.fail();
    } catch (e) {
      expect((e as DefinitionError).problems.map((p) => [p.line, p.field])).toEqual([[1, "memory"], [2, "bus"], [3, "display"]]);
    }
  });

  it("become a machine's configuration", () => {
    const definition = parse(FULL);
    expect(machineConfig(definition, { kernel: null, initrds: [], cmdline: "" }, 7)).toEqual({
      memoryMib: 1024, cpu: "max,-avx2", boot: { kernel: null, initrds: [], cmdline: "" }, deterministic: true, debugExit: { iobase: 0xf4, iosize: 4 },
      epochSeconds: 7, noReboot: true, vga: "none", serialPorts: 2, tier: "0",
    });
    const disk = (id: string) => [id, new RawDisk(MemoryStore.of(new Uint8Array(512)))] as const;
    const drives = new Map(["disk0", "disk1", "disk2", "cdrom0", "floppy0"].map(disk));
    const tree = { readOnly: true } as never;
    const options = machineOptions(definition, { drives, folders: new Map([["share", tree], ["own", tree]]) });
    expect(options.drives).toEqual([
      { interface: "ide", media: "disk", index: 0, serial: "ABC", backend: drives.get("disk1") },
      { interface: "ide", media: "cdrom", index: 2, backend: drives.get("cdrom0") },
      { interface: "ide", media: "cdrom", index: 1, backend: null },
      { interface: "floppy", media: "disk", index: 0, backend: drives.get("floppy0") },
    ]);
    expect(options.devices.disks).toEqual([{ backend: drives.get("disk0"), queues: 1, packed: false }, { backend: drives.get("disk2"), queues: 4, packed: true }]);
    expect(options.devices.nics).toEqual([{ mac: Uint8Array.of(0x52, 0x54, 0, 0, 0, 1), packed: false }]);
    expect(options).toMatchObject({ bootOrder: ["d", "c"], bootMenu: true, share: 0.25 });
    drives.delete("disk0");
    expect(() => machineOptions(definition, { drives, folders: new Map() })).toThrow("disk0: there is no disk in this drive");
  });

  it("have a JSON Schema that is fresh (npx tsx tools/schema.ts)", () => {
    expect(readFileSync(SCHEMA_FILE, "utf8")).toBe(machineJsonSchema());
  });
});
