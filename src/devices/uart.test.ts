/** The 16550A against the PC16550D datasheet, and against what the Linux 8250 driver asks of it. */
import { beforeEach, describe, expect, it } from "vitest";
import { TimerQueue } from "../base/clock.ts";
import { Uart } from "./uart.ts";

const [RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR] = [0, 1, 2, 3, 4, 5, 6, 7];
const FCR = IIR;
const DLL = RBR;
const DLM = IER;

let clock: TimerQueue;
let uart: Uart;
let irq: boolean;
let risen: number;
let sent: number[];
const rd = (r: number): number => uart.ports.read(r, 1);
const wr = (r: number, v: number): void => uart.ports.write(r, 1, v);
const pass = (ns: number): void => clock.advanceTo(clock.nowNs() + ns);
const type = (text: string): void => uart.receiveBytes(new TextEncoder().encode(text));

beforeEach(() => {
  clock = new TimerQueue();
  irq = false;
  risen = 0;
  sent = [];
  const line = {
    set: (asserted: boolean) => {
      irq = asserted;
      if (asserted) risen++;
    },
  };
  uart = new Uart(0, clock, line, { write: (b) => sent.push(b) });
});

/** As a driver sets the port up: FIFOs on with trigger 8, OUT2, RTS, DTR; and the line falls quiet. */
function open(ier = 0x01): void {
  wr(FCR, 0x07);
  wr(FCR, 0x81);
  wr(LCR, 0x03);
  wr(MCR, 0x0b);
  wr(IER, ier);
  pass(20_000_000);
}

describe("registers", () => {
  it("after master reset: IIR 01, LSR 60", () => {
    expect([rd(IER), rd(IIR), rd(LCR), rd(MCR), rd(LSR)]).toEqual([0, 0x01, 0, 0, 0x60]);
  });
  it("DLAB selects the divisor latches", () => {
    wr(LCR, 0x83);
    wr(DLL, 0x0c);
    wr(DLM, 0x01);
    expect([rd(DLL), rd(DLM)]).toEqual([0x0c, 0x01]);
    wr(LCR, 0x03);
    expect(rd(IER)).toBe(0);
    expect(sent).toEqual([]);
  });
  it("IER, MCR keep their defined bits, SCR all", () => {
    wr(IER, 0xff);
    wr(MCR, 0xff);
    wr(SCR, 0xa5);
    expect([rd(IER), rd(MCR), rd(SCR)]).toEqual([0x0f, 0x1f, 0xa5]);
  });
  it("FCR bit 0 shows in IIR bits 7..6", () => {
    wr(FCR, 0x01);
    expect(rd(IIR)).toBe(0xc1);
    wr(FCR, 0x00);
    expect(rd(IIR)).toBe(0x01);
  });
});

describe("Linux 8250 detection (drivers/tty/serial/8250/8250_port.c, autoconfig)", () => {
  it("finds a 16550A", () => {
    wr(IER, 0);
    expect(rd(IER) & 0x0f).toBe(0);
    wr(IER, 0x0f);
    expect(rd(IER) & 0x0f).toBe(0x0f);
    wr(IER, 0);
    wr(MCR, 0x10 | 0x0a);
    expect(rd(MSR) & 0xf0).toBe(0x90);
    wr(MCR, 0);
    wr(LCR, 0xbf);
    wr(FCR, 0); // EFR of others
    wr(LCR, 0);
    wr(FCR, 0x01);
    expect(rd(IIR) >> 6).toBe(3);
    wr(FCR, 0x21); // 16750's 64-byte FIFO
    wr(LCR, 0x80);
    expect(rd(IIR)).not.toBe(0);
    wr(FCR, 0x21);
    expect(rd(IIR) & 0x20).toBe(0);
    wr(LCR, 0);
    wr(IER, 0x40); // XScale UUE
    expect(rd(IER)).toBe(0);
  });
  it("passes the THRE test of startup: THRE is raised again when ETBEI is set again", () => {
    wr(MCR, 0x08);
    for (let i = 0; i < 2; i++) {
      wr(IER, 0x02);
      expect(rd(IIR) & 0x0f).toBe(0x02);
      expect(rd(IIR) & 0x0f).toBe(0x01);
      wr(IER, 0);
    }
  });
});

describe("transmitter", () => {
  it("is always empty and sends at once", () => {
    for (let i = 0; i < 100; i++) {
      expect(rd(LSR) & 0x60).toBe(0x60);
      wr(RBR, i);
    }
    expect(sent.length).toBe(100);
  });
  it("raises a new edge for every byte when the interrupt is enabled, cleared by reading IIR", () => {
    open(0x02);
    expect(irq).toBe(true);
    expect(rd(IIR)).toBe(0xc2);
    expect(irq).toBe(false);
    wr(RBR, 65);
    wr(RBR, 66);
    expect(risen).toBe(3);
    expect(rd(IIR)).toBe(0xc2);
    expect(irq).toBe(false);
  });
  it("INTR reaches the bus only with OUT2", () => {
    wr(IER, 0x02);
    expect(irq).toBe(false);
    wr(MCR, 0x08);
    expect(irq).toBe(true);
    wr(MCR, 0x18);
    expect(irq).toBe(false);
  });
});

