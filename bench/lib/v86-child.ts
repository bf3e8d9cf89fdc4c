/** A process of its own: v86 from npm as a machine whose first serial port is standard input and output. */
import { readFileSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { V86 } from "v86";

const { values } = parseArgs({
  options: {
    bios: { type: "string" }, "vga-bios": { type: "string" }, kernel: { type: "string" }, initrd: { type: "string" }, append: { type: "string", default: "" },
    memory: { type: "string", default: "256" },
  },
});

/** Also where a small file stands in a buffer that Node shares with others. */
function image(name: "bios" | "vga-bios" | "kernel" | "initrd"): { buffer: ArrayBuffer } {
  const path = values[name];
  if (path === undefined) throw new Error(`--${name} is missing`);
  return { buffer: Uint8Array.from(readFileSync(path)).buffer };
}

const emulator = new V86({
  wasm_path: join(dirname(createRequire(import.meta.url).resolve("v86")), "v86.wasm"),
  memory_size: Number(values.memory) * 2 ** 20,
  vga_memory_size: 2 ** 20,
  bios: image("bios"),
  vga_bios: image("vga-bios"),
  bzimage: image("kernel"),
  initrd: image("initrd"),
  cmdline: values.append,
  disable_speaker: true,
  autostart: true,
});

// Bytes of one stretch of emulation go out together, right after it.
let pending: number[] = [];
emulator.add_listener("serial0-output-byte", (byte: number) => {
  if (pending.length === 0) {
    queueMicrotask(() => {
      writeSync(1, Uint8Array.from(pending));
      pending = [];
    });
  }
  pending.push(byte);
});
process.stdin.on("data", (data: Buffer) => emulator.serial0_send(data.toString("latin1")));
