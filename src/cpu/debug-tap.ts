/** What a debugger outside the guest may ask to be told by the CPU. A null tap costs one comparison on a slow path. */
import type { EventKind } from "./fault.ts";

/** Accesses to data. Told after the access was found possible, before the instruction has ended. */
export interface AccessTap {
  /**
   * Watched accesses go one by one, so that a repeated string instruction ends at the very element. It counts more instructions
   * then: never with guest time from the instruction count.
   */
  readonly exact: boolean;
  /** Whether something in the pages that hi:lo..+size-1 touches is watched: such pages never enter the TLBs. */
  watchesPage(lo: number, hi: number, size: number): boolean;
  dataAccess(lo: number, hi: number, size: number, write: boolean): void;
}

export interface PortTap {
  /** After the access; `value` is what was read or written, `width` in bytes. */
  portAccess(port: number, width: number, write: boolean, value: number): void;
}

export interface DeliveryTap {
  /** The handler of `vector` has been entered. `errorCode` -1: none. */
  delivered(vector: number, kind: EventKind, errorCode: number): void;
}
