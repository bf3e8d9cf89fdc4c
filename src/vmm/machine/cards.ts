/** The PCI cards that a user asks for: virtio devices and what stands behind them. */
import { VirtioBalloon } from "../../devices/virtio/balloon.ts";
import { VirtioBlk } from "../../devices/virtio/blk.ts";
import { VirtioConsole } from "../../devices/virtio/console.ts";
import type { VirtioModel } from "../../devices/virtio/device.ts";
import { Virtio9p, VirtioFs } from "../../devices/virtio/message-device.ts";
import { VirtioNet } from "../../devices/virtio/net.ts";
import { VirtioPci } from "../../devices/virtio/pci-transport.ts";
import { VirtioRng } from "../../devices/virtio/rng.ts";
import { FuseServer } from "../files/fuse.ts";
import { NinepServer } from "../files/ninep.ts";
import { Gateway } from "../net/gateway.ts";
import { EthernetSwitch } from "../net/switch.ts";
import { deferred } from "./completions.ts";
import { provideCards, type FitCards, type VirtioOptions } from "./fitting.ts";

/** QEMU's range and first address: 52:54:00:12:34:56. */
function macOf(index: number): Uint8Array {
  return Uint8Array.of(0x52, 0x54, 0x00, 0x12, 0x34, 0x56 + index);
}

const fitCards: FitCards = (set, slots, host) => {
  const add = <M extends VirtioModel>(model: M, options: VirtioOptions): M => {
    slots.add((slot) => new VirtioPci(model, host.memory, slot, options));
    return model;
  };
  const disks = (set.disks ?? []).map((disk, index) => add(new VirtioBlk({ ...disk, index, backend: deferred(disk.backend, host.completions) }), disk));
  (set.shares ?? []).forEach(({ tree, tag }, index) => {
    const name = new TextEncoder().encode(tag);
    add(new Virtio9p(index, name, new NinepServer(tree)), {});
    add(new VirtioFs(index, name, new FuseServer(tree)), {});
  });
  const nics = set.nics ?? [];
  if (nics.length > 0) {
    const network = new EthernetSwitch(host.scheduler);
    const gateway = new Gateway();
    gateway.connect((receive) => network.attach(receive));
    slots.keep(network);
    slots.keep(gateway);
    nics.forEach((nic, index) => {
      const port = network.attach((frame) => card.receive(frame));
      const card = add(new VirtioNet(index, nic.mac ?? macOf(index), port), nic);
    });
  }
  const consoles = (set.consoles ?? []).map((c, index) => add(new VirtioConsole(index, c.output), c));
  if (set.rng) add(new VirtioRng(host.entropy), set.rng);
  const balloon = set.balloon ? add(new VirtioBalloon(), set.balloon) : null;
  return {
    disks,
    consoles,
    balloon,
    resubmit: () => {
      for (const disk of disks) disk.resubmit();
    },
  };
};
provideCards(fitCards);
