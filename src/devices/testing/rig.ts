/** Every device behind the same interface, for the tests that hold for all of them. */
import { TimerQueue } from "../../base/clock.ts";
import type { ByteSink, EdgeLine, LevelLine } from "../../base/lines.ts";
import type { Persistent } from "../../base/persist.ts";
import { A20Gate } from "../a20.ts";
import { PortBus } from "../bus/port-bus.ts";
import type { BusRegion } from "../bus/region.ts";
import { DebugConsole, DebugExit } from "../debug-ports.ts";
import { IsaDma } from "../dma/isa-dma.ts";
import type { DmaMemory } from "../dma-memory.ts";
import { FloppyController } from "../floppy/fdc.ts";
import { FirmwareConfig } from "../fw-cfg.ts";
import { AtaDisk } from "../ide/ata-disk.ts";
import { AtapiCdrom } from "../ide/atapi-cdrom.ts";
import { IdeController } from "../ide/ide-controller.ts";
import { ParallelPort } from "../parallel.ts";
import { HostBridge } from "../pci/host-bridge.ts";
import { IsaBridge } from "../pci/isa-bridge.ts";
import { PciBus } from "../pci/pci-bus.ts";
import { PicPair } from "../pic.ts";
import { Pit } from "../pit.ts";
import { I8042 } from "../ps2/i8042.ts";
import { Ps2Keyboard } from "../ps2/keyboard.ts";
import { Rtc } from "../rtc.ts";
import { SharedLine } from "../shared-line.ts";
import { SystemControl } from "../sysctl.ts";
import { Uart } from "../uart.ts";
import { testDisk } from "./disks.ts";

/** mulberry32: small, deterministic, good enough to pick registers. */
export function pseudoRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** What leaves a device, in order, with guest time. */
export class Trace {
  readonly events: string[] = [];
  constructor(private readonly clock: TimerQueue) {}
  note(what: string): void {
    this.events.push(`${this.clock.nowNs()} ${what}`);
  }
  level(name: string): LevelLine {
    return { set: (asserted) => this.note(`${name} ${asserted ? "high" : "low"}`) };
  }
  edge(name: string): EdgeLine {
    return { pulse: () => this.note(`${name} edge`) };
  }
  sink(name: string): ByteSink {
    return { write: (byte) => this.note(`${name} ${byte}`) };
  }
}

/** A device as a machine would have it: its sections, its registers, and what else can happen to it. */
export interface FittedDevice {
  readonly persistents: readonly Persistent[];
  readonly regions: readonly { readonly region: BusRegion; readonly widthDecoded?: boolean }[];
  /** One input from outside the bus, chosen by `random`. */
  stimulate?(random: () => number): void;
  reset?(): void;
}

export type FitDevice = (clock: TimerQueue, trace: Trace) => FittedDevice;

/** 2026-01-31 23:59:58 UTC. */
const EPOCH = 1_769_903_998;

/** What a device writes to memory goes to the trace; what it reads depends on the address alone. */
function tracedMemory(trace: Trace): DmaMemory {
  return {
    read: (paddr, into) => into.forEach((_, i) => (into[i] = ((paddr + i) * 37) >>> 3)),
    write: (paddr, from) => trace.note(`dma ${paddr.toString(16)} ${from.length} ${from.reduce((sum, b) => (sum * 31 + b) % 65_521, 0)}`),
  };
}

function keyboardAndController(trace: Trace, withAux: boolean): FittedDevice {
  const keyboard = new Ps2Keyboard();
  const aux = withAux ? new Ps2Keyboard() : null;
  const signals = { reset: () => trace.note("reset"), a20: (on: boolean) => trace.note(`a20 ${on}`) };
  const i8042 = new I8042(trace.level("irq1"), trace.level("irq12"), signals, keyboard, aux);
  const auxSection: Persistent[] =
    aux === null
      ? []
      : [{ sectionName: "ps2.aux", sectionVersion: 1, save: () => aux.save(), restore: (r) => aux.restore(r) }];
  return {
    persistents: [i8042, keyboard, ...auxSection],
    regions: [{ region: i8042.dataPort }, { region: i8042.commandPort }],
    stimulate: (random) => {
      const code = random() & 0x7f;
      keyboard.typeCodes((random() & 1) !== 0 ? [code] : [0xf0, code]);
      if (aux !== null) aux.typeCodes([random() & 0xff]);
    },
    reset: () => i8042.reset(),
  };
}

