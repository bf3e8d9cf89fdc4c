/** The PC's mainboard: makes the devices, gives them their addresses and interrupt lines, and faces the CPU. */
import type { Scheduler } from "../../base/clock.ts";
import { InternalError, UserError } from "../../base/errors.ts";
import type { ByteSink } from "../../base/lines.ts";
import type { Persistent } from "../../base/persist.ts";
import { A20Gate } from "../../devices/a20.ts";
import { MmioBus } from "../../devices/bus/mmio-bus.ts";
import { PortBus } from "../../devices/bus/port-bus.ts";
import type { BusStatistics, IoWidth } from "../../devices/bus/region.ts";
import { IsaDma } from "../../devices/dma/isa-dma.ts";
import type { DmaMemory } from "../../devices/dma-memory.ts";
import { FloppyController } from "../../devices/floppy/fdc.ts";
import { floppyFormat } from "../../devices/floppy/format.ts";
import { FirmwareConfig } from "../../devices/fw-cfg.ts";
import { AtaDisk } from "../../devices/ide/ata-disk.ts";
import { AtapiCdrom } from "../../devices/ide/atapi-cdrom.ts";
import type { MakeDrive } from "../../devices/ide/channel.ts";
import { IdeController } from "../../devices/ide/ide-controller.ts";
import { ParallelPort } from "../../devices/parallel.ts";
import { romRegion } from "../../devices/rom.ts";
import { DebugConsole, DebugExit } from "../../devices/debug-ports.ts";
import type { Mapping } from "../../devices/bus/region.ts";
import { HostBridge } from "../../devices/pci/host-bridge.ts";
import { IsaBridge } from "../../devices/pci/isa-bridge.ts";
import { PciBus } from "../../devices/pci/pci-bus.ts";
import { PicPair } from "../../devices/pic.ts";
import { Pit } from "../../devices/pit.ts";
import { I8042 } from "../../devices/ps2/i8042.ts";
import { Ps2Keyboard } from "../../devices/ps2/keyboard.ts";
import { Rtc } from "../../devices/rtc.ts";
import { SharedLine } from "../../devices/shared-line.ts";
import { SystemControl } from "../../devices/sysctl.ts";
import { Uart } from "../../devices/uart.ts";
import type { MachineConfig } from "../config.ts";
import type { AcpiTables } from "../boot/acpi-loader.ts";
import { checkFirmware, fillFirmwareConfig, LOW_ROM_BYTES } from "../boot/firmware.ts";
import type { BootDevice, Drive } from "../drives.ts";
import { IRQ, PCI_DEVICE, PHYSICAL, PIIX_FUNCTION, PORT, SERIAL_PORTS, shadowSegment } from "./memory-map.ts";

export interface BoardOptions {
  readonly scheduler: Scheduler;
  /** Seconds since 1970-01-01 UTC at guest time 0. */
  readonly epochSeconds: number;
  /** Guest RAM in bytes. */
  readonly memoryBytes: number;
  /** COM1's output. */
  readonly serialOut: ByteSink;
  /** Output of COM2..COM4; a port without a sink is not fitted. */
  readonly extraSerial?: readonly (ByteSink | null)[];
  /** Port E9h. */
  readonly debugOut: ByteSink;
  readonly debugExit: MachineConfig["debugExit"];
  /** The guest asks for a reset (port 92h, CF9h or the keyboard controller). */
  onReset(): void;
  /** isa-debug-exit was written: (value << 1) | 1. */
  onDebugExit(code: number): void;
  /** The A20 gate has changed. It is open at power-on. */
  onA20(enabled: boolean): void;
  /** INTR has become asserted. */
  onIntr(): void;
  /** Guest RAM for DMA. Without it devices read all ones. */
  readonly dma?: DmaMemory;
  readonly drives?: readonly Drive[];
  /** Firmware image; it ends at 4 GiB, and its last 128 KiB at 1 MiB too. */
  readonly firmware?: Uint8Array | null;
  readonly bootOrder?: readonly BootDevice[];
  readonly bootMenu?: boolean;
  /** ACPI tables for firmware. */
  readonly acpi?: AcpiTables;
  /** Bytes for the printer. */
  readonly parallelOut?: ByteSink;
  /** The ROM area's accesses go to RAM, or (the default) to ROM and PCI. */
  onShadow?(base: number, bytes: number, read: boolean, write: boolean): void;
}

const NO_MEMORY: DmaMemory = { read: (_paddr, into) => void into.fill(0xff), write: () => undefined };
const DEFAULT_ORDER: readonly BootDevice[] = ["c", "d", "a"];
const DROP: ByteSink = { write: () => undefined };

export interface BoardStatistics {
  readonly ports: BusStatistics;
  readonly memory: BusStatistics;
  /** The last byte written to port 80h. */
  readonly postCode: number;
}

