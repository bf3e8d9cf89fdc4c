/** GDB's remote protocol on a Debugger: one connection's commands and answers. GDB manual, appendix E. */
import { UserError } from "../../base/errors.ts";
import type { Access, Breakpoint, DebugState, MemorySpace, StepInterrupts, StopReason } from "../../vmm/debug/api.ts";
import type { Debugger } from "../../vmm/debug/debugger.ts";
import { readBytes } from "../../vmm/debug/memory.ts";
import { registerFile } from "../../vmm/debug/register-file.ts";
import { runMonitor, type MonitorHost } from "./monitor.ts";
import { encodePacket, PACKET_BYTES, PacketReader } from "./packets.ts";
import { type Architecture, decodeRegister, encodeRegister, I386, targetDescription, X86_64 } from "./registers.ts";

export interface StubHost extends MonitorHost {
  /** Bytes to GDB. */
  send(bytes: Buffer): void;
  /** GDB has gone: the connection is to be closed. */
  close(): void;
}

/** QEMU's: EFAULT and EINVAL. */
const E_FAULT = "E14";
const E_INVALID = "E22";
/** Signals in stop replies. */
const SIGINT = 2;
const SIGTRAP = 5;
const THREAD = "thread:01;";

/** QEMU's bits of a single step. */
const SSTEP = { enable: 1, noIrq: 2, noTimer: 4 } as const;

const hexText = (text: string): string => Buffer.from(text, "latin1").toString("hex");
const isHex = (text: string): boolean => /^[0-9a-fA-F]+$/.test(text);
const hexBytes = (text: string): Uint8Array | null => (text.length % 2 === 0 && (text === "" || isHex(text)) ? Uint8Array.from(Buffer.from(text, "hex")) : null);

/** `address,length` in hexadecimal. */
function range(text: string): { readonly address: bigint; readonly length: number } | null {
  const match = /^([0-9a-fA-F]{1,16}),([0-9a-fA-F]{1,8})$/.exec(text);
  return match === null ? null : { address: BigInt(`0x${match[1]}`), length: Number.parseInt(match[2], 16) };
}

const WATCH_NAMES: Readonly<Record<Access, string>> = { write: "watch", read: "rwatch", access: "awatch" };

export class GdbStub {
  private readonly reader = new PacketReader();
  private acknowledging = true;
  private lastSent: Buffer | null = null;
  /** GDB knows how to be told of these. */
  private tellsKinds = false;
  private readonly points = new Map<string, Breakpoint>();
  /** GDB takes its breakpoints away at each stop and sets them again: they are armed when the machine runs. */
  private stale = false;
  /** Numbers of breakpoints by what they are: one that is set again is the same. */
  private readonly ids = new Map<string, number>();
  private space: MemorySpace = "linear";
  private sstep: number = SSTEP.enable | SSTEP.noIrq | SSTEP.noTimer;
  /** A continue or step is under way, and GDB waits for its stop. */
  private waiting = false;
  private closed = false;

  constructor(
    private readonly debug: Debugger,
    private readonly host: StubHost,
  ) {
    debug.onChange = (state) => this.changed(state);
    // Like QEMU's: whoever connects finds the machine standing still.
    debug.pause();
  }

  private get architecture(): Architecture {
    return this.debug.machine.vcpu.options.model.has("lm") ? X86_64 : I386;
  }

  /** Bytes from GDB, in pieces of any size. */
  receive(bytes: Uint8Array): void {
    for (const item of this.reader.feed(bytes)) {
      if (this.closed) return;
      switch (item.kind) {
        case "packet":
          if (this.acknowledging) this.host.send(Buffer.from("+"));
          this.command(item.bytes);
          break;
        case "bad":
          if (this.acknowledging) this.host.send(Buffer.from("-"));
          break;
        case "nack":
          if (this.acknowledging && this.lastSent !== null) this.host.send(this.lastSent);
          break;
        case "ack":
          this.lastSent = null;
          break;
        case "interrupt":
          this.debug.pause();
          break;
      }
    }
  }

