/** What SYSCALL, SYSRET, SYSENTER and SYSEXIT load without asking a table (SDM 2B), and flags, for the helpers and for the lifters' fast paths. */
import { ARITH_FLAGS, FLAG } from "./layout.ts";
import { ATTR } from "./state.ts";

const CODE = ATTR.P | ATTR.S | 11 | ATTR.G;

/** Attributes at CPL 0; ATTR.DPL is added at CPL 3. `limit` in bytes, inclusive. */
export const CALL_SEGMENTS = { code64: CODE | ATTR.L, code32: CODE | ATTR.DB, data: ATTR.P | ATTR.S | 3 | ATTR.G | ATTR.DB, limit: 0xffffffff } as const;

/** RFLAGS bits that every IRET takes, and what else one of 32 or 64 bits does at CPL 0; RF is apart. */
export const IRET_ALWAYS = ARITH_FLAGS | FLAG.TF | FLAG.DF | FLAG.NT;
export const IRET_FLAGS = IRET_ALWAYS | FLAG.AC | FLAG.ID | FLAG.IF | FLAG.IOPL | FLAG.VIF | FLAG.VIP;

/** RFLAGS bits that SYSRET takes from R11. */
export const SYSRET_FLAGS = 0x3c7fd7;
