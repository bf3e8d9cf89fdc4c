/** What a person types for an address: numbers in hexadecimal, registers, symbols, joined by + and -. */
import { UserError } from "../../base/errors.ts";
import type { Vcpu } from "../../jit/vcpu.ts";
import { GENERAL, pointerOf } from "./registers.ts";
import type { SymbolTable } from "./symbols.ts";

const M64 = (1n << 64n) - 1n;

function register(name: string, vcpu: Vcpu): bigint | null {
  const { state } = vcpu;
  const general = GENERAL.indexOf(name as (typeof GENERAL)[number]);
  if (general >= 0) return state.reg(general);
  const short = /^e(ax|bx|cx|dx|sp|bp|si|di)$/.exec(name);
  if (short !== null) return state.reg(GENERAL.indexOf(`r${short[1]}` as (typeof GENERAL)[number])) & 0xffffffffn;
  switch (name) {
    case "rip": return state.rip;
    case "eip":
    case "pc": return pointerOf(state);
    case "sp": return state.reg(4);
    case "cr2": return state.cr2;
    case "cr3": return state.cr3 & 0xf_ffff_ffff_f000n;
    case "gdtr": return state.gdtr.base;
    case "idtr": return state.idtr.base;
    case "tr": return state.tr.base;
    case "fs": return state.segBase(4);
    case "gs": return state.segBase(5);
    default: return null;
  }
}

/** A symbol wins over a number of the same spelling only where it is no number: `add` is one, `0xadd` and `$add` are not. */
function term(text: string, vcpu: Vcpu, symbols: SymbolTable): bigint {
  if (text.startsWith("$")) {
    const value = register(text.slice(1).toLowerCase(), vcpu);
    if (value === null) throw new UserError(`${text}: there is no such register`);
    return value;
  }
  if (/^0x[0-9a-f]{1,16}$/i.test(text)) return BigInt(text);
  const named = symbols.find(text) ?? register(text.toLowerCase(), vcpu);
  if (named !== null) return named;
  if (/^[0-9a-f]{1,16}$/i.test(text)) return BigInt(`0x${text}`);
  throw new UserError(`${text}: neither a hexadecimal number, a register nor a known symbol`);
}

export function evaluate(text: string, vcpu: Vcpu, symbols: SymbolTable): bigint {
  const parts = text.trim().split(/\s*([+-])\s*/);
  if (parts[0] === "") throw new UserError("an address is wanted");
  let value = term(parts[0], vcpu, symbols);
  for (let i = 1; i < parts.length; i += 2) {
    const next = term(parts[i + 1] ?? "", vcpu, symbols);
    value += parts[i] === "+" ? next : -next;
  }
  return value & M64;
}
