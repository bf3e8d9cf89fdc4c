/** virtio-blk (virtio 1.2 §5.2) over a block backend. */
import { rangeError, SECTOR_BYTES, type BlockBackend, type BlockDone } from "../../base/block.ts";
import type { StateFields } from "../../base/persist.ts";
import type { IoWidth } from "../bus/region.ts";
import { gather, RingError, scatter, sliceSegments, type Chain } from "./chain.ts";
import { configRead, type VirtioModel, type VirtioPort } from "./device.ts";
import { DEVICE_TYPE, featureMask } from "./features.ts";
import type { Virtqueue } from "./virtqueue.ts";

const F = { segMax: 2, readOnly: 5, blockSize: 6, flush: 9, topology: 10, multiQueue: 12, discard: 13, writeZeroes: 14 } as const;
const TYPE = { in: 0, out: 1, flush: 4, getId: 8, discard: 11, writeZeroes: 13 } as const;
const STATUS = { ok: 0, ioError: 1, unsupported: 2 } as const;

const HEADER_BYTES = 16;
const ID_BYTES = 20;
const RANGE_BYTES = 16;
/** Requests of 1 MiB, which Linux makes of large transfers, have 256 pages: with fewer descriptors each would be cut in two. */
const QUEUE_SIZE = 512;
/** Two descriptors are the header and the status. */
const SEG_MAX = QUEUE_SIZE - 2;
/** Sectors that one discard or write-zeroes range may have, and ranges in a request. */
const MAX_RANGE_SECTORS = 0x40_0000;
const MAX_RANGES = 16;
const UNMAP = 1;
/** What file systems on the disk should align to, as a power of two of the logical block. */
const PHYSICAL_BLOCK_EXPONENT = 3;

export interface BlkOptions {
  /** Completes `virtio-blk.N`. */
  readonly index: number;
  readonly backend: BlockBackend;
  /** GET_ID, up to 20 ASCII characters. */
  readonly serial?: string;
  readonly queues?: number;
}

/** A status byte's place and how many bytes stand before it: the last of the writable part. */
function statusOf(chain: Chain): Uint8Array {
  const last = chain.writable[chain.writable.length - 1];
  return last.subarray(last.length - 1);
}

export class VirtioBlk implements VirtioModel {
  readonly name: string;
  readonly deviceType = DEVICE_TYPE.block;
  readonly classCode = 0x010000;
  readonly queueSizes: readonly number[];
  readonly features: bigint;
  readonly configBytes = 60;
  private readonly config: Uint8Array;
  private readonly backend: BlockBackend;
  private readonly serial: Uint8Array;
  private port: VirtioPort | null = null;
  /** Requests that a restored snapshot had under way, to be handed to the backend anew. */
  private unsubmitted = false;

  constructor(options: BlkOptions) {
    const { backend, queues = 1 } = options;
    this.name = `virtio-blk.${options.index}`;
    this.backend = backend;
    this.queueSizes = Array.from({ length: queues }, () => QUEUE_SIZE);
    this.serial = new Uint8Array(ID_BYTES);
    [...(options.serial ?? "")].slice(0, ID_BYTES).forEach((c, i) => (this.serial[i] = c.charCodeAt(0)));
    this.features =
      featureMask(F.segMax, F.blockSize, F.flush, F.topology, F.multiQueue) |
      (backend.readOnly ? featureMask(F.readOnly) : featureMask(F.writeZeroes) | (backend.canDiscard ? featureMask(F.discard) : 0n));
    this.config = new Uint8Array(this.configBytes);
    const view = new DataView(this.config.buffer);
    view.setBigUint64(0, BigInt(backend.sectors), true);
    view.setUint32(12, SEG_MAX, true);
    view.setUint32(20, SECTOR_BYTES, true);
    view.setUint8(24, PHYSICAL_BLOCK_EXPONENT);
    view.setUint16(26, 1, true);
    view.setUint8(32, 1); // write-back
    view.setUint16(34, queues, true);
    view.setUint32(36, MAX_RANGE_SECTORS, true);
    view.setUint32(40, MAX_RANGES, true);
    view.setUint32(44, 1 << PHYSICAL_BLOCK_EXPONENT, true);
    view.setUint32(48, MAX_RANGE_SECTORS, true);
    view.setUint32(52, MAX_RANGES, true);
    view.setUint8(56, 1);
  }

  attach(port: VirtioPort): void {
    this.port = port;
  }
  readConfig(offset: number, width: IoWidth): number {
    return configRead(this.config, offset, width);
  }

  kicked(queue: Virtqueue): void {
    this.resubmit();
    for (let chain = queue.pop(); chain !== null; chain = queue.pop()) this.submit(queue, chain);
  }

  /** The machine goes on after a restore: requests that were under way start anew. Reads and writes may be done twice. */
  resubmit(): void {
    if (!this.unsubmitted) return;
    this.unsubmitted = false;
    this.port?.guard(() => {
      for (const queue of this.port?.queues ?? []) for (const chain of [...queue.inFlight]) this.submit(queue, chain);
    });
  }

