/** An ATA hard disk: PIO, multiple and DMA transfers, CHS, 28- and 48-bit addresses (ATA/ATAPI-6, T13/1410D). */
import { SECTOR_BYTES, type BlockError } from "../../base/block.ts";
import type { StateFields, StateReader } from "../../base/persist.ts";
import { CMD, DEV, ER, finishIdentify, putString, ST } from "./ata.ts";
import { BUFFER_BYTES, IdeDrive, type DriveHost, type Phase } from "./drive.ts";
import type { BlockBackend } from "../../base/block.ts";

/** Largest block of READ/WRITE MULTIPLE in sectors. */
const MAX_MULTIPLE = 16;
const CHUNK_SECTORS = BUFFER_BYTES / SECTOR_BYTES;
const LBA28_END = 0x1000_0000;

export interface Geometry {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectors: number;
}

/** The default CHS translation: 16 heads, 63 sectors, at most 16,383 cylinders (ATA-6 §6.2). */
export function defaultGeometry(sectors: number): Geometry {
  return { cylinders: Math.max(1, Math.min(16_383, Math.floor(sectors / (16 * 63)))), heads: 16, sectors: 63 };
}

type Transfer = "none" | "read" | "write" | "verify";
const TRANSFERS: readonly Transfer[] = ["none", "read", "write", "verify"];

export class AtaDisk extends IdeDrive {
  private multiple = MAX_MULTIPLE;
  private heads: number;
  private sectorsPerTrack: number;
  private writeCache = true;
  /** Transfer mode of SET FEATURES 03h: 40h + n is Ultra DMA n, 20h + n multiword DMA n, 08h + n PIO n. */
  private transferMode = 0x0c;
  // The command under way.
  private transfer: Transfer = "none";
  private dma = false;
  private lba = 0;
  private left = 0;
  /** Sectors in the present block. */
  private block = 0;
  private perBlock = 1;
  private flushing = false;

  constructor(host: DriveHost, disk: BlockBackend, private readonly serial: string) {
    super(host, disk);
    const geometry = defaultGeometry(disk.sectors);
    this.heads = geometry.heads;
    this.sectorsPerTrack = geometry.sectors;
    this.signature();
  }

  protected signature(): void {
    const { task } = this;
    task.count = task.lbaLow = 1;
    task.lbaMid = task.lbaHigh = task.device = 0;
    task.error = 1;
    task.status = ST.DRDY | ST.DSC;
    this.transfer = "none";
    this.flushing = false;
    this.left = 0;
  }
  protected resetMode(): void {
    this.multiple = MAX_MULTIPLE;
    const geometry = defaultGeometry(this.disk.sectors);
    this.heads = geometry.heads;
    this.sectorsPerTrack = geometry.sectors;
    this.writeCache = true;
    this.transferMode = 0x0c;
  }

