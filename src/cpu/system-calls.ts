/** What SYSCALL, SYSRET, SYSENTER and SYSEXIT load without asking a table (SDM 2B), for the helpers and for the lifters' fast paths. */
import { ATTR } from "./state.ts";

const CODE = ATTR.P | ATTR.S | 11 | ATTR.G;

/** Attributes at CPL 0; ATTR.DPL is added at CPL 3. `limit` in bytes, inclusive. */
export const CALL_SEGMENTS = { code64: CODE | ATTR.L, code32: CODE | ATTR.DB, data: ATTR.P | ATTR.S | 3 | ATTR.G | ATTR.DB, limit: 0xffffffff } as const;

/** RFLAGS bits that SYSRET takes from R11. */
export const SYSRET_FLAGS = 0x3c7fd7;