  /** The connection is gone: breakpoints go with it, and the machine runs on. */
  disconnected(): void {
    if (this.closed) return;
    this.closed = true;
    this.debug.onChange = null;
    this.debug.setBreakpoints([]);
    if (this.debug.state().state === "paused") this.debug.resume();
  }

  private reply(text: string): void {
    const packet = encodePacket(text);
    if (this.acknowledging) this.lastSent = packet;
    this.host.send(packet);
  }

  private changed(state: DebugState): void {
    if (!this.waiting || this.closed) return;
    if (state.state === "running") return;
    this.waiting = false;
    this.reply(this.stopReply(state));
  }

  private stopReply(state: DebugState): string {
    if (state.state === "ended") return `W${((state.exitCode ?? 0) & 0xff).toString(16).padStart(2, "0")}`;
    return this.reasonReply(state.reason);
  }

  private reasonReply(reason: StopReason | null): string {
    const trap = `T${SIGTRAP.toString(16).padStart(2, "0")}${THREAD}`;
    switch (reason?.kind) {
      case "pause": return `T${SIGINT.toString(16).padStart(2, "0")}${THREAD}`;
      case "data": {
        const point = [...this.points.values()].find((p) => p.id === reason.id);
        return point?.kind === "data" ? `${trap}${WATCH_NAMES[point.access]}:${point.address.toString(16)};` : trap;
      }
      case "code": {
        if (!this.tellsKinds) return trap;
        const soft = [...this.points].some(([key, p]) => p.id === reason.id && key.startsWith("0"));
        return `${trap}${soft ? "swbreak" : "hwbreak"}:;`;
      }
      case "port":
      case "vector":
      case "step":
      case undefined: return trap;
    }
  }

  // --- Commands ------------------------------------------------------------------------------------------------------

  private command(bytes: Uint8Array): void {
    const text = Buffer.from(bytes).toString("latin1");
    try {
      this.dispatch(text);
    } catch (e) {
      if (!(e instanceof UserError)) throw e;
      this.reply(E_INVALID);
    }
  }

  private dispatch(text: string): void {
    const rest = text.slice(1);
    switch (text.charAt(0)) {
      case "?": this.reply(this.stopReply(this.debug.state())); return;
      case "g": this.reply(this.architecture.registers.map((r) => encodeRegister(r, this.file)).join("")); return;
      case "G": this.writeAll(rest); return;
      case "p": this.readOne(rest); return;
      case "P": this.writeOne(rest); return;
      case "m": this.readMemory(rest); return;
      case "M": {
        const colon = rest.indexOf(":");
        const data = hexBytes(rest.slice(colon + 1));
        this.writeMemory(rest.slice(0, colon), data);
        return;
      }
      case "X": {
        const colon = rest.indexOf(":");
        this.writeMemory(rest.slice(0, colon), Uint8Array.from(Buffer.from(rest.slice(colon + 1), "latin1")));
        return;
      }
      case "c": this.go("c", rest); return;
      case "s": this.go("s", rest); return;
      // With a signal: there are none here.
      case "C": this.go("c", rest.split(";")[1] ?? ""); return;
      case "S": this.go("s", rest.split(";")[1] ?? ""); return;
      case "Z": this.point(rest, true); return;
      case "z": this.point(rest, false); return;
      case "H":
      case "T": this.reply(/^[gc]?(p?-?[0-9a-fA-F.-]+)$/.test(rest) ? "OK" : E_INVALID); return;
      case "D": this.detach(); return;
      case "k": this.kill(); return;
      case "v": this.verbose(text); return;
      case "q": this.query(text); return;
      case "Q": this.set(text); return;
      default: this.reply(""); // not known: GDB manual, "Overview"
    }
  }

  private get file(): ReturnType<typeof registerFile> {
    return registerFile(this.debug.machine.vcpu);
  }

  private writeAll(hex: string): void {
    const { file } = this;
    let at = 0;
    for (const r of this.architecture.registers) {
      if (at === hex.length) break;
      if (!decodeRegister(r, file, hex.slice(at, at + r.bits / 4))) {
        this.reply(E_INVALID);
        return;
      }
      at += r.bits / 4;
    }
    this.reply("OK");
  }

