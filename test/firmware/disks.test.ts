/** INT 13h of both firmwares over IDE and virtio: reads and writes of any length, to any address, against the disk's contents. */
import "../../src/vmm/machine/cards.ts";
import "../../src/vmm/machine/drives.ts";
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ensureBios } from "../../bios/build.ts";
import type { BlockBackend } from "../../src/base/block.ts";
import { RAM_BASE } from "../../src/cpu/layout.ts";
import { assembleProgram } from "../../src/cpu/isa/assembler.ts";
import type { MachineOptions } from "../../src/vmm/machine/machine.ts";
import { memoryDisk } from "./memory-disk.ts";
import { startFirmware } from "./run.ts";

const SEABIOS = "/usr/share/seabios/bios-256k.bin";
const firmware: [string, () => Uint8Array][] = [["our BIOS", ensureBios]];
if (existsSync(SEABIOS)) firmware.push(["SeaBIOS", () => readFileSync(SEABIOS)]);

const SECTORS = 4096;
const NO_DEVICES = { disks: [], shares: [], nics: [], rng: null, balloon: null };
const INTERFACES: readonly (readonly [string, (backend: BlockBackend) => MachineOptions])[] = [
  ["IDE", (backend) => ({ drives: [{ interface: "ide", media: "disk", index: 0, backend }] })],
  ["virtio", (backend) => ({ devices: { ...NO_DEVICES, disks: [{ backend }] } })],
  ["virtio, packed", (backend) => ({ devices: { ...NO_DEVICES, disks: [{ backend, packed: true }] } })],
];

/** Extended reads (42h) and writes (43h): sector, count, segment, offset. The reads come first, then all is written back elsewhere. */
const READS = [
  { sector: 100, count: 127, segment: 0x1000, offset: 0 }, // 64 KiB less a sector
  { sector: 300, count: 127, segment: 0x2fe0, offset: 0 }, // over a boundary of 64 KiB
  { sector: 500, count: 3, segment: 0x4000, offset: 1 }, // an odd address
  { sector: 510, count: 2, segment: 0x4100, offset: 0xf }, // and another
  { sector: 4095, count: 1, segment: 0x4200, offset: 2 }, // the last one
  { sector: 600, count: 5, segment: 0xb800, offset: 0 }, // straight into video memory
] as const;
const WRITES = [
  { sector: 2000, count: 127, segment: 0x2fe0, offset: 0 },
  { sector: 2200, count: 3, segment: 0x4000, offset: 1 },
  { sector: 2300, count: 5, segment: 0xb800, offset: 0 },
] as const;

const packet = (p: (typeof READS | typeof WRITES)[number]): string => `db 16, 0\ndw ${p.count}, ${p.offset}, ${p.segment}\ndq ${p.sector}`;

describe.each(firmware)("%s", (name, image) => {
  it.each(INTERFACES)("%s", (kind, make) => {
    // The driver of a packed ring would have to be another.
    if (name !== "our BIOS" && kind === "virtio, packed") return;
    // SeaBIOS asks the device itself to reach video memory, which ours calls a driver's error.
    const video = name === "our BIOS" || kind === "IDE" ? 1 : 0;
    const [reads, writes] = [READS.slice(0, READS.length - 1 + video), WRITES.slice(0, WRITES.length - 1 + video)];
    const disk = new Uint8Array(SECTORS * 512);
    for (let i = 0; i < disk.length; i++) disk[i] = (i * 7 + (i >>> 9) * 13) & 0xff;
    disk.set(assembleProgram(`
      org 0x7c00
      xor ax, ax
      mov ds, ax
      mov byte [0x500], 0x42
      mov byte [0x501], ${reads.length}
      mov si, reads
    next:
      mov ah, [0x500]
      push si
      int 0x13
      pop si
      mov al, ah
      out 0xe9, al
      add si, 16
      dec byte [0x501]
      jnz next
      cmp byte [0x500], 0x43
      je done
      mov byte [0x500], 0x43
      mov byte [0x501], ${writes.length}
      mov si, writes
      jmp next
    done:
      ; Beyond the end: refused. CHS: the same sector in two ways.
      mov ah, 0x42
      mov si, beyond
      int 0x13
      mov byte [0x501], 0x40
      jc refused
      mov byte [0x501], 0
    refused:
      mov ax, 0x0203
      mov cx, 0x0005
      mov dx, 0x0180
      mov bx, 0x5000
      mov es, bx
      xor bx, bx
      int 0x13
      mov al, [0x501]
      out 0xe9, al
      mov al, 'E'
      out 0xe9, al
    hang: hlt
      jmp hang
    reads: ${reads.map(packet).join("\n")}
    writes: ${writes.map(packet).join("\n")}
    beyond: db 16, 0
      dw 2, 0, 0x5000
      dq 4095
      times 510 - ($ - $$) db 0
      dw 0xaa55
    `, { mode: 16 }).bytes);
    const before = disk.slice();
    const backend = memoryDisk(disk);
    const run = startFirmware(image(), make(backend), { vga: "std", deterministic: false });
    run.until(`${"\0".repeat(reads.length + writes.length)}@E`, 40);
    const ram = run.machine.vcpu.state.u8;
    for (const { sector, count, segment, offset } of reads) {
      if (segment === 0xb800) continue;
      const at = RAM_BASE + segment * 16 + offset;
      expect(Buffer.compare(ram.subarray(at, at + count * 512), before.subarray(sector * 512, (sector + count) * 512)), `sectors from ${sector} on`).toBe(0);
    }
    // Cylinder 0, head 1, sector 5 of 63.
    expect(Buffer.compare(ram.subarray(RAM_BASE + 0x50000, RAM_BASE + 0x50000 + 3 * 512), before.subarray((63 + 4) * 512, (63 + 7) * 512))).toBe(0);
    const expected = before.slice();
    for (const [i, from] of [[0, 300], [1, 500], [2, 600]] as const) {
      if (i >= writes.length) continue;
      const { sector, count } = WRITES[i];
      expected.set(before.subarray(from * 512, (from + count) * 512), sector * 512);
    }
    expect(Buffer.compare(backend.bytes, expected)).toBe(0);
  }, 60_000);
});
