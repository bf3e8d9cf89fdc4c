/** How far downloads are, summed over several files. */

export interface LoadProgress {
  /** Bytes over the wire so far, over all files. */
  readonly received: number;
  /** Null when a server does not say. */
  readonly total: number | null;
  readonly bytesPerSecond: number;
}

/** Sums the progress of several downloads and measures the rate over the last second. */
export class ProgressMeter {
  private readonly files = new Map<string, { received: number; total: number | null }>();
  private readonly samples: { at: number; received: number }[] = [];

  constructor(
    private readonly report: (progress: LoadProgress) => void,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** What is known of a file's size; null leaves what is known already. */
  expect(file: string, total: number | null): void {
    const entry = this.files.get(file) ?? { received: 0, total: null };
    entry.total = total ?? entry.total;
    this.files.set(file, entry);
  }

  add(file: string, bytes: number): void {
    const entry = this.files.get(file) ?? { received: 0, total: null };
    entry.received += bytes;
    this.files.set(file, entry);
    this.emit();
  }

  private emit(): void {
    let received = 0;
    let total: number | null = 0;
    for (const file of this.files.values()) {
      received += file.received;
      total = total === null || file.total === null ? null : total + file.total;
    }
    const at = this.nowMs();
    this.samples.push({ at, received });
    while (this.samples.length > 2 && at - this.samples[0].at > 1000) this.samples.shift();
    const first = this.samples[0];
    const seconds = (at - first.at) / 1000;
    const bytesPerSecond = seconds > 0.02 ? (received - first.received) / seconds : 0;
    this.report({ received, total, bytesPerSecond });
  }
}