  private readOne(text: string): void {
    const r = isHex(text) ? this.architecture.registers[Number.parseInt(text, 16)] : undefined;
    this.reply(r === undefined ? E_INVALID : encodeRegister(r, this.file));
  }

  private writeOne(text: string): void {
    const [number, value = ""] = text.split("=");
    const r = isHex(number) ? this.architecture.registers[Number.parseInt(number, 16)] : undefined;
    this.reply(r !== undefined && decodeRegister(r, this.file, value) ? "OK" : E_INVALID);
  }

  private readMemory(text: string): void {
    const want = range(text);
    if (want === null || want.length > PACKET_BYTES / 2) {
      this.reply(E_INVALID);
      return;
    }
    const bytes = readBytes(this.debug.machine, this.space, this.inMode(want.address), want.length);
    this.reply(bytes.length === 0 && want.length > 0 ? E_FAULT : Buffer.from(bytes).toString("hex"));
  }

  private writeMemory(where: string, data: Uint8Array | null): void {
    const want = range(where);
    if (want === null || data === null || data.length !== want.length) {
      this.reply(E_INVALID);
      return;
    }
    try {
      if (data.length > 0) this.debug.writeMemory(this.space, this.inMode(want.address), data);
      this.reply("OK");
    } catch (e) {
      if (!(e instanceof UserError)) throw e;
      this.reply(E_FAULT);
    }
  }

  /** Outside long mode linear addresses have 32 bits, whatever GDB makes of a negative number. */
  private inMode(address: bigint): bigint {
    const extended = address >> 32n === 0xffffffffn;
    return extended && this.space === "linear" && !this.debug.machine.vcpu.state.longMode ? address & 0xffffffffn : address;
  }

  private go(what: "c" | "s", address: string): void {
    if (address !== "") {
      if (!isHex(address)) {
        this.reply(E_INVALID);
        return;
      }
      this.debug.setRegister("rip", BigInt(`0x${address}`));
    }
    const now = this.debug.state();
    if (now.state === "ended") {
      this.reply(this.stopReply(now));
      return;
    }
    this.arm();
    this.waiting = true;
    if (what === "c") this.debug.resume();
    else this.debug.step(this.stepInterrupts);
  }

  private get stepInterrupts(): StepInterrupts {
    if (!(this.sstep & SSTEP.noIrq)) return "into";
    return this.debug.machine.config.deterministic ? "over" : "hold";
  }

  // --- Breakpoints ---------------------------------------------------------------------------------------------------

  private point(text: string, insert: boolean): void {
    const match = /^([0-4]),([0-9a-fA-F]{1,16}),([0-9a-fA-F]{1,8})(?:;|$)/.exec(text);
    if (match === null) {
      // Kinds beyond are not known.
      this.reply(/^[5-9a-f]/.test(text) ? "" : E_INVALID);
      return;
    }
    const key = `${match[1]},${match[2]},${match[3]}`;
    const address = this.inMode(BigInt(`0x${match[2]}`));
    const length = Number.parseInt(match[3], 16);
    if (insert) {
      if (!this.points.has(key)) {
        const id = this.ids.get(key) ?? this.ids.size;
        this.ids.set(key, id);
        const kinds: readonly Access[] = ["write", "read", "access"];
        const type = Number(match[1]);
        this.points.set(key, type < 2 ? { id, kind: "code", address, physical: false } : { id, kind: "data", address, length, access: kinds[type - 2] });
      }
    } else if (!this.points.delete(key)) {
      this.reply(E_INVALID);
      return;
    }
    this.stale = true;
    // Inserted while it runs: at once.
    if (this.debug.state().state === "running") this.arm();
    this.reply("OK");
  }

  private arm(): void {
    if (this.stale) this.debug.setBreakpoints([...this.points.values()]);
    this.stale = false;
  }

  // --- Longer names --------------------------------------------------------------------------------------------------

