/** Counts instruction forms over a boot and a shell session, and writes src/jit/interpreter/hot-keys.ts. */
import { readFileSync, writeFileSync } from "node:fs";
import { PROFILE_BASE } from "../src/cpu/layout.ts";
import { Machine } from "../src/vmm/machine/machine.ts";
import { ensureImage } from "./image/ensure.ts";

/** Forms that stand in the br_table: what is beyond costs a call. */
const HOT = 700;
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

const { files, info } = await ensureImage();
let output = "";
const machine = new Machine({
  memoryMib: 256, cpu: "x86-64-v2", deterministic: true, debugExit: null, epochSeconds: 1_700_000_000, noReboot: true,
  boot: { kernel: readFileSync(files.vmlinux), initrds: [readFileSync(files["initramfs.cpio"])], cmdline: info.cmdline },
}, {
  serial: (b) => (output += String.fromCharCode(b)), debug: () => undefined, hostNs: () => performance.now() * 1e6, entropy: (b) => b.fill(5),
}, { profile: true });

function until(text: string): void {
  const from = output.length;
  while (!output.slice(Math.max(0, from - text.length)).includes(text)) {
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

const counts: [string, number][] = [];
for (const [key, kinds] of machine.vcpu.interpreter.info.handlers) {
  for (const [ea, handler] of Object.entries(kinds)) {
    const n = Number(machine.vcpu.state.u64[(PROFILE_BASE >> 3) + handler]);
    if (n > 0) counts.push([ea === "generic" ? key : `${key}@${ea}`, n]);
  }
}
counts.sort((a, b) => b[1] - a[1]);
const total = counts.reduce((s, [, n]) => s + n, 0);
const hot = counts.slice(0, HOT);
const share = hot.reduce((s, [, n]) => s + n, 0) / total;
writeFileSync(new URL("../src/jit/interpreter/hot-keys.ts", import.meta.url),
  `/** Profiled form keys, hottest first, a line each. Written by tools/profile-forms.ts. */\nexport const HOT_KEYS = \`\n${hot.map(([k]) => k).join("\n")}\n\`;\n`);
writeFileSync("/tmp/profile.txt", counts.map(([k, n]) => `${k}\t${n}`).join("\n"));
process.stdout.write(`${counts.length} forms executed, ${hot.length} kept: ${(share * 100).toFixed(3)} % of ${total} instructions\n`);
process.exit(0);
