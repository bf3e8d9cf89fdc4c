/**
 * Counts instruction forms, and then sequences of two of the hot ones, over a boot and a shell session, and writes
 * src/jit/interpreter/hot-keys.ts. Run it three times: `npx tsx tools/profile-forms.ts forms`, then `... forms32`, which counts those of
 * Debian's 32-bit kernel and adds what is not hot in 64-bit code, then `... pairs`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { INLINE_MAX, PROFILE_BASE } from "../src/cpu/layout.ts";
import "../src/jit/interpreter/generate.ts";
import { HOT_KEYS, HOT_KEYS_32, HOT_PAIRS } from "../src/jit/interpreter/hot-keys.ts";
import { Machine } from "../src/vmm/machine/machine.ts";
import { ensureImage } from "./image/ensure.ts";

/** Forms that stand in the br_table: what is beyond costs a call. */
const HOT = 350;
const HOT_32 = 100;
/** Sequences that get a handler of their own. */
const PAIRS = 120;
const what = process.argv[2];
if (what !== "forms" && what !== "forms32" && what !== "pairs") throw new Error("say which: forms, forms32 or pairs");
const legacy = what === "forms32";
const PROMPT = "# ";
const SESSION = [
  "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done; echo $i",
  "ls -laR /proc/self /sys/class | tail -5",
  "find / -xdev | sort | md5sum",
  "dd if=/dev/zero bs=64k count=20 | sha256sum",
  "dd if=/dev/urandom bs=64k count=4 | gzip -1 | wc -c",
  "seq 1 3000 | awk '{s+=$1*1.5} END {print s}'",
  "seq 1 3000 | sed 's/1/x/g' | grep -c x",
  "for i in 1 2 3 4 5 6 7 8 9 10; do /bin/true; done",
  "ps; top -b -n 1 | head -5; dmesg | tail -3; mount; df",
];

const { files, info } = await ensureImage(legacy ? { kernel: "linux-image-686" } : {});
let output = "";
const machine = new Machine({
  memoryMib: 256, cpu: "x86-64-v2", deterministic: true, debugExit: null, epochSeconds: 1_700_000_000, noReboot: true, tier: "0",
  boot: { kernel: readFileSync(files.vmlinux), initrds: [readFileSync(files["initramfs.cpio"])], cmdline: info.cmdline },
}, {
  serial: (b) => (output += String.fromCharCode(b)), debug: () => undefined, hostNs: () => performance.now() * 1e6, entropy: (b) => b.fill(5),
}, { profile: what === "pairs" ? "pairs" : "forms" });

/** Everything before this has been looked at. */
let seen = 0;
function until(text: string): void {
  for (;;) {
    const at = output.indexOf(text, seen);
    if (at >= 0) {
      seen = at + text.length;
      return;
    }
    const r = machine.run(100);
    if (r.kind === "stopped") throw new Error(`${r.report.message}\n${output.slice(-2000)}`);
  }
}
until("ends the machine.");
until(PROMPT);
SESSION.forEach((line, i) => {
  machine.serialInput(new TextEncoder().encode(`${line}; echo done-$((${i}+1000))\n`));
  until(`done-${1000 + i}\r\n`);
  process.stdout.write(`${line}\n`);
});

const { handlers } = machine.vcpu.interpreter.info;
const { u64 } = machine.vcpu.state;
const names = new Map<number, string>();
for (const [key, kinds] of handlers) for (const [ea, handler] of Object.entries(kinds)) names.set(handler, ea === "generic" ? key : `${key}@${ea}`);

const total = machine.vcpu.retired;
const counts: [string, number][] = [];
if (what !== "pairs") {
  for (const [handler, name] of names) counts.push([name, Number(u64[(PROFILE_BASE >> 3) + handler])]);
} else {
  for (let a = 0; a < INLINE_MAX; a++) {
    for (let b = 0; b < INLINE_MAX; b++) {
      const n = Number(u64[(PROFILE_BASE >> 3) + a * INLINE_MAX + b]);
      const [x, y] = [names.get(a), names.get(b)];
      if (n > 0 && x !== undefined && y !== undefined) counts.push([`${x} ${y}`, n]);
    }
  }
}
const known = new Set(legacy ? HOT_KEYS.split("\n") : []);
const ranked = counts.filter(([key, n]) => n > 0 && !known.has(key)).sort((a, b) => b[1] - a[1]);
const kept = ranked.slice(0, what === "forms" ? HOT : legacy ? HOT_32 : PAIRS);
const share = kept.reduce((s, [, n]) => s + n, 0) / total;
const list = (lines: readonly string[]): string => `\n${lines.join("\n")}\n`;
const keys = list(kept.map(([k]) => k));
writeFileSync(new URL("../src/jit/interpreter/hot-keys.ts", import.meta.url), `/**
 * Profiled form keys, hottest first, a line each; those that 32-bit code has besides; then sequences of two. Written by tools/profile-forms.ts.
 */
export const HOT_KEYS = \`${what === "forms" ? keys : HOT_KEYS}\`;

export const HOT_KEYS_32 = \`${legacy ? keys : HOT_KEYS_32}\`;

export const HOT_PAIRS = \`${what === "pairs" ? keys : what === "forms" ? "" : HOT_PAIRS}\`;
`);
process.stdout.write(`${ranked.length} ${what} executed, ${kept.length} kept: ${(share * 100).toFixed(2)} % of ${total} instructions\n`);
process.exit(0);