  protected execute(code: number): void {
    this.transfer = "none";
    this.flushing = false;
    switch (code) {
      case CMD.read: case CMD.readNoRetry: this.begin("read", false, false, 1); return;
      case CMD.readExt: this.begin("read", true, false, 1); return;
      case CMD.readMultiple: this.beginMultiple("read", false); return;
      case CMD.readMultipleExt: this.beginMultiple("read", true); return;
      case CMD.readDma: case CMD.readDmaNoRetry: this.begin("read", false, true, CHUNK_SECTORS); return;
      case CMD.readDmaExt: this.begin("read", true, true, CHUNK_SECTORS); return;
      case CMD.write: case CMD.writeNoRetry: this.begin("write", false, false, 1); return;
      case CMD.writeExt: this.begin("write", true, false, 1); return;
      case CMD.writeMultiple: this.beginMultiple("write", false); return;
      case CMD.writeMultipleExt: this.beginMultiple("write", true); return;
      case CMD.writeDma: case CMD.writeDmaNoRetry: this.begin("write", false, true, CHUNK_SECTORS); return;
      case CMD.writeDmaExt: this.begin("write", true, true, CHUNK_SECTORS); return;
      case CMD.verify: case CMD.verifyNoRetry: this.begin("verify", false, false, CHUNK_SECTORS); return;
      case CMD.verifyExt: this.begin("verify", true, false, CHUNK_SECTORS); return;
      case CMD.identify:
        this.buffer.set(this.identify());
        this.offerPio("pio-in", SECTOR_BYTES, true);
        return;
      case CMD.initializeParameters: this.initializeParameters(); return;
      case CMD.setMultiple: this.setMultiple(); return;
      case CMD.setFeatures: this.setFeatures(); return;
      case CMD.flush: case CMD.flushExt: this.flush(); return;
      case CMD.readNativeMax: this.nativeMax(false); return;
      case CMD.readNativeMaxExt: this.nativeMax(true); return;
      case CMD.checkPower:
        this.task.count = 0xff; // active or idle
        this.succeed();
        return;
      case CMD.standbyImmediate: case CMD.idleImmediate: case CMD.standby: case CMD.idle: case CMD.sleep: this.succeed(); return;
      default:
        // RECALIBRATE and SEEK of older editions, with any step rate.
        if ((code & 0xf0) === 0x10 || (code & 0xf0) === 0x70) this.succeed();
        else this.abort();
    }
  }

  /** The first sector that the taskfile names, or -1 (§6.2, §6.20). */
  private address(extended: boolean): number {
    const { task } = this;
    const low = task.lbaLow + task.lbaMid * 0x100 + task.lbaHigh * 0x1_0000;
    if (extended) return task.previous.lbaHigh * 2 ** 40 + task.previous.lbaMid * 2 ** 32 + task.previous.lbaLow * 2 ** 24 + low;
    if ((task.device & DEV.LBA) !== 0) return (task.device & DEV.HEAD) * 2 ** 24 + low;
    const cylinder = task.lbaMid + task.lbaHigh * 0x100;
    const head = task.device & DEV.HEAD;
    if (task.lbaLow === 0 || task.lbaLow > this.sectorsPerTrack || head >= this.heads) return -1;
    return (cylinder * this.heads + head) * this.sectorsPerTrack + task.lbaLow - 1;
  }

  private begin(transfer: Transfer, extended: boolean, dma: boolean, perBlock: number): void {
    const { task } = this;
    const count = extended ? (task.previous.count * 0x100 + task.count || 0x1_0000) : task.count || 0x100;
    const lba = this.address(extended);
    if (lba < 0 || lba + count > this.disk.sectors) {
      this.fail(ER.IDNF | ER.ABRT);
      return;
    }
    if (transfer === "write" && this.disk.readOnly) {
      this.fail(ER.WP | ER.ABRT);
      return;
    }
    this.transfer = transfer;
    this.dma = dma;
    this.lba = lba;
    this.left = count;
    this.perBlock = perBlock;
    if (transfer === "write") this.offerOut(false);
    else this.fetch();
  }

  private beginMultiple(transfer: Transfer, extended: boolean): void {
    if (this.multiple === 0) this.abort();
    else this.begin(transfer, extended, false, this.multiple);
  }

  private offerOut(interrupt: boolean): void {
    this.block = Math.min(this.left, this.perBlock);
    if (this.dma) this.offerDma("dma-out", this.block * SECTOR_BYTES);
    else this.offerPio("pio-out", this.block * SECTOR_BYTES, interrupt);
  }

  private fetch(): void {
    this.block = Math.min(this.left, this.perBlock);
    const into = this.buffer.subarray(0, this.block * SECTOR_BYTES);
    this.request((done) => this.disk.read(this.lba, [into], done), (error) => {
      if (error !== null) this.mediumError(error);
      else if (this.transfer === "verify") this.advance();
      else if (this.dma) this.offerDma("dma-in", into.length);
      else this.offerPio("pio-in", into.length, true);
    });
  }

