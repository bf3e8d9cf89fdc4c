/** Errors that are meant for a person: the message is the one clear line that the user reads. */

/** Bad input or a missing precondition. Front ends print `message` alone, never a stack trace. */
export class UserError extends Error {
  override readonly name = "UserError";
}

/** An invariant of ours is broken. Never caused by guest or user input. */
export class InternalError extends Error {
  override readonly name = "InternalError";
}

/** Exhaustiveness check for `switch` over a union. */
export function unreachable(value: never): never {
  throw new InternalError(`unexpected value ${String(value)}`);
}
