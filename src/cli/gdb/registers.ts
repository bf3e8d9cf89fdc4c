/**
 * The registers as GDB sees them: one table gives the target description (GDB manual, appendix G) and the order in `g`. Numbers and
 * widths are those of QEMU's stub, so that what talks to one talks to the other.
 */
import type { RegisterFile } from "../../vmm/debug/register-file.ts";

interface Register {
  readonly name: string;
  readonly bits: number;
  readonly type: string;
  readonly group?: string;
  readonly read: (file: RegisterFile) => bigint;
  /** Absent: it cannot be changed, and an attempt is ignored. */
  readonly write?: (file: RegisterFile, value: bigint) => void;
}

export interface Architecture {
  readonly name: "i386:x86-64" | "i386";
  readonly registers: readonly Register[];
}

const FLAG_SETS: Readonly<Record<string, readonly string[]>> = {
  // Names from bit 0 on; "" is a bit without one, `NAME:n` a field of n bits.
  eflags: ["CF", "", "PF", "", "AF", "", "ZF", "SF", "TF", "IF", "DF", "OF", "IOPL:2", "NT", "", "RF", "VM", "AC", "VIF", "VIP", "ID"],
  cr0: ["PE", "MP", "EM", "TS", "ET", "NE", ":10", "WP", "", "AM", ":10", "NW", "CD", "PG"],
  cr3: ["PCID:12", "PDBR:52"],
  cr4: ["VME", "PVI", "TSD", "DE", "PSE", "PAE", "MCE", "PGE", "PCE", "OSFXSR", "OSXMMEXCPT", "UMIP", "LA57", "VMXE", "SMXE", "", "FSGSBASE", "PCIDE", "OSXSAVE", "", "SMEP", "SMAP", "PKE"],
  efer: ["SCE", ":7", "LME", "", "LMA", "NXE", "SVME", "LMSLE", "FFXSR", "TCE"],
  mxcsr: ["IE", "DE", "ZE", "OE", "UE", "PE", "DAZ", "IM", "DM", "ZM", "OM", "UM", "PM", ":2", "FZ"],
};

/** GDB prints them in the order given. */
function fields(names: readonly string[], bits: number, downward: boolean): string {
  let at = 0;
  let out = "";
  for (const item of names) {
    const [name, width = "1"] = item.split(":");
    const end = Math.min(at + Number(width), bits) - 1;
    const field = `<field name="${name}" start="${at}" end="${end}"/>`;
    if (name !== "") out = downward ? field + out : out + field;
    at = end + 1;
  }
  return out;
}

/** Lanes of a vector register: the type's id, element type, count. */
const LANES = [
  ["v4f", "ieee_single", 4, "v4_float"], ["v2d", "ieee_double", 2, "v2_double"], ["v16i8", "int8", 16, "v16_int8"], ["v8i16", "int16", 8, "v8_int16"],
  ["v4i32", "int32", 4, "v4_int32"], ["v2i64", "int64", 2, "v2_int64"],
] as const;

