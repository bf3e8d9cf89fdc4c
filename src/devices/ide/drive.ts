/**
 * What disk and CD-ROM have in common: the taskfile, the data port's buffer, the offer of DMA, and requests to the block
 * backend, which may complete late.
 */
import type { BlockBackend, BlockDone } from "../../base/block.ts";
import type { StateFields, StateReader } from "../../base/persist.ts";
import { emptyTaskFile, ER, REG, ST, type TaskFile } from "./ata.ts";

/** What a drive asks of its channel. */
export interface DriveHost {
  /** The interrupt output; released by the channel when the host looks at Status or writes a command. */
  interrupt(): void;
  /** The drive holds or awaits data for DMA (DMARQ). The bus master takes it up when it is started. */
  dmaRequest(): void;
}

/** What the data port is in the middle of. `packet`: a packet device awaits its command. */
export type Phase = "none" | "pio-in" | "pio-out" | "packet" | "dma-in" | "dma-out";
const PHASES: readonly Phase[] = ["none", "pio-in", "pio-out", "packet", "dma-in", "dma-out"];

/** Bytes between two requests to the backend at most. */
export const BUFFER_BYTES = 0x2_0000;

export abstract class IdeDrive {
  readonly task: TaskFile = emptyTaskFile();
  /** The block on its way between the medium and the host. */
  protected readonly buffer = new Uint8Array(BUFFER_BYTES);
  protected phase: Phase = "none";
  protected position = 0;
  protected end = 0;
  /** Counts requests to the backend: the answer to one that a reset has overtaken is dropped. */
  private generation = 0;
  private waiting = false;
  /** Set by a restore in the middle of a request: the command is begun anew. */
  private repeat = false;

  constructor(
    protected readonly host: DriveHost,
    protected readonly disk: BlockBackend,
  ) {}

  /** Taskfile contents after power-on, reset or EXECUTE DEVICE DIAGNOSTIC (ATA-6 §9.12). */
  protected abstract signature(): void;
  /** Executes Command `code`. Status has BSY. */
  protected abstract execute(code: number): void;
  /** The host has taken, or filled, the whole buffer. */
  protected abstract blockDone(phase: Phase): void;
  /** Goes on with the request to the backend that was under way when the state was saved. */
  protected abstract resumeRequest(): void;
  protected abstract resetMode(): void;
  protected abstract saveMode(): StateFields;
  protected abstract restoreMode(r: StateReader): void;
  /** Whether Command `code` is taken while the drive is busy (DEVICE RESET alone). */
  protected takesWhenBusy(_code: number): boolean {
    return false;
  }

  get dmaPending(): boolean {
    return this.phase === "dma-in" || this.phase === "dma-out";
  }
  /** Direction of the pending DMA: to memory? */
  get dmaToMemory(): boolean {
    return this.phase === "dma-in";
  }

  /** Hardware or software reset. */
  reset(hard: boolean): void {
    this.abandon();
    if (hard) this.resetMode();
    this.signature();
  }

  private abandon(): void {
    this.generation++;
    this.waiting = this.repeat = false;
    this.phase = "none";
    this.position = this.end = 0;
  }

  command(code: number): void {
    // A command in the middle of another's data ends that one; ATA-6 §7.7.4 leaves the result open.
    if (this.waiting && !this.takesWhenBusy(code)) return;
    this.abandon();
    this.task.status = ST.BSY | ST.DRDY | ST.DSC;
    this.task.error = 0;
    this.execute(code);
  }

  /** Command completion without data. */
  protected succeed(interrupt = true): void {
    this.phase = "none";
    this.task.status = ST.DRDY | ST.DSC;
    if (interrupt) this.host.interrupt();
  }

  protected fail(error: number, status = 0): void {
    this.phase = "none";
    this.task.error = error;
    this.task.status = ST.DRDY | ST.DSC | ST.ERR | status;
    this.host.interrupt();
  }
  protected abort(): void {
    this.fail(ER.ABRT);
  }

  /** Shows `end` bytes of the buffer, or room for them, at the data port. */
  protected offerPio(phase: "pio-in" | "pio-out" | "packet", end: number, interrupt: boolean): void {
    this.phase = phase;
    this.position = 0;
    this.end = end;
    this.task.status = ST.DRDY | ST.DSC | ST.DRQ;
    if (interrupt) this.host.interrupt();
  }

