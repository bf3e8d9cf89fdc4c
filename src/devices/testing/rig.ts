/** Every device behind the same interface, for the tests that hold for all of them. */
import { TimerQueue } from "../../base/clock.ts";
import type { Persistent } from "../../base/persist.ts";
import { A20Gate } from "../a20.ts";
import { AcpiPower } from "../acpi/power.ts";
import { IoApic } from "../apic/io-apic.ts";
import { LocalApic } from "../apic/local-apic.ts";
import { PortBus } from "../bus/port-bus.ts";
import type { BusRegion } from "../bus/region.ts";
import { CoprocessorError } from "../coprocessor.ts";
import { DebugConsole, DebugExit } from "../debug-ports.ts";
import { SECTOR_BYTES, type BlockBackend } from "../../base/block.ts";
import type { DmaMemory } from "../../base/guest-memory.ts";
import { Hpet, type HpetPin } from "../hpet.ts";
import { IsaDma } from "../dma/isa-dma.ts";
import { FloppyController } from "../floppy/fdc.ts";
import { FirmwareConfig } from "../fw-cfg.ts";
import { AtaDisk } from "../ide/ata-disk.ts";
import { AtapiCdrom } from "../ide/atapi-cdrom.ts";
import { IdeController } from "../ide/ide-controller.ts";
import { ParallelPort } from "../parallel.ts";
import { HostBridge } from "../pci/host-bridge.ts";
import { PowerFunction } from "../pci/power-function.ts";
import { IsaBridge, PIRQ_LINES } from "../pci/isa-bridge.ts";
import { PciBus } from "../pci/pci-bus.ts";
import { PicPair } from "../pic.ts";
import { Pit } from "../pit.ts";
import { I8042 } from "../ps2/i8042.ts";
import { Ps2Keyboard } from "../ps2/keyboard.ts";
import { KEYS } from "../ps2/keys.ts";
import { Rtc } from "../rtc.ts";
import { SharedLine } from "../shared-line.ts";
import { SystemControl } from "../sysctl.ts";
import { Uart } from "../uart.ts";
import { Ps2Mouse } from "../ps2/mouse.ts";
import { VirtioBalloon } from "../virtio/balloon.ts";
import { VirtioBlk } from "../virtio/blk.ts";
import { gather, scatter } from "../virtio/chain.ts";
import { VirtioConsole } from "../virtio/console.ts";
import type { VirtioModel } from "../virtio/device.ts";
import { Virtio9p, VirtioFs, type MessageServer } from "../virtio/message-device.ts";
import { VirtioNet } from "../virtio/net.ts";
import { VirtioPci } from "../virtio/pci-transport.ts";
import { VirtioRng } from "../virtio/rng.ts";
import { configRegion, TestDriver, TestMemory, testSlot } from "./virtio-driver.ts";
import { testDisk } from "./disks.ts";
import { type FitDevice, type FittedDevice, Trace } from "./fitted.ts";
import { vga } from "./vga-rig.ts";

export { pseudoRandom, Trace, type FitDevice, type FittedDevice } from "./fitted.ts";

/** 2026-01-31 23:59:58 UTC. */
const EPOCH = 1_769_903_998;

/** What a device writes to memory goes to the trace; what it reads depends on the address alone. */
function tracedMemory(trace: Trace): DmaMemory {
  return {
    read: (paddr, into) => into.forEach((_, i) => (into[i] = ((paddr + i) * 37) >>> 3)),
    write: (paddr, from) => trace.note(`dma ${paddr.toString(16)} ${from.length} ${from.reduce((sum, b) => (sum * 31 + b) % 65_521, 0)}`),
  };
}

