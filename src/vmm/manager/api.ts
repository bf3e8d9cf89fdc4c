/** What the page and the embedding see of the machines: the manager's contract. Everything here is on the page's main thread. */
import type { InputState, MachineStatus, StopReport } from "../config.ts";
import type { MachineDebugger } from "../debug/api.ts";
import type { DiskDefinition, FileSource, MachineDefinition, MachineInput } from "../definition/definition.ts";
import type { FolderEntry } from "../files/kept-folder.ts";
import type { Screenshot } from "../screenshot.ts";
import type { MouseInput } from "../../devices/ps2/mouse.ts";
import type { LoadProgress } from "../images/progress.ts";

export type { CdromDefinition, DiskDefinition, FileSource, FirmwareBoot, FloppyDefinition, KernelBoot, MachineDefinition, MachineInput, NicDefinition, SharedFolderDefinition } from "../definition/definition.ts";

/**
 * `off`: never started, or switched off. `loading`: its images are on their way, or it is being restored. `stopped`: it ended by itself
 * (`report` says why). `saved`: off, with a state to go on from (`start` resumes it).
 */
export type MachinePhase = "off" | "loading" | "running" | "paused" | "stopped" | "saved";

export interface MachineSummary {
  readonly id: string;
  /** `definition.name`. */
  readonly name: string;
  readonly definition: MachineDefinition;
  readonly state: MachinePhase;
  /** The last report of a machine that runs or is paused. */
  readonly status: MachineStatus | null;
  /** Of one core, 0 to 1, over the last status interval: what its worker was busy. */
  readonly load: number;
  /** Its worker has answered lately. A machine that does not answer can be switched off all the same. */
  readonly responding: boolean;
  /** Set in state `stopped`. */
  readonly report: StopReport | null;
  /** A small picture of its screen, or of the last snapshot. */
  readonly thumbnail: Blob | null;
  /** One line: why the last start or command failed. */
  readonly error: string | null;
  /** While `loading`. */
  readonly progress: LoadProgress | null;
  readonly createdMs: number;
  /** Guest keyboard LEDs and mouse. */
  readonly input: InputState;
}

export type ManagerEvent =
  /** Machines were added, removed or put into another order. */
  | { readonly kind: "list" }
  /** Something of this machine's summary has changed. */
  | { readonly kind: "machine"; readonly id: string; readonly machine: MachineSummary }
  /** Its snapshots have changed. */
  | { readonly kind: "snapshots"; readonly id: string }
  /** Files in a shared folder may have changed. */
  | { readonly kind: "folder"; readonly id: string; readonly tag: string }
  /** For the machine's log; one line. */
  | { readonly kind: "log"; readonly id: string; readonly atMs: number; readonly level: "info" | "error"; readonly message: string };

/** What a terminal of the machine gets. Several may listen; each gets the backlog first. */
export interface ConsoleListener {
  /** Output of a serial port (0 is COM1), byte for byte. A promise holds the guest back until it resolves. */
  serial?(bytes: Uint8Array, port: number): void | Promise<void>;
  /** A machine starts anew on this terminal: by the user's wish, or because the guest asked for a reset. */
  restarted?(byGuest: boolean): void;
}

/** A terminal's way into a machine. It stays valid over stops and starts, until the machine is removed or `close`. */
export interface MachineConsole {
  /** Serial ports that go to terminals: `definition.console.ports`. */
  readonly ports: number;
  /** Bytes typed or pasted at a port (default COM1). Dropped while no machine runs. */
  type(bytes: Uint8Array, port?: number): void;
  /** A key by its place, named as KeyboardEvent.code; null lets go of all keys. */
  key(code: string | null, pressed: boolean): void;
  mouse(input: MouseInput): void;
  /** `connect` gives the other end of a port for DisplayApi.attach: called now where a machine runs, and at each start. One display at a time: the last one. */
  attachDisplay(connect: () => MessagePort): void;
  close(): void;
}

export interface SnapshotInfo {
  readonly id: string;
  readonly machineId: string;
  readonly parent: string | null;
  readonly name: string;
  readonly notes: string;
  readonly createdMs: number;
  readonly ramBytes: number;
  readonly instructions: number;
  readonly guestTimeNs: number;
  /** PNG or WebP of the screen. */
  readonly thumbnail: Blob | null;
  /** The last lines of the terminal. */
  readonly terminalTail: string;
  /** Bytes that it added to the store. */
  readonly storedBytes: number;
  /** The machine's present state descends from it directly. */
  readonly current: boolean;
}

export interface SnapshotDifference {
  /** 4 KiB pages of RAM. */
  readonly pages: { readonly differing: number; readonly total: number; /** Ranges of page numbers, `[first, end)`. */ readonly ranges: readonly (readonly [number, number])[] };
  /** By drive id: clusters that differ. */
  readonly disks: Readonly<Record<string, { readonly differing: number; readonly clusterBytes: number }>>;
}

/** A file that the user gave to the page; kept until it is removed. */
export interface StoredFile {
  /** As `FileSource.file` names it. */
  readonly name: string;
  readonly bytes: number;
  readonly addedMs: number;
  /** Names of the machines whose definitions name it. */
  readonly usedBy: readonly string[];
}

export type { FolderEntry } from "../files/kept-folder.ts";

/** A shared folder that the page keeps, seen from the host. Calls reject with one clear line. */
export interface SharedFolder {
  list(path?: string): Promise<readonly FolderEntry[]>;
  read(path: string): Promise<Blob>;
  /** Makes the folders on the way; replaces a file that is there. */
  write(path: string, data: Blob, onProgress?: (progress: LoadProgress) => void): Promise<void>;
  makeFolder(path: string): Promise<void>;
  /** A folder with what is in it. */
  remove(path: string): Promise<void>;
}

