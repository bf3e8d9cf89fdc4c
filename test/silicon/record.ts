/** Records vectors.bin.gz anew on this machine's CPU: npx tsx test/silicon/record.ts [cases] */
import { Generator } from "./generate.ts";
import { openHost } from "./host.ts";
import { makePool } from "./pool.ts";
import { writeVectors } from "./vectors.ts";

const SEED = 20_261;
const count = Number(process.argv[2] ?? 9000);

const host = openHost();
if (typeof host === "string") {
  console.error(`nothing recorded: ${host}`);
  process.exit(2);
}
const pool = makePool(SEED);
const generator = new Generator({ seed: SEED, pool, hostFlags: host.flags, vendor: host.vendor, sequences: 0.08, compact: true });
const cases = Array.from({ length: count }, () => generator.next());
const size = writeVectors({ cpu: host.cpu, pool, cases, results: host.run(pool, cases) });
host.close();
console.log(`${count} cases on ${host.cpu}: ${size} bytes`);