export class Board {
  /** For devices that are added later. */
  readonly ports = new PortBus();
  readonly memory = new MmioBus();
  readonly pci = new PciBus();
  readonly pic: PicPair;
  readonly keyboard = new Ps2Keyboard();
  /** Everything with state, for saveSection and restoreSections. */
  readonly persistents: readonly Persistent[];

  private readonly pit: Pit;
  private readonly rtc: Rtc;
  private readonly uarts: readonly (Uart | null)[];
  private readonly serialLines = new Map<number, SharedLine>();
  private readonly i8042: I8042;
  private readonly control: SystemControl;
  private readonly a20: A20Gate;
  private readonly hostBridge: HostBridge;
  private readonly isaBridge = new IsaBridge();
  private readonly dma: IsaDma;
  private readonly floppy: FloppyController;
  private readonly parallel: ParallelPort;
  private readonly fwCfg: FirmwareConfig;
  private readonly ide: IdeController;

  constructor(options: BoardOptions) {
    const { scheduler } = options;
    this.pic = new PicPair({
      set: (asserted) => {
        if (asserted) options.onIntr();
      },
    });
    this.pit = new Pit(scheduler, this.pic.edgeLine(IRQ.pit));
    this.rtc = new Rtc(scheduler, this.pic.line(IRQ.rtc), options.epochSeconds);
    this.a20 = new A20Gate((enabled) => options.onA20(enabled));
    this.i8042 = new I8042(
      this.pic.line(IRQ.keyboard),
      this.pic.line(IRQ.mouse),
      { reset: () => options.onReset(), a20: (enabled) => this.a20.setKeyboard(enabled) },
      this.keyboard,
    );
    this.control = new SystemControl(scheduler, this.pit, {
      reset: () => options.onReset(),
      fastA20: (enabled) => this.a20.setFast(enabled),
    });
    this.uarts = this.makeUarts(options);
    this.hostBridge = new HostBridge((segment, read, write) => {
      const { base, bytes } = shadowSegment(segment);
      options.onShadow?.(base, bytes, read, write);
    });
    this.pci.attach(PCI_DEVICE.hostBridge, 0, this.hostBridge);
    this.pci.attach(PCI_DEVICE.isaBridge, 0, this.isaBridge);
    const memory = options.dma ?? NO_MEMORY;
    const drives = options.drives ?? [];
    this.dma = new IsaDma(memory);
    const floppies = [0, 1].map((i) => drives.find((d) => d.interface === "floppy" && d.index === i));
    this.floppy = new FloppyController(scheduler, this.pic.line(IRQ.floppy), this.dma.channel(2), floppies.map((d) => d?.backend ?? null));
    this.parallel = new ParallelPort(this.pic.line(IRQ.parallel), options.parallelOut ?? DROP);
    this.ide = this.makeIde(drives, memory);
    this.pci.attach(PCI_DEVICE.isaBridge, PIIX_FUNCTION.ide, this.ide);
    this.fwCfg = new FirmwareConfig(memory);
    fillFirmwareConfig(this.fwCfg, {
      memoryBytes: options.memoryBytes, drives, order: options.bootOrder ?? DEFAULT_ORDER, menu: options.bootMenu === true,
      serialConsole: SERIAL_PORTS[0].port, acpi: options.acpi ?? null,
    });
    if (options.firmware !== undefined && options.firmware !== null) this.mapFirmware(options.firmware);
    fillCmos(this.rtc, options.memoryBytes, floppies, options.bootOrder ?? DEFAULT_ORDER);
    this.mapPorts(options);

    this.persistents = [
      this.pic,
      this.pit,
      this.rtc,
      this.a20,
      this.i8042,
      this.keyboard,
      this.control,
      ...this.serialLines.values(),
      ...this.uarts.filter((u) => u !== null),
      this.pci,
      this.hostBridge,
      this.isaBridge,
      this.dma,
      this.floppy,
      this.parallel,
      this.fwCfg,
      this.ide,
    ];
  }

  private makeIde(drives: readonly Drive[], memory: DmaMemory): IdeController {
    const make = (index: number): MakeDrive | null => {
      const drive = drives.find((d) => d.interface === "ide" && d.index === index);
      if (drive === undefined) return null;
      const { media, backend } = drive;
      const serial = `TV${String(index + 1).padStart(5, "0")}`;
      if (media === "cdrom") return (host) => new AtapiCdrom(host, backend, serial);
      return backend === null ? null : (host) => new AtaDisk(host, backend, serial);
    };
    let mapping: Mapping | null = null;
    return new IdeController({
      lines: [this.pic.line(IRQ.ide1), this.pic.line(IRQ.ide2)],
      drives: [make(0), make(1), make(2), make(3)],
      memory,
      onBusMasterBase: (base) => {
        mapping?.remove();
        // Where the guest puts it onto another device, nothing answers.
        mapping = base === null ? null : this.ports.tryMap(this.ide.busMasterPorts, { name: "ide-dma", base });
      },
    });
  }

