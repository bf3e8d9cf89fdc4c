/** Drive and firmware options of the command: what they mean, what is refused, and that disks are read and written. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.ts";
import { parseBoot, parseDrives, type DriveArgument } from "../../src/cli/drives.ts";
import { assembleProgram } from "../../src/cpu/isa/assembler.ts";
import { haveTools } from "../firmware/fixtures.ts";
import { tabvisor, talk, type Session } from "./cli.ts";

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
  it.skipIf(!haveTools(["qemu-img"]))("boots a qcow2 image under -snapshot, and says that it cannot be written otherwise", () => {
    const qcow2 = join(folder, "disk.qcow2");
    spawnSync("qemu-img", ["convert", "-O", "qcow2", image(), qcow2]);
    const before = readFileSync(qcow2);
    expect(run("-hda", qcow2, "-snapshot")).toMatchObject({ code: 33, stderr: "10" });
    expect(run("-drive", `file=${qcow2},format=qcow2,snapshot=on`)).toMatchObject({ code: 33, stderr: "10" });
    expect(readFileSync(qcow2)).toEqual(before);
    expect(run("-hda", qcow2).stderr).toMatch(/^tabvisor: disk: '.*' is a qcow2 image, which cannot be written: add overlay=FILE, readonly=on or -snapshot\n$/);
    const overlay = join(folder, "qcow2.overlay");
    const above = `file=${qcow2},overlay=${overlay}`;
    expect(run("-drive", above)).toMatchObject({ code: 33, stderr: "10" });
    expect(run("-drive", above)).toMatchObject({ code: 33, stderr: "20" });
    expect(run("-drive", above, "-snapshot")).toMatchObject({ code: 33, stderr: "30" });
    expect(run("-drive", `${above},readonly=on`).stderr).toBe(`3${String.fromCharCode(0x20 + 0x30)}`);
    expect(readFileSync(qcow2)).toEqual(before);
    // Saved as a raw image, which is what the guest sees.
    const saved = join(folder, "saved.img");
    const expected = readFileSync(image());
    expected[512] = 3;
    expect(tabvisor(["-drive", above, "--save-disk", saved])).toMatchObject({ code: 0, stderr: "" });
    expect(readFileSync(saved).equals(expected)).toBe(true);
    expect(tabvisor(["-drive", above, "--save-disk", saved]).stderr).toMatch(/^tabvisor: disk: '.*saved.img' is there already\n$/);
    expect(tabvisor(["--save-disk", join(folder, "no.img")]).stderr).toBe("tabvisor: --save-disk: there is no drive\n");
    expect(run("-drive", `file=${image()},overlay=${overlay}`).stderr).toMatch(/^tabvisor: .*overlay.*another|^tabvisor: .*qcow2.overlay: .*\n$/);
  });
  it("lets nobody else write to a disk or an overlay meanwhile; a killed command's lock does not count", async () => {
    const overlay = join(folder, "locked.overlay");
    const busy = ["-bios", "own", "-m", "16M", "-boot", "a", "-hda", image(), "-drive", `file=${image()},overlay=${overlay}`, ...EXIT];
    const both = async (end: (session: Session) => void): Promise<void> => {
      await talk(busy, async (session) => {
        await session.printed("> ");
        expect(run("-hda", image()).stderr).toBe(`tabvisor: disk: '${image()}' is in use: process ${session.pid} writes to it\n`);
        expect(run("-drive", `file=${image()},overlay=${overlay}`).stderr).toBe(`tabvisor: disk: '${overlay}' is in use: process ${session.pid} writes to it\n`);
        expect(run("-hda", image(), "-snapshot").code).toBe(33);
        end(session);
      });
    };
    await both((session) => session.kill("SIGKILL"));
    await both((session) => session.kill("SIGTERM"));
    expect(run("-hda", image()).code).toBe(33);
    expect(readdirSync(folder).filter((name) => name.includes(".lock"))).toEqual([]);
  });
  it("has nothing to boot: the monitor answers on the serial terminal", async () => {
    const { stdout } = await talk(["-bios", "own", "-m", "16M"], async (session) => {
      await session.printed("Nothing to boot.");
      await session.printed("> ");
      session.write("pci\r");
      await session.printed("host bridge");
      session.kill("SIGTERM");
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
