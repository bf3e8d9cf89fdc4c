/** The MSI-X table and pending bits of a function (PCI 3.0 §6.8.2), as the memory behind a BAR. */
import type { MsiSink } from "../../base/lines.ts";
import type { StateFields, StateReader } from "../../base/persist.ts";
import type { BusRegion } from "../bus/region.ts";

/** Doublewords of an entry: address, upper address, data, vector control. */
const ENTRY = 4;
const MASKED = 1;
const REGION_BYTES = 4096;
const PBA_OFFSET = 2048;

export class MsixTable {
  readonly region: BusRegion;
  readonly pbaOffset = PBA_OFFSET;
  private readonly table: Uint32Array;
  private readonly pending: Uint32Array;
  private isEnabled = false;
  private functionMasked = false;

  /** `vectors` 1..128. */
  constructor(
    readonly vectors: number,
    private readonly sink: MsiSink,
  ) {
    this.table = new Uint32Array(vectors * ENTRY);
    this.pending = new Uint32Array(Math.ceil(vectors / 32));
    this.reset();
    this.region = {
      length: REGION_BYTES,
      // Doublewords only: a byte write in the middle of an address has no defined meaning (§6.8.2).
      widths: [4],
      read: (offset) => {
        const i = offset >>> 2;
        if (i < this.table.length) return this.table[i];
        return this.pending[(offset - PBA_OFFSET) >>> 2] ?? 0;
      },
      write: (offset, _width, value) => {
        const i = offset >>> 2;
        if (i >= this.table.length) return;
        this.table[i] = (i & 3) === 3 ? value & MASKED : (i & 3) === 0 ? value & ~3 : value;
        if ((i & 3) === 3) this.deliverPending();
      },
    };
  }

  get enabled(): boolean {
    return this.isEnabled;
  }

  reset(): void {
    this.table.fill(0);
    for (let v = 0; v < this.vectors; v++) this.table[v * ENTRY + 3] = MASKED;
    this.pending.fill(0);
    this.isEnabled = this.functionMasked = false;
  }

  /** Message Control was written. */
  control(enabled: boolean, functionMasked: boolean): void {
    this.isEnabled = enabled;
    this.functionMasked = functionMasked;
    this.deliverPending();
  }

  /** The function raises a vector. A number that does not exist raises nothing. */
  raise(vector: number): void {
    if (!this.isEnabled || vector >= this.vectors) return;
    if (this.functionMasked || (this.table[vector * ENTRY + 3] & MASKED) !== 0) this.pending[vector >> 5] |= 1 << (vector & 31);
    else this.send(vector);
  }

  private send(vector: number): void {
    const at = vector * ENTRY;
    this.sink.write(this.table[at] + (this.table[at + 1] & 0xf_ffff) * 2 ** 32, this.table[at + 2]);
  }

  private deliverPending(): void {
    if (!this.isEnabled || this.functionMasked) return;
    for (let v = 0; v < this.vectors; v++) {
      const bit = 1 << (v & 31);
      if ((this.pending[v >> 5] & bit) === 0 || (this.table[v * ENTRY + 3] & MASKED) !== 0) continue;
      this.pending[v >> 5] &= ~bit;
      this.send(v);
    }
  }

  save(): StateFields {
    return { table: [...this.table], pending: [...this.pending], enabled: this.isEnabled, functionMasked: this.functionMasked };
  }
  restore(r: StateReader): void {
    this.table.set(r.ints("table").slice(0, this.table.length));
    this.pending.set(r.ints("pending").slice(0, this.pending.length));
    this.isEnabled = r.bool("enabled");
    this.functionMasked = r.bool("functionMasked");
  }
}