  protected offerDma(phase: "dma-in" | "dma-out", end: number): void {
    this.phase = phase;
    this.position = 0;
    this.end = end;
    this.task.status = ST.DRDY | ST.DSC | ST.DRQ;
    this.host.dmaRequest();
  }

  /** The unmoved part of a DMA block. */
  dmaBuffer(): Uint8Array {
    return this.buffer.subarray(this.position, this.end);
  }
  /** The bus master has moved so many bytes. */
  dmaMoved(bytes: number): void {
    this.position += bytes;
    if (this.position >= this.end) {
      const { phase } = this;
      this.phase = "none";
      this.task.status = ST.BSY | ST.DRDY | ST.DSC;
      this.blockDone(phase);
    }
  }

  /** A read of the data port, `width` bytes. Without a transfer the bus floats. */
  readData(width: number): number {
    if (this.phase !== "pio-in") return 0xffff_ffff;
    let value = 0;
    for (let i = 0; i < width; i++) if (this.position < this.end) value |= this.buffer[this.position++] << (8 * i);
    this.moved();
    return value >>> 0;
  }
  writeData(width: number, value: number): void {
    if (this.phase !== "pio-out" && this.phase !== "packet") return;
    for (let i = 0; i < width; i++) if (this.position < this.end) this.buffer[this.position++] = value >>> (8 * i);
    this.moved();
  }
  private moved(): void {
    if (this.position < this.end) return;
    const { phase } = this;
    this.phase = "none";
    this.task.status = ST.BSY | ST.DRDY | ST.DSC;
    this.blockDone(phase);
  }

  /** A request to the backend; `then` is told of its result unless a reset comes first. */
  protected request(start: (done: BlockDone) => void, then: BlockDone): void {
    const mine = ++this.generation;
    this.waiting = true;
    start((error) => {
      if (mine !== this.generation) return;
      this.waiting = false;
      then(error);
    });
  }

  /** Write to a taskfile register, already known to be meant for both drives (§7.2). */
  writeRegister(offset: number, value: number): void {
    const { task } = this;
    switch (offset) {
      case REG.error: task.previous.features = task.features; task.features = value; break;
      case REG.count: task.previous.count = task.count; task.count = value; break;
      case REG.lbaLow: task.previous.lbaLow = task.lbaLow; task.lbaLow = value; break;
      case REG.lbaMid: task.previous.lbaMid = task.lbaMid; task.lbaMid = value; break;
      case REG.lbaHigh: task.previous.lbaHigh = task.lbaHigh; task.lbaHigh = value; break;
      case REG.device: task.device = value; break;
    }
  }
  /** `hob`: the bytes written before the present ones. */
  readRegister(offset: number, hob: boolean): number {
    const { task } = this;
    switch (offset) {
      case REG.error: return task.error;
      case REG.count: return hob ? task.previous.count : task.count;
      case REG.lbaLow: return hob ? task.previous.lbaLow : task.lbaLow;
      case REG.lbaMid: return hob ? task.previous.lbaMid : task.lbaMid;
      case REG.lbaHigh: return hob ? task.previous.lbaHigh : task.lbaHigh;
      case REG.device: return task.device;
      default: return task.status;
    }
  }

  save(): StateFields {
    const { previous, ...task } = this.task;
    return {
      task: { ...task }, previous: { ...previous }, phase: this.phase, position: this.position, end: this.end,
      buffer: this.buffer.slice(0, this.end), waiting: this.waiting || this.repeat, mode: this.saveMode(),
    };
  }

  restore(r: StateReader): void {
    const task = r.record("task");
    for (const k of ["features", "error", "count", "lbaLow", "lbaMid", "lbaHigh", "device", "status"] as const) this.task[k] = task.int(k, 0, 255);
    task.finish();
    const previous = r.record("previous");
    for (const k of ["features", "count", "lbaLow", "lbaMid", "lbaHigh"] as const) this.task.previous[k] = previous.int(k, 0, 255);
    previous.finish();
    const phase = r.string("phase");
    this.phase = PHASES.find((p) => p === phase) ?? "none";
    this.end = r.int("end", 0, BUFFER_BYTES);
    this.position = r.int("position", 0, this.end);
    this.buffer.set(r.bytes("buffer", this.end));
    this.repeat = r.bool("waiting");
    this.waiting = false;
    const mode = r.record("mode");
    this.restoreMode(mode);
    mode.finish();
  }

  /** After every section is restored: goes on with what was waiting for the backend. */
  resume(): void {
    if (!this.repeat) return;
    this.repeat = false;
    this.resumeRequest();
  }
}
