/** What cards a user asks for, and the door to their code (cards.ts): a machine without cards does without it. */
import type { BlockBackend } from "../../base/block.ts";
import type { Scheduler } from "../../base/clock.ts";
import type { GuestMemory } from "../../base/guest-memory.ts";
import type { EntropySource } from "../../base/lines.ts";
import type { VirtioBalloon } from "../../devices/virtio/balloon.ts";
import type { VirtioBlk } from "../../devices/virtio/blk.ts";
import type { ChunkSink, VirtioConsole } from "../../devices/virtio/console.ts";
import type { FileTree } from "../files/tree.ts";
import type { CardSlots } from "./board.ts";
import type { Completions } from "./completions.ts";

/** Options of every virtio card. */
export interface VirtioOptions {
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

export type FitCards = (set: DeviceSet, slots: CardSlots, host: CardHost) => FittedCards;

let provided: FitCards | null = null;

/** Called by cards.ts when it is loaded. */
export function provideCards(fit: FitCards): void {
  provided = fit;
}

export function hasCards({ nics = [], shares = [], disks = [], consoles = [], rng = null, balloon = null }: DeviceSet): boolean {
  return nics.length + shares.length + disks.length + consoles.length > 0 || rng !== null || balloon !== null;
}

/** Whoever asks for cards has loaded cards.ts before. */
export function fitCards(set: DeviceSet, slots: CardSlots, host: CardHost): FittedCards {
  if (!hasCards(set)) return { disks: [], consoles: [], balloon: null, resubmit: () => undefined };
  if (provided === null) throw new Error("src/vmm/machine/cards.ts is not loaded");
  return provided(set, slots, host);
}
