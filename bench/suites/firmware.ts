/** A Debian disk from the reset vector to its login prompt: GRUB, kernel, systemd; on QEMU with SeaBIOS and on us with our BIOS. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { makeBootable } from "../../tools/image/bootable.ts";
import { ensureDebian, existingDebian } from "../../tools/image/debian.ts";
import { Child, tabvisor, type Command } from "../lib/child.ts";
import type { Suite } from "../lib/context.ts";
import { median, most, row, type Row } from "../lib/report.ts";

/** As small as it goes: it is copied for GRUB. */
const SIZE = { size: "700M" } as const;
const LOGIN = "tabvisor login:";

async function toLogin(command: Command): Promise<number> {
  const child = new Child(command);
  try {
    return await child.printed(LOGIN);
  } finally {
    await child.terminate();
  }
}

export const firmware: Suite = {
  name: "firmware",
  about: "a Debian disk with GRUB, from the BIOS to the login prompt",
  async run(context) {
    const { qemu, log } = context;
    const debian = (await existingDebian(SIZE)) ?? (await ensureDebian(SIZE));
    const there = join(debian.folder, "boot.img");
    const image = existsSync(there) ? there : makeBootable(debian, await context.guest());
    const common = ["-m", "512", "-nographic", "-vga", "none", "-no-reboot", "-snapshot"];
    const rows: Row[] = [];
    for (const [name, drive] of [["IDE", `file=${image},format=raw,if=ide`], ["virtio", `file=${image},format=raw,if=virtio`]] as const) {
      const onQemu: number[] = [], onNode: number[] = [];
      for (let run = 1; run <= context.runs; run++) {
        if (qemu !== null) onQemu.push(await toLogin({ file: qemu, args: ["-accel", "tcg,thread=single", ...common, "-drive", drive] }));
        onNode.push(await toLogin(tabvisor([...common, "-bios", "own", "-drive", drive])));
        log(`firmware ${run}: ${name}: QEMU ${onQemu.at(-1)?.toFixed(1) ?? "–"} s, Node ${onNode.at(-1)?.toFixed(1) ?? "–"} s`);
      }
      const figure = `Debian disk on ${name}: BIOS to login prompt`;
      if (onQemu.length > 0) rows.push(row(figure, "qemu", "s", onQemu, { ratio: 1, note: "SeaBIOS" }));
      rows.push(row(figure, "node", "s", onNode, { ratio: onQemu.length === 0 ? null : median(onNode) / median(onQemu), target: most(1.5, "ratio"), note: "our BIOS" }));
    }
    return rows;
  },
};
