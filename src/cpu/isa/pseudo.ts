/** Pseudo-mnemonics that carry the last immediate: CMPEQPS for CMPPS …,0 (SDM Vol. 2, CMPPS Table 3-8; PCLMULQDQ Table 4-14). */

export interface PseudoOp {
  /** Upper case. */
  readonly name: string;
  readonly base: string;
  readonly immediate: number;
}

/** AVX has 32 predicates (SDM Vol. 2, CMPPS Table 3-8). */
const AVX_PREDICATES = ("EQ LT LE UNORD NEQ NLT NLE ORD EQ_UQ NGE NGT FALSE NEQ_OQ GE GT TRUE EQ_OS LT_OQ LE_OQ UNORD_S NEQ_US NLT_UQ " +
  "NLE_UQ ORD_S EQ_US NGE_UQ NGT_UQ FALSE_OS NEQ_OS GE_OQ GT_OQ TRUE_US").split(" ");

export const PSEUDO_OPS: readonly PseudoOp[] = [
  ...["PS", "PD", "SS", "SD"].flatMap((type) => ["EQ", "LT", "LE", "UNORD", "NEQ", "NLT", "NLE", "ORD"].map((predicate, immediate) =>
    ({ name: `CMP${predicate}${type}`, base: `CMP${type}`, immediate }))),
  ...["PS", "PD", "SS", "SD"].flatMap((type) => AVX_PREDICATES.map((predicate, immediate) =>
    ({ name: `VCMP${predicate}${type}`, base: `VCMP${type}`, immediate }))),
  ...["", "V"].flatMap((v) => [["LL", 0x00], ["HL", 0x01], ["LH", 0x10], ["HH", 0x11]].map(([h, immediate]) =>
    ({ name: `${v}PCLMUL${String(h)[0]}Q${String(h)[1]}QDQ`, base: `${v}PCLMULQDQ`, immediate: Number(immediate) }))),
];
