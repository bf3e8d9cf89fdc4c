/** The PC's mainboard: makes the devices, gives them their addresses and interrupt lines, and faces the CPU. */
import type { Scheduler } from "../../base/clock.ts";
import { InternalError, UserError } from "../../base/errors.ts";
import type { ByteSink, LevelLine, MsiSink } from "../../base/lines.ts";
import type { Persistent } from "../../base/persist.ts";
import { AcpiPower } from "../../devices/acpi/power.ts";
import { A20Gate } from "../../devices/a20.ts";
import type { DmaMemory } from "../../base/guest-memory.ts";
import { MmioBus } from "../../devices/bus/mmio-bus.ts";
import { PortBus } from "../../devices/bus/port-bus.ts";
import type { BusStatistics, IoWidth } from "../../devices/bus/region.ts";
import { CoprocessorError } from "../../devices/coprocessor.ts";
import { IsaDma } from "../../devices/dma/isa-dma.ts";
import type { FloppyController } from "../../devices/floppy/fdc.ts";
import { FirmwareConfig } from "../../devices/fw-cfg.ts";
import type { MakeDrive } from "../../devices/ide/channel.ts";
import { IdeController } from "../../devices/ide/ide-controller.ts";
import { ParallelPort } from "../../devices/parallel.ts";
import { romRegion } from "../../devices/rom.ts";
import { DebugConsole, DebugExit } from "../../devices/debug-ports.ts";
import { Hpet } from "../../devices/hpet.ts";
import type { PciEndpoint, PciSlot } from "../../devices/pci/endpoint.ts";
import { HostBridge } from "../../devices/pci/host-bridge.ts";
import { IsaBridge } from "../../devices/pci/isa-bridge.ts";
import { PowerFunction } from "../../devices/pci/power-function.ts";
import { PciBus } from "../../devices/pci/pci-bus.ts";
import { assignResources } from "../../devices/pci/resources.ts";
import { Pit } from "../../devices/pit.ts";
import { I8042 } from "../../devices/ps2/i8042.ts";
import { Ps2Keyboard } from "../../devices/ps2/keyboard.ts";
import { Ps2Mouse } from "../../devices/ps2/mouse.ts";
import { Rtc } from "../../devices/rtc.ts";
import { SystemControl } from "../../devices/sysctl.ts";
import { Uart } from "../../devices/uart.ts";
import { PciVga, type LinearVideoMemory } from "../../devices/vga/pci-vga.ts";
import { Vga } from "../../devices/vga/vga.ts";
import type { AcpiInput } from "../acpi/tables.ts";
import type { MachineConfig } from "../config.ts";
import { firmwareAcpi } from "../acpi/install.ts";
import type { AcpiTables } from "../boot/acpi-loader.ts";
import { checkFirmware, fillFirmwareConfig, LOW_ROM_BYTES } from "../boot/firmware.ts";
import type { BootDevice, Drive } from "../drives.ts";
import { driveFactory } from "./bays.ts";
import { Interrupts, type ApicConfig } from "./interrupts.ts";
import { IRQ, PCI_DEVICE, PCI_INTX, PCI_WINDOWS, PHYSICAL, PIIX_FUNCTION, PORT, SERIAL_PORTS, shadowSegment } from "./memory-map.ts";

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
  /** The processor's local APIC; null: it has none. */
  readonly apic: ApicConfig | null;
  /** Without it no VGA is fitted. */
  readonly video?: LinearVideoMemory | null;
  /** The guest asks for a reset (port 92h, CF9h, the keyboard controller or INIT). */
  onReset(): void;
  /** The guest has switched the machine off (ACPI S5). */
  onPowerOff(): void;
  onNmi(): void;
  /** isa-debug-exit was written: (value << 1) | 1. */
  onDebugExit(code: number): void;
  /** The A20 gate has changed. It is open at power-on. */
  onA20(enabled: boolean): void;
  /** INTR has become asserted. */
  onIntr(): void;
  /** Plugs PCI cards in: called once, when everything else is wired. */
  fitCards?(cards: CardSlots): void;
  /** Guest RAM for DMA. Without it devices read all ones. */
  readonly dma?: DmaMemory;
  readonly drives?: readonly Drive[];
  /** Firmware image; it ends at 4 GiB, and its last 128 KiB at 1 MiB too. Null: the board is left as firmware leaves it. */
  readonly firmware?: Uint8Array | null;
  /** The VGA's option ROM, for the firmware; unused without a VGA. */
  readonly videoRom?: Uint8Array | null;
  readonly bootOrder?: readonly BootDevice[];
  readonly bootMenu?: boolean;
  /** ACPI tables for firmware instead of the board's own. */
  readonly acpi?: AcpiTables;
  /** Bytes for the printer. */
  readonly parallelOut?: ByteSink;
  /** The ROM area's accesses go to RAM, or (the default) to ROM and PCI. */
  onShadow?(base: number, bytes: number, read: boolean, write: boolean): void;
}

