/** Numbers and reports in words for a person. Pure functions. */
import type { MachineSummary, StopReport } from "../vmm/api.ts";

const UNITS = ["bytes", "KB", "MB", "GB"] as const;

/** Decimal units, three significant digits: `14.2 MB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** `4.312 s`, `1:05.2`, `2:03:04`. */
export function formatGuestTime(ns: number): string {
  const seconds = ns / 1e9;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
  const s = Math.floor(seconds);
  const two = (n: number): string => String(n).padStart(2, "0");
  const minutes = Math.floor(s / 60);
  if (minutes < 60) return `${minutes}:${two(s % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(s % 60)}`;
}

export function formatMips(perSecond: number): string {
  const mips = perSecond / 1e6;
  if (mips >= 9999.5) return `${(mips / 1000).toFixed(1)} GIPS`;
  return `${mips >= 99.5 ? mips.toFixed(0) : mips.toFixed(1)} MIPS`;
}

/** `512 K`, `1.24 G`: a count with a decimal suffix. */
export function formatCount(count: number): string {
  const suffixes = ["", " K", " M", " G", " T"];
  let value = count;
  let at = 0;
  while (value >= 999.5 && at < suffixes.length - 1) {
    value /= 1000;
    at++;
  }
  if (at === 0) return String(Math.round(value));
  return `${value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2)}${suffixes[at]}`;
}

export function formatMemory(mib: number): string {
  return mib >= 1024 && mib % 1024 === 0 ? `${mib / 1024} GiB` : `${mib} MiB`;
}

export type Tone = "good" | "warn" | "bad" | "info" | "quiet";

/** How a machine's state is called on the page, and its colour. */
export function describeState({ state, report, error }: Pick<MachineSummary, "state" | "report" | "error">): { label: string; tone: Tone } {
  switch (state) {
    case "off":
      return error === null ? { label: "Off", tone: "quiet" } : { label: "Failed", tone: "bad" };
    case "loading":
      return { label: "Loading", tone: "info" };
    case "running":
      return { label: "Running", tone: "good" };
    case "paused":
      return { label: "Paused", tone: "warn" };
    case "saved":
      return { label: "Saved", tone: "info" };
    case "stopped":
      return report === null ? { label: "Stopped", tone: "quiet" } : { label: describeStop(report).label, tone: describeStop(report).tone };
  }
}

/** `just now`, `5 minutes ago`, then the date. */
export function formatAgo(thenMs: number, nowMs: number): string {
  const minutes = Math.floor((nowMs - thenMs) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return minutes === 1 ? "a minute ago" : `${minutes} minutes ago`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return hours === 1 ? "an hour ago" : `${hours} hours ago`;
  return new Date(thenMs).toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" });
}

export interface StopDescription {
  /** For the state pill: one or two words. */
  readonly label: string;
  readonly title: string;
  /** What it means, for someone who meets it the first time. */
  readonly explanation: string;
  readonly tone: Tone;
}

export function describeStop(report: StopReport): StopDescription {
  const bad = report.exitCode !== 0;
  switch (report.kind) {
    case "power-off":
      return { label: "Powered off", title: "The guest powered off", explanation: "It shut itself down in an orderly way.", tone: "quiet" };
    case "reset":
      return {
        label: "Reset loop",
        title: "The guest keeps resetting the machine",
        explanation: "It asked for a reset again and again right after its start, so it was stopped.",
        tone: "warn",
      };
    case "triple-fault":
      return {
        label: "Triple fault",
        title: "Triple fault",
        explanation: "An exception struck while the CPU was delivering a double fault. A real PC would reset here.",
        tone: "bad",
      };
    case "kernel-panic":
      return {
        label: "Kernel panic",
        title: "The guest's kernel panicked",
        explanation: "It met an error that it cannot continue from. Its own last words are in the terminal.",
        tone: "bad",
      };
    case "debug-exit":
      return {
        label: `Exit ${report.exitCode}`,
        title: `The guest ended the machine with exit code ${report.exitCode}`,
        explanation: "It wrote to the debug-exit port, as test kernels do.",
        tone: "quiet",
      };
    case "halted-forever":
      return {
        label: "Halted",
        title: "The CPU halted for good",
        explanation: "It executed HLT with interrupts disabled: nothing can wake it again.",
        tone: bad ? "bad" : "warn",
      };
    case "error":
      return { label: "Error", title: "The machine stopped with an error", explanation: "", tone: "bad" };
  }
}
