/** Which entry points are worth a region: points by slot, and the credit on which what is merely warm is compiled. */

/** Earned with each sample, in regions. Measurements: docs/RATIONALE.md, "When an entry point is hot". */
const EARNED = 0.1;
const MOST_CREDIT = 16;
/** Points without which nothing is compiled, whatever the credit. */
const LEAST_POINTS = 2;

export interface Wanted {
  /** That make an entry point hot. */
  readonly points: number;
  /** Whether less will do while there is credit. */
  readonly warm: boolean;
}

export class Heat {
  /** Counters have 16 bits, and samples count too. */
  private readonly points = new Map<number, number>();
  private credit = 0;

  constructor(private readonly wanted: () => Wanted) {}

  /** A sample was taken: so much of the guest's time has gone by. */
  earn(): void {
    this.credit = Math.min(MOST_CREDIT, this.credit + EARNED);
  }

  /**
   * Another point for the instruction of a slot: whether it is to be compiled. While the compiler is `idle` less heat will do, the more
   * the longer it has been: a kernel's code is warm everywhere and hot nowhere, and would wait for seconds.
   */
  point(slot: number, idle: boolean): boolean {
    const { points: wanted, warm } = this.wanted();
    const points = (this.points.get(slot) ?? 0) + 1;
    const bar = warm && idle ? Math.max(LEAST_POINTS, wanted - this.credit) : wanted;
    if (points < bar) {
      this.points.set(slot, points);
      return false;
    }
    this.points.delete(slot);
    this.credit = Math.max(0, this.credit - 1);
    return true;
  }

  forget(): void {
    this.points.clear();
  }
}
