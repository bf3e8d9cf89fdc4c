/** ChaCha20 against RFC 8439's vectors; the source's state. */
import { expect, it } from "vitest";
import { restoreSections, saveSection } from "../../base/persist.ts";
import { chachaBlock, Entropy } from "./entropy.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

it("makes the block of RFC 8439 §2.3.2", () => {
  const key = Uint8Array.from({ length: 32 }, (_, i) => i);
  const input = new Uint32Array(16);
  input.set([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574]);
  input.set(new Uint32Array(key.buffer), 4);
  input.set([1, 0x09000000, 0x4a000000, 0], 12);
  const block = new Uint8Array(64);
  chachaBlock(input, block);
  expect(hex(block)).toBe("10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4ed2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e");
});

it("gives the key stream of RFC 8439 appendix A.1 (test vectors 1 and 2) in pieces of any size", () => {
  const stream =
    "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586" +
    "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f";
  const source = new Entropy(new Uint8Array(32));
  const out = new Uint8Array(128);
  for (let at = 0, n = 1; at < 128; at += n, n = (n * 5) % 23) source.fill(out.subarray(at, Math.min(128, at + n)));
  expect(hex(out)).toBe(stream);
});

it("goes on after a restore where it was, and elsewhere once it is reseeded", () => {
  const source = new Entropy(Uint8Array.from({ length: 32 }, (_, i) => i * 7));
  source.fill(new Uint8Array(101));
  const copy = new Entropy(new Uint8Array(32));
  restoreSections([copy], [saveSection(source)]);
  const draw = (e: Entropy): string => {
    const bytes = new Uint8Array(100);
    e.fill(bytes);
    return hex(bytes);
  };
  const next = draw(source);
  expect(draw(copy)).toBe(next);
  copy.reseed(new Uint8Array(32).fill(9));
  expect(draw(copy)).not.toBe(draw(source));
});
