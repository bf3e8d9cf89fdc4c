/** The CPU's peak: a loop of plain 64-bit instructions with a load and a store. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Child, tabvisor } from "../lib/child.ts";
import type { Suite } from "../lib/context.ts";
import { hotLoopKernel, INSTRUCTIONS_PER_TURN, type LoopKernel } from "../lib/loop-kernel.ts";
import { BUILD } from "../lib/paths.ts";
import { least, median, row, type Row } from "../lib/report.ts";
import type { MachineStats } from "../../src/vmm/api.ts";

const TURNS = 100_000_000;
const MEMORY_MIB = 16;

function store(name: string, kernel: LoopKernel): string {
  mkdirSync(BUILD, { recursive: true });
  const path = join(BUILD, name);
  writeFileSync(path, kernel.image);
  return path;
}

function checkCode(engine: string, code: number | null, { exitCode }: LoopKernel, said: string): void {
  if (code !== exitCode) throw new Error(`the loop ended with code ${String(code)} on ${engine}, expected ${exitCode}: ${said.slice(-500)}`);
}

export const hotloop: Suite = {
  name: "hotloop",
  about: `peak MIPS on a loop of ${INSTRUCTIONS_PER_TURN * TURNS / 1e9} billion instructions`,
  async run(context) {
    const long = hotLoopKernel(TURNS);
    const short = hotLoopKernel(1);
    const [longPath, shortPath] = [store("hotloop.elf", long), store("hotloop-1.elf", short)];
    const chromium = await context.chromium();
    const options = (path: string): string[] => ["-m", String(MEMORY_MIB), "-nographic", "-no-reboot", "-kernel", path, "-device", "isa-debug-exit,iobase=0xf4,iosize=0x4"];

    const { qemu } = context;
    const qemuSeconds = async (path: string, kernel: LoopKernel): Promise<number> => {
      const child = new Child({ file: qemu ?? "", args: ["-accel", "tcg,thread=single", ...options(path)] });
      const { seconds, code } = await child.ended();
      checkCode("QEMU", code, kernel, child.errors);
      return seconds;
    };
    const onQemu: number[] = [], onNode: number[] = [], onChromium: number[] = [], best: number[] = [];
    for (let run = 1; run <= context.runs; run++) {
      if (qemu !== null) {
        // QEMU counts no instructions: the same kernel with one turn stands for its start.
        const start = await qemuSeconds(shortPath, short);
        onQemu.push((INSTRUCTIONS_PER_TURN * TURNS) / 1e6 / ((await qemuSeconds(longPath, long)) - start));
      }
      const child = new Child(tabvisor([...options(longPath), "--stats"]));
      const { code } = await child.ended();
      checkCode("Node", code, long, child.errors);
      onNode.push((JSON.parse(child.errors.trim().split("\n").at(-1) ?? "") as MachineStats).mips);
      if (chromium !== null) {
        const { exitCode, message, stats, best: fastest } = await chromium.kernel(long.image, MEMORY_MIB);
        checkCode("Chromium", exitCode, long, message);
        onChromium.push(stats.mips);
        best.push(fastest / 1e6);
      }
      const last = (samples: number[]): string => samples.at(-1)?.toFixed(0) ?? "–";
      context.log(`hot loop ${run}: QEMU ${last(onQemu)}, Node ${last(onNode)}, Chromium ${last(onChromium)} MIPS`);
    }

    // As times, like every ratio here.
    const ratio = (samples: number[]): number | null => (onQemu.length === 0 ? null : median(onQemu) / median(samples));
    const rows: Row[] = [];
    if (onQemu.length > 0) rows.push(row("hot loop", "qemu", "MIPS", onQemu, { ratio: 1 }));
    rows.push(row("hot loop", "node", "MIPS", onNode, { ratio: ratio(onNode) }));
    if (onChromium.length > 0) {
      // A run that is shorter than half a second has none.
      const note = median(best) > 0 ? `the whole run; ${median(best).toFixed(0)} MIPS in its best half-second` : "the whole run";
      rows.push(row("hot loop", "chromium", "MIPS", onChromium, { ratio: ratio(onChromium), target: least(300), note }));
    }
    return rows;
  },
};
