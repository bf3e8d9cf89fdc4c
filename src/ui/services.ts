/** What the parts of the page that are loaded later get from it. */
import type { Manager } from "../vmm/api.ts";
import type { Tasks } from "./views/tasks.ts";

/** A line of a machine's log. */
export interface LogLine {
  readonly atMs: number;
  readonly level: "info" | "error";
  readonly message: string;
}

export interface PageServices {
  readonly manager: Manager;
  readonly tasks: Tasks;
  /** One line, for everyone to see. */
  fail(error: unknown): void;
  /** For screen readers. */
  announce(text: string): void;
  /** Shows a machine. */
  choose(id: string): void;
  /** What has happened to a machine since the page was opened. */
  log(id: string): readonly LogLine[];
  /** Files that were dropped where they mean nothing special: images, definitions, exports. */
  takeFiles(files: readonly File[]): void;
}

/** One panel's content. It is made for each opening, and for each machine that is chosen meanwhile. */
export interface PanelContent {
  close(): void;
}

/** Fills `host` for a machine. */
export type PanelMaker = (host: HTMLElement, id: string, services: PageServices) => PanelContent;
