/** The ES module `tabvisor`: machines in any web page. docs/EMBEDDING.md tells how. */
export { configure, type EmbedSettings } from "./host.ts";
export { Machine, type MachineOptions, type WaitOptions } from "./machine.ts";
export type {
  ConsoleListener, FileSource, FolderEntry, LoadProgress, MachineConsole, MachineDefinition, MachineInput, MachinePhase, MachineStatus, MachineSummary, MouseInput, Screenshot,
  SharedFolder, SnapshotInfo, StopReport,
} from "../vmm/api.ts";

declare const __TABVISOR_VERSION__: string;
/** Of this library; its API follows semantic versioning. */
export const version: string = __TABVISOR_VERSION__;