/** A PCI card: its function, its state, and what a system reset does to it. */
export interface PciCard extends Persistent {
  readonly endpoint: PciEndpoint;
  reset(): void;
}

/** The board's free PCI slots. */
export interface CardSlots {
  /** Puts a card, made with what it gets of its slot, into the next free slot. */
  add(make: (slot: PciSlot) => PciCard): void;
  /** State beside the cards: switches, servers. */
  keep(state: Persistent): void;
}

const NO_MEMORY: DmaMemory = { read: (_paddr, into) => void into.fill(0xff), write: () => undefined };
const DEFAULT_ORDER: readonly BootDevice[] = ["c", "d", "a"];
/** RAM up to which a firmware leaves configuration space's place in memory alone. */
const ECAM_WITH_FIRMWARE = 2 ** 31;
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
  readonly interrupts: Interrupts;
  readonly keyboard: Ps2Keyboard;
  readonly mouse: Ps2Mouse;
  readonly vga: Vga | null;
  /** Everything with state, for saveSection and restoreSections. */
  readonly persistents: readonly Persistent[];

  private readonly pit: Pit;
  private readonly rtc: Rtc;
  private readonly uarts: readonly (Uart | null)[];
  private readonly isaBridge: IsaBridge;
  private readonly hasEcam: boolean;
  private readonly cards: PciCard[] = [];
  private readonly i8042: I8042;
  private readonly control: SystemControl;
  private readonly a20: A20Gate;
  private readonly hostBridge: HostBridge;
  /** For the CPU's FERR#. */
  readonly coprocessor: CoprocessorError;
  private readonly power: AcpiPower;
  private readonly hpet: Hpet;
  private readonly pciVga: PciVga | null;
  private readonly dma: IsaDma;
  /** Fitted with a drive at it. */
  private readonly floppy: FloppyController | null;
  private readonly parallel: ParallelPort;
  private readonly fwCfg: FirmwareConfig;
  private readonly ide: IdeController;
  private readonly hasFirmware: boolean;
  /** Firmware looks for the power management ports there. */
  private readonly powerFunction: PowerFunction | null;

  constructor(options: BoardOptions) {
    const { scheduler } = options;
    this.interrupts = new Interrupts({
      scheduler,
      memory: this.memory,
      apic: options.apic,
      onIntr: () => options.onIntr(),
      onNmi: () => options.onNmi(),
      onInit: () => options.onReset(),
    });
    const { interrupts } = this;
    this.pit = new Pit(scheduler, interrupts.pitLine());
    this.power = new AcpiPower(scheduler, interrupts.sharedInput(IRQ.sci), { powerOff: () => options.onPowerOff() });
    const rtcLine = interrupts.rtcLine();
    this.rtc = new Rtc(scheduler, {
      set: (asserted) => {
        rtcLine.set(asserted);
        if (asserted) this.power.rtcAlarm();
      },
    }, options.epochSeconds);
    this.hpet = new Hpet(scheduler, {
      line: (pin) => interrupts.gsi(pin),
      legacy: [interrupts.isa(IRQ.pit), interrupts.isa(IRQ.rtc)],
      legacyReplacement: (on) => interrupts.legacyReplacement(on, this.rtc.interruptAsserted),
      legacyRestored: () => interrupts.legacyRestored(),
    });
    this.keyboard = new Ps2Keyboard(scheduler);
    this.mouse = new Ps2Mouse(scheduler);
    this.a20 = new A20Gate((enabled) => options.onA20(enabled));
    this.i8042 = new I8042(
      interrupts.isa(IRQ.keyboard),
      interrupts.sharedInput(IRQ.mouse),
      { reset: () => options.onReset(), a20: (enabled) => this.a20.setKeyboard(enabled) },
      this.keyboard,
      this.mouse,
    );
    this.control = new SystemControl(scheduler, this.pit, {
      reset: () => options.onReset(),
      fastA20: (enabled) => this.a20.setFast(enabled),
    });
    this.uarts = this.makeUarts(options);
    this.coprocessor = new CoprocessorError(interrupts.isa(IRQ.coprocessor));
    this.hostBridge = new HostBridge((segment, read, write) => {
      const { base, bytes } = shadowSegment(segment);
      options.onShadow?.(base, bytes, read, write);
    });
    this.pci.attach(PCI_DEVICE.hostBridge, 0, this.hostBridge);
    this.isaBridge = new IsaBridge((irq) => interrupts.sharedInput(irq));
    this.pci.attach(PCI_DEVICE.isaBridge, 0, this.isaBridge);
    const memory = options.dma ?? NO_MEMORY;
    const { drives = [], bootOrder = DEFAULT_ORDER, video = null } = options;
    this.ide = this.makeIde(drives, memory);
    this.vga = video === null ? null : new Vga(scheduler, video);
    this.pciVga = this.vga === null || video === null ? null : this.fitVga(this.vga, video);
    this.dma = new IsaDma(memory);
    const floppies = [0, 1].map((i) => drives.find((d) => d.interface === "floppy" && d.index === i));
    const floppyIrq = interrupts.sharedInput(IRQ.floppy);
    this.floppy = floppies.every((d) => d === undefined) ? null
      : driveFactory().floppyController(scheduler, floppyIrq, this.dma.channel(2), floppies.map((d) => d?.backend ?? null));
    this.parallel = new ParallelPort(interrupts.sharedInput(IRQ.parallel), options.parallelOut ?? DROP);
    this.fwCfg = new FirmwareConfig(memory);
    fillCmos(this.rtc, options.memoryBytes, floppies, bootOrder);
    this.mapPorts(options);
    this.memory.map(interrupts.ioApic.page, { name: "ioapic", base: PHYSICAL.ioApic });
    this.memory.map(this.hpet.registers, { name: "hpet", base: PHYSICAL.hpet });
    // OVMF puts BARs right behind RAM.
    this.hasEcam = (options.firmware ?? null) === null || options.memoryBytes <= ECAM_WITH_FIRMWARE;
    if (this.hasEcam) this.memory.map(this.pci.ecam, { name: "pci-ecam", base: PHYSICAL.ecam });
    const others: Persistent[] = [];
    const msi: MsiSink | null = options.apic === null ? null : { write: (address, data) => interrupts.message(address, data) };
    options.fitCards?.({ add: (make) => this.addCard(make, msi), keep: (state) => others.push(state) });
    const { firmware = null } = options;
    this.hasFirmware = firmware !== null;
    this.powerFunction = firmware === null ? null : new PowerFunction(PORT.pm);
    if (this.powerFunction !== null) this.pci.attach(PCI_DEVICE.isaBridge, PIIX_FUNCTION.power, this.powerFunction);
    if (firmware === null) this.configurePci();
    else this.mapFirmware(firmware);
    fillFirmwareConfig(this.fwCfg, {
      memoryBytes: options.memoryBytes, drives, order: bootOrder, menu: options.bootMenu === true,
      serialConsole: this.vga === null ? SERIAL_PORTS[0].port : null,
      videoRom: this.vga === null ? null : (options.videoRom ?? null),
      acpi: options.acpi ?? (firmware === null ? null : firmwareAcpi(this.acpiInput())),
    });

    this.persistents = [
      ...interrupts.persistents,
      this.pit,
      this.rtc,
      this.power,
      this.hpet,
      this.a20,
      this.i8042,
      this.keyboard,
      this.mouse,
      this.control,
      ...interrupts.sharedLines,
      ...this.uarts.filter((u) => u !== null),
      this.pci,
      this.hostBridge,
      this.isaBridge,
      this.coprocessor,
      this.dma,
      ...(this.floppy === null ? [] : [this.floppy]),
      this.parallel,
      this.fwCfg,
      ...(this.vga === null ? [] : [this.vga]),
      ...this.cards,
      ...(this.powerFunction === null ? [] : [this.powerFunction]),
      ...others,
    ];
  }

  private fitVga(vga: Vga, video: LinearVideoMemory): PciVga {
    const { registers, vbe } = vga;
    this.ports.map(registers.monoPorts, { name: "vga", base: PORT.vgaMono });
    this.ports.map(registers.commonPorts, { name: "vga", base: PORT.vgaCommon });
    this.ports.map(registers.colourPorts, { name: "vga", base: PORT.vgaColour });
    this.ports.map(vbe.ports, { name: "vbe", base: PORT.bochsVbe });
    this.memory.map(vga.window, { name: "vga", base: PHYSICAL.vgaWindow });
    return this.plug(PCI_DEVICE.vga, 0, (slot) => new PciVga(vga, video, slot));
  }

  /** INTA# of a slot reaches the 8259s through the bridge's routes, and an input of its own of the I/O APIC. */
  pciPin(device: number): LevelLine {
    const routed = this.isaBridge.input(device, 1);
    const pin = this.interrupts.pciPin(device, 0);
    return {
      set: (asserted) => {
        routed.set(asserted);
        pin.set(asserted);
      },
    };
  }

  private addCard(make: (slot: PciSlot) => PciCard, msi: MsiSink | null): void {
    const device = this.nextSlot++;
    if (device > 31) throw new UserError("too many devices: the PCI bus has 32 slots");
    this.plug(device, 0, (slot) => make({ ...slot, intx: this.pciPin(device), msi }));
  }
  private nextSlot: number = PCI_DEVICE.firstSlot;

  /** Puts a function of ours on the bus; what it gets of its slot has no interrupt. */
  private plug<C extends PciCard>(device: number, fn: number, make: (slot: PciSlot) => C): C {
    const card = make({
      mapPorts: (name, base, region) => this.ports.tryMap(region, { name, base }),
      mapMemory: (name, base, region) => this.memory.tryMap(region, { name, base }),
      decodingChanged: () => this.pci.retryMapping(),
      intx: { set: () => undefined },
      msi: null,
    });
    this.pci.attachEndpoint(device, fn, card.endpoint);
    this.cards.push(card);
    return card;
  }

  /** What firmware would do: BARs, interrupt routes, level-triggered lines for them. */
  private configurePci(): void {
    assignResources(this.pci, this.isaBridge, PCI_WINDOWS, PCI_INTX.irqs);
    const levels = PCI_INTX.irqs.reduce<number>((mask, irq) => mask | (1 << irq), 0);
    this.ports.write(PORT.elcr, 1, levels & 0xff);
    this.ports.write(PORT.elcr + 1, 1, levels >> 8);
  }

  /** Physical address of the VGA's framebuffer; null: there is none, or it is not placed. */
  get framebufferBase(): number | null {
    return this.pciVga?.framebufferBase ?? null;
  }

  private makeIde(drives: readonly Drive[], memory: DmaMemory): IdeController {
    const make = (index: number): MakeDrive | null => {
      const drive = drives.find((d) => d.interface === "ide" && d.index === index);
      return drive === undefined ? null : driveFactory().ide(drive);
    };
    const lines = [this.interrupts.sharedInput(IRQ.ide1), this.interrupts.sharedInput(IRQ.ide2)] as const;
    const all = [make(0), make(1), make(2), make(3)] as const;
    return this.plug(PCI_DEVICE.isaBridge, PIIX_FUNCTION.ide, (slot) => new IdeController({ lines, drives: all, memory, slot }));
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
      return new Uart(i, options.scheduler, this.interrupts.sharedInput(irq), sink);
    });
  }

  private mapPorts(options: BoardOptions): void {
    const bus = this.ports;
    const { pic } = this.interrupts;
    bus.map(pic.masterPorts, { name: "pic", base: PORT.pic1 });
    bus.map(pic.slavePorts, { name: "pic", base: PORT.pic2 });
    bus.map(pic.elcrPorts, { name: "pic", base: PORT.elcr });
    bus.map(this.power.pmPorts, { name: "acpi-pm", base: PORT.pm });
    bus.map(this.power.gpePorts, { name: "acpi-gpe", base: PORT.gpe });
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
    bus.map(this.coprocessor.ports, { name: "coprocessor-error", base: PORT.coprocessor });
    bus.map(new DebugConsole(options.debugOut).ports, { name: "debug-console", base: PORT.debugConsole });
    bus.map(new DebugConsole(options.debugOut).ports, { name: "debug-console", base: PORT.firmwareDebug });
    bus.map(this.dma.firstPorts, { name: "dma", base: PORT.dma1 });
    bus.map(this.dma.secondPorts, { name: "dma", base: PORT.dma2 });
    if (this.floppy !== null) {
      bus.map(this.floppy.ports, { name: "floppy", base: PORT.floppy });
      bus.map(this.floppy.inputPort, { name: "floppy", base: PORT.floppyInput });
    }
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

  /** State of INTR, behind the local APIC. */
  interruptPending(): boolean {
    return this.interrupts.apic.asserted;
  }
  /** The interrupt that the core takes: the vector. */
  acknowledgeInterrupt(): number {
    return this.interrupts.apic.acknowledge();
  }

  /** Someone presses the power button: a system that listens shuts down. */
  pressPowerButton(): void {
    this.power.pressPowerButton();
  }
  /** Somebody listens to the power button now. */
  get powerButtonEnabled(): boolean {
    return this.power.powerButtonEnabled;
  }
  /** What the firmware's tables say of this board. */
  acpiInput(): AcpiInput {
    return {
      apic: this.interrupts.apic.present,
      serialPorts: this.uarts.flatMap((u, i) => (u === null ? [] : [i])),
      mouse: this.i8042.hasAuxiliaryDevice,
      pciSlots: this.pci.slots().filter((slot) => slot !== PCI_DEVICE.hostBridge && slot !== PCI_DEVICE.isaBridge),
      ecam: this.hasEcam ? PHYSICAL.ecam : null,
      vga: this.vga !== null,
    };
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
    this.powerFunction?.reset();
    this.coprocessor.reset();
    this.dma.reset();
    this.floppy?.reset();
    this.parallel.reset();
    this.fwCfg.reset();
    this.vga?.reset();
    for (const card of this.cards) card.reset();
    this.power.reset();
    this.hpet.reset();
    this.interrupts.reset();
    if (!this.hasFirmware) this.configurePci();
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
  const types = floppies.map((d) => (d === undefined ? 0 : driveFactory().floppyType(d)));
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
