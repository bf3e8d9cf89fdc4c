/**
 * `npx tsx test/fuzz/run.ts [--seconds N] [--from SEED] [--count N] [--cpu MODEL] [--tier1]`: random code until the time is up. Each
 * case runs in one piece and again one instruction at a time (with --tier1: compiled); both must end in the same state. Prints a seed that fails, and how to
 * run it alone; a hang shows in the last seed that was printed.
 */
import { writeSync } from "node:fs";
import { parseArgs } from "node:util";
import { ensureInterpreter } from "../../src/cli/interpreter.ts";
import { provideInterpreter } from "../../src/jit/interpreter/compiled.ts";
import { loadCompiler } from "../../src/jit/region/compiler.ts";
import { caseOf, FuzzMachine, type FuzzOutcome } from "./machine.ts";

const { values } = parseArgs({ options: { seconds: { type: "string" }, from: { type: "string" }, count: { type: "string" }, cpu: { type: "string" }, verbose: { type: "boolean" }, tier1: { type: "boolean" } } });
const seconds = Number(values.seconds ?? "60");
const from = Number(values.from ?? String(Math.floor(Date.now() / 1000)));
const count = Number(values.count ?? "Infinity");
const say = (text: string): void => void writeSync(1, `${text}\n`);

await loadCompiler();
const { wasm, info } = ensureInterpreter();
provideInterpreter(new WebAssembly.Module(wasm), info);
const tier1 = values.tier1 === true;
let machine = new FuzzMachine(values.cpu);
let other = tier1 ? new FuzzMachine(values.cpu, "1") : machine;
let failures = 0;
let instructions = 0;
let seed = from;
const until = performance.now() + seconds * 1000;

function difference(a: FuzzOutcome, b: FuzzOutcome): string | null {
  if (a.stop === "fault-loop" || b.stop === "fault-loop") return null;
  if (a.stop !== b.stop || a.retired !== b.retired) return `${a.stop} after ${a.retired}, ${b.stop} after ${b.retired}`;
  if (a.state !== b.state) {
    const [x, y] = [a, b].map((o) => JSON.parse(o.state) as Record<string, unknown>);
    return Object.keys(x).filter((k) => JSON.stringify(x[k]) !== JSON.stringify(y[k])).map((k) => `${k}: ${JSON.stringify(x[k])} / ${JSON.stringify(y[k])}`).join("; ");
  }
  return a.ram === b.ram ? null : "memory differs";
}

for (; seed < from + count && performance.now() < until; seed++) {
  if ((seed - from) % 64 === 0) say(`seed ${seed}`);
  const c = caseOf(seed);
  if (values.verbose === true) say(JSON.stringify(c));
  let problem: string | null;
  try {
    const whole = machine.runCase(c);
    instructions += whole.retired;
    problem = difference(whole, other.runCase(c, tier1 ? {} : { slice: 1 }));
  } catch (e) {
    problem = e instanceof Error ? (e.stack ?? e.message) : String(e);
    machine = new FuzzMachine(values.cpu);
    other = tier1 ? new FuzzMachine(values.cpu, "1") : machine;
  }
  if (problem !== null) {
    failures++;
    say(`FAILED seed ${seed} (${c.mode}): ${problem}\n  npx tsx test/fuzz/run.ts --from ${seed} --count 1`);
    if (failures >= 20) break;
  }
}
say(`${seed - from} cases, ${instructions} instructions, ${failures} failures`);
process.exit(failures === 0 ? 0 : 1);
