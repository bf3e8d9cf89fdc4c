/** Images from a server and from files: progress, gzip, sizes, what breaks. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadImages } from "./load.ts";
import { ProgressMeter, type LoadProgress } from "./progress.ts";
import type { ImageSource } from "./source.ts";

const text = (s: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(s));
const PLAIN = text("hello ".repeat(20_000));
const ZIPPED = Uint8Array.from(gzipSync(PLAIN));

describe("progress", () => {
  it("adds up over files, with a rate", () => {
    const seen: LoadProgress[] = [];
    let now = 0;
    const meter = new ProgressMeter((p) => seen.push(p), () => now);
    meter.expect("a", 100);
    meter.expect("b", null);
    meter.add("a", 50);
    meter.expect("b", 300);
    now = 500;
    meter.add("b", 150);
    expect(seen).toEqual([
      { received: 50, total: null, bytesPerSecond: 0 },
      { received: 200, total: 400, bytesPerSecond: 300 },
    ]);
  });
});

const load = async (kernel: ImageSource): Promise<Uint8Array> => (await loadImages({ kernel, initrds: [] }, () => undefined)).kernel;

describe("files", () => {
  const file = (bytes: Uint8Array<ArrayBuffer>, name: string, size: number | null = null, unzip = true): Promise<Uint8Array> =>
    load({ name, from: { blob: new Blob([bytes]) }, unzip, size });

  it("are unzipped when they are gzip, and refused when damaged", async () => {
    expect(await file(ZIPPED, "x.gz")).toEqual(PLAIN);
    expect(await file(ZIPPED, "x.gz", PLAIN.length)).toEqual(PLAIN);
    expect(await file(PLAIN, "x")).toEqual(PLAIN);
    expect(await file(ZIPPED, "x.gz", null, false)).toEqual(ZIPPED);
    await expect(file(ZIPPED.slice(0, -9), "x.gz")).rejects.toThrow("x.gz: the gzip data is damaged or cut short");
    await expect(file(ZIPPED, "x.gz", 7)).rejects.toThrow("x.gz has more than the expected 7 bytes");
    await expect(file(PLAIN, "x", PLAIN.length + 1)).rejects.toThrow(`x has 120000 bytes, expected 120001`);
    expect(await file(text(""), "empty")).toEqual(new Uint8Array());
  });
  it("are whole although gzip's own size is wrong", async () => {
    const two = Uint8Array.from([...gzipSync(PLAIN), ...gzipSync(text("end"))]);
    // Several members: the last four bytes tell of the last one only.
    expect(Buffer.from(await file(two, "x.gz")).toString()).toBe(`${Buffer.from(PLAIN).toString()}end`);
  });
});

describe("servers", () => {
  let server: Server;
  let base = "";
  beforeAll(async () => {
    server = createServer((request, response) => {
      const path = request.url ?? "";
      if (path === "/kernel.gz") response.writeHead(200, { "content-length": ZIPPED.length }).end(ZIPPED);
      else if (path === "/initrd") response.writeHead(200).end(PLAIN);
      else if (path === "/page") response.writeHead(200, { "content-type": "text/html" }).end("<p>");
      else if (path === "/lost") {
        response.writeHead(200, { "content-length": 1_000_000 }).write("some");
        setTimeout(() => response.destroy(), 20);
      } else response.writeHead(path === "/bad" ? 500 : 404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  const at = (path: string, size: number | null = null): ImageSource => ({ name: path, from: { url: `${base}${path}` }, unzip: true, size });

  it("give images, with progress and what is needed to load again without them", async () => {
    const seen: LoadProgress[] = [];
    const loaded = await loadImages({ kernel: at("kernel.gz", PLAIN.length), initrds: [at("initrd")] }, (p) => seen.push(p));
    expect(loaded.kernel).toEqual(PLAIN);
    expect(loaded.initrds).toEqual([PLAIN]);
    expect(seen.at(-1)?.received).toBe(ZIPPED.length + PLAIN.length);
    const { from } = loaded.kept.kernel;
    expect("blob" in from && from.blob.size).toBe(ZIPPED.length);
    const again = await loadImages(loaded.kept, () => undefined);
    expect(again.kernel).toEqual(PLAIN);
    expect(again.initrds).toEqual([PLAIN]);
  });
  it("may have no such file, or fail", async () => {
    await expect(load(at("nothing"))).rejects.toMatchObject({ name: "NotFoundError", message: "/nothing is not on the server" });
    await expect(load(at("page"))).rejects.toMatchObject({ name: "NotFoundError" });
    await expect(load(at("bad"))).rejects.toThrow("cannot fetch /bad: the server answers 500");
    await expect(load(at("lost"))).rejects.toThrow("cannot fetch /lost: the connection was lost");
    await expect(load({ ...at("x"), from: { url: "http://127.0.0.1:1/x" } })).rejects.toThrow("cannot fetch /x: no connection to the server");
  });
});
