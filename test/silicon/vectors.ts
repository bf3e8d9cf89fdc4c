/** Recorded results of a real CPU: vectors.bin.gz, for hosts that cannot run the harness. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import { type Case, decodeCases, encodeCases } from "./format.ts";

const FILE = fileURLToPath(new URL("vectors.bin.gz", import.meta.url));
const LIMIT = 900_000;

export interface Vectors {
  /** The CPU that gave the results. */
  readonly cpu: string;
  readonly pool: Uint8Array;
  readonly cases: Case[];
  readonly results: Uint8Array;
}

export const haveVectors = (): boolean => existsSync(FILE);

/** The file: a line with the CPU's name, the cases as the harness reads them, the results as it writes them. */
export function readVectors(): Vectors {
  const bytes = new Uint8Array(gunzipSync(readFileSync(FILE)));
  const line = bytes.indexOf(10);
  // Aligned, for the views.
  const body = bytes.slice(line + 1);
  const { pool, cases, end } = decodeCases(body);
  return { cpu: new TextDecoder().decode(bytes.subarray(0, line)), pool, cases, results: body.slice(end) };
}

/** Answers the size of the file in bytes. */
export function writeVectors(v: Vectors): number {
  const packed = gzipSync(Buffer.concat([Buffer.from(`${v.cpu}\n`), encodeCases(v.pool, v.cases), v.results]), { level: 9 });
  if (packed.length > LIMIT) throw new Error(`${packed.length} bytes of vectors are more than the ${LIMIT} that the repository should hold`);
  writeFileSync(FILE, packed);
  return packed.length;
}
