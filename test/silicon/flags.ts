/** What each instruction does to the arithmetic flags, as the manual defines it: reads, writes, and leaves undefined. SDM Vol. 2. */
import { ARITH_FLAGS, FLAG } from "../../src/cpu/layout.ts";

const { CF, PF, AF, ZF, SF, OF } = FLAG;

export interface FlagEffect {
  readonly reads: number;
  /** Set to a defined value whatever the operands. */
  readonly defines: number;
  readonly undefines: number;
}

const NOTHING: FlagEffect = { reads: 0, defines: 0, undefines: 0 };
const ALL: FlagEffect = { reads: 0, defines: ARITH_FLAGS, undefines: 0 };

const CONDITION_READS = [OF, CF, ZF, CF | ZF, SF, PF, SF | OF, ZF | SF | OF];
const CONDITION_NAMES = ["o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"];

const TABLE: Record<string, FlagEffect> = {
  // AND, OR, XOR, TEST: "The state of the AF flag is undefined."
  ...Object.fromEntries(["and", "or", "xor", "test"].map((n) => [n, { reads: 0, defines: ARITH_FLAGS & ~AF, undefines: AF }])),
  ...Object.fromEntries(["adc", "sbb"].map((n) => [n, { reads: CF, defines: ARITH_FLAGS, undefines: 0 }])),
  ...Object.fromEntries(["add", "sub", "cmp", "neg", "xadd", "cmpxchg", "cmps", "scas", "popcnt", "comiss", "comisd", "ucomiss", "ucomisd", "ptest",
    "pcmpestrm", "pcmpestri", "pcmpistrm", "pcmpistri", "popf"].map((n) => [n, ALL])),
  ...Object.fromEntries(["inc", "dec"].map((n) => [n, { reads: 0, defines: ARITH_FLAGS & ~CF, undefines: 0 }])),
  // MUL, IMUL: SF, ZF, AF and PF are undefined.
  ...Object.fromEntries(["mul", "imul", "imul2", "imul3"].map((n) => [n, { reads: 0, defines: CF | OF, undefines: SF | ZF | AF | PF }])),
  // DIV, IDIV: "CF, OF, SF, ZF, AF, and PF flags are undefined."
  ...Object.fromEntries(["div", "idiv"].map((n) => [n, { reads: 0, defines: 0, undefines: ARITH_FLAGS }])),
  // BT, BTC, BTR, BTS: "The ZF flag is unaffected. OF, SF, AF, and PF flags are undefined."
  ...Object.fromEntries(["bt", "bts", "btr", "btc"].map((n) => [n, { reads: 0, defines: CF, undefines: OF | SF | AF | PF }])),
  // BSF, BSR: "CF, OF, SF, AF, and PF flags are undefined."
  ...Object.fromEntries(["bsf", "bsr"].map((n) => [n, { reads: 0, defines: ZF, undefines: CF | OF | SF | AF | PF }])),
  // TZCNT, LZCNT: "OF, SF, PF, and AF flags are undefined."
  ...Object.fromEntries(["tzcnt", "lzcnt"].map((n) => [n, { reads: 0, defines: CF | ZF, undefines: OF | SF | PF | AF }])),
  // ANDN, BLSR, BLSMSK, BLSI, BZHI: "AF and PF flags are undefined"; BEXTR: SF, too.
  ...Object.fromEntries(["andn", "blsr", "blsmsk", "blsi", "bzhi"].map((n) => [n, { reads: 0, defines: ARITH_FLAGS & ~(AF | PF), undefines: AF | PF }])),
  bextr: { reads: 0, defines: CF | OF | ZF, undefines: SF | AF | PF },
  ...Object.fromEntries(["vptest", "vtestps", "vtestpd", "vcomiss", "vcomisd", "vucomiss", "vucomisd", "vpcmpestrm", "vpcmpestri", "vpcmpistrm", "vpcmpistri"].map((n) => [n, ALL])),
  // DAA, DAS: "The OF flag is undefined."
  daa: { reads: CF | AF, defines: ARITH_FLAGS & ~OF, undefines: OF },
  das: { reads: CF | AF, defines: ARITH_FLAGS & ~OF, undefines: OF },
  // AAA, AAS: "The OF, SF, ZF, and PF flags are undefined."
  aaa: { reads: AF, defines: CF | AF, undefines: OF | SF | ZF | PF },
  aas: { reads: AF, defines: CF | AF, undefines: OF | SF | ZF | PF },
  // AAM, AAD: "The OF, AF, and CF flags are undefined."
  aam: { reads: 0, defines: SF | ZF | PF, undefines: OF | AF | CF },
  aad: { reads: 0, defines: SF | ZF | PF, undefines: OF | AF | CF },
  salc: { reads: CF, defines: 0, undefines: 0 },
  arpl: { reads: 0, defines: ZF, undefines: 0 },
  cmpxchg8b: { reads: 0, defines: ZF, undefines: 0 },
  cmpxchg16b: { reads: 0, defines: ZF, undefines: 0 },
  clc: { reads: 0, defines: CF, undefines: 0 },
  stc: { reads: 0, defines: CF, undefines: 0 },
  cmc: { reads: CF, defines: 0, undefines: 0 },
  sahf: { reads: 0, defines: ARITH_FLAGS & ~OF, undefines: 0 },
  lahf: { reads: ARITH_FLAGS & ~OF, defines: 0, undefines: 0 },
  pushf: { reads: ARITH_FLAGS, defines: 0, undefines: 0 },
  adcx: { reads: CF, defines: CF, undefines: 0 },
  adox: { reads: OF, defines: OF, undefines: 0 },
  loope: { reads: ZF, defines: 0, undefines: 0 },
  loopne: { reads: ZF, defines: 0, undefines: 0 },
};
CONDITION_NAMES.forEach((name, i) => {
  for (const prefix of ["j", "set", "cmov"]) TABLE[prefix + name] = { reads: CONDITION_READS[i >> 1], defines: 0, undefines: 0 };
});

const SHIFTS = new Set(["shl", "shr", "sar"]);
const ROTATES = new Set(["rol", "ror", "rcl", "rcr"]);
const DOUBLE = new Set(["shld", "shrd"]);

/** `count` is the unmasked count of a shift, or null where it is only known at run time. */
export function flagEffect(lift: string, width: number, count: number | null): FlagEffect {
  if (!SHIFTS.has(lift) && !ROTATES.has(lift) && !DOUBLE.has(lift)) return TABLE[lift] ?? NOTHING;
  const reads = lift === "rcl" || lift === "rcr" ? CF : 0;
  const n = count === null ? null : count & (width === 64 ? 63 : 31);
  // A masked count of zero changes no flag.
  if (n === 0) return { reads, defines: 0, undefines: 0 };
  // "The OF flag is affected only for 1-bit shifts. For left/right shifts and rotates of more it is undefined."
  const overflow = n === 1 ? 0 : OF;
  if (ROTATES.has(lift)) return { reads, defines: n === null ? 0 : CF | (OF & ~overflow), undefines: overflow };
  // "The CF flag ... is undefined for SHL and SHR instructions where the count is greater than or equal to the size (in bits) of
  // the destination operand." For SHLD and SHRD that holds for a greater count, which is not generated.
  const carry = lift !== "sar" && SHIFTS.has(lift) && (n ?? 31) >= width ? CF : 0;
  const undefined_ = AF | overflow | carry;
  return { reads, defines: n === null ? 0 : ARITH_FLAGS & ~undefined_, undefines: undefined_ };
}
