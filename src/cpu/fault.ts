/** Exceptions of the guest CPU. SDM 3A §6.15. */

export const VECTOR = {
  DE: 0, DB: 1, NMI: 2, BP: 3, OF: 4, BR: 5, UD: 6, NM: 7, DF: 8, TS: 10, NP: 11, SS: 12, GP: 13, PF: 14,
  MF: 16, AC: 17, MC: 18, XM: 19,
} as const;

/**
 * `fault` and `trap` are exceptions (of the faulting or after the trapping instruction), `software` is INT n, INT3 and
 * INTO, `icebp` is INT1, `external` is INTR or NMI.
 */
export type EventKind = "fault" | "trap" | "software" | "external" | "icebp";

/** Not a vector of the guest's: an instruction with an execution breakpoint was reached. The run loop makes it #DB or steps over it. */
export const BREAKPOINT_REACHED = 0x101;

/** Vectors that push an error code. */
export const HAS_ERROR_CODE = new Set<number>([8, 10, 11, 12, 13, 14, 17, 21]);

/** Page-fault error code bits, SDM 3A §4.7. */
export const PF_ERROR = { present: 1, write: 2, user: 4, reserved: 8, fetch: 16, protectionKey: 32 } as const;

/** Thrown by helpers in TypeScript; the helper boundary turns it into STATUS.fault. Never leaves cpu/. */
export class GuestFault extends Error {
  constructor(
    readonly vector: number,
    /** Pushed when the vector has an error code. */
    readonly errorCode = 0,
  ) {
    super();
  }
}
GuestFault.prototype.name = "GuestFault";

export const generalProtection = (errorCode = 0): GuestFault => new GuestFault(VECTOR.GP, errorCode);
export const undefinedOpcode = (): GuestFault => new GuestFault(VECTOR.UD);
