/** The PCI cards that a user asks for: virtio devices and what stands behind them. */
import type { BlockBackend } from "../../base/block.ts";
import type { Scheduler } from "../../base/clock.ts";
import type { GuestMemory } from "../../base/guest-memory.ts";
import type { EntropySource } from "../../base/lines.ts";
import { VirtioBalloon } from "../../devices/virtio/balloon.ts";
import { VirtioBlk } from "../../devices/virtio/blk.ts";
import { VirtioConsole, type ChunkSink } from "../../devices/virtio/console.ts";
import type { VirtioModel } from "../../devices/virtio/device.ts";
import { Virtio9p, VirtioFs } from "../../devices/virtio/message-device.ts";
import { VirtioNet } from "../../devices/virtio/net.ts";
import { VirtioPci } from "../../devices/virtio/pci-transport.ts";
import { VirtioRng } from "../../devices/virtio/rng.ts";
import { FuseServer } from "../files/fuse.ts";
import { NinepServer } from "../files/ninep.ts";
import type { FileTree } from "../files/tree.ts";
import { Gateway } from "../net/gateway.ts";
import { EthernetSwitch } from "../net/switch.ts";
import type { CardSlots } from "./board.ts";
import { deferred, type Completions } from "./completions.ts";

/** Options of every virtio card. */
interface VirtioOptions {
  /** Offer packed rings. */
  readonly packed?: boolean;
}

export interface DiskSpec extends VirtioOptions {
  readonly backend: BlockBackend;
  /** Up to 20 ASCII characters. */
  readonly serial?: string;
  readonly queues?: number;
}

/** A folder that the guest can mount as 9p and as virtiofs. */
export interface ShareSpec {
  readonly tree: FileTree;
  /** Mount tag, up to 36 bytes of UTF-8. */
  readonly tag: string;
}

/** A network card on the machine's own switch, with the gateway on another port. */
export interface NicSpec extends VirtioOptions {
  /** Six bytes; null: one of ours. */
  readonly mac: Uint8Array | null;
}

export interface DeviceSet {
  readonly nics?: readonly NicSpec[];
  readonly shares?: readonly ShareSpec[];
  readonly disks?: readonly DiskSpec[];
  readonly consoles?: readonly (VirtioOptions & { readonly output: ChunkSink })[];
  readonly rng?: VirtioOptions | null;
  readonly balloon?: VirtioOptions | null;
}
export const NO_DEVICES: DeviceSet = {};

/** What cards may be given of the machine. */
export interface CardHost {
  readonly memory: GuestMemory;
  readonly entropy: EntropySource;
  readonly scheduler: Scheduler;
  readonly completions: Completions;
  /** Seconds since 1970 at guest time 0. */
  readonly epochSeconds: number;
}

/** Handles on the cards, in the order of the set. */
export interface FittedCards {
  readonly disks: readonly VirtioBlk[];
  readonly consoles: readonly VirtioConsole[];
  readonly balloon: VirtioBalloon | null;
  /** After a restore: requests that were under way start anew. */
  resubmit(): void;
}

/** QEMU's range and first address: 52:54:00:12:34:56. */
function macOf(index: number): Uint8Array {
  return Uint8Array.of(0x52, 0x54, 0x00, 0x12, 0x34, 0x56 + index);
}

export function fitCards(set: DeviceSet, slots: CardSlots, host: CardHost): FittedCards {
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
}
