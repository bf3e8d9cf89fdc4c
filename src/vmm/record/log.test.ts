/** The log's container: what is cut is usable up to there, what is damaged, foreign or newer is refused with one line. */
import { describe, expect, it } from "vitest";
import { UserError } from "../../base/errors.ts";
import { crc32 } from "../boot/crc32.ts";
import type { BoundMachine } from "./binding.ts";
import { checkBinding } from "./binding.ts";
import { EntryReader, EntryWriter, type LogEntry } from "./events.ts";
import { encodeChunk, encodeHead, parseLog } from "./log-format.ts";
import { Recording } from "./player.ts";

const bound: BoundMachine = {
  memoryMib: 4, cpu: "x86-64-v2", cmdline: "console=ttyS0", deterministic: true, debugExit: null, epochSeconds: 5, noReboot: false, vga: "none", devices: "{}",
  images: [{ name: "kernel", identity: "sha256:aa" }, { name: "virtio disk 0", identity: "sha256:bb" }],
};
const at = (instructions: number, deliveries = 0, ns = instructions) => ({ instructions, deliveries, ns });
const ENTRIES: readonly LogEntry[] = [
  { kind: "power-on", key: new Uint8Array(32).fill(3) },
  { kind: "input", at: at(10), input: { kind: "serial", port: 0, bytes: Uint8Array.of(1, 2) } },
  { kind: "input", at: at(10), input: { kind: "key", code: null, pressed: false } },
  { kind: "input", at: at(10, 1, 500), input: { kind: "mouse", input: { dx: -3, dy: 4, dz: 0, buttons: 1 } } },
  { kind: "answer", channel: 1, answer: ["stat", { size: 2n }] },
  { kind: "completion", at: at(70_000, 9, 70_600), request: 3, answer: [null] },
  { kind: "completion", at: at(70_000, 9, 70_600), request: 300, answer: [{ kind: "io", message: "no" }] },
  { kind: "hash", at: at(1e12, 1e6, 2e12), full: true, hash: 0xfedcba9876543210n },
  { kind: "reset", at: at(1e12 + 1, 1e6, 2e12 + 1), guest: true },
  { kind: "power-on", key: new Uint8Array(32).fill(4) },
  { kind: "input", at: at(5), input: { kind: "reseed", key: new Uint8Array(32).fill(1) } },
  { kind: "end", at: at(6), end: { guest: false, why: "power-off", hash: "00" } },
];
const TIMES: readonly LogEntry[] = [
  { kind: "time", at: { instructions: 0, deliveries: 0, ns: 1000 }, rate: 64 },
  { kind: "time", at: { instructions: 1000, deliveries: 0, ns: 2000 }, rate: 32 },
  { kind: "time", at: { instructions: 3000, deliveries: 5, ns: 3000 }, rate: 32 },
  { kind: "time", at: { instructions: 3000, deliveries: 5, ns: 1e15 }, rate: 3 },
];

function written(entries: readonly LogEntry[], deterministic: boolean): Uint8Array<ArrayBuffer> {
  const w = new EntryWriter(deterministic);
  for (const e of entries) w.write(e);
  return w.take();
}
function read(chunks: readonly Uint8Array[], deterministic: boolean): LogEntry[] {
  const r = new EntryReader(chunks.map((data) => ({ data: () => data })), deterministic);
  const out: LogEntry[] = [];
  for (let e = r.next(); e !== null; e = r.next()) out.push(e);
  return out;
}
const log = Buffer.concat([
  encodeHead({ machine: bound, start: { kind: "power-on" }, command: ["-m", "4"] }),
  encodeChunk("events", written(ENTRIES.slice(0, 9), true), 123),
  encodeChunk("events", written(ENTRIES.slice(9), true), 456),
]);

describe("entries", () => {
  it("come back", () => {
    expect(read([written(ENTRIES, true)], true)).toEqual(ENTRIES);
    expect(read([written(TIMES, false)], false)).toEqual(TIMES);
  });
  it("take few bytes: six for a setting of the clock", () => {
    const usual: LogEntry[] = Array.from({ length: 1000 }, (_, i) => ({ kind: "time", at: { instructions: i * 99_000, deliveries: 0, ns: i * 200_000 }, rate: 64 }));
    expect(written(usual, false).length).toBeLessThan(7000);
  });
});

