/** The DSDT: what the machine has that cannot be found by looking. ACPI 6.5 chapters 5 to 7. */
import { GPE_LENGTH, SLEEP_TYPE } from "../../devices/acpi/power.ts";
import { ECAM_BYTES } from "../../devices/pci/pci-bus.ts";
import { IRQ, PCI_DEVICE, PCI_INTX, PHYSICAL, PORT, SERIAL_PORTS } from "../machine/memory-map.ts";
import {
  arg, busWindow, define, device, eisaId, integer, io, ioWindow, irq, memory32, memoryWindow, method, name, packageOf, resources, returns, scope,
  store, when, type Aml,
} from "./aml.ts";

export interface DsdtInput {
  /** Serial ports that are fitted, 0 to 3. */
  readonly serialPorts: readonly number[];
  /** A PS/2 mouse is fitted. */
  readonly mouse: boolean;
  /** PCI device numbers of bus 0 that may have interrupt pins. */
  readonly pciSlots: readonly number[];
  /** PCI's configuration space as memory, or null. */
  readonly ecam: number | null;
}

const INTX_PINS = 4;

/** _PRT (§6.2.13): INTA..INTD of each slot, swizzled over four lines; the lines' GSIs are `gsis`. */
function routing(slots: readonly number[], gsis: readonly number[]): Aml {
  return packageOf(...slots.flatMap((slot) =>
    Array.from({ length: INTX_PINS }, (_, pin) =>
      packageOf(integer(slot * 0x1_0000 + 0xffff), integer(pin), integer(0), integer(gsis[PCI_INTX.line(slot, pin)])))));
}

function isaDevices({ serialPorts, mouse }: DsdtInput): Aml[] {
  const isa = (path: string, id: string, uid: number, ...crs: Aml[]): Aml =>
    device(path, define("_HID", eisaId(id)), define("_UID", integer(uid)), define("_CRS", resources(...crs)));
  return [
    isa("KBD", "PNP0303", 0, io(PORT.ps2Data, 1), io(PORT.ps2Command, 1), irq(IRQ.keyboard)),
    ...(mouse ? [isa("MOU", "PNP0F13", 0, irq(IRQ.mouse))] : []),
    isa("RTC", "PNP0B00", 0, io(PORT.cmos, 2), irq(IRQ.rtc)),
    ...serialPorts.map((i) => isa(`COM${i + 1}`, "PNP0501", i + 1, io(SERIAL_PORTS[i].port, 8), irq(SERIAL_PORTS[i].irq))),
  ];
}

/** The body of the table, without its header. */
export function dsdtBody(input: DsdtInput): Aml {
  const routes = input.pciSlots.length > 0 ? [
    method("_PRT", 0,
      when(name("\\PICF"), returns(routing(input.pciSlots, PCI_INTX.gsis))),
      returns(routing(input.pciSlots, PCI_INTX.irqs))),
  ] : [];
  return [
    ...define("\\_S5", packageOf(integer(SLEEP_TYPE.s5), integer(SLEEP_TYPE.s5), integer(0), integer(0))),
    // \_PIC (§5.8.1) tells which controllers the system uses: 0 the 8259s, 1 the I/O APIC.
    ...define("\\PICF", integer(0)),
    ...method("\\_PIC", 1, store(arg(0), name("\\PICF"))),
    ...scope("\\_SB",
      device("PCI0",
        define("_HID", eisaId("PNP0A03")),
        define("_UID", integer(0)),
        define("_CRS", resources(
          busWindow(0, 0xff),
          io(PORT.pciConfigAddress, 8),
          ioWindow(0, PORT.pciConfigAddress - 1),
          ioWindow(PORT.pciConfigAddress + 8, 0xffff),
          memoryWindow(PHYSICAL.vgaWindow, PHYSICAL.optionRom - 1, true),
          memoryWindow(input.ecam === null ? PHYSICAL.ramLimit : input.ecam + ECAM_BYTES, PHYSICAL.ioApic - 1),
        )),
        ...routes,
        device("ISA", define("_ADR", integer(PCI_DEVICE.isaBridge * 0x1_0000)), ...isaDevices(input))),
      device("HPET",
        define("_HID", eisaId("PNP0103")),
        define("_UID", integer(0)),
        define("_CRS", resources(memory32(PHYSICAL.hpet, 0x400, false)))),
      // Ports and memory of fixed hardware, which nobody else may take (PCI Firmware 3.3 §4.1.2).
      device("MBRD",
        define("_HID", eisaId("PNP0C02")),
        define("_UID", integer(0)),
        define("_CRS", resources(io(PORT.gpe, GPE_LENGTH), io(PORT.pm, 0x10), ...(input.ecam === null ? [] : [memory32(input.ecam, ECAM_BYTES, true)]))))),
  ];
}
