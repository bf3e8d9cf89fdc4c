/** The host's side of the serial line: marks, times, failures. */
import { describe, expect, test } from "vitest";
import { conversation, type Conversation } from "./conversation.ts";

const JOB = { name: "sieve", command: "sieve 20" };

function start(): { talk: Conversation; sent: string[]; clock: { ms: number }; settle: () => Promise<void> } {
  const sent: string[] = [];
  const clock = { ms: 0 };
  return {
    talk: conversation((text) => sent.push(text), () => clock.ms),
    sent,
    clock,
    settle: () => new Promise((resolve) => setImmediate(resolve)),
  };
}

describe("conversation", () => {
  test("times go from the word to begin to the end, in pieces of any size", async () => {
    const { talk, sent, clock, settle } = start();
    const ready = talk.ready();
    for (const piece of ["[    0.1] Linux version\r\nREA", "DY\r", "\n"]) talk.feed(piece);
    expect(await ready).toBe(0);

    const outcome = talk.run(JOB);
    expect(sent).toEqual(["sieve 20\n"]);
    clock.ms = 1000;
    talk.feed("BEGIN sieve\nE");
    await settle();
    expect(sent).toEqual(["sieve 20\n", "\n"]);
    clock.ms = 1200;
    talk.feed("ND sieve 00ff 19");
    clock.ms = 1250;
    talk.feed("8000000\n");
    clock.ms = 2000;
    await settle();
    expect(sent).toEqual(["sieve 20\n", "\n", "\n"]);
    talk.feed("DONE 0\n");
    expect(await outcome).toEqual({ name: "sieve", seconds: 0.25, guestSeconds: 0.198, checksum: "00ff" });
  });

  test("a number that may go on in the next piece is not taken yet", async () => {
    const { talk, settle } = start();
    let done = false;
    void talk.run(JOB).then(() => (done = true));
    talk.feed("BEGIN sieve\n");
    await settle();
    talk.feed("END sieve 12 34");
    await settle();
    expect(done).toBe(false);
    talk.feed("56\nDONE 0\n");
    await settle();
    expect(done).toBe(true);
  });

  test("a program that fails, that dies, and a line that goes away", async () => {
    const first = start();
    const failing = first.talk.run(JOB);
    first.talk.feed("FAIL quicksort: not sorted\nDONE 1\n");
    await expect(failing).rejects.toThrow("FAIL quicksort: not sorted");
    const second = start();
    const dying = second.talk.run(JOB);
    second.talk.feed("BEGIN sieve\n");
    await second.settle();
    second.talk.feed("DONE 139\n");
    await expect(dying).rejects.toThrow("DONE 139");
    const third = start();
    const cut = third.talk.run(JOB);
    third.talk.end("QEMU ended");
    await expect(cut).rejects.toThrow("QEMU ended");
    await expect(third.talk.run(JOB)).rejects.toThrow("QEMU ended");
  });
});
