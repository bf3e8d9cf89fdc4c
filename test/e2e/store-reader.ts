/** A worker of the store's browser tests that reads synchronously, as a machine's worker does. */
import { connectStore } from "../../src/vmm/store/client.ts";
import { encodeTable } from "../../src/vmm/store/objects.ts";
import { openReader } from "../../src/vmm/store/reader.ts";
import { page, verify } from "../store/load.ts";

export interface ReaderTask {
  readonly kind: "verify" | "speed" | "abandon";
  readonly port: MessagePort;
}

export interface ReaderReply {
  readonly keys?: readonly string[];
  readonly error?: string;
  readonly figures?: Readonly<Record<string, number>>;
}

async function run({ kind, port }: ReaderTask): Promise<ReaderReply> {
  const store = connectStore(port);
  if (kind === "abandon") {
    await (await store.begin()).put([page(1)]);
    return {};
  }
  if (kind === "speed") return { figures: await speed(store) };
  const source = await store.reader();
  const keys = await verify(store, await openReader(source));
  await store.release(source.lease);
  return { keys };
}

const PAGES = 16_384;

/** Milliseconds and MB/s of 64 MB that compress to about a third, and of single pages after it. */
async function speed(store: ReturnType<typeof connectStore>): Promise<Record<string, number>> {
  const pages = Array.from({ length: PAGES }, (_, i) => page(i + 1));
  const megabytes = (PAGES * 4096) / 1e6;
  let began = performance.now();
  const transaction = await store.begin();
  const ids: string[] = [];
  for (let at = 0; at < PAGES; at += 256) ids.push(...(await transaction.put(pages.slice(at, at + 256))));
  const tables = await transaction.put(Array.from({ length: PAGES / 512 }, (_, i) => encodeTable(ids.slice(i * 512, (i + 1) * 512))));
  await transaction.commit([{ key: "speed/one", data: {}, references: { objects: [], tables } }]);
  const write = performance.now() - began;

  began = performance.now();
  const source = await store.reader();
  const reader = await openReader(source);
  const first = reader.read(ids[PAGES / 2]);
  const open = performance.now() - began;
  if (first.length !== 4096) throw new Error("a page of another length");

  began = performance.now();
  for (const id of ids) reader.read(id);
  const inOrder = performance.now() - began;

  began = performance.now();
  const random = 1000;
  for (let i = 0; i < random; i++) reader.read(ids[(i * 7919) % PAGES]);
  const scattered = performance.now() - began;
  await store.release(source.lease);
  await store.write([], ["speed/one"]);
  return { writeMBs: megabytes / (write / 1000), firstReadMs: open, readMBs: megabytes / (inOrder / 1000), scatteredReadUs: (scattered * 1000) / random };
}

self.onmessage = (event: MessageEvent<ReaderTask>) =>
  void run(event.data).then(
    (reply) => self.postMessage(reply),
    (e: Error) => self.postMessage({ error: e.message } satisfies ReaderReply),
  );