  private verbose(text: string): void {
    if (text === "vCont?") this.reply("vCont;c;C;s;S");
    else if (text.startsWith("vCont;")) {
      // One thread: the first action is its own.
      const action = /^([csCS])(?:[0-9a-fA-F]{2})?(?::[^;]*)?(?:;|$)/.exec(text.slice(6));
      if (action === null) this.reply(E_INVALID);
      else this.go(action[1].toLowerCase() as "c" | "s", "");
    } else if (text.startsWith("vKill")) {
      this.reply("OK");
      this.kill();
    } else this.reply("");
  }

  private query(text: string): void {
    const [name] = text.split(/[:,;]/, 1);
    const colon = text.indexOf(":");
    switch (name) {
      case "qSupported":
        this.tellsKinds = /[;:]swbreak\+/.test(text) && /[;:]hwbreak\+/.test(text);
        this.reply(`PacketSize=${PACKET_BYTES.toString(16)};QStartNoAckMode+;qXfer:features:read+;vContSupported+;swbreak+;hwbreak+`);
        return;
      case "qXfer": this.transfer(text); return;
      case "qC": this.reply("QC01"); return;
      case "qfThreadInfo": this.reply("m01"); return;
      case "qsThreadInfo": this.reply("l"); return;
      case "qThreadExtraInfo": this.reply(hexText(`CPU#0 [${this.debug.machine.vcpu.state.halted ? "halted " : "running"}]`)); return;
      case "qAttached": this.reply("1"); return;
      case "qSymbol": this.reply("OK"); return;
      case "qOffsets": this.reply("Text=0;Data=0;Bss=0"); return;
      case "qRcmd": this.monitor(text.slice("qRcmd,".length)); return;
      case "qqemu.sstepbits": this.reply(`ENABLE=${SSTEP.enable},NOIRQ=${SSTEP.noIrq},NOTIMER=${SSTEP.noTimer}`); return;
      case "qqemu.sstep": this.reply(`0x${this.sstep.toString(16)}`); return;
      case "qqemu.PhyMemMode": this.reply(this.space === "physical" ? "1" : "0"); return;
      default:
        if (text.startsWith("qqemu.sstep=") && colon < 0) this.setStep(text.slice(12));
        else this.reply("");
    }
  }

  private set(text: string): void {
    if (text === "QStartNoAckMode") {
      this.reply("OK");
      this.acknowledging = false;
      this.lastSent = null;
    } else if (text.startsWith("Qqemu.sstep=")) this.setStep(text.slice(12));
    else if (text.startsWith("Qqemu.PhyMemMode:")) {
      this.space = text.endsWith(":1") ? "physical" : "linear";
      this.reply("OK");
    } else this.reply("");
  }

  private setStep(text: string): void {
    const value = Number.parseInt(text, 16);
    if (!(value >= 0 && value <= 7)) {
      this.reply(E_INVALID);
      return;
    }
    this.sstep = value;
    this.reply("OK");
  }

  private transfer(text: string): void {
    const match = /^qXfer:features:read:([^:]+):([0-9a-fA-F]+),([0-9a-fA-F]+)$/.exec(text);
    const document = match === null ? null : targetDescription(this.architecture, match[1]);
    if (match === null || document === null) {
      this.reply(/^qXfer:features:/.test(text) ? "E00" : "");
      return;
    }
    const from = Number.parseInt(match[2], 16);
    const length = Math.min(Number.parseInt(match[3], 16), PACKET_BYTES / 2);
    const piece = document.slice(from, from + length);
    this.reply((from + length < document.length ? "m" : "l") + piece);
  }

  private monitor(hex: string): void {
    const bytes = hexBytes(hex);
    if (bytes === null) {
      this.reply(E_INVALID);
      return;
    }
    const output = runMonitor(Buffer.from(bytes).toString("utf8"), this.debug, this.host);
    // Console output in pieces: GDB shows each.
    const encoded = Buffer.from(output, "utf8").toString("hex");
    const most = PACKET_BYTES - 16;
    for (let at = 0; at < encoded.length; at += most) this.reply(`O${encoded.slice(at, at + most)}`);
    this.reply("OK");
  }

  private detach(): void {
    this.reply("OK");
    this.disconnected();
    this.host.close();
  }

  private kill(): void {
    this.closed = true;
    this.debug.onChange = null;
    this.host.quit();
  }
}
