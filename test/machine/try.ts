import { readFileSync } from "node:fs";
import { assembleKernel, runKernel, runOnQemu, START } from "./guest.ts";
const kernel = assembleKernel(readFileSync(`${import.meta.dirname}/guests/${process.argv[2]}.asm`, "utf8"));
const q = runOnQemu(kernel);
let ours = "";
try {
  const o = runKernel(kernel, {}, 5);
  ours = o.debug.slice(START.length) + `exit ${o.report.exitCode}\n` + (o.report.kind === "debug-exit" ? "" : [o.report.message, ...o.report.registers, ...o.report.disassembly].join("\n"));
} catch (e) { ours = String(e); }
const qs = q.debug + `exit ${q.exitCode}\n`;
const a = qs.split("\n"), b = ours.split("\n");
for (let i = 0; i < Math.max(a.length, b.length); i++) console.log(a[i] === b[i] ? `  ${a[i]}` : `Q ${a[i]}\nT ${b[i]}`);
console.log(a.join() === b.join() ? "SAME" : "DIFFERENT");