describe("receiver", () => {
  it("interrupts at the trigger level", () => {
    open();
    type("1234567");
    expect(irq).toBe(false);
    expect(rd(LSR) & 1).toBe(1);
    pass(1_000_000);
    expect(rd(IIR)).toBe(0xcc); // timeout: below the trigger
  });
  it("identifies data before the timeout and falls silent below the trigger", () => {
    open();
    type("12345678");
    expect(rd(IIR)).toBe(0xc4);
    expect(rd(RBR)).toBe(0x31);
    expect(irq).toBe(false);
    pass(200_000);
    expect(rd(IIR)).toBe(0xcc);
    expect(rd(RBR)).toBe(0x32); // reading clears the timeout and starts it again
    expect(rd(IIR)).toBe(0xc1);
    pass(200_000);
    expect(irq).toBe(true);
    for (let i = 0; i < 6; i++) rd(RBR);
    pass(200_000);
    expect([irq, rd(LSR)]).toEqual([false, 0x60]);
  });
  it("holds one character without FIFOs", () => {
    wr(MCR, 0x0b);
    wr(IER, 0x01);
    pass(20_000_000);
    type("ab");
    expect([irq, rd(RBR), irq, rd(LSR) & 1]).toEqual([true, 0x61, false, 0]);
    pass(1_000_000);
    expect([irq, rd(RBR)]).toEqual([true, 0x62]);
  });
  it("FIFO reset empties it", () => {
    open();
    type("abc");
    wr(FCR, 0x83);
    expect(rd(LSR) & 1).toBe(0);
    expect(rd(IIR)).toBe(0xc1);
  });
  it("loses nothing of 200 KB typed at once, never overruns, and holds at most 16 bytes", () => {
    open();
    const text = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 7) & 0xff);
    uart.receiveBytes(text);
    const got: number[] = [];
    for (let guard = 0; got.length < text.length && guard < 100_000; guard++) {
      pass(500_000);
      if (!irq) continue;
      let burst = 0;
      for (;;) {
        const lsr = rd(LSR);
        expect(lsr & 0x02).toBe(0);
        if ((lsr & 1) === 0) break;
        got.push(rd(RBR));
        burst++;
      }
      expect(burst).toBeLessThanOrEqual(32);
    }
    expect(Uint8Array.from(got)).toEqual(text);
  });
  it("loses nothing that was typed before the driver set the port up, blind reads of RBR included", () => {
    type("root\n");
    pass(1_000_000_000);
    wr(MCR, 0x1a);
    wr(MCR, 0);
    wr(FCR, 0x01);
    wr(FCR, 0x07);
    wr(FCR, 0x00);
    [LSR, RBR, IIR, MSR].forEach(rd);
    wr(LCR, 0x03);
    wr(MCR, 0x0b);
    wr(IER, 0x05);
    [LSR, RBR, IIR, MSR].forEach(rd);
    wr(FCR, 0x01);
    wr(FCR, 0x81);
    let got = "";
    for (let i = 0; i < 100; i++) {
      pass(1_000_000);
      while ((rd(LSR) & 1) !== 0) got += String.fromCharCode(rd(RBR));
    }
    expect(got).toBe("root\n");
  });
  it("the other end waits while RTS is off", () => {
    open();
    wr(MCR, 0x09);
    type("x");
    pass(100_000_000);
    expect(rd(LSR) & 1).toBe(0);
    wr(MCR, 0x0b);
    pass(100_000_000);
    expect(rd(RBR)).toBe(0x78);
  });
});

describe("loopback", () => {
  it("returns what is sent and sends nothing out", () => {
    wr(MCR, 0x1e);
    wr(RBR, 0xae);
    expect([rd(LSR), rd(RBR)]).toEqual([0x61, 0xae]);
    expect(sent).toEqual([]);
  });
  it("ties the modem outputs to the inputs: RTS-CTS, DTR-DSR, OUT1-RI, OUT2-DCD", () => {
    wr(MCR, 0x10);
    expect(rd(MSR) & 0xf0).toBe(0);
    for (const [out, msr] of [[0x02, 0x10], [0x01, 0x20], [0x04, 0x40], [0x08, 0x80]]) {
      wr(MCR, 0x10 | out);
      expect(rd(MSR) & 0xf0).toBe(msr);
    }
  });
  it("reports changes once; RI only by its trailing edge", () => {
    wr(MCR, 0x10);
    rd(MSR);
    wr(MCR, 0x16); // RTS and OUT1
    expect(rd(MSR)).toBe(0x51);
    expect(rd(MSR)).toBe(0x50);
    wr(MCR, 0x12);
    expect(rd(MSR)).toBe(0x14);
  });
  it("overruns: OE, cleared by reading LSR", () => {
    wr(MCR, 0x10);
    wr(RBR, 1);
    wr(RBR, 2);
    expect([rd(LSR), rd(LSR), rd(RBR)]).toEqual([0x63, 0x61, 2]);
    wr(FCR, 0x01);
    for (let i = 0; i < 17; i++) wr(RBR, i);
    expect(rd(LSR)).toBe(0x63);
    expect(Array.from({ length: 16 }, () => rd(RBR))).toEqual(Array.from({ length: 16 }, (_, i) => i));
  });
});

it("the modem line interrupt has the lowest priority, line status the highest", () => {
  wr(IER, 0x0f);
  wr(MCR, 0x10);
  wr(RBR, 1);
  wr(RBR, 2);
  expect(rd(IIR)).toBe(0x06);
  rd(LSR);
  expect(rd(IIR)).toBe(0x04);
  rd(RBR);
  expect(rd(IIR)).toBe(0x02);
  expect(rd(IIR)).toBe(0x00);
  rd(MSR);
  expect(rd(IIR)).toBe(0x01);
});
