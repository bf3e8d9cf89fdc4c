/** QEMU's device options: what they mean, and one clear line for each mistake. */
import { expect, it } from "vitest";
import { UserError } from "../base/errors.ts";
import { parseOptions } from "./options.ts";

const devices = (...argv: string[]): ReturnType<typeof parseOptions>["devices"] => parseOptions(argv).devices;

it("takes drives, folders and cards as QEMU does", () => {
  const d = devices(
    "-drive", "file=a,,b.img,format=raw,if=virtio,readonly=on,serial=S", "-drive", "file=c,if=none,id=d1", "-device", "virtio-blk-pci,drive=d1,num-queues=4,packed=on",
    "-virtfs", "local,path=/srv,mount_tag=t,security_model=none", "-netdev", "user,id=n", "-device", "virtio-net-pci,netdev=n,mac=52:54:00:00:00:01",
    "-nic", "user", "-nic", "none", "-device", "virtio-rng-pci", "-device", "virtio-balloon-pci", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x4",
  );
  expect(d.disks.map(({ file, readOnly, serial, queues, packed }) => ({ file, readOnly, serial, queues, packed }))).toEqual([
    { file: "a,b.img", readOnly: true, serial: "S", queues: 1, packed: false }, { file: "c", readOnly: false, serial: null, queues: 4, packed: true },
  ]);
  expect(d.shares).toEqual([{ path: "/srv", tag: "t", readOnly: false }]);
  expect(d.nics.map((n) => n.mac)).toEqual([null, Uint8Array.of(0x52, 0x54, 0, 0, 0, 1)]);
  expect([d.rng, d.balloon, d.debugExit]).toEqual([{ packed: false }, { packed: false }, { iobase: 0xf4, iosize: 4 }]);
});

it.each([
  ["-drive", "format=raw", "-drive: file=PATH is missing"],
  ["-drive", "file=x,format=vhd", "-drive format: 'vhd' is unknown; known: raw, qcow2"],
  ["-drive", "file=x,if=scsi", "-drive if: 'scsi' is unknown; known: ide, floppy, virtio, none"],
  ["-drive", "file=x,colour=red", "-drive: property 'colour' is unknown; known: file, format, if, media, index, readonly, snapshot, overlay, serial, id, cache, discard"],
  ["-drive", "file=x,file=y", "-drive: property 'file' is given twice"],
  ["-drive", "file=x,readonly=yes", "-drive readonly: 'yes' is not on or off"],
  ["-drive", "file=x,if=none,id=z", "-drive: no -device uses the drive 'z' of if=none"],
  ["-device", "virtio-blk-pci,drive=z", "-device virtio-blk-pci: no free -drive has if=none and id=z"],
  ["-device", "virtio-net-pci,netdev=z", "-device virtio-net-pci: there is no free -netdev with the id 'z'"],
  ["-device", "e1000", "-device: 'e1000' is unknown; known: isa-debug-exit, virtio-blk-pci, virtio-net-pci, virtio-rng-pci, virtio-balloon-pci"],
  ["-device", "virtio-rng-pci,packed=maybe", "-device virtio-rng-pci,packed: 'maybe' is not on or off"],
  ["-netdev", "tap,id=a", "-netdev: 'tap' is unknown; known: user"],
  ["-nic", "user,mac=1:2", "-nic user,mac: '1:2' is not a MAC address like 52:54:00:12:34:56"],
  ["-nic", "user,mac=01:00:00:00:00:00", "-nic user,mac: '01:00:00:00:00:00' is a group address"],
  ["-virtfs", "local,path=/x", "-virtfs local: mount_tag=NAME is missing"],
  ["-virtfs", "proxy,path=/x", "-virtfs: 'proxy' is unknown; known: local"],
  ["-virtfs", "local,path=/x,mount_tag=t,security_model=mapped", "-virtfs local security_model: 'mapped' is unknown; known: none"],
])("%s %s", (option, value, message) => {
  expect(() => devices(option, value)).toThrow(new UserError(message));
});