  private store(): void {
    const from = this.buffer.subarray(0, this.block * SECTOR_BYTES);
    this.request((done) => this.disk.write(this.lba, [from], done), (error) => {
      if (error !== null) this.mediumError(error);
      else if (this.writeCache) this.advance();
      else this.flushThen(() => this.advance());
    });
  }

  private flushThen(then: () => void): void {
    this.request((done) => this.disk.flush(done), (error) => (error !== null ? this.mediumError(error) : then()));
  }

  protected blockDone(phase: Phase): void {
    if (this.transfer === "none") this.succeed(false); // IDENTIFY: the interrupt came with the data
    else if (phase === "pio-out" || phase === "dma-out") this.store();
    else this.advance();
  }

  /** A block is done. PIO reads interrupt before each block, writes after; DMA and VERIFY once at the end (§9.6 to §9.10). */
  private advance(): void {
    this.lba += this.block;
    this.left -= this.block;
    this.showAddress();
    if (this.left > 0) {
      if (this.transfer === "write") this.offerOut(!this.dma);
      else this.fetch();
    } else this.succeed(this.dma || this.transfer !== "read");
  }

  /** Old drivers look at the address of the last sector. */
  private showAddress(): void {
    if ((this.task.device & DEV.LBA) === 0) return;
    const last = this.lba - 1;
    this.task.lbaLow = last & 0xff;
    this.task.lbaMid = (last >>> 8) & 0xff;
    this.task.lbaHigh = (last >>> 16) & 0xff;
  }

  private mediumError(error: BlockError): void {
    if (error.kind === "read-only") this.fail(ER.WP | ER.ABRT);
    else if (error.kind === "out-of-range") this.fail(ER.IDNF);
    else this.fail(this.transfer === "write" || this.flushing ? ER.ABRT : ER.UNC, this.transfer === "write" ? ST.DF : 0);
  }

  protected resumeRequest(): void {
    if (this.flushing) this.flush();
    else if (this.transfer === "write") this.store();
    else if (this.transfer !== "none") this.fetch();
  }

  private flush(): void {
    this.flushing = true;
    this.flushThen(() => {
      this.flushing = false;
      this.succeed();
    });
  }

  private initializeParameters(): void {
    const sectors = this.task.count;
    if (sectors === 0 || sectors > 63) {
      this.abort();
      return;
    }
    this.sectorsPerTrack = sectors;
    this.heads = (this.task.device & DEV.HEAD) + 1;
    this.succeed();
  }

  private setMultiple(): void {
    const n = this.task.count;
    if (n > MAX_MULTIPLE || (n & (n - 1)) !== 0) this.abort();
    else {
      this.multiple = n;
      this.succeed();
    }
  }

  /** §8.46. */
  private setFeatures(): void {
    switch (this.task.features) {
      case 0x02: this.writeCache = true; break;
      case 0x82: this.writeCache = false; break;
      case 0x03: {
        const mode = this.task.count;
        const known = mode <= 1 || (mode >= 8 && mode <= 0x0c) || (mode >= 0x20 && mode <= 0x22) || (mode >= 0x40 && mode <= 0x45);
        if (!known) {
          this.abort();
          return;
        }
        this.transferMode = mode;
        break;
      }
      case 0x05: case 0x85: case 0x55: case 0xaa: case 0x66: case 0xcc: break; // power management, look-ahead, defaults at reset
      default: this.abort(); return;
    }
    this.succeed();
  }

  private nativeMax(extended: boolean): void {
    const { task } = this;
    const last = extended ? this.disk.sectors - 1 : Math.min(this.disk.sectors, LBA28_END) - 1;
    task.lbaLow = last & 0xff;
    task.lbaMid = (last >>> 8) & 0xff;
    task.lbaHigh = (last >>> 16) & 0xff;
    if (extended) {
      task.previous.lbaLow = Math.floor(last / 2 ** 24) & 0xff;
      task.previous.lbaMid = Math.floor(last / 2 ** 32) & 0xff;
      task.previous.lbaHigh = Math.floor(last / 2 ** 40) & 0xff;
    } else task.device = (task.device & 0xf0) | ((last >>> 24) & 0x0f);
    this.succeed();
  }