export type { DefinitionError, DefinitionProblem } from "../definition/problems.ts";

export interface StorageInfo {
  /** Bytes of this origin. */
  readonly usage: number;
  readonly quota: number;
  /** The browser has promised not to throw it away by itself. */
  readonly persisted: boolean;
}

export interface DriveInfo {
  /** `disk0`, `cdrom0`, `floppy0`, …: kind and place in the definition. */
  readonly id: string;
  readonly kind: "disk" | "cdrom" | "floppy";
  /** What is in it; null: empty. */
  readonly image: DiskDefinition["image"] | null;
  readonly writes: DiskDefinition["writes"];
  /** Bytes that the machine's own layer above the image takes in the store; 0: there is none. */
  readonly keptBytes: number;
}

/**
 * All machines of a page. Each runs in a worker of its own; what one does disturbs no other. Calls reject with an Error whose message
 * is one clear line. A call that needs a running machine rejects when there is none.
 */
export interface Manager {
  list(): readonly MachineSummary[];
  get(id: string): MachineSummary | null;
  /** Returns the function that ends the subscription. */
  subscribe(listener: (event: ManagerEvent) => void): () => void;

  /** Checks a definition out of YAML or JSON. Rejects with a DefinitionError: `FILE:LINE: FIELD: what`, and `problems` one by one. */
  parse(text: string, fileName: string): Promise<MachineDefinition>;
  /** As YAML. */
  describe(id: string): Promise<string>;
  /** Resolves to the new machine's id, when its record is durable. `base`: what relative addresses in it are relative to; default: the page. Without a definition: the default guest. `id`: one of the caller's own instead of eight random digits. */
  create(definition?: MachineInput | MachineDefinition, base?: string, id?: string): Promise<string>;
  /** Takes effect at the next start, except CPU share, background and name, which do at once. */
  update(id: string, definition: MachineInput | MachineDefinition): Promise<void>;
  rename(id: string, name: string): Promise<void>;
  /** Switches it off and removes it with its disks, folders and snapshots. */
  remove(id: string): Promise<void>;

  /** Loads and runs it; resolves when it runs. Rejects with an error named `GuestMissingError` where the server has no default guest. A machine that is `saved` goes on from where it was. */
  start(id: string): Promise<void>;
  pause(id: string): Promise<void>;
  resume(id: string): Promise<void>;
  /** Hard reset; one that has ended is started again. */
  reset(id: string): Promise<void>;
  /** ACPI. False: the guest does not listen. */
  powerButton(id: string): Promise<boolean>;
  /** Always works: a worker that does not answer is ended by force. */
  powerOff(id: string): Promise<void>;

  console(id: string, listener: ConsoleListener): MachineConsole;
  /** The screen as RGBA, or null: no machine, or no display. */
  screenshot(id: string): Promise<Screenshot | null>;
  /** Changes the medium of a running machine's drive, and of its definition; null takes it out. */
  insert(id: string, driveId: string, image: FileSource | null): Promise<void>;
  drives(id: string): Promise<readonly DriveInfo[]>;
  /** Forgets what the guest has written to a drive. The machine must be off. */
  forgetWrites(id: string, driveId: string): Promise<void>;
  folder(id: string, tag: string): SharedFolder;

  /** A restore or a fork is likely to be asked for: from now on a worker is kept warm for it (some 30 MB). Listing or taking snapshots says so, too. */
  foresee(): void;
  snapshots(id: string): Promise<readonly SnapshotInfo[]>;
  takeSnapshot(id: string, about: { readonly name: string; readonly notes?: string }, onProgress?: (progress: LoadProgress) => void): Promise<SnapshotInfo>;
  /** The machine goes on from there; its present state is lost unless it was saved. */
  restoreSnapshot(id: string, snapshotId: string): Promise<void>;
  describeSnapshot(snapshotId: string, about: { readonly name?: string; readonly notes?: string }): Promise<void>;
  /** A new machine that begins at the snapshot. */
  branch(snapshotId: string): Promise<string>;
  removeSnapshot(snapshotId: string): Promise<void>;
  compare(a: string, b: string, onProgress?: (progress: LoadProgress) => void): Promise<SnapshotDifference>;
  /** A running machine's independent twin, which runs. */
  fork(id: string): Promise<string>;

  /** A debugger of the machine that runs, or is paused. One at a time: one that was given before is closed. */
  debug(id: string): Promise<MachineDebugger>;

  /** Takes a snapshot that `start` goes on from, and switches the machine off: state `saved`. */
  save(id: string, onProgress?: (progress: LoadProgress) => void): Promise<void>;

  exportMachine(id: string, onProgress?: (progress: LoadProgress) => void): Promise<Blob>;
  importMachine(file: Blob, onProgress?: (progress: LoadProgress) => void): Promise<string>;

  /** Keeps a file that the user gave; a name that is taken by other content gets a number. */
  addFile(file: File, onProgress?: (progress: LoadProgress) => void): Promise<StoredFile>;
  files(): Promise<readonly StoredFile[]>;
  removeFile(name: string): Promise<void>;

  storage(): Promise<StorageInfo>;
  /** Asks the browser to keep the store. */
  persist(): Promise<boolean>;

  /** The page is seen, or not: machines with `background: pause` obey. */
  setVisible(visible: boolean): void;
  /** Ends all workers. Records stay. */
  close(): Promise<void>;
}
