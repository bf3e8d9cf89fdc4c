/** What is under way: shown when it takes over half a second, with amounts and rates where they are known. */
import type { LoadProgress } from "../../vmm/api.ts";
import { h } from "../dom.ts";
import { formatBytes } from "../format.ts";

const SHOW_AFTER_MS = 500;
const RATE_OVER_MS = 3000;

export type Report = (progress: LoadProgress) => void;

/** `3.2 of 14.0 MB`, `120 MB`. */
export function describeAmount({ received, total }: LoadProgress): string {
  return total !== null && total > 0 ? `${formatBytes(Math.min(received, total))} of ${formatBytes(total)}` : formatBytes(received);
}

/** Turns mere amounts into progress with a rate over the last seconds. */
export function rated(total: number | null, report: Report, nowMs: () => number = () => performance.now()): (done: number) => void {
  const marks: { at: number; done: number }[] = [{ at: nowMs(), done: 0 }];
  return (done) => {
    const at = nowMs();
    marks.push({ at, done });
    while (marks.length > 2 && at - marks[1].at > RATE_OVER_MS) marks.shift();
    const seconds = (at - marks[0].at) / 1000;
    report({ received: done, total, bytesPerSecond: seconds > 0 ? (done - marks[0].done) / seconds : 0 });
  };
}

export class Tasks {
  constructor(private readonly host: HTMLElement) {}

  /** Shows `what` while the work is not done. A failure is the caller's to show. */
  async run<T>(what: string, work: (report: Report) => Promise<T>): Promise<T> {
    const bar = h("progress", { max: 1, "aria-label": what });
    const amount = h("span");
    const rate = h("span");
    const element = h("div", { class: "task", role: "group" }, h("span", {}, what), bar, h("div", { class: "figures" }, amount, rate));
    const began = performance.now();
    let told = false;
    const seconds = setInterval(() => {
      if (!told) rate.textContent = `${Math.round((performance.now() - began) / 1000)} s`;
    }, 1000);
    const show = setTimeout(() => this.host.append(element), SHOW_AFTER_MS);
    try {
      return await work((progress) => {
        told = true;
        if (progress.total !== null && progress.total > 0) bar.value = Math.min(1, progress.received / progress.total);
        amount.textContent = describeAmount(progress);
        rate.textContent = progress.bytesPerSecond > 0 ? `${formatBytes(progress.bytesPerSecond)}/s` : "";
      });
    } finally {
      clearTimeout(show);
      clearInterval(seconds);
      element.remove();
    }
  }
}
