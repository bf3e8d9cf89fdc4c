/** One IDE channel: command and control block, drive selection, the interrupt line (ATA/ATAPI-6 §7, §9). */
import type { LevelLine } from "../../base/lines.ts";
import type { StateFields, StateReader } from "../../base/persist.ts";
import type { BusRegion } from "../bus/region.ts";
import { CMD, CTL, DEV, REG } from "./ata.ts";
import type { DriveHost, IdeDrive } from "./drive.ts";

/** The bus master's side of a channel. */
export interface ChannelDma {
  /** The selected drive requests DMA. */
  requested(): void;
  /** The rising edge of INTRQ, which sets the bus master's interrupt bit. */
  interrupted(): void;
}

/** Makes a drive for a position. */
export type MakeDrive = (host: DriveHost) => IdeDrive;

export class IdeChannel {
  /** Eight ports: the command block. */
  readonly commandPorts: BusRegion;
  /** One port: Alternate Status and Device Control. */
  readonly controlPort: BusRegion;
  private readonly drives: readonly [IdeDrive | null, IdeDrive | null];
  private selectedIndex = 0;
  private control = 0;
  private pending = false;

  constructor(
    private readonly irq: LevelLine,
    make: readonly [MakeDrive | null, MakeDrive | null],
    private readonly dma: () => ChannelDma,
  ) {
    const host = (index: number): DriveHost => ({
      interrupt: () => {
        if (this.selectedIndex === index) this.raise();
      },
      dmaRequest: () => this.dma().requested(),
    });
    this.drives = [make[0]?.(host(0)) ?? null, make[1]?.(host(1)) ?? null];
    this.commandPorts = {
      length: 8,
      widths: [1, 2, 4],
      read: (offset, width) => {
        if (offset === REG.data) return this.selected?.readData(width) ?? 0xffff_ffff;
        return combine(width, (i) => this.read(offset + i));
      },
      write: (offset, width, value) => {
        if (offset === REG.data) this.selected?.writeData(width, value);
        else for (let i = 0; i < width; i++) this.write(offset + i, (value >>> (8 * i)) & 0xff);
      },
    };
    this.controlPort = {
      length: 1,
      widths: [1],
      read: () => this.status(),
      write: (_offset, _width, value) => this.writeControl(value),
    };
  }

  get selected(): IdeDrive | null {
    return this.drives[this.selectedIndex];
  }
  get empty(): boolean {
    return this.drives[0] === null && this.drives[1] === null;
  }

  private raise(): void {
    const before = this.pending;
    this.pending = true;
    if (!before) this.dma().interrupted();
    this.drive();
  }
  private acknowledge(): void {
    this.pending = false;
    this.drive();
  }
  private drive(): void {
    this.irq.set(this.pending && (this.control & CTL.NIEN) === 0);
  }

  /** An absent drive beside a present one shows 00h (§9.16.1); a cable without drives has DD7 pulled down (§A.3). */
  private status(): number {
    return this.selected?.readRegister(REG.status, false) ?? 0;
  }

  private read(offset: number): number {
    const hob = (this.control & CTL.HOB) !== 0;
    if (offset === REG.status) {
      const value = this.status();
      this.acknowledge();
      return value;
    }
    if (offset === REG.device) {
      const drive = this.drives[0] ?? this.drives[1];
      return drive === null ? 0 : drive.readRegister(REG.device, false);
    }
    return this.selected?.readRegister(offset, hob) ?? 0;
  }

  private write(offset: number, value: number): void {
    this.control &= ~CTL.HOB; // any write to the command block clears it (§7.9)
    if (offset === REG.status) {
      this.acknowledge();
      if (value === CMD.diagnostic) this.diagnose();
      else this.selected?.command(value);
      return;
    }
    if (offset === REG.device) this.selectedIndex = (value & DEV.SECOND) !== 0 ? 1 : 0;
    for (const d of this.drives) d?.writeRegister(offset, value);
  }

  /** EXECUTE DEVICE DIAGNOSTIC concerns both drives whichever is selected (§8.11). */
  private diagnose(): void {
    for (const d of this.drives) d?.reset(false);
    this.selectedIndex = 0;
    if (!this.empty) this.raise();
  }

  private writeControl(value: number): void {
    const before = this.control;
    this.control = value;
    // The drives are held in reset while SRST is 1 and show their signatures after it (§9.2, §9.3).
    if ((before & CTL.SRST) !== 0 && (value & CTL.SRST) === 0) {
      for (const d of this.drives) d?.reset(false);
      this.selectedIndex = 0;
      this.pending = false;
    }
    this.drive();
  }

  reset(): void {
    this.control = 0;
    this.selectedIndex = 0;
    this.pending = false;
    for (const d of this.drives) d?.reset(true);
    this.drive();
  }

  save(): StateFields {
    return {
      selected: this.selectedIndex, control: this.control, pending: this.pending,
      drive0: this.drives[0]?.save() ?? null, drive1: this.drives[1]?.save() ?? null,
    };
  }
  restore(r: StateReader): void {
    this.selectedIndex = r.int("selected", 0, 1);
    this.control = r.int("control", 0, 255);
    this.pending = r.bool("pending");
    this.drives.forEach((d, i) => {
      if (d === null) r.null(`drive${i}`);
      else {
        const fields = r.record(`drive${i}`);
        d.restore(fields);
        fields.finish();
      }
    });
  }
  /** After every section is restored. */
  resume(): void {
    for (const d of this.drives) d?.resume();
  }
}

function combine(width: number, byte: (i: number) => number): number {
  let value = 0;
  for (let i = 0; i < width; i++) value |= byte(i) << (8 * i);
  return value >>> 0;
}
