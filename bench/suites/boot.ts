/** Extracted kernel to prompt, on all engines in turn; and how fast tier 0 is on that boot. */
import type { MachineStats } from "../../src/vmm/api.ts";
import { Child } from "../lib/child.ts";
import type { Suite } from "../lib/context.ts";
import { defaultBoot, FIRST_LINE, guestSeconds, nodeBoot, PROMPT, qemuBoot } from "../lib/guest.ts";
import { least, median, most, row, type Row } from "../lib/report.ts";

interface Booted {
  /** Seconds. From the process's start, or the page's opening. */
  readonly prompt: number;
  readonly firstLine: number;
  /** From the machine's power-on, where that is another moment. */
  readonly machine: number;
  /** On the guest's own clock. */
  readonly guest: number | null;
  readonly mips: number | null;
}

/** The `--stats` line. */
function statsOf(errors: string): MachineStats {
  const line = errors.split("\n").findLast((text) => text.startsWith("{"));
  if (line === undefined) throw new Error(`no --stats in: ${errors.slice(-500)}`);
  return JSON.parse(line) as MachineStats;
}

async function bootChild(child: Child, withStats: boolean): Promise<Booted> {
  try {
    const firstLine = await child.printed(FIRST_LINE);
    const prompt = await child.printed(PROMPT);
    const guest = guestSeconds(child.output);
    await child.terminate();
    return { prompt, firstLine, machine: prompt, guest, mips: withStats ? statsOf(child.errors).mips : null };
  } finally {
    await child.terminate();
  }
}

export const boot: Suite = {
  name: "boot",
  about: "extracted kernel to prompt, and tier 0's MIPS on it",
  async run(context) {
    const guest = await context.guest();
    const chromium = await context.chromium();
    const { qemu } = context;
    const engines: { readonly name: string; readonly samples: Booted[]; readonly once: () => Promise<Booted> }[] = [];
    const add = (name: string, once: () => Promise<Booted>): Booted[] => {
      const samples: Booted[] = [];
      engines.push({ name, samples, once });
      return samples;
    };
    const onQemu = qemu === null ? [] : add("QEMU", () => bootChild(new Child(qemuBoot(qemu, defaultBoot(guest))), false));
    const onNode = add("Node", () => bootChild(new Child(nodeBoot(defaultBoot(guest))), true));
    const onChromium =
      chromium === null
        ? []
        : add("Chromium", () =>
            chromium.boot((_page, { powerOn, firstLine, prompt, stats }) =>
              Promise.resolve({ prompt: prompt / 1000, firstLine: firstLine / 1000, machine: (prompt - powerOn) / 1000, guest: null, mips: stats.mips }),
            ),
          );

    // Run 0 warms the caches of files and translated sources, and is not counted.
    for (let run = 0; run <= context.runs; run++) {
      for (const { name, samples, once } of engines) {
        const booted = await once();
        const mips = booted.mips === null ? "" : `, ${booted.mips.toFixed(0)} MIPS`;
        context.log(`boot ${run === 0 ? "warm-up" : run}: ${name} ${booted.machine.toFixed(2)} s${mips}`);
        if (run > 0) samples.push(booted);
      }
    }

    const rows: Row[] = [];
    const qemuSeconds = onQemu.length === 0 ? null : median(onQemu.map((b) => b.prompt));
    const timed = (figure: string, engine: Row["engine"], seconds: number[], limit: number | null, note?: string): void => {
      const ratio = qemuSeconds === null ? null : median(seconds) / qemuSeconds;
      rows.push(row(figure, engine, "s", seconds, { ratio, ...(limit === null ? {} : { target: most(limit, "ratio") }), ...(note === undefined ? {} : { note }) }));
    };
    const ownClock = (samples: readonly Booted[]): string | undefined => {
      const seconds = samples.flatMap((b) => (b.guest === null ? [] : [b.guest]));
      return seconds.length === 0 ? undefined : `${median(seconds).toFixed(2)} s on the guest's clock`;
    };
    if (qemuSeconds !== null) {
      timed("boot: process start to prompt", "qemu", onQemu.map((b) => b.prompt), null, ownClock(onQemu));
    }
    timed("boot: process start to prompt", "node", onNode.map((b) => b.prompt), 3, ownClock(onNode));
    if (onChromium.length > 0) {
      timed("boot: power-on to prompt", "chromium", onChromium.map((b) => b.machine), 1.2);
      timed("boot: page open to prompt", "chromium", onChromium.map((b) => b.prompt), null, "with fetching and unzipping the guest");
    }
    const mips = (samples: readonly Booted[]): number[] => samples.flatMap((b) => (b.mips === null ? [] : [b.mips]));
    rows.push(row("boot: speed of the CPU", "node", "MIPS", mips(onNode)));
    if (onChromium.length > 0) rows.push(row("boot: speed of the CPU", "chromium", "MIPS", mips(onChromium), { target: least(150) }));
    return rows;
  },
};
