/** What a machine's memory descends from: the tables of the snapshot that was last taken or restored. */
import type { PageTable } from "./page-table.ts";

export interface Lineage {
  readonly ram: PageTable;
  readonly video: PageTable;
}
