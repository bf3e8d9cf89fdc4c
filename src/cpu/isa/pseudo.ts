/** Pseudo-mnemonics that carry the last immediate: CMPEQPS for CMPPS …,0 (SDM Vol. 2, CMPPS Table 3-8; PCLMULQDQ Table 4-14). */

export interface PseudoOp {
  /** Upper case. */
  readonly name: string;
  readonly base: string;
  readonly immediate: number;
}

export const PSEUDO_OPS: readonly PseudoOp[] = [
  ...["PS", "PD", "SS", "SD"].flatMap((type) => ["EQ", "LT", "LE", "UNORD", "NEQ", "NLT", "NLE", "ORD"].map((predicate, immediate) =>
    ({ name: `CMP${predicate}${type}`, base: `CMP${type}`, immediate }))),
  { name: "PCLMULLQLQDQ", base: "PCLMULQDQ", immediate: 0x00 },
  { name: "PCLMULHQLQDQ", base: "PCLMULQDQ", immediate: 0x01 },
  { name: "PCLMULLQHQDQ", base: "PCLMULQDQ", immediate: 0x10 },
  { name: "PCLMULHQHQDQ", base: "PCLMULQDQ", immediate: 0x11 },
];
