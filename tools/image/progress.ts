/** Progress for a person: one line that updates itself on a terminal, plain lines elsewhere. */

export interface ImageLog {
  /** A finished step, kept on the screen. */
  line(text: string): void;
  /** What is going on; replaced by the next call. `fraction` is 0 to 1, null when it is not known. */
  progress(text: string, fraction: number | null): void;
}

/** Writes to standard error, so that standard output stays free for results. */
export function consoleLog(stream: NodeJS.WriteStream = process.stderr): ImageLog {
  let shown = "";
  const clear = (): void => {
    if (stream.isTTY && shown !== "") stream.write("\r\x1b[K");
    shown = "";
  };
  let announced = "";
  return {
    line(text) {
      clear();
      stream.write(`${text}\n`);
      announced = "";
    },
    progress(text, fraction) {
      if (!stream.isTTY) {
        // Percentages are for terminals: a log gets each step once.
        if (text !== announced) stream.write(`${text} ...\n`);
        announced = text;
        return;
      }
      const line = fraction === null ? `${text} ...` : `${text} ... ${Math.floor(fraction * 100)} %`;
      if (line === shown) return;
      clear();
      stream.write(line.slice(0, Math.max(10, stream.columns - 1)));
      shown = line;
    },
  };
}

export const silentLog: ImageLog = { line: () => undefined, progress: () => undefined };