describe("a log", () => {
  it("is read whole", () => {
    const recording = new Recording(log);
    expect([recording.machine, recording.start, recording.command, recording.cut, recording.instructions]).toEqual([bound, { kind: "power-on" }, ["-m", "4"], false, 456]);
    expect(read(parseLog(log).chunks.map((c) => c.data()), true)).toEqual(ENTRIES);
  });
  it("that is cut anywhere is refused with a line, or usable up to there", () => {
    const messages = new Set<string>();
    for (let length = 0; length < log.length; length++) {
      try {
        const recording = new Recording(log.subarray(0, length));
        expect(recording.cut || recording.instructions === 123).toBe(true);
        expect([0, 123]).toContain(recording.instructions);
      } catch (e) {
        expect(e).toBeInstanceOf(UserError);
        messages.add((e as Error).message);
      }
    }
    expect([...messages].sort()).toEqual(["the recording ends within its header", "this is no recording of Tabvisor"]);
  });
  it("in which any byte is changed is refused", () => {
    for (let i = 0; i < log.length; i++) {
      const broken = Uint8Array.from(log);
      broken[i] ^= 0x55;
      let message = "";
      try {
        // The reserved bytes say nothing; a length that leads behind the end is a cut.
        if (new Recording(broken).cut || i === 10 || i === 11) continue;
      } catch (e) {
        expect(e).toBeInstanceOf(UserError);
        ({ message } = e as Error);
      }
      expect(message).toMatch(/damaged|no recording|version|within its header/);
    }
  });
  it("of a newer version, or of something else", () => {
    const newer = Uint8Array.from(log);
    newer[8] = 2;
    expect(() => new Recording(newer)).toThrow("format version 2, and this Tabvisor knows versions up to 1");
    expect(() => new Recording(new TextEncoder().encode("#!/bin/sh\n"))).toThrow("this is no recording of Tabvisor");
    expect(() => new Recording(encodeHead({ hello: 1 }))).toThrow("does not describe a");
  });
  it("whose checksum fits what makes no sense is refused, not believed", () => {
    const entries = new Uint8Array([0x0f, 1, 2]);
    const odd = parseLog(Buffer.concat([log, encodeChunk("events", entries, 1)]));
    expect(() => read(odd.chunks.map((c) => c.data()), true)).toThrow(UserError);
    // A chunk that unpacks to another size than it says.
    const chunk = encodeChunk("events", new Uint8Array(100), 1);
    const view = new DataView(chunk.buffer);
    view.setUint32(8, 50, true);
    view.setUint32(20, (crc32(chunk.subarray(0, 20)) ^ crc32(chunk.subarray(24))) >>> 0, true);
    const liar = parseLog(Buffer.concat([log, chunk])).chunks.at(-1);
    expect(() => liar?.data()).toThrow("damaged");
  });
});

describe("the binding", () => {
  it.each([
    [{ memoryMib: 8 }, "replay: MiB of RAM differ: recorded with '4', given is '8'"],
    [{ cmdline: "quiet" }, "replay: the kernel's command line differs: recorded with 'console=ttyS0', given is 'quiet'"],
    [{ images: [bound.images[0], { name: "virtio disk 0", identity: "sha256:cc" }] }, "replay: the virtio disk 0 is not the one that was recorded (sha256:bb, given is sha256:cc)"],
    [{ images: [bound.images[0]] }, "replay: the recording was made with a virtio disk 0, and none is given"],
    [{ images: [...bound.images, { name: "initrd", identity: "x" }] }, "replay: the recording was made without a initrd"],
  ])("refuses %o", (other, message) => {
    expect(() => checkBinding(bound, { ...bound, ...other })).toThrow(message);
  });
  it("takes what is equal", () => {
    expect(() => checkBinding(bound, structuredClone(bound))).not.toThrow();
  });
});
