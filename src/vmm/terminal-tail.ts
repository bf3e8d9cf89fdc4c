/** The end of what a serial console has shown. */

/** Bytes of the serial console's output that are kept for snapshots. */
const TAIL_BYTES = 8192;

export class TerminalTail {
  private readonly bytes = new Uint8Array(TAIL_BYTES);
  private length = 0;

  push(bytes: Uint8Array): void {
    const added = bytes.subarray(Math.max(0, bytes.length - TAIL_BYTES));
    const kept = Math.min(this.length, TAIL_BYTES - added.length);
    this.bytes.copyWithin(0, this.length - kept, this.length);
    this.bytes.set(added, kept);
    this.length = kept + added.length;
  }

  text(): string {
    return new TextDecoder().decode(this.bytes.subarray(0, this.length));
  }
}

