/** `npx tsx test/machine/expect.ts [NAME]`: writes guests/NAME.expected from QEMU's output. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { assembleKernel, GUESTS, readGuest, runOnQemu } from "./guest.ts";
import { ON_QEMU } from "./list.ts";

const names = process.argv.length > 2 ? process.argv.slice(2) : ON_QEMU;
for (const name of names) {
  const { debug, exitCode } = runOnQemu(assembleKernel(readGuest(name)));
  writeFileSync(join(GUESTS, `${name}.expected`), `${debug}exit ${exitCode}\n`);
  console.log(`${name}: ${debug.split("\n").length - 1} lines, exit ${exitCode}`);
}
