/**
 * #SS or #GP: which of the two a non-canonical data address raises in 64-bit mode. SDM 2, exception lists: "#SS(0) if a
 * memory address referencing the SS segment is in a non-canonical form"; likewise beyond 4 GiB in flat segments. Emitted code does not know: it is found out here.
 */
import { type CodeMode, DECODE_OK, decode, Insn } from "../cpu/decode/decoder.ts";
import { SEG_SS } from "../cpu/decode/insn.ts";
import { getOperand, Operand, operandCount } from "../cpu/decode/operands.ts";
import { ISA } from "../cpu/isa/isa.ts";
import { liftName } from "../cpu/lift/form.ts";

const insn = new Insn();
const operand = new Operand();
/** They reach the stack through RSP, without an operand that says so. */
const BY_RSP = new Set(["push", "pop", "pushf", "popf", "call", "ret", "callf", "retf", "iret"]);
const BY_RBP = new Set(["enter", "leave"]);
/** More than any of them pushes or pops. */
const NEAR = 64n;

/** `bytes` hold the faulting instruction; `address` is the linear address that is not canonical, or beyond 4 GiB. */
export function isStackReference(bytes: Uint8Array, mode: CodeMode, address: bigint, rsp: bigint): boolean {
  if (decode(bytes, 0, bytes.length, mode, insn) !== DECODE_OK) return false;
  const name = liftName(ISA[insn.entry]);
  if (BY_RBP.has(name)) return true;
  if (BY_RSP.has(name) && BigInt.asUintN(mode, address - rsp + NEAR) <= 2n * NEAR) return true;
  for (let i = 0; i < operandCount(insn); i++) {
    getOperand(insn, i, operand);
    if (operand.kind === "mem" && operand.seg === SEG_SS) return true;
  }
  return false;
}