function keyboardAndController(clock: TimerQueue, trace: Trace, withAux: boolean): FittedDevice {
  const keyboard = new Ps2Keyboard(clock);
  const aux = withAux ? new Ps2Mouse(clock) : null;
  keyboard.onLeds = (leds) => trace.note(`leds ${leds}`);
  const signals = { reset: () => trace.note("reset"), a20: (on: boolean) => trace.note(`a20 ${on}`) };
  const i8042 = new I8042(trace.level("irq1"), trace.level("irq12"), signals, keyboard, aux);
  return {
    persistents: [i8042, keyboard, ...(aux === null ? [] : [aux])],
    regions: [{ region: i8042.dataPort }, { region: i8042.commandPort }],
    stimulate: (random) => {
      const code = random() & 0x7f;
      const what = random() & 7;
      if (what === 0) keyboard.typeCodes((random() & 1) !== 0 ? [code] : [0xf0, code]);
      else if (what === 1) keyboard.releaseAll();
      else if (what < 5) keyboard.key(KEYS[random() % KEYS.length].name, (random() & 1) !== 0);
      else aux?.move({ dx: (random() % 600) - 300, dy: (random() % 600) - 300, dz: (random() % 5) - 2, buttons: random() & 31 });
    },
    reset: () => i8042.reset(),
  };
}

/** A disk without contents that says what it is asked. */
function tracingDisk(trace: Trace): BlockBackend {
  const answer = (what: string, done: (error: null) => void): void => {
    trace.note(what);
    done(null);
  };
  return {
    sectors: 64, readOnly: false, synchronous: true, canDiscard: true,
    read: (sector, into, done) => {
      for (const s of into) s.fill(sector & 0xff);
      answer(`read ${sector}`, done);
    },
    write: (sector, from, done) => answer(`write ${sector} ${gather(from, SECTOR_BYTES).join()}`, done),
    flush: (done) => answer("flush", done),
    discard: (sector, count, done) => answer(`discard ${sector} ${count}`, done),
    writeZeroes: (sector, count, unmap, done) => answer(`zero ${sector} ${count} ${unmap}`, done),
  };
}

/** Answers each message with its own beginning. */
const ECHO: MessageServer = {
  serve: (request, reply) => scatter(gather(request, 100), reply),
  reset: () => undefined,
  save: () => ({}),
  restore: () => undefined,
};
const TAG = Uint8Array.of(116, 97, 103);

/** A virtio card and a driver that is sometimes wrong. */
function virtio(trace: Trace, packed: boolean, withMsi: boolean, model: VirtioModel, more: (random: () => number) => void = () => undefined): FittedDevice {
  const memory = new TestMemory();
  let card: VirtioPci | null = null;
  const made = (card = new VirtioPci(model, memory, testSlot((what) => trace.note(what), withMsi, () => card), { packed }));
  const driver = new TestDriver(made, memory, 0, 16, packed);
  const driverState: Persistent = { sectionName: "test.driver", sectionVersion: 1, save: () => driver.save(), restore: (r) => driver.restore(r) };
  return {
    persistents: [memory, driverState, made],
    regions: [{ region: made.registers }, { region: configRegion(made) }, ...(made.endpoint.msix === null ? [] : [{ region: made.endpoint.msix.region }])],
    stimulate: (random) => {
      for (let i = random() % 8; i >= 0; i--) driver.misbehave(random);
      more(random);
    },
    reset: () => made.reset(),
  };
}

const pin = (trace: Trace, name: string): HpetPin => ({ ...trace.level(name), ...trace.edge(name) });

/** The doublewords of a sparse page side by side, so that random offsets meet registers. */
function dense(region: BusRegion, length: number, at: (i: number) => number): BusRegion {
  const offset = (o: number): number => at(o >> 2) + (o & 3);
  return {
    length, widths: region.widths, read: (o, width) => region.read(offset(o), width), write: (o, width, value) => region.write(offset(o), width, value),
  };
}

