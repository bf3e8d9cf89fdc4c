/** Commands of GDB's `monitor`: some of QEMU's, in its layout. Text in, text out. */
import { UserError } from "../../base/errors.ts";
import type { CodeLine } from "../../vmm/debug/api.ts";
import { codeAround } from "../../vmm/debug/code.ts";
import type { Debugger } from "../../vmm/debug/debugger.ts";
import { mappings } from "../../vmm/debug/mappings.ts";
import { readMemory } from "../../vmm/debug/memory.ts";
import { registerDump } from "../../vmm/machine/inspect.ts";

export interface MonitorHost {
  reset(): void;
  /** False: the guest does not listen. */
  powerButton(): boolean;
  quit(): void;
}

const hex = (v: bigint | number, digits: number): string => BigInt.asUintN(64, BigInt(v)).toString(16).padStart(digits, "0");

/** A guest with page tables of millions of entries is not listed to its end. */
const MOST_LINES = 100_000;

type Command = (argument: string, debug: Debugger, host: MonitorHost) => string;

const INFO: Readonly<Record<string, readonly [help: string, run: (debug: Debugger) => string]>> = {
  registers: ["the CPU's registers", (d) => registerDump(d.machine.vcpu.state).join("\n") + "\n"],
  mem: ["ranges of mapped linear addresses", infoMem],
  tlb: ["what the page tables map", infoTlb],
  status: ["whether the machine runs", (d) => `VM status: ${d.state().state}\n`],
  interrupts: ["handlers entered, by vector", (d) => {
    const { vectors } = d.look({ activity: true }).activity ?? { vectors: [] };
    return vectors.map((v) => `${hex(v.vector, 2)}: ${v.count}, last at ${hex(v.lastAt, 16)}${v.lastSymbol === "" ? "" : ` <${v.lastSymbol}>`}\n`).join("");
  }],
  exits: ["accesses to devices", (d) => {
    const { exits } = d.look({ activity: true }).activity ?? { exits: [] };
    return exits.map((e) => `${e.bus} ${e.name}: ${e.reads} reads, ${e.writes} writes\n`).join("");
  }],
  regions: ["hot compiled code", (d) => {
    const activity = d.look({ activity: true }).activity;
    if (activity === null || activity.regions === null) return "tier 0 alone\n";
    const share = activity.instructions > 0 ? (100 * activity.compiled) / activity.instructions : 0;
    const lines = activity.hottest.map((r) => `${hex(r.address, 16)}: ${r.entries} entries, ${r.instructions} instructions${r.symbol === "" ? "" : ` <${r.symbol}>`}\n`);
    return `${activity.regions.installed} regions, ${share.toFixed(1)} % of all instructions\n${lines.join("")}`;
  }],
};

/** Neighbouring pages of equal rights are one range. */
function infoMem(debug: Debugger): string {
  let out = "";
  let lines = 0;
  let first = 0n;
  let end = 0n;
  let rights = "";
  const flush = (): void => {
    if (rights !== "" && lines++ < MOST_LINES) out += `${hex(first, 16)}-${hex(end, 16)} ${hex(end - first, 16)} ${rights}\n`;
  };
  for (const m of mappings(debug.machine)) {
    const own = `${m.user ? "u" : "-"}r${m.writable ? "w" : "-"}`;
    if (own !== rights || m.linear !== end) {
      flush();
      first = m.linear;
      rights = own;
    }
    end = m.linear + m.bytes;
  }
  flush();
  return out === "" ? "PG disabled\n" : out;
}

function infoTlb(debug: Debugger): string {
  const lines: string[] = [];
  for (const m of mappings(debug.machine)) {
    if (lines.length >= MOST_LINES) break;
    const flag = (bit: bigint, letter: string): string => (m.entry & (1n << bit) ? letter : "-");
    const flags = [flag(63n, "X"), flag(8n, "G"), m.bytes > 4096n ? "P" : "-", flag(6n, "D"), flag(5n, "A"), flag(4n, "C"), flag(3n, "T"), flag(2n, "U"), flag(1n, "W")];
    lines.push(`${hex(m.linear, 16)}: ${hex(m.physical, 16)} ${flags.join("")}\n`);
  }
  return lines.length === 0 ? "PG disabled\n" : lines.join("");
}

const codeText = (l: CodeLine): string => `0x${hex(l.address, 8)}: ${l.bytes.padEnd(30)} ${l.text}\n`;

/** `x/8xg ADDRESS`: count, format x or i, size b h w g. */
function examine(space: "linear" | "physical"): Command {
  return (argument, debug) => {
    const match = /^(?:\/(\d*)([xi]?)([bhwg]?))?\s*(.+)$/.exec(argument.trim());
    if (match === null) throw new UserError("x/COUNTxSIZE ADDRESS or x/COUNTi ADDRESS, SIZE one of b h w g");
    const count = Math.min(4096, match[1] === "" || match[1] === undefined ? 1 : Number(match[1]));
    const address = debug.evaluate(match[4]);
    if (match[2] === "i") {
      if (space === "physical") throw new UserError("xp/i: code is shown at linear addresses only");
      return codeAround(debug.machine, debug.symbols, address, Math.min(count + 4, 204)).filter((l) => l.address >= address).slice(0, count).map(codeText).join("");
    }
    const size = { b: 1, h: 2, w: 4, g: 8 }[match[3] ?? ""] ?? 4;
    const bytes = readMemory(debug.machine, space, address, count * size);
    let out = "";
    for (let i = 0; i < count; i++) {
      const each = 16 / size;
      if (i % each === 0) out += `${i > 0 ? "\n" : ""}${hex(address + BigInt(i * size), 16)}:`;
      const part = bytes.subarray(i * size, (i + 1) * size);
      if (part.includes(-1)) return `${out}\nCannot access memory\n`;
      out += ` 0x${hex(part.reduceRight((v, b) => (v << 8n) | BigInt(b), 0n), size * 2)}`;
    }
    return `${out}\n`;
  };
}

const COMMANDS: Readonly<Record<string, readonly [help: string, run: Command]>> = {
  help: ["this list", () => {
    const list = [...Object.entries(COMMANDS).map(([name, [help]]) => [name, help]), ...Object.entries(INFO).map(([name, [help]]) => [`info ${name}`, help])];
    return list.map(([name, help]) => `${name.padEnd(18)} ${help}\n`).join("");
  }],
  info: ["see below", (what, debug) => {
    const found = INFO[what.trim()];
    if (found === undefined) throw new UserError(`info: one of ${Object.keys(INFO).join(", ")}`);
    return found[1](debug);
  }],
  x: ["x/FMT ADDRESS: linear memory", examine("linear")],
  xp: ["xp/FMT ADDRESS: physical memory", examine("physical")],
  system_reset: ["resets the machine", reset],
  reset: ["the same", reset],
  system_powerdown: ["presses the power button", (_argument, _debug, host) => (host.powerButton() ? "" : "the guest does not listen to the power button\n")],
  quit: ["ends the machine", (_argument, _debug, host) => {
    host.quit();
    return "";
  }],
};

function reset(_argument: string, _debug: Debugger, host: MonitorHost): string {
  host.reset();
  return "";
}

export function runMonitor(line: string, debug: Debugger, host: MonitorHost): string {
  const match = /^\s*([a-z_]+)(.*)$/.exec(line);
  const found = match === null ? undefined : COMMANDS[match[1]];
  if (match === null || found === undefined) return `unknown command: '${line.trim()}' (help lists them)\n`;
  try {
    return found[1](match[2], debug, host);
  } catch (e) {
    if (e instanceof UserError) return `${e.message}\n`;
    throw e;
  }
}
