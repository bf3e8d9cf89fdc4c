/** The first start of a large program: Debian's Python and Perl from an initramfs, once on each fresh machine. */
import type { Suite } from "../lib/context.ts";
import { coldRoot } from "../lib/cold-root.ts";
import type { Job } from "../lib/conversation.ts";
import { engines } from "../lib/engines.ts";
import { buildInitramfs, programsCmdline } from "../lib/guest-programs.ts";
import { median, most, row, type Row } from "../lib/report.ts";

const JOBS: readonly Job[] = [
  { name: "python3 -c pass", command: "--run /usr/bin/python3 -c pass" },
  { name: "perl -e 1", command: "--run /usr/bin/perl -e 1" },
];
const LIMIT = 1.5;

export const cold: Suite = {
  name: "cold",
  about: `the first ${JOBS.map(({ name }) => `'${name}'`).join(" and ")} after a boot`,
  async run(context) {
    const { choice, log } = context;
    const guest = await context.guest();
    const root = await coldRoot(log);
    context.versions["guest Python"] = root.python;
    context.versions["guest Perl"] = root.perl;
    const initrd = await buildInitramfs(guest, "cold.cpio", log, root.entries);
    const boot = { kernel: guest.files.vmlinux, initrd, cmdline: programsCmdline(guest) };
    const found = await engines(context, choice.engines, choice.machineArgs);
    const samples = new Map(found.map(({ name }) => [name, new Map(JOBS.map((job): [Job, number[]] => [job, []]))]));
    for (let run = 1; run <= context.runs; run++) {
      for (const job of JOBS) {
        for (const engine of found) {
          const machine = await engine.start(boot);
          try {
            const { seconds, checksum } = await machine.run(job);
            if (Number.parseInt(checksum, 16) !== 0) throw new Error(`'${job.name}' on ${engine.name} ended with code ${Number.parseInt(checksum, 16)}`);
            samples.get(engine.name)?.get(job)?.push(seconds);
            log(`cold ${run}: '${job.name}' on ${engine.name} ${seconds.toFixed(3)} s`);
          } finally {
            await machine.close();
          }
        }
      }
    }
    const rows: Row[] = [];
    for (const job of JOBS) {
      const qemu = samples.get("qemu")?.get(job) ?? [];
      const qemuSeconds = qemu.length === 0 ? null : median(qemu);
      for (const [engine, all] of samples) {
        const seconds = all.get(job) ?? [];
        const ratio = qemuSeconds === null ? null : median(seconds) / qemuSeconds;
        rows.push(row(`first ${job.name}`, engine, "s", seconds, { ratio, ...(engine === "qemu" ? {} : { target: most(LIMIT, "ratio") }) }));
      }
    }
    return rows;
  },
};