  /** IDENTIFY DEVICE data (§8.15, table 26). */
  private identify(): Uint8Array {
    const w = new Uint16Array(256);
    const { sectors } = this.disk;
    const natural = defaultGeometry(sectors);
    const lba28 = Math.min(sectors, LBA28_END - 1);
    const cylinders = Math.min(65_535, Math.floor(Math.min(sectors, 16_514_064) / (this.heads * this.sectorsPerTrack)));
    const current = cylinders * this.heads * this.sectorsPerTrack;
    w[0] = 0x0040; // fixed drive
    w[1] = natural.cylinders;
    w[3] = natural.heads;
    w[6] = natural.sectors;
    putString(w, 10, 20, this.serial);
    putString(w, 23, 8, "1.0");
    putString(w, 27, 40, "TABVISOR HARDDISK");
    w[47] = 0x8000 | MAX_MULTIPLE;
    w[48] = 1; // doubleword I/O
    w[49] = 0x0f00; // IORDY, LBA, DMA
    w[50] = 0x4000;
    w[51] = w[52] = 0x0200;
    w[53] = 0x0007;
    w[54] = cylinders;
    w[55] = this.heads;
    w[56] = this.sectorsPerTrack;
    w[57] = current & 0xffff;
    w[58] = current >>> 16;
    w[59] = this.multiple === 0 ? 0 : 0x0100 | this.multiple;
    w[60] = lba28 & 0xffff;
    w[61] = lba28 >>> 16;
    const multiword = this.transferMode >= 0x20 && this.transferMode < 0x40;
    const ultra = this.transferMode >= 0x40;
    w[63] = 0x0007 | (multiword ? 0x100 << (this.transferMode & 7) : 0);
    w[64] = 0x0003;
    w[65] = w[66] = w[67] = w[68] = 120;
    w[80] = 0x007e; // ATA-1 to ATA/ATAPI-6
    w[81] = 0x0019; // T13 1410D revision 3a
    w[82] = 0x4020; // NOP, write cache
    w[83] = 0x7400; // FLUSH CACHE EXT, FLUSH CACHE, 48-bit
    w[84] = 0x4000;
    w[85] = 0x4000 | (this.writeCache ? 0x20 : 0);
    w[86] = 0x3400;
    w[87] = 0x4000;
    w[88] = 0x003f | (ultra ? 0x100 << (this.transferMode & 7) : 0);
    w[93] = 0x6001; // 80-conductor cable
    w[100] = sectors & 0xffff;
    w[101] = Math.floor(sectors / 2 ** 16) & 0xffff;
    w[102] = Math.floor(sectors / 2 ** 32) & 0xffff;
    return finishIdentify(w);
  }

  protected saveMode(): StateFields {
    return {
      multiple: this.multiple, heads: this.heads, sectorsPerTrack: this.sectorsPerTrack, writeCache: this.writeCache,
      transferMode: this.transferMode, transfer: this.transfer, dma: this.dma, lba: this.lba, left: this.left, block: this.block,
      perBlock: this.perBlock, flushing: this.flushing,
    };
  }
  protected restoreMode(r: StateReader): void {
    this.multiple = r.int("multiple", 0, MAX_MULTIPLE);
    this.heads = r.int("heads", 1, 16);
    this.sectorsPerTrack = r.int("sectorsPerTrack", 1, 63);
    this.writeCache = r.bool("writeCache");
    this.transferMode = r.int("transferMode", 0, 255);
    const transfer = r.string("transfer");
    this.transfer = TRANSFERS.find((t) => t === transfer) ?? "none";
    this.dma = r.bool("dma");
    this.lba = r.int("lba", 0, this.disk.sectors);
    this.left = r.int("left", 0, 0x1_0000);
    this.block = r.int("block", 0, CHUNK_SECTORS);
    this.perBlock = r.int("perBlock", 1, CHUNK_SECTORS);
    this.flushing = r.bool("flushing");
  }
}