  private submit(queue: Virtqueue, chain: Chain): void {
    if (chain.readableBytes < HEADER_BYTES) throw new RingError("a block request without a header");
    if (chain.writableBytes < 1) throw new RingError("a block request without a status byte");
    const first = chain.readable[0];
    const header = first.length >= HEADER_BYTES ? first : gather(chain.readable, HEADER_BYTES);
    const view = new DataView(header.buffer, header.byteOffset, HEADER_BYTES);
    const type = view.getUint32(0, true);
    const sector = view.getUint32(8, true) + view.getUint32(12, true) * 2 ** 32;
    const { backend } = this;
    const done = this.completion(queue, chain);
    switch (type) {
      case TYPE.in:
        this.read(chain, sector, done);
        break;
      case TYPE.out:
        this.write(chain, sector, done);
        break;
      case TYPE.flush:
        backend.flush(done);
        break;
      case TYPE.getId:
        scatter(this.serial, sliceSegments(chain.writable, 0, chain.writableBytes - 1));
        this.finish(queue, chain, STATUS.ok);
        break;
      case TYPE.discard:
      case TYPE.writeZeroes:
        this.ranges(queue, chain, type);
        break;
      default:
        this.finish(queue, chain, STATUS.unsupported);
    }
  }

  /** What a backend is given as `done`: it may come at once, or later from the VMM at a recorded moment. */
  private completion(queue: Virtqueue, chain: Chain): BlockDone {
    return (error) => this.port?.guard(() => this.finish(queue, chain, error === null ? STATUS.ok : STATUS.ioError));
  }

  private finish(queue: Virtqueue, chain: Chain, status: number): void {
    if (!queue.inFlight.has(chain)) return;
    statusOf(chain)[0] = status;
    // The status stands behind the data's room, whether that was filled or not.
    queue.push(chain, chain.writableBytes);
  }

  private read(chain: Chain, sector: number, done: BlockDone): void {
    const into = (): Uint8Array[] => (chain.writableBytes > 1 ? sliceSegments(chain.writable, 0, chain.writableBytes - 1) : []);
    if (this.backend.synchronous) {
      this.backend.read(sector, into(), done);
      return;
    }
    // A late answer may come after the driver has reset the device: its bytes must not land in RAM then.
    const error = rangeError(this.backend, sector, chain.writableBytes - 1);
    if (error !== null) {
      done(error);
      return;
    }
    const buffer = new Uint8Array(chain.writableBytes - 1);
    this.backend.read(sector, [buffer], (error) => {
      this.port?.guard(() => {
        if (error === null && this.isUnderWay(chain)) scatter(buffer, into());
      });
      done(error);
    });
  }

  private isUnderWay(chain: Chain): boolean {
    return this.port?.queues.some((q) => q.inFlight.has(chain)) ?? false;
  }

  private write(chain: Chain, sector: number, done: BlockDone): void {
    const from = sliceSegments(chain.readable, HEADER_BYTES);
    // Without VIRTIO_BLK_F_FLUSH the driver counts on every write being stable (§5.2.6.2).
    const writeThrough = this.port?.has(F.flush) !== true;
    const segments = this.backend.synchronous ? from : [gather(from)];
    this.backend.write(sector, segments, (error) => {
      if (error === null && writeThrough) this.backend.flush(done);
      else done(error);
    });
  }

  /** Discard and write-zeroes: a list of ranges (§5.2.6.1), done one after the other. */
  private ranges(queue: Virtqueue, chain: Chain, type: number): void {
    const { backend } = this;
    const bytes = chain.readableBytes - HEADER_BYTES;
    const count = bytes / RANGE_BYTES;
    if ((type === TYPE.discard && !backend.canDiscard) || backend.readOnly || !Number.isInteger(count) || count === 0 || count > MAX_RANGES) {
      this.finish(queue, chain, backend.readOnly ? STATUS.ioError : STATUS.unsupported);
      return;
    }
    const list = gather(sliceSegments(chain.readable, HEADER_BYTES));
    const view = new DataView(list.buffer);
    const next = (i: number): void => {
      if (i === count) {
        this.completion(queue, chain)(null);
        return;
      }
      const at = i * RANGE_BYTES;
      const sector = view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
      const sectors = view.getUint32(at + 8, true);
      const flags = view.getUint32(at + 12, true);
      const after: BlockDone = (error) => {
        if (error === null) next(i + 1);
        else this.completion(queue, chain)(error);
      };
      if (sectors > MAX_RANGE_SECTORS || (flags & ~UNMAP) !== 0 || (type === TYPE.discard && flags !== 0)) {
        this.port?.guard(() => this.finish(queue, chain, STATUS.unsupported));
      } else if (type === TYPE.discard) backend.discard(sector, sectors, after);
      else backend.writeZeroes(sector, sectors, (flags & UNMAP) !== 0, after);
    };
    next(0);
  }

  reset(): void {
    this.unsubmitted = false;
  }
  /** Requests under way are the queues' state. */
  save(): StateFields {
    return {};
  }
  restore(): void {
    this.unsubmitted = this.port?.queues.some((q) => q.inFlight.size > 0) ?? false;
  }
}
