/** The only module of vmm/ that ui/ imports: the calls that cross the worker boundary (through Comlink). */
import type { MachineConfig, MachineStatus, StopReport, MachineStats } from "./config.ts";
export type { MachineConfig, MachineStatus, StopReport, MachineStats, MachineState, KernelImages, StopKind } from "./config.ts";
export { DETERMINISTIC_EPOCH_SECONDS } from "./config.ts";

/** Events from worker to page. */
export interface MachineEvents {
  /** Serial output in batches, byte for byte. A promise slows the guest down to the speed at which it resolves. */
  serial(bytes: Uint8Array): void | Promise<void>;
  status(status: MachineStatus): void;
  stopped(report: StopReport): void;
}

/** One machine in one worker. A call that fails rejects with an Error whose message is the one clear line. */
export interface MachineApi {
  /** Builds and starts a machine; the previous one of this worker, if any, is discarded. */
  powerOn(config: MachineConfig, events: MachineEvents): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  reset(): Promise<void>;
  powerOff(): Promise<void>;
  /** Presses the power button: a guest that listens (ACPI) shuts itself down. False: it does not listen. */
  powerButton(): Promise<boolean>;
  /** Bytes typed by the user. All are queued; none is lost however many. */
  serialInput(bytes: Uint8Array): Promise<void>;
  stats(): Promise<MachineStats>;
}