  private mapFirmware(image: Uint8Array): void {
    checkFirmware(image);
    const low = image.subarray(-Math.min(LOW_ROM_BYTES, image.length));
    this.memory.map(romRegion(low), { name: "firmware", base: PHYSICAL.highMemory - low.length });
    this.memory.map(romRegion(image), { name: "firmware", base: PHYSICAL.end32 - image.length });
  }

  private makeUarts(options: BoardOptions): (Uart | null)[] {
    const sinks = [options.serialOut, ...(options.extraSerial ?? [])];
    return SERIAL_PORTS.map(({ irq }, i) => {
      const sink = sinks[i] ?? null;
      if (sink === null) return null;
      let line = this.serialLines.get(irq);
      if (line === undefined) this.serialLines.set(irq, (line = new SharedLine(`irq${irq}`, this.pic.line(irq))));
      return new Uart(i, options.scheduler, line.input(), sink);
    });
  }

  private mapPorts(options: BoardOptions): void {
    const bus = this.ports;
    bus.map(this.pic.masterPorts, { name: "pic", base: PORT.pic1 });
    bus.map(this.pic.slavePorts, { name: "pic", base: PORT.pic2 });
    bus.map(this.pic.elcrPorts, { name: "pic", base: PORT.elcr });
    bus.map(this.pit.ports, { name: "pit", base: PORT.pit });
    bus.map(this.i8042.dataPort, { name: "ps2", base: PORT.ps2Data });
    bus.map(this.i8042.commandPort, { name: "ps2", base: PORT.ps2Command });
    bus.map(this.control.nmiPort, { name: "nmi-status", base: PORT.nmiStatus });
    bus.map(this.control.postPort, { name: "post", base: PORT.post });
    bus.map(this.control.fastPort, { name: "fast-a20", base: PORT.fastA20 });
    bus.map(this.control.resetPort, { name: "reset-control", base: PORT.resetControl, widthDecoded: true });
    bus.map(this.rtc.ports, { name: "rtc", base: PORT.cmos });
    bus.map(this.pci.addressPorts, { name: "pci-config", base: PORT.pciConfigAddress, widthDecoded: true });
    bus.map(this.pci.dataPorts, { name: "pci-config", base: PORT.pciConfigData });
    bus.map(new DebugConsole(options.debugOut).ports, { name: "debug-console", base: PORT.debugConsole });
    bus.map(new DebugConsole(options.debugOut).ports, { name: "debug-console", base: PORT.firmwareDebug });
    bus.map(this.dma.firstPorts, { name: "dma", base: PORT.dma1 });
    bus.map(this.dma.secondPorts, { name: "dma", base: PORT.dma2 });
    bus.map(this.floppy.ports, { name: "floppy", base: PORT.floppy });
    bus.map(this.floppy.inputPort, { name: "floppy", base: PORT.floppyInput });
    bus.map(this.parallel.ports, { name: "parallel", base: PORT.parallel });
    const [primary, secondary] = this.ide.channels;
    bus.map(primary.commandPorts, { name: "ide", base: PORT.ide1 });
    bus.map(primary.controlPort, { name: "ide", base: PORT.ide1Control });
    bus.map(secondary.commandPorts, { name: "ide", base: PORT.ide2 });
    bus.map(secondary.controlPort, { name: "ide", base: PORT.ide2Control });
    bus.map(this.fwCfg.ports, { name: "fw-cfg", base: PORT.fwCfg });
    bus.map(this.fwCfg.dmaPorts, { name: "fw-cfg", base: PORT.fwCfgDma });
    this.mapDmaPages();
    SERIAL_PORTS.forEach(({ name, port }, i) => {
      const uart = this.uarts[i];
      if (uart !== null) bus.map(uart.ports, { name, base: port });
    });
    if (options.debugExit !== null) this.mapDebugExit(options.debugExit, (code) => options.onDebugExit(code));
  }

  /** 81h..8Fh; 92h and the POST code at 80h are others'. */
  private mapDmaPages(): void {
    this.ports.map(this.dma.pagePorts, { name: "dma", base: PORT.dmaPage });
  }

  /** After a restore: requests to disks that were under way go on. */
  resumeRequests(): void {
    this.ide.resume();
  }

