/** A whole machine as a sequence of values, and back: its sections, then its memory in pieces, those of zeroes left out. */
import { UserError } from "../../base/errors.ts";
import { StateReader, type StateFields, type StateValue } from "../../base/persist.ts";
import type { Machine } from "../machine/machine.ts";
import { decodeSections, encodeSections } from "../state-codec.ts";

const PIECE = 1 << 20;

/** Between runs. Bytes are views of the machine's memory: use each piece before the next. */
export function* machineState(machine: Machine): Generator<StateFields> {
  yield { sections: encodeSections(machine.save()) };
  const [start, end] = machine.guestMemoryRange;
  const { u8 } = machine.vcpu.state;
  for (let at = start; at < end; at += PIECE) {
    const bytes = u8.subarray(at, Math.min(end, at + PIECE));
    if (!isZero(bytes)) yield { at: at - start, bytes };
  }
}

/** Into a machine of the same configuration that has not run. Throws UserError. */
export function restoreMachine(machine: Machine, pieces: Iterable<StateValue>): void {
  const [start, end] = machine.guestMemoryRange;
  const { u8 } = machine.vcpu.state;
  // All of it is new to whoever takes snapshots.
  machine.vcpu.phys.beforeWrites(0, machine.vcpu.phys.ramSize);
  u8.fill(0, start, end);
  let sections: Uint8Array | null = null;
  for (const piece of pieces) {
    if (piece === null || typeof piece !== "object" || Array.isArray(piece) || piece instanceof Uint8Array) throw new UserError("saved state is damaged: a part of it makes no sense");
    const fields = piece as StateFields;
    const r = new StateReader("state", fields);
    if ("sections" in fields) sections = r.bytes("sections");
    else {
      const bytes = r.bytes("bytes");
      u8.set(bytes, start + r.int("at", 0, end - start - bytes.length));
    }
  }
  if (sections === null) throw new UserError("saved state is damaged: it has no sections");
  machine.restore(decodeSections(sections));
}

function isZero(bytes: Uint8Array): boolean {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false;
  return true;
}