/** The registry: a device that is not here is not tested for snapshots and misuse. */
export const DEVICES: Readonly<Record<string, FitDevice>> = {
  pic: (_clock, trace) => {
    const pic = new PicPair(trace.level("intr"));
    return {
      persistents: [pic],
      regions: [{ region: pic.masterPorts }, { region: pic.slavePorts }, { region: pic.elcrPorts }],
      stimulate: (random) => {
        const irq = random() & 15;
        const what = random() & 7;
        if (what === 0) pic.edgeLine(irq).pulse();
        else if (what < 5) pic.line(irq).set((random() & 1) !== 0);
        else trace.note(`vector ${pic.acknowledge()}`);
      },
      reset: () => pic.reset(),
    };
  },
  pit: (clock, trace) => {
    const pit = new Pit(clock, trace.edge("irq0"));
    return {
      persistents: [pit],
      regions: [{ region: pit.ports }],
      stimulate: (random) => {
        pit.setGate2((random() & 1) !== 0);
        trace.note(`out2 ${pit.out2()}`);
      },
      reset: () => pit.reset(),
    };
  },
  uart: (clock, trace) => {
    const uart = new Uart(0, clock, trace.level("irq"), trace.sink("sout"));
    return {
      persistents: [uart],
      regions: [{ region: uart.ports }],
      stimulate: (random) => uart.receiveBytes(Uint8Array.from({ length: random() % 40 }, random)),
      reset: () => uart.reset(),
    };
  },
  rtc: (clock, trace) => {
    const rtc = new Rtc(clock, trace.level("irq8"), EPOCH);
    return { persistents: [rtc], regions: [{ region: rtc.ports }], reset: () => rtc.reset() };
  },
  ps2: (_clock, trace) => keyboardAndController(trace, false),
  "ps2 with auxiliary device": (_clock, trace) => keyboardAndController(trace, true),
  sysctl: (clock, trace) => {
    const pit = new Pit(clock, trace.edge("irq0"));
    const a20 = new A20Gate((on) => trace.note(`a20 ${on}`));
    const sysctl = new SystemControl(clock, pit, { reset: () => trace.note("reset"), fastA20: (on) => a20.setFast(on) });
    return {
      persistents: [pit, a20, sysctl],
      regions: [
        { region: sysctl.nmiPort },
        { region: sysctl.postPort },
        { region: sysctl.fastPort },
        { region: sysctl.resetPort },
        { region: pit.ports },
      ],
      stimulate: (random) => a20.setKeyboard((random() & 1) !== 0),
      reset: () => sysctl.reset(),
    };
  },
  "shared line": (_clock, trace) => {
    const shared = new SharedLine("irq4", trace.level("irq4"));
    const inputs = [shared.input(), shared.input(), shared.input()];
    return {
      persistents: [shared],
      regions: [],
      stimulate: (random) => inputs[random() % 3].set((random() & 1) !== 0),
    };
  },
  pci: (_clock, trace) => {
    const pci = new PciBus();
    const bridge = new HostBridge((segment, read, write) => trace.note(`shadow ${segment} ${read} ${write}`));
    pci.attach(0, 0, bridge);
    return {
      persistents: [pci, bridge],
      regions: [{ region: pci.addressPorts, widthDecoded: true }, { region: pci.dataPorts }],
      reset: () => {
        pci.reset();
        bridge.reset();
      },
    };
  },
  ide: (_clock, trace) => {
    const ide = new IdeController({
      lines: [trace.level("irq14"), trace.level("irq15")],
      drives: [
        (host) => new AtaDisk(host, testDisk(2000, { forgetful: true }), "A"),
        (host) => new AtaDisk(host, testDisk(5, { readOnly: true }), "B"),
        (host) => new AtapiCdrom(host, testDisk(400, { readOnly: true }), "C"),
        (host) => new AtapiCdrom(host, null, "D"),
      ],
      memory: tracedMemory(trace),
      onBusMasterBase: (base) => trace.note(`bar ${base}`),
    });
    const [first, second] = ide.channels;
    const config = {
      length: 64, widths: [1, 2, 4] as const,
      read: (offset: number, width: 1 | 2 | 4) => ide.readConfig(offset, width),
      write: (offset: number, width: 1 | 2 | 4, value: number) => ide.writeConfig(offset, width, value),
    };
    return {
      persistents: [ide],
      regions: [
        { region: first.commandPorts }, { region: first.controlPort }, { region: second.commandPorts }, { region: second.controlPort },
        { region: ide.busMasterPorts }, { region: config },
      ],
      // Random bytes seldom make a command that moves data.
      stimulate: (random) => {
        const { commandPorts: ports } = ide.channels[random() & 1];
        const select = random() & 1 ? 0x50 : 0x40;
        ports.write(6, 1, select);
        for (const register of [2, 3, 4, 5]) ports.write(register, 1, register === 2 ? random() % 20 : register === 3 ? random() & 255 : 0);
        ports.write(7, 1, [0x20, 0x24, 0x30, 0xc4, 0xc5, 0xc8, 0xca, 0xec, 0xa0, 0xa1, 0xe7, 0x40][random() % 12]);
        for (let i = 0; i < 6; i++) ports.write(0, 2, i === 0 ? [0x28, 0x43, 0x12, 0x25, 0x5a, 0x46, 0x03, 0xbe][random() % 8] : i === 4 ? 0x0400 : random() & 0x0f0f);
        let sum = 0;
        for (let i = random() % 600; i > 0; i--) sum = (sum * 31 + ports.read(0, 2)) % 65_521;
        trace.note(`data ${sum}`);
        ide.busMasterPorts.write((random() & 1) * 8, 1, random() & 9);
      },
      reset: () => ide.reset(),
    };
  },
  "isa-dma and floppy": (clock, trace) => {
    const dma = new IsaDma(tracedMemory(trace));
    const floppy = new FloppyController(clock, trace.level("irq6"), dma.channel(2), [testDisk(2880, { forgetful: true }), testDisk(720, { readOnly: true })]);
    return {
      persistents: [dma, floppy],
      regions: [{ region: dma.firstPorts }, { region: dma.secondPorts }, { region: dma.pagePorts }, { region: floppy.ports }, { region: floppy.inputPort }],
      stimulate: (random) => {
        dma.firstPorts.write(10, 1, 2);
        dma.firstPorts.write(11, 1, random() & 1 ? 0x46 : 0x4a);
        floppy.ports.write(2, 1, 0x3c | (random() & 1));
        const unit = random() & 5;
        const commands = [
          [0x46, unit, 0, unit >> 2, 1 + (random() % 18), 2, 18, 27, 255], [0x45, unit, 0, unit >> 2, 1, 2, 18, 27, 255], [0x07, unit & 1], [0x0f, unit, random() % 80],
          [0x08], [0x4a, unit], [0x0e], [0x4d, unit, 2, 18, 80, 0xf6], [0x03, 0xaf, random() & 3],
        ];
        for (const byte of commands[random() % commands.length]) floppy.ports.write(5, 1, byte);
      },
      reset: () => {
        dma.reset();
        floppy.reset();
      },
    };
  },
  "fw_cfg": (_clock, trace) => {
    const config = new FirmwareConfig(tracedMemory(trace));
    config.addFile("etc/test", Uint8Array.of(1, 2, 3, 4, 5));
    return {
      persistents: [config],
      regions: [{ region: config.ports }, { region: config.dmaPorts }],
      stimulate: (random) => config.ports.write(0, 2, [0, 1, 3, 0x19, 0x20, 0xffff][random() % 6]),
      reset: () => config.reset(),
    };
  },
  parallel: (_clock, trace) => {
    const port = new ParallelPort(trace.level("irq7"), trace.sink("printer"));
    return { persistents: [port], regions: [{ region: port.ports }], reset: () => port.reset() };
  },
  "isa bridge": () => {
    const bridge = new IsaBridge();
    const config = {
      length: 256, widths: [1, 2, 4] as const,
      read: (offset: number, width: 1 | 2 | 4) => bridge.readConfig(offset, width),
      write: (offset: number, width: 1 | 2 | 4, value: number) => bridge.writeConfig(offset, width, value),
    };
    return { persistents: [bridge], regions: [{ region: config }], reset: () => bridge.reset() };
  },
  "debug ports": (_clock, trace) => ({
    persistents: [],
    regions: [
      { region: new DebugConsole(trace.sink("e9")).ports },
      { region: new DebugExit(4, (code) => trace.note(`exit ${code}`)).ports },
    ],
  }),
};

