/** Drive and firmware options of the command: what they mean, what is refused, and that disks are read and written. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.ts";
import { parseBoot, parseDrives, type DriveArgument } from "../../src/cli/drives.ts";
import { assembleProgram } from "../../src/cpu/isa/assembler.ts";
import { tabvisor, talk } from "./cli.ts";

const places = (...given: DriveArgument[]): string[] => parseDrives(given).map((d) => `${d.interface}${d.index} ${d.media} ${d.file}${d.readOnly ? " ro" : ""}`);

describe("options", () => {
  it("put drives where QEMU puts them", () => {
    expect(places(["hda", "a"], ["cdrom", "c"], ["fda", "f"])).toEqual(["ide0 disk a", "ide2 cdrom c ro", "floppy0 disk f"]);
    expect(places(["hda", "a"], ["drive", "file=b,format=raw"], ["drive", "file=x,,y,if=floppy,readonly=on"])).toEqual(["ide0 disk a", "ide1 disk b", "floppy0 disk x,y ro"]);
    expect(places(["drive", "file=c,media=cdrom,index=3"])).toEqual(["ide3 cdrom c ro"]);
  });
  it.each([
    [["hda", "a"], ["hda", "b"], "given twice"],
    [["drive", "file=a,nonsense=1"], null, "property 'nonsense' is unknown"],
    [["drive", "if=ide"], null, "file=PATH is missing"],
    [["drive", "file=a,if=scsi"], null, "-drive if: 'scsi' is unknown; known: ide, floppy, virtio, none"],
    [["drive", "file=a,if=virtio,media=cdrom"], null, "if=virtio has no CD-ROM drives"],
    [["drive", "file=a,index=9"], null, "index=9 is not 0 to 3"],
    [["drive", "file=a,format=vdi"], null, "-drive format: 'vdi' is unknown; known: raw, qcow2"],
  ] as [DriveArgument, DriveArgument | null, string][])("refuse %j", (a, b, message) => {
    expect(() => parseDrives(b === null ? [a] : [a, b])).toThrow(message);
  });
  it("-boot takes letters or order= and menu=", () => {
    expect(parseBoot(null)).toEqual({ order: ["c", "d", "a"], menu: false });
    expect(parseBoot("d")).toEqual({ order: ["d"], menu: false });
    expect(parseBoot("order=ac,menu=on")).toEqual({ order: ["a", "c"], menu: true });
    expect(() => parseBoot("order=x")).toThrow(UserError);
    expect(() => parseBoot("menu=maybe")).toThrow(UserError);
  });
});

let folder: string;
/** Reads sector 1, adds one to its first byte, writes it back, and says what it read. */
const COUNTER = `
  org 0x7c00
  mov bx, 0x8000
  mov ax, 0x0201
  mov cx, 2
  mov dx, 0x80
  int 0x13
  mov al, [0x8000]
  add al, 0x30
  out 0xe9, al
  inc byte [0x8000]
  mov bx, 0x8000
  mov ax, 0x0301
  mov cx, 2
  mov dx, 0x80
  int 0x13
  mov al, ah
  add al, 0x30
  out 0xe9, al
  mov al, 0x10
  out 0xf4, al
  times 510 - ($ - $$) db 0
  dw 0xaa55
`;
const EXIT = ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x1"];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tabvisor-drives-"));
  const image = new Uint8Array(1 << 20);
  image.set(assembleProgram(COUNTER, { mode: 16 }).bytes);
  writeFileSync(join(folder, "disk.img"), image);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the command", () => {
  const run = (...args: string[]): { code: number | null; stderr: string } => tabvisor([...args, ...EXIT]);
  const image = (): string => join(folder, "disk.img");
  it("boots -hda through our BIOS; writes reach the file, but not with -snapshot, and a read-only disk refuses them", () => {
    expect(run("-hda", image())).toMatchObject({ code: 33, stderr: "00" });
    expect(readFileSync(image())[512]).toBe(1);
    expect(run("-hda", image(), "-snapshot")).toMatchObject({ code: 33, stderr: "10" });
    expect(readFileSync(image())[512]).toBe(1);
    expect(run("-drive", `file=${image()},readonly=on,format=raw`).stderr).toBe(`1${String.fromCharCode(0x20 + 0x30)}`);
    expect(readFileSync(image())[512]).toBe(1);
  });
  it("has nothing to boot: the monitor answers on the serial terminal", async () => {
    const { stdout } = await talk(["-bios", "own", "-m", "16M"], async (session) => {
      await session.printed("Nothing to boot.");
      await session.printed("> ");
      session.write("pci\r");
      await session.printed("host bridge");
      session.write("\x01x");
    });
    expect(stdout.toString()).toContain("16 MiB of RAM");
  });
  it("says in one line what is wrong with an image", () => {
    writeFileSync(join(folder, "empty"), "");
    writeFileSync(join(folder, "odd"), new Uint8Array(1000));
    expect(run("-hda", join(folder, "none")).stderr).toMatch(/^tabvisor: disk: cannot open '.*': there is no such file or folder\n$/);
    expect(run("-hda", join(folder, "empty")).stderr).toMatch(/^tabvisor: .*: the disk image is empty\n$/);
    expect(run("-hda", folder).stderr).toMatch(/^tabvisor: disk: '.*' is a folder\n$/);
    expect(run("-bios", join(folder, "odd")).stderr).toMatch(/^tabvisor: bios: the file has 1000 bytes: .*\n$/);
    expect(run("-bios", join(folder, "empty")).stderr).toMatch(/^tabvisor: bios: the file is empty\n$/);
  });
});
