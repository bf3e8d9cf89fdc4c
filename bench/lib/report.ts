/** Figures with their targets, and the table that shows them. */

export type Engine = "qemu" | "node" | "chromium" | "build";

/** What an issue asks for. */
export interface Target {
  readonly of: "value" | "ratio";
  readonly at: "most" | "least";
  readonly limit: number;
}

export interface Row {
  readonly figure: string;
  readonly engine: Engine;
  /** The median of the samples. */
  readonly value: number;
  readonly unit: "s" | "ms" | "µs" | "MIPS" | "KB" | "MB" | "MB/s" | "%" | "x" | "frames/s";
  readonly samples: readonly number[];
  /** To QEMU's figure of the same run, as a time: above 1 is slower than QEMU. Null where there is nothing to compare. */
  readonly ratio: number | null;
  readonly target: Target | null;
  readonly note?: string;
}

export type Verdict = "pass" | "miss" | "";

export interface Environment {
  readonly date: string;
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly load: string;
}

export interface Results extends Environment {
  readonly runs: number;
  readonly suites: Readonly<Record<string, readonly Row[]>>;
  /** What could not be measured, and why. */
  readonly skipped: readonly string[];
}

export function median(samples: readonly number[]): number {
  if (samples.length === 0) throw new RangeError("median of nothing");
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export const most = (limit: number, of: Target["of"] = "value"): Target => ({ of, at: "most", limit });
export const least = (limit: number, of: Target["of"] = "value"): Target => ({ of, at: "least", limit });

export function row(
  figure: string,
  engine: Engine,
  unit: Row["unit"],
  samples: readonly number[],
  extra: { readonly ratio?: number | null; readonly target?: Target; readonly note?: string } = {},
): Row {
  const { ratio = null, target = null, note } = extra;
  return { figure, engine, value: median(samples), unit, samples, ratio, target, ...(note === undefined ? {} : { note }) };
}

export function verdict({ target, value, ratio }: Row): Verdict {
  if (target === null) return "";
  const measured = target.of === "value" ? value : ratio;
  if (measured === null) return "";
  return (target.at === "most" ? measured <= target.limit : measured >= target.limit) ? "pass" : "miss";
}

const ENGINES: Readonly<Record<Engine, string>> = { qemu: "QEMU", node: "Node", chromium: "Chromium", build: "build" };

const digitsOf = (unit: Row["unit"]): number => (unit === "s" || unit === "x" ? 2 : unit === "%" ? 1 : 0);

function number(value: number, unit: Row["unit"]): string {
  return `${value.toFixed(digitsOf(unit))}${unit === "x" ? "" : " "}${unit}`;
}

function targetText({ target, unit }: Row): string {
  if (target === null) return "";
  const sign = target.at === "most" ? "≤" : "≥";
  return target.of === "ratio" ? `${sign} ${Number(target.limit.toFixed(2))}x QEMU` : `${sign} ${target.limit}${unit === "x" ? "" : " "}${unit}`;
}

/** Lowest and highest sample, where there are several. */
function spread({ samples, unit }: Row): string {
  if (samples.length < 2) return "";
  const digits = digitsOf(unit);
  return `${Math.min(...samples).toFixed(digits)}–${Math.max(...samples).toFixed(digits)}`;
}

const HEAD = ["Figure", "On", "Target", "Median", "Spread", "To QEMU", "", "Note"] as const;

/** The table as Markdown with aligned columns, which a terminal shows as well. */
export function table(suites: Results["suites"]): string {
  const body = Object.values(suites)
    .flat()
    .map((r) => [
      r.figure,
      ENGINES[r.engine],
      targetText(r),
      number(r.value, r.unit),
      spread(r),
      r.ratio === null ? "" : `${r.ratio.toFixed(2)}x`,
      verdict(r),
      r.note ?? "",
    ]);
  const widths = HEAD.map((title, i) => Math.max(3, title.length, ...body.map((line) => line[i].length)));
  const line = (cells: readonly string[]): string => `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(" | ")} |`;
  return [line(HEAD), line(widths.map((w) => "-".repeat(w))), ...body.map(line)].join("\n");
}

export function environmentText(results: Results): string {
  const versions = Object.entries(results.versions).map(([name, version]) => `${name} ${version}`);
  return [
    `${results.date}, ${results.runs} runs each`,
    results.machine,
    versions.join("; "),
    `load average at the start: ${results.load}`,
    ...results.skipped.map((why) => `not measured: ${why}`),
  ].join("\n");
}

/** What stands between these lines of bench/README.md is written by `--update`. */
const BEGIN = "<!-- figures: written by npm run bench -- --update -->";
const END = "<!-- end of figures -->";

export function replaceFigures(readme: string, results: Results): string {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`bench/README.md lacks the lines '${BEGIN}' and '${END}'`);
  const list = environmentText(results).split("\n").map((text) => `- ${text}`).join("\n");
  return `${readme.slice(0, begin)}${BEGIN}\n${list}\n\n${table(results.suites)}\n${readme.slice(end)}`;
}