/** The order in which GDB numbers general registers: x86-64's own, and the encoding's for i386. */
const ORDER64 = ["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];
const ORDER32 = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"];
const SEGMENT_ORDER = ["cs", "ss", "ds", "es", "fs", "gs"];

function describe(wide: boolean): Architecture {
  const bits = wide ? 64 : 32;
  const word = wide ? "int64" : "int32";
  const list: Register[] = [];
  const plain = (name: string, shown = name, type = word): void => {
    list.push({ name: shown, bits, type, read: (f) => f.get(name), write: (f, v) => f.set(name, v) });
  };
  const pointers = new Set(["rsp", "rbp"]);
  for (const name of wide ? ORDER64 : ORDER32) plain(name, wide ? name : `e${name.slice(1)}`, pointers.has(name) ? "data_ptr" : word);
  plain("rip", wide ? "rip" : "eip", "code_ptr");
  list.push({ name: "eflags", bits: 32, type: "flags_eflags", read: (f) => f.get("eflags"), write: (f, v) => f.set("eflags", v) });
  for (const name of SEGMENT_ORDER) list.push({ name, bits: 32, type: "int32", read: (f) => f.get(name), write: (f, v) => f.set(name, v) });
  for (const name of ["fs_base", "gs_base", "k_gs_base"]) plain(name);
  for (const name of ["cr0", "cr2", "cr3", "cr4", "cr8", "efer"]) plain(name, name, name in FLAG_SETS ? `flags_${name}` : word);
  for (let i = 0; i < 8; i++) list.push({ name: `st${i}`, bits: 80, type: "i387_ext", read: (f) => f.get(`st${i}`), write: (f, v) => f.set(`st${i}`, v) });
  for (const name of ["fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop"]) {
    list.push({ name, bits: 32, type: "int", group: "float", read: (f) => f.get(name), write: (f, v) => f.set(name, v) });
  }
  for (let i = 0; i < (wide ? 16 : 8); i++) list.push({ name: `xmm${i}`, bits: 128, type: "vec128", read: (f) => f.get(`xmm${i}`), write: (f, v) => f.set(`xmm${i}`, v) });
  list.push({ name: "mxcsr", bits: 32, type: "flags_mxcsr", group: "vector", read: (f) => f.get("mxcsr"), write: (f, v) => f.set("mxcsr", v) });
  return { name: wide ? "i386:x86-64" : "i386", registers: list };
}

/** Of a processor with long mode, in every mode; and of one without. */
export const X86_64 = describe(true);
export const I386 = describe(false);

/** The document that GDB asks for first, and what it includes. */
export function targetDescription(a: Architecture, annex: string): string | null {
  if (annex === "target.xml") {
    return `<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target version="1.0"><architecture>${a.name}</architecture><xi:include href="registers.xml"/></target>`;
  }
  if (annex !== "registers.xml") return null;
  const size = (name: string): number => (name === "eflags" || name === "mxcsr" || a === I386 ? 4 : 8);
  const flags = Object.entries(FLAG_SETS).map(([name, names]) => `<flags id="flags_${name}" size="${size(name)}">${fields(names, 8 * size(name), name !== "mxcsr")}</flags>`).join("");
  const lanes = LANES.map(([id, type, count]) => `<vector id="${id}" type="${type}" count="${count}"/>`).join("");
  const union = `<union id="vec128">${LANES.map(([id, , , field]) => `<field name="${field}" type="${id}"/>`).join("")}<field name="uint128" type="uint128"/></union>`;
  const registers = a.registers.map((r, n) => `<reg name="${r.name}" bitsize="${r.bits}" type="${r.type}"${r.group === undefined ? "" : ` group="${r.group}"`} regnum="${n}"/>`);
  const core = registers.filter((_, n) => !isVector(a.registers[n].name)).join("");
  const sse = registers.filter((_, n) => isVector(a.registers[n].name)).join("");
  return `<?xml version="1.0"?><!DOCTYPE feature SYSTEM "gdb-target.dtd"><feature name="org.gnu.gdb.i386.core">${flags}${lanes}${union}${core}${sse}</feature>`;
}
const isVector = (name: string): boolean => name.startsWith("xmm") || name === "mxcsr";

/** Little-endian hexadecimal. */
export function encodeRegister(r: Register, file: RegisterFile): string {
  let value = BigInt.asUintN(r.bits, r.read(file));
  let out = "";
  for (let i = 0; i < r.bits; i += 8) {
    out += Number(value & 0xffn).toString(16).padStart(2, "0");
    value >>= 8n;
  }
  return out;
}

/** False for text that is not the register's width of hexadecimal digits. */
export function decodeRegister(r: Register, file: RegisterFile, hex: string): boolean {
  if (hex.length !== r.bits / 4 || !/^[0-9a-fA-FxX]*$/.test(hex)) return false;
  if (/x/i.test(hex)) return true; // "unavailable": left alone
  const value = hex.match(/../g)?.reduceRight((v, byte) => (v << 8n) | BigInt(`0x${byte}`), 0n) ?? 0n;
  if (value !== BigInt.asUintN(r.bits, r.read(file))) r.write?.(file, value);
  return true;
}
