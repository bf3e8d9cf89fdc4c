/** The VEX forms of the string comparisons, AES and PCLMULQDQ: the helpers of sse-string.ts. SDM Vol. 2. */
import { fixed } from "../ir/ir.ts";
import { STATE } from "../layout.ts";
import { CRYPTO_OP, STAGE } from "../helpers/sse-ops.ts";
import { avx, halfRef, readVec, setVec } from "./avx-common.ts";
import { stateful, type Lifter, type LifterTable } from "./registry.ts";
import { gate, imm8, zero128 } from "./sse-common.ts";
import { compareStringsBody } from "./sse-string.ts";

/** What writes XMM0 zeroes above it. */
const compareStrings = (explicit: boolean, mask: boolean): Lifter => (c) => {
  gate(c, 4);
  compareStringsBody(c, explicit, mask);
  if (mask) c.set(128, halfRef(fixed(STATE.xmm), 1), zero128(c));
};

/** With three vector operands the first source is operand 1. */
const crypto = (op: number): Lifter => avx((c) => {
  const last = c.operand(2)?.reg === "xmm" || c.isMem(2) ? 2 : 1;
  const [b] = readVec(c, last);
  if (last === 2) c.set(128, fixed(STAGE.a), c.get(128, c.ref(1)));
  c.set(128, fixed(STAGE.b), b);
  const at = c.form.operands.findIndex((o) => o.kind === "imm");
  c.call("sseCrypto", c.i32(op), at < 0 ? c.i32(0) : imm8(c));
  setVec(c, 0, [c.get(128, fixed(STAGE.result))]);
});

const ciphers: Record<string, Lifter> = {};
for (const [name, op] of Object.entries(CRYPTO_OP)) if (!name.startsWith("sha")) ciphers[`v${name}`] = crypto(op);

export const AVX_STRING: LifterTable = {
  vpcmpistri: compareStrings(false, false), vpcmpistrm: compareStrings(false, true),
  vpcmpestri: stateful(compareStrings(true, false)), vpcmpestrm: stateful(compareStrings(true, true)),
  ...ciphers,
};
