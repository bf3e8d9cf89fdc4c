/** The remote stub by its packets: garbage, cut connections, both descriptions, what GDB asks while the machine runs. No gdb needed. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodePacket, PacketReader } from "../../src/cli/gdb/packets.ts";
import { tabvisor } from "../cli/cli.ts";
import { assembleWithSymbols } from "../machine/guest.ts";
import { startOurs, type Stub } from "./gdb-session.ts";
import { RspClient } from "./rsp-client.ts";

const SOURCE = "start:\n mov esp, 0x200000\n xor eax, eax\nagain:\n inc eax\n mov [0x150000], eax\n jmp again\n";

describe("packets", () => {
  it("survive any cut and any garbage", () => {
    const text = `+$qSupported#37\x03-${encodePacket("m0,4").toString("latin1")}${encodePacket("$#}*").toString("latin1")}`;
    for (let n = 1; n < 9; n++) {
      const reader = new PacketReader();
      const got: string[] = [];
      for (let at = 0; at < text.length; at += n) {
        for (const r of reader.feed(Buffer.from(text.slice(at, at + n), "latin1"))) got.push(r.kind === "packet" ? Buffer.from(r.bytes).toString("latin1") : r.kind);
      }
      expect(got).toEqual(["ack", "qSupported", "interrupt", "nack", "m0,4", "$#}*"]);
    }
    let seed = 1;
    const reader = new PacketReader();
    for (let i = 0; i < 2000; i++) {
      const bytes = Uint8Array.from({ length: 50 }, () => (seed = (Math.imul(seed, 69069) + 1) >>> 0) >>> 24);
      reader.feed(bytes);
    }
    expect(reader.feed(Buffer.concat([Buffer.from("###"), encodePacket("g")])).at(-1)).toMatchObject({ kind: "packet" });
    expect(new PacketReader().feed(Buffer.from(`$${"x".repeat(100_000)}#00`))).toEqual([{ kind: "bad" }]);
  });
});

describe("the stub", () => {
  const folder = mkdtempSync(join(tmpdir(), "tabvisor-rsp-"));
  const kernel = join(folder, "kernel");
  const { bytes, symbols } = assembleWithSymbols(SOURCE);
  const again = symbols.get("again") ?? 0n;
  let stub: Stub;
  beforeAll(async () => {
    writeFileSync(kernel, bytes);
    stub = await startOurs(["-kernel", kernel, "-m", "32"]);
  }, 60_000);
  afterAll(async () => {
    await stub.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("answers what GDB asks, and refuses the rest", async () => {
    const c = await RspClient.connect(stub.port);
    expect(await c.ask("qSupported:swbreak+;hwbreak+")).toMatch(/PacketSize=[0-9a-f]+;QStartNoAckMode\+;qXfer:features:read\+/);
    expect(await c.ask("?")).toBe("T05thread:01;");
    expect(await c.ask("qXfer:features:read:target.xml:0,fff")).toContain("<architecture>i386:x86-64</architecture>");
    let xml = "";
    for (let at = 0, more = "m"; more === "m"; at = xml.length) {
      const piece = await c.ask(`qXfer:features:read:registers.xml:${at.toString(16)},400`);
      more = piece.charAt(0);
      // As on the wire: escapes are undone.
      xml += piece.slice(1).replace(/\}(.)/gs, (_, x: string) => String.fromCharCode(x.charCodeAt(0) ^ 0x20));
    }
    const bits = [...xml.matchAll(/<reg name="\w+" bitsize="(\d+)"/g)].reduce((n, m) => n + Number(m[1]), 0);
    expect((await c.ask("g")).length).toBe(bits / 4);
    for (const [command, answer] of [
      ["vMustReplyEmpty", ""], ["qC", "QC01"], ["qfThreadInfo", "m01"], ["qsThreadInfo", "l"], ["Hg0", "OK"], ["Hc-1", "OK"], ["qAttached", "1"], ["vCont?", "vCont;c;C;s;S"],
      ["m123456789,4", "E14"], ["mzz,4", "E22"], ["m0,fffffff", "E22"], ["M0,4:00", "E22"], ["pff", "E22"], ["P0=12", "E22"], ["G12", "E22"], ["Zx", "E22"], ["z0,123,1", "E22"], ["Z9,0,1", ""],
      ["qXfer:features:read:nothing.xml:0,10", "E00"], ["qRcmd,zz", "E22"], ["cxyz", "E22"], ["", ""], ["!!", ""], ["vCont;q", "E22"], ["qqemu.sstep", "0x7"], ["Qqemu.sstep=99", "E22"],
    ] as const) expect([command, await c.ask(command)]).toEqual([command, answer]);
    c.close();
  });

  it("no-ack mode, memory in three ways, registers", async () => {
    const c = await RspClient.connect(stub.port);
    expect(await c.ask("QStartNoAckMode")).toBe("OK");
    expect(await c.ask("M160000,4:deadbeef")).toBe("OK");
    c.raw(encodePacket("X160004,4:\x01#$}").toString("latin1"));
    expect(await c.receive()).toBe("OK");
    expect(await c.ask("m160000,8")).toBe("deadbeef0123247d");
    expect(await c.ask("P0=efbeadde00000000")).toBe("OK");
    expect(await c.ask("p0")).toBe("efbeadde00000000");
    expect(await c.ask(`qRcmd,${Buffer.from("info status").toString("hex")}`)).toBe(`O${Buffer.from("VM status: paused\n").toString("hex")}`);
    expect(await c.receive()).toBe("OK");
    c.close();
  });

  it("runs, is interrupted, hits breakpoints set meanwhile; a second client is turned away", async () => {
    const c = await RspClient.connect(stub.port);
    await c.ask("qSupported:swbreak+;hwbreak+");
    c.raw(encodePacket("c").toString("latin1"));
    await new Promise((resolve) => setTimeout(resolve, 200));
    const second = await RspClient.connect(stub.port);
    expect(await second.receive()).toBeNull();
    c.raw("\x03");
    expect(await c.receive()).toBe("T02thread:01;");
    expect(await c.ask(`Z0,${again.toString(16)},1`)).toBe("OK");
    for (let n = 0; n < 20; n++) expect(await c.ask("c")).toBe("T05thread:01;swbreak:;");
    expect(await c.ask(`z0,${again.toString(16)},1`)).toBe("OK");
    expect(await c.ask("Z2,150000,4")).toBe("OK");
    expect(await c.ask("c")).toBe("T05thread:01;watch:150000;");
    expect(await c.ask("vCont;s:1")).toBe("T05thread:01;");
    c.close();
  });

  it("goes on after garbage and after clients that vanish; the machine runs meanwhile", async () => {
    let seed = 7;
    for (let round = 0; round < 20; round++) {
      const c = await RspClient.connect(stub.port);
      c.raw(Array.from({ length: 300 }, () => String.fromCharCode((seed = (Math.imul(seed, 69069) + 1) >>> 0) >>> 24)).join("").replace(/k/g, "j"));
      if (round % 2 === 0) c.raw(encodePacket("c").toString("latin1"));
      if (round % 3 === 0) c.raw("$m0,4");
      c.close();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const read = async (): Promise<string> => {
      const c = await RspClient.connect(stub.port);
      try {
        return await c.ask("m150000,4");
      } finally {
        c.close();
      }
    };
    await new Promise((resolve) => setTimeout(resolve, 200));
    const before = await read();
    expect(before).toMatch(/^[0-9a-f]{8}$/);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await read()).not.toBe(before);
  });

  it("kill ends the command", async () => {
    const c = await RspClient.connect(stub.port);
    c.raw(encodePacket("k").toString("latin1"));
    expect(await stub.ended).toBe(0);
    c.close();
  });
});

describe("options", () => {
  it("bad ones get one line", () => {
    for (const [args, message] of [
      [["-gdb", "foo"], "tabvisor: -gdb: 'foo' is not tcp:[HOST]:PORT\n"], [["-gdb", "tcp::99999"], "tabvisor: -gdb: 'tcp::99999' is not tcp:[HOST]:PORT\n"],
      [["-s", "-gdb", "tcp::1"], "tabvisor: -s and -gdb: give one of them\n"], [["-S"], "tabvisor: -S: give -s or -gdb too, for nothing else can start the machine\n"],
    ] as const) {
      const r = tabvisor(["-kernel", "/nonexistent", ...args]);
      expect([r.code, r.stderr]).toEqual([1, message]);
    }
  });
});