  private mapDebugExit(config: { iobase: number; iosize: number }, onExit: (code: number) => void): void {
    const device = new DebugExit(config.iosize, onExit);
    const where = `isa-debug-exit: iobase 0x${config.iobase.toString(16)}`;
    if (!Number.isInteger(config.iobase) || config.iobase < 0 || config.iobase + config.iosize > 0x1_0000) {
      throw new UserError(`${where} is outside the port space`);
    }
    if (this.ports.tryMap(device.ports, { name: "debug-exit", base: config.iobase }) === null) {
      throw new UserError(`${where} is taken by another device`);
    }
  }

  /** `port` 0..FFFFh, `width` in bytes; unsigned. */
  portRead(port: number, width: IoWidth): number {
    return this.ports.read(port, width);
  }
  portWrite(port: number, width: IoWidth, value: number): void {
    this.ports.write(port, width, value);
  }
  /** A physical address outside RAM; unsigned, all ones where nobody answers. */
  mmioRead(paddr: number, width: IoWidth): number {
    return this.memory.read(paddr, width);
  }
  mmioWrite(paddr: number, width: IoWidth, value: number): void {
    this.memory.write(paddr, width, value);
  }

  /** State of INTR. */
  interruptPending(): boolean {
    return this.pic.asserted;
  }
  /** The INTA cycle: the vector. */
  acknowledgeInterrupt(): number {
    return this.pic.acknowledge();
  }

  /** Bytes typed at a serial port (0 is COM1): queued without limit. */
  serialInput(bytes: Uint8Array, port = 0): void {
    const uart = this.uarts[port] ?? null;
    if (uart === null) throw new InternalError(`serial port ${port} is not fitted`);
    uart.receiveBytes(bytes);
  }
  /** Bytes that a serial port has not yet passed to the guest's FIFO. */
  serialInputQueued(port = 0): number {
    return this.uarts[port]?.queuedInput ?? 0;
  }

  get a20Enabled(): boolean {
    return this.a20.enabled;
  }
  /** Port 70h bit 7. */
  get nmiMasked(): boolean {
    return this.rtc.nmiMasked;
  }

  /** System reset: every device to its power-on state; the RTC keeps time and CMOS RAM. */
  reset(): void {
    this.pit.reset();
    this.rtc.reset();
    for (const uart of this.uarts) uart?.reset();
    this.i8042.reset();
    this.control.reset();
    this.pci.reset();
    this.hostBridge.reset();
    this.isaBridge.reset();
    this.dma.reset();
    this.floppy.reset();
    this.parallel.reset();
    this.fwCfg.reset();
    this.ide.reset();
    this.pic.reset();
  }

  statistics(): BoardStatistics {
    return {
      ports: this.ports.statistics(),
      memory: this.memory.statistics(),
      postCode: this.control.lastPostCode,
    };
  }
}

/** CMOS RAM as a BIOS's setup leaves it (R. Brown, CMOS memory map; IBM PC AT TR for 10h..2Fh). */
function fillCmos(rtc: Rtc, memoryBytes: number, floppies: readonly (Drive | undefined)[], order: readonly BootDevice[]): void {
  const word = (index: number, value: number): void => {
    const limited = Math.min(Math.max(Math.floor(value), 0), 0xffff);
    rtc.setRam(index, limited & 0xff);
    rtc.setRam(index + 1, limited >> 8);
  };
  // An empty drive takes 1.44M disks.
  const types = floppies.map((d) => (d === undefined ? 0 : d.backend === null ? 4 : (floppyFormat(d.backend.sectors)?.driveType ?? 4)));
  const count = types.filter((t) => t !== 0).length;
  rtc.setRam(0x10, (types[0] << 4) | types[1]);
  rtc.setRam(0x14, 0x02 | (count > 0 ? 1 | ((count - 1) << 6) : 0)); // equipment: FPU; EGA/VGA; floppies
  word(0x15, Math.min(640, memoryBytes / 1024)); // base memory, KiB
  const extended = memoryBytes - PHYSICAL.highMemory;
  word(0x17, extended / 1024); // memory above 1 MiB, KiB
  word(0x30, extended / 1024);
  word(0x34, (memoryBytes - 0x100_0000) / 0x1_0000); // memory above 16 MiB, 64 KiB
  // Boot order as QEMU notes it for its firmware: a nibble each, 1 floppy, 2 disk, 3 CD-ROM.
  const [first = 0, second = 0, third = 0] = order.map((device) => ({ a: 1, c: 2, d: 3 })[device]);
  rtc.setRam(0x3d, first | (second << 4));
  rtc.setRam(0x38, third << 4);
  let sum = 0;
  for (let i = 0x10; i <= 0x2d; i++) sum += rtc.getRam(i);
  rtc.setRam(0x2e, (sum >> 8) & 0xff); // checksum of 10h..2Dh, high byte first
  rtc.setRam(0x2f, sum & 0xff);
}
