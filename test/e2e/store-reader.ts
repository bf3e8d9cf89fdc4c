/** A worker of the store's browser tests that reads synchronously, as a machine's worker does. */
import { connectStore } from "../../src/vmm/store/client.ts";
import { openReader } from "../../src/vmm/store/reader.ts";
import { page, verify } from "../store/load.ts";
import { fillMany, firstObject, throughput, type StoreSpeed } from "../store/speed.ts";

export interface ReaderTask {
  readonly kind: "verify" | "throughput" | "fill" | "first" | "abandon";
  readonly port: MessagePort;
}

export interface ReaderReply {
  readonly keys?: readonly string[];
  readonly error?: string;
  readonly speed?: StoreSpeed;
  readonly firstMs?: number;
}

async function run({ kind, port }: ReaderTask): Promise<ReaderReply> {
  const store = connectStore(port);
  if (kind === "abandon") {
    await (await store.begin()).put([page(1)]);
    return {};
  }
  if (kind === "throughput") return { speed: await throughput(store) };
  if (kind === "first") return { firstMs: await firstObject(store) };
  if (kind === "fill") {
    await fillMany(store);
    return {};
  }
  const source = await store.reader();
  const keys = await verify(store, await openReader(source));
  await store.release(source.lease);
  return { keys };
}

self.onmessage = (event: MessageEvent<ReaderTask>) =>
  void run(event.data).then(
    (reply) => self.postMessage(reply),
    (e: Error) => self.postMessage({ error: e.message } satisfies ReaderReply),
  );
