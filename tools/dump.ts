/** `npm run --silent dump -- [options] CODE`: what tier 1 makes of a piece of code. */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { UserError } from "../src/base/errors.ts";
import { assembleProgram } from "../src/cpu/isa/assembler.ts";
import { dumpRegion, readerOf, type Stage, STAGES } from "../src/jit/region/dump.ts";
import { formRegion, looseCode } from "../src/jit/region/form.ts";

const HELP = `Usage: npm run --silent dump -- [options] CODE

CODE is assembly, a line or a ";" for each instruction, entered at its first one:
  npm run --silent dump -- 'next: add rax, [rdi]; add rdi, 8; dec rcx; jnz next'

  --hex            CODE is bytes in hexadecimal
  --file           CODE is the name of a file of assembly
  --mode 32|64     code size (default 64)
  --address N      linear address of the first byte (default 0x1000)
  --stages LIST    some of ${STAGES.join(",")} (default: all)

For the regions of a running machine: npm run vm -- --dump-hot 3 … (see --help there).
`;

function number(name: string, text: string): number {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 0) throw new UserError(`--${name}: '${text}' is not an address`);
  return n;
}

function bytesOf(text: string): Uint8Array {
  const digits = text.replace(/\s+/g, "");
  if (!/^([0-9a-f]{2})+$/i.test(digits)) throw new UserError("--hex: pairs of hexadecimal digits are expected");
  return Uint8Array.from(digits.match(/../g) ?? [], (d) => parseInt(d, 16));
}

function stagesOf(text: string): Stage[] {
  return text.split(",").map((name) => {
    const stage = STAGES.find((s) => s === name);
    if (stage === undefined) throw new UserError(`--stages: '${name}' is none of ${STAGES.join(", ")}`);
    return stage;
  });
}

function main(): string {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      hex: { type: "boolean" }, file: { type: "boolean" }, mode: { type: "string" }, address: { type: "string" }, stages: { type: "string" }, help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true || positionals.length === 0) return HELP;
  const mode = values.mode === "32" ? 32 : values.mode === undefined || values.mode === "64" ? 64 : null;
  if (mode === null) throw new UserError(`--mode: '${values.mode ?? ""}' is not 32 or 64`);
  const address = number("address", values.address ?? "0x1000");
  const text = values.file === true ? readFileSync(positionals[0], "utf8") : positionals.join(" ").replace(/;/g, "\n");
  const code = values.hex === true ? bytesOf(text) : assembleProgram(text, { mode, origin: address }).bytes;
  const source = looseCode(code, mode, address & 4095);
  const ir = formRegion(source, address & 4095, () => true);
  if (ir === null) throw new UserError("the first instruction is left to tier 0: no region begins with it");
  return dumpRegion(ir.region, BigInt(address - (address & 4095)), readerOf(source), stagesOf(values.stages ?? STAGES.join(",")));
}

try {
  process.stdout.write(main());
} catch (e) {
  process.stderr.write(`dump: ${e instanceof Error ? e.message : String(e)}\n`);
  process.exitCode = 1;
}
