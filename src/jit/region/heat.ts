/** Which entry points are worth a region: points by slot, and the credit on which what is merely warm is compiled. */

/** Earned with each sample, in regions. Measurements: docs/RATIONALE.md, "When an entry point is hot". */
const EARNED = 0.1;
const MOST_CREDIT = 16;
/** The latest samples, and those of them that make a place crowded. */
const SAMPLES = 32;
const CROWD = 8;
/** Points without which nothing is compiled, whatever the credit. */
const LEAST_POINTS = 2;

export interface Wanted {
  /** That make an entry point hot. */
  readonly points: number;
  /** Whether less will do while there is credit. */
  readonly warm: boolean;
  /** The same for places where the guest spends a quarter of its time at the moment. */
  readonly crowded?: number;
}

export class Heat {
  /** Counters have 16 bits, and samples count too. */
  private readonly points = new Map<number, number>();
  private credit = 0;
  /** Places of the latest samples, from `oldest` on in a circle. */
  private readonly places = new Int32Array(SAMPLES);
  private oldest = 0;

  constructor(private readonly wanted: () => Wanted) {}

  /** A sample was taken at `place` (any number but 0): so much of the guest's time has gone by. */
  earn(place: number): void {
    this.places[this.oldest] = place;
    this.oldest = (this.oldest + 1) % SAMPLES;
    this.credit = Math.min(MOST_CREDIT, this.credit + EARNED);
  }

  isCrowded(place: number): boolean {
    let n = 0;
    for (const p of this.places) if (p === place) n++;
    return n >= CROWD;
  }

  /**
   * Another point for the instruction of a slot at `place`: whether it is to be compiled. While the compiler is `idle` less heat will do, the more
   * the longer it has been: a kernel's code is warm everywhere and hot nowhere, and would wait for seconds.
   */
  point(slot: number, place: number, idle: boolean): boolean {
    const { points: most, warm, crowded } = this.wanted();
    const wanted = crowded !== undefined && crowded < most && this.isCrowded(place) ? crowded : most;
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
