/** One number for a machine's whole state: what determinism, replays and restores are checked by. */
import type { StateSection } from "../../base/persist.ts";
import type { Position } from "./door.ts";

/** Values that JSON lacks: hexadecimal. */
const plain = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? `0x${value.toString(16)}` : value instanceof Uint8Array ? hex(value) : value;

const hex = (bytes: Uint8Array): string => [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");

const digest = async (data: Uint8Array<ArrayBuffer>): Promise<string> => hex(new Uint8Array(await crypto.subtle.digest("SHA-256", data)));

/** SHA-256 in hex. `memory`: RAM and video memory. */
export async function stateHash(memory: Uint8Array<ArrayBuffer>, sections: readonly StateSection[], { instructions, ns }: Position): Promise<string> {
  const text = JSON.stringify(sections, plain);
  const utf8 = new TextEncoder();
  return digest(utf8.encode(`${await digest(memory)} ${await digest(utf8.encode(text))} ${instructions} ${ns}`));
}
