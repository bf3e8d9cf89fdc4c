/** What host and guest say to each other over the serial line (head of `bench/guest/main.c`), and the times that the host takes. */

export interface Job {
  readonly name: string;
  /** The line that the guest's server is sent. */
  readonly command: string;
}

export interface Outcome {
  readonly name: string;
  /** On the host's clock: from the word to begin, to the end. */
  readonly seconds: number;
  /** On the guest's own clock. */
  readonly guestSeconds: number;
  readonly checksum: string;
}

export interface Conversation {
  /** Takes what came over the line. */
  feed(text: string): void;
  /** The line is gone: what still waits fails with this. */
  end(why: string): void;
  /** Resolves when the guest takes commands: milliseconds on the clock. */
  ready(): Promise<number>;
  run(job: Job): Promise<Outcome>;
}

/**
 * `now` is in milliseconds. Sent to the browser as text as well: it uses nothing from outside of itself. Between commands
 * the guest waits for input, and a machine that waits has sent its output: so the end is seen when it happens.
 */
export function conversation(send: (text: string) => void, now: () => number): Conversation {
  interface Wait {
    readonly pattern: RegExp;
    resolve(found: { readonly match: RegExpExecArray; readonly at: number }): void;
    reject(error: Error): void;
  }
  let unread = "";
  /** For messages. */
  let tail = "";
  let waiting: Wait | null = null;
  let ended: string | null = null;

  const failure = (why: string): Error => new Error(tail === "" ? why : `${why}; the end of its output: ${JSON.stringify(tail.slice(-400))}`);
  const look = (at: number): void => {
    if (waiting === null) return;
    const lines = unread.slice(0, unread.lastIndexOf("\n") + 1);
    const failed = /^FAIL (.*?)\r?\n/m.exec(lines) ?? /^DONE ([1-9]\d*)\r?\n/m.exec(lines);
    const match = waiting.pattern.exec(lines);
    const { resolve, reject } = waiting;
    if (match !== null) {
      waiting = null;
      unread = unread.slice(match.index + match[0].length);
      resolve({ match, at });
    } else if (failed !== null) {
      waiting = null;
      unread = "";
      reject(failure(failed[0].trim()));
    } else if (ended !== null) {
      waiting = null;
      reject(failure(ended));
    }
  };
  const line = (pattern: RegExp): Promise<{ readonly match: RegExpExecArray; readonly at: number }> =>
    new Promise((resolve, reject) => {
      waiting = { pattern, resolve, reject };
      look(now());
    });

  return {
    feed(text) {
      const at = now();
      unread += text;
      tail = (tail + text).slice(-2000);
      look(at);
    },
    end(why) {
      ended ??= why;
      look(now());
    },
    async ready() {
      return (await line(/^READY\r?\n/m)).at;
    },
    async run({ name, command }) {
      send(`${command}\n`);
      await line(/^BEGIN \S+\r?\n/m);
      const from = now();
      send("\n");
      const { match, at } = await line(/^END \S+ ([0-9a-f]+) (\d+)\r?\n/m);
      send("\n");
      await line(/^DONE 0\r?\n/m);
      return { name, seconds: (at - from) / 1000, guestSeconds: Number(match[2]) / 1e9, checksum: match[1] };
    },
  };
}