/** A device alone on a bus, driven by a script of pseudo-random accesses, inputs and time steps. */
export class DeviceRig {
  readonly clock = new TimerQueue();
  readonly trace = new Trace(this.clock);
  readonly device: FittedDevice;
  readonly bus = new PortBus();
  private readonly portsUsed: number;

  constructor(fit: FitDevice, startNs = 0) {
    this.clock.restoreNow(startNs);
    this.device = fit(this.clock, this.trace);
    let base = 0;
    for (const { region, widthDecoded } of this.device.regions) {
      this.bus.map(region, { name: `region${base}`, base, widthDecoded: widthDecoded === true });
      base += (region.length + 3) & ~3;
    }
    this.portsUsed = base;
  }

  /** `steps` random steps; everything that the device answers goes to the trace. */
  run(random: () => number, steps: number): void {
    for (let i = 0; i < steps; i++) {
      const choice = random() % 16;
      const width = ([1, 1, 1, 2, 4] as const)[random() % 5];
      if (choice < 3) this.advance(random);
      else if (choice === 3) this.device.stimulate?.(random);
      else if (this.portsUsed > 0) {
        const port = random() % this.portsUsed;
        if (choice < 9) this.trace.note(`read ${port} = ${this.bus.read(port, width)}`);
        else this.bus.write(port, width, random());
      }
      if (choice === 15 && random() % 512 === 0) this.device.reset?.();
    }
  }

  /** From less than a PIT tick to some seconds, mostly short. */
  private advance(random: () => number): void {
    const magnitude = random() % 64;
    const limit = magnitude === 0 ? 3_000_000_000 : magnitude < 6 ? 50_000_000 : magnitude < 24 ? 1_000_000 : 2_000;
    this.clock.advanceTo(this.clock.nowNs() + (random() % limit));
  }
}
