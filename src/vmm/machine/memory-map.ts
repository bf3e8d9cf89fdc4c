/** Every I/O port, physical address and interrupt number of the PC, in one place. */

/** I/O ports (first port of each block). IBM PC AT Technical Reference; PIIX3 (Intel 290550-002) table 2. */
export const PORT = {
  dma1: 0x00,
  pic1: 0x20,
  pit: 0x40,
  ps2Data: 0x60,
  nmiStatus: 0x61,
  ps2Command: 0x64,
  cmos: 0x70,
  post: 0x80,
  dmaPage: 0x81,
  fastA20: 0x92,
  pic2: 0xa0,
  dma2: 0xc0,
  debugConsole: 0xe9,
  coprocessor: 0xf0,
  ide2: 0x170,
  bochsVbe: 0x1ce,
  ide1: 0x1f0,
  ide2Control: 0x376,
  parallel: 0x378,
  vgaMono: 0x3b0,
  vgaCommon: 0x3c0,
  vgaColour: 0x3d0,
  floppy: 0x3f0,
  ide1Control: 0x3f6,
  floppyInput: 0x3f7,
  firmwareDebug: 0x402,
  elcr: 0x4d0,
  fwCfg: 0x510,
  fwCfgDma: 0x514,
  /** ACPI's PM1a and PM timer; GPE block 0. Where QEMU's PC has them, because small systems write to 604h without asking. */
  pm: 0x600,
  pciConfigAddress: 0xcf8,
  resetControl: 0xcf9,
  pciConfigData: 0xcfc,
  gpe: 0xafe0,
} as const;

/** COM1..COM4 as every BIOS numbers them. */
export const SERIAL_PORTS = [
  { name: "com1", port: 0x3f8, irq: 4 },
  { name: "com2", port: 0x2f8, irq: 3 },
  { name: "com3", port: 0x3e8, irq: 4 },
  { name: "com4", port: 0x2e8, irq: 3 },
] as const;

/** Inputs of the interrupt controllers. COM1/COM3 and COM2/COM4 share theirs; 2 is the cascade. */
export const IRQ = {
  pit: 0,
  keyboard: 1,
  serial13: 4,
  serial24: 3,
  floppy: 6,
  parallel: 7,
  rtc: 8,
  sci: 9,
  mouse: 12,
  coprocessor: 13,
  ide1: 14,
  ide2: 15,
} as const;

/** Physical addresses, bytes. */
export const PHYSICAL = {
  /** VGA memory; not RAM although it lies below 1 MiB. */
  vgaWindow: 0xa_0000,
  /** End of the VGA window, start of option ROMs. */
  optionRom: 0xc_0000,
  systemRom: 0xf_0000,
  highMemory: 0x10_0000,
  /** RAM ends here at the latest: above it lie PCI windows and the fixed addresses below. */
  ramLimit: 0xc000_0000,
  /** PCI's configuration space as memory: 256 MiB. */
  ecam: 0xc000_0000,
  ioApic: 0xfec0_0000,
  hpet: 0xfed0_0000,
  localApic: 0xfee0_0000,
  end32: 0x1_0000_0000,
} as const;

/** PCI device numbers on bus 0: the PC's own, and where devices that the user asks for begin. */
export const PCI_DEVICE = { hostBridge: 0, isaBridge: 1, vga: 2, firstSlot: 3 } as const;
/** Functions of the ISA bridge's device (PIIX3). */
export const PIIX_FUNCTION = { ide: 1, power: 3 } as const;

/** Windows for BARs, bytes; ends are exclusive. */
export const PCI_WINDOWS = {
  io: { base: 0xc000, end: 0x1_0000 },
  memory: { base: 0xe000_0000, end: 0xfec0_0000 },
} as const;

/** The I/O APIC's input of an ISA interrupt: the timer is on 2, where the cascade would be (MADT: interrupt source override). */
export const isaGsi = (irq: number): number => (irq === 0 ? 2 : irq);

/** Four lines that INTA..INTD of the slots share: I/O APIC inputs, and 8259 inputs for systems that use those. */
export const PCI_INTX = {
  gsis: [16, 17, 18, 19],
  irqs: [10, 10, 11, 11],
  /** Line 0..3 of `pin` (0 INTA) of device `slot` on bus 0. */
  line: (slot: number, pin: number): number => (slot + pin + 3) & 3,
} as const;

/** Bytes of one piece of the ROM area whose shadowing is switched, and of the last, larger one. */
export const SHADOW = { piece: 0x4000, last: 0x1_0000 } as const;

/** First byte and length of a segment of the host bridge's shadow control (440FX §3.2.11). */
export function shadowSegment(segment: number): { readonly base: number; readonly bytes: number } {
  if (segment === 0) return { base: PHYSICAL.systemRom, bytes: SHADOW.last };
  return { base: PHYSICAL.optionRom + (segment - 1) * SHADOW.piece, bytes: SHADOW.piece };
}