function localApic(clock: TimerQueue, trace: Trace): FittedDevice {
  const pic = new PicPair({ set: () => apic.externalChanged() });
  const apic: LocalApic = new LocalApic({
    scheduler: clock, crystalHz: 25_000_000, tscHz: 1_000_000_000, external: pic, fitted: true, x2apic: true, tscDeadline: true, physicalBits: 40,
    signals: {
      intr: () => trace.note("intr"),
      nmi: () => trace.note("nmi"),
      init: () => trace.note("init"),
      endOfInterrupt: (vector) => trace.note(`eoi ${vector}`),
      page: (base) => trace.note(`page ${base}`),
    },
  });
  const take = (): void => trace.note(`vector ${apic.acknowledge()}`);
  return {
    persistents: [pic, apic],
    regions: [{ region: dense(apic.page, 0x100, (i) => i * 16) }, { region: pic.masterPorts }],
    stimulate: (random) => {
      const what = random() % 16;
      const msr = [0x1b, 0x800 + (random() & 0x3f)][random() & 1];
      if (what < 4 && apic.asserted) take();
      else if (what < 6) pic.line(random() & 15).set((random() & 1) !== 0);
      else if (what < 8) trace.note(`msr ${msr} ${apic.readMsr(msr)}`);
      else if (what < 10) {
        // Modes change now and then, and mostly to xAPIC, in which the page is.
        const value = msr === 0x1b ? [0xfee00900n, 0xfee00900n, 0xfee00d00n, 0x100n][random() & 3] : BigInt(random() % 2 === 0 ? random() & 0x1ff : random());
        if (msr !== 0x1b || random() % 8 === 0) trace.note(`wrmsr ${apic.writeMsr(msr, value)}`);
      } else if (what === 10) apic.taskPriority = random();
      else if (what === 11) apic.deadline = BigInt(clock.nowNs() + (random() % 3_000_000));
      else if (what === 12) apic.writeMsr(0x1b, 0xfee00900n);
      else apic.deliver({ vector: random() & 0xff, mode: random() & 7, level: (random() & 1) !== 0, destination: random() & 3, logical: (random() & 3) === 0 });
    },
    reset: () => apic.reset(),
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
        if (what === 0) pic.line(irq).pulse();
        else if (what < 5) pic.line(irq).set((random() & 1) !== 0);
        else trace.note(`vector ${pic.acknowledge()}`);
      },
      reset: () => pic.reset(),
    };
  },
  coprocessor: (_clock, trace) => {
    const error = new CoprocessorError(trace.level("irq13"));
    return {
      persistents: [error],
      regions: [{ region: error.ports }],
      stimulate: (random) => {
        if (random() & 1) error.raised();
        else trace.note(`waits ${error.waits()}`);
      },
      reset: () => error.reset(),
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
  ps2: (clock, trace) => keyboardAndController(clock, trace, false),
  "ps2 with a mouse": (clock, trace) => keyboardAndController(clock, trace, true),
  vga: (clock, trace) => vga(clock, trace),
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
  apic: localApic,
  ioapic: (_clock, trace) => {
    const io = new IoApic({ deliver: (m) => trace.note(`message ${m.vector} ${m.mode} ${m.level} ${m.destination} ${m.logical}`) });
    return {
      persistents: [io],
      regions: [{ region: dense(io.page, 16, (i) => [0x00, 0x10, 0x40, 0x20][i]) }],
      stimulate: (random) => {
        const line = io.line(random() % 24);
        const what = random() & 3;
        if (what === 0) line.pulse();
        else if (what < 3) line.set((random() & 1) !== 0);
        else io.endOfInterrupt(random() & 0xff);
      },
      reset: () => io.reset(),
    };
  },
  hpet: (clock, trace) => {
    const hpet = new Hpet(clock, {
      line: (n) => pin(trace, `pin${n}`),
      legacy: [pin(trace, "irq0"), pin(trace, "irq8")],
      legacyReplacement: (on) => trace.note(`legacy ${on}`),
      legacyRestored: () => undefined,
    });
    return {
      persistents: [hpet],
      regions: [{ region: dense(hpet.registers, 0xa0, (i) => (i < 16 ? [0, 4, 0x10, 0x14, 0x20, 0x24, 0xf0, 0xf4][i & 7] : 0x100 + 4 * (i - 16))) }],
      // Comparators that match soon, and a counter that mostly runs.
      stimulate: (random) => {
        const n = random() % 3;
        const at = 0x100 + 0x20 * n;
        if (random() % 4 === 0) hpet.registers.write(0x10, 4, 1 | (random() & 2));
        else {
          hpet.registers.write(at, 4, (random() & 0x14e) | (20 << 9));
          hpet.registers.write(at + 8, 4, (hpet.registers.read(0xf0, 4) + (random() % 100_000)) >>> 0);
        }
      },
      reset: () => hpet.reset(),
    };
  },
  "acpi power": (clock, trace) => {
    const power = new AcpiPower(clock, trace.level("sci"), { powerOff: () => trace.note("power off") });
    return {
      persistents: [power],
      regions: [{ region: power.pmPorts }, { region: power.gpePorts }],
      stimulate: (random) => {
        const what = random() % 3;
        if (what === 0) power.pressPowerButton();
        else if (what === 1) power.raiseGpe(random() & 15);
        else power.rtcAlarm();
      },
      reset: () => power.reset(),
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
    const power = new PowerFunction(0x600);
    pci.attach(1, 0, power);
    return {
      persistents: [pci, bridge, power],
      // Of the memory, the bridge.
      regions: [{ region: pci.addressPorts, widthDecoded: true }, { region: pci.dataPorts }, { region: { ...pci.ecam, length: 0x200 } }],
      reset: () => {
        pci.reset();
        bridge.reset();
        power.reset();
      },
    };
  },
  "isa bridge": (_clock, trace) => {
    const lines = new Map(PIRQ_LINES.map((irq) => [irq as number, new SharedLine(`irq${irq}`, trace.level(`irq${irq}`))]));
    const bridge = new IsaBridge((irq) => (lines.get(irq) as SharedLine).input());
    const inputs = [3, 4, 5, 6, 7].map((device) => bridge.input(device, 1));
    return {
      persistents: [bridge, ...lines.values()],
      regions: [{ region: { length: 256, widths: [1, 2, 4], read: (o, w) => bridge.readConfig(o, w), write: (o, w, v) => bridge.writeConfig(o, w, v) } }],
      stimulate: (random) => {
        bridge.writeConfig(0x60 + (random() & 3), 1, random() & 0x8f);
        inputs[random() % inputs.length].set((random() & 1) !== 0);
      },
      reset: () => bridge.reset(),
    };
  },
  "virtio-blk": (_clock, trace) => virtio(trace, false, false, new VirtioBlk({ index: 0, backend: tracingDisk(trace), queues: 2, serial: "serial" })),
  "virtio-blk, packed ring, MSI-X": (_clock, trace) => virtio(trace, true, true, new VirtioBlk({ index: 0, backend: tracingDisk(trace) })),
  "virtio-net": (_clock, trace) => {
    const net = new VirtioNet(0, Uint8Array.of(2, 0, 0, 0, 0, 1), { send: (frame) => trace.note(`frame ${frame.join()}`) });
    return virtio(trace, false, true, net, (random) => net.receive(Uint8Array.from({ length: 14 + (random() % 400) }, random)));
  },
  "virtio-console": (_clock, trace) => {
    const console = new VirtioConsole(0, { write: (bytes) => trace.note(`out ${bytes.join()}`) });
    return virtio(trace, true, false, console, (random) => console.receiveBytes(Uint8Array.from({ length: random() % 40 }, random)));
  },
  "virtio-rng": (_clock, trace) => {
    return virtio(trace, false, false, new VirtioRng({ fill: (bytes) => bytes.fill(7) }));
  },
  "virtio-balloon": (_clock, trace) => {
    const balloon = new VirtioBalloon();
    return virtio(trace, false, false, balloon, (random) => balloon.setWanted(random() % 1000));
  },
  "virtio-9p": (_clock, trace) => virtio(trace, false, false, new Virtio9p(0, TAG, ECHO)),
  "virtio-fs": (_clock, trace) => virtio(trace, true, true, new VirtioFs(0, TAG, ECHO)),
  ide: (_clock, trace) => {
    let card: IdeController | null = null;
    const ide: IdeController = new IdeController({
      lines: [trace.level("irq14"), trace.level("irq15")],
      drives: [
        (host) => new AtaDisk(host, testDisk(2000, { forgetful: true }), "A"),
        (host) => new AtaDisk(host, testDisk(5, { readOnly: true }), "B"),
        (host) => new AtapiCdrom(host, testDisk(400, { readOnly: true }), "C"),
        (host) => new AtapiCdrom(host, null, "D"),
      ],
      memory: tracedMemory(trace),
      slot: testSlot((what) => trace.note(what), false, () => card),
    });
    card = ide;
    const [first, second] = ide.channels;
    const config = {
      length: 64, widths: [1, 2, 4] as const,
      read: (offset: number, width: 1 | 2 | 4) => ide.endpoint.readConfig(offset, width),
      write: (offset: number, width: 1 | 2 | 4, value: number) => ide.endpoint.writeConfig(offset, width, value),
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
