/** When a machine's screen is looked at, and what the frames' data stands in. */
import { expect, it } from "vitest";
import type { DisplaySink, LinearScreen, ScreenUpdate } from "../devices/vga/screen.ts";
import { DisplayFeed } from "./display-feed.ts";

const STATE: LinearScreen = { kind: "linear", width: 1, height: 1, bpp: 32, pitch: 4, offset: 0, palette: new Uint32Array(256), colours: new Uint8Array(16) };
const BYTES = 4096;

function rig(): { feed: DisplayFeed; frames: ScreenUpdate[]; at(ms: number): void } {
  const frames: ScreenUpdate[] = [];
  let now = 1000;
  const source = {
    presentAll: () => undefined,
    present: (sink: DisplaySink) => {
      sink.update({ state: STATE, pages: Uint32Array.of(0), data: sink.room?.(BYTES) ?? new Uint8Array(BYTES) });
      return true;
    },
  };
  const feed = new DisplayFeed(() => source, (update) => frames.push(update), () => now);
  return { feed, frames, at: (ms) => (now = 1000 + ms) };
}

it("a slice ends when a frame is due, and is not shortened where none is wanted", () => {
  const { feed, frames, at } = rig();
  expect(feed.restMs).toBe(Infinity);
  feed.request(true);
  feed.poll(false);
  expect([frames.length, feed.restMs]).toEqual([1, Infinity]);
  feed.request(false);
  expect(feed.restMs).toBeCloseTo(1000 / 120, 5);
  at(8);
  feed.poll(false);
  expect(frames.length).toBe(1);
  expect(feed.restMs).toBe(1);
  at(8.5);
  feed.poll(false);
  expect(frames.length).toBe(2);
  feed.request(false);
  at(100);
  expect(feed.restMs).toBe(Infinity);
  feed.close();
});

it("an earlier frame's memory is used again where it is large enough", () => {
  const { feed, frames, at } = rig();
  const spare = new ArrayBuffer(BYTES * 2);
  feed.request(true, spare);
  feed.poll(false);
  expect(frames[0].data.buffer).toBe(spare);
  expect(frames[0].data.length).toBe(BYTES);
  at(100);
  feed.request(false, new ArrayBuffer(8));
  feed.poll(false);
  expect(frames[1].data.buffer).not.toBe(spare);
  expect(frames[1].data.length).toBe(BYTES);
  feed.close();
});
