/** Flow control of what users type and paste. */

/** Keys and pasted text on their way to the guest: in order, a few kilobytes a call, one call at a time. */
export class InputQueue {
  private readonly pieces: Uint8Array[] = [];
  private sending = false;

  constructor(
    private readonly send: (bytes: Uint8Array) => Promise<void>,
    private readonly onError: (error: unknown) => void,
    private readonly pieceBytes = 4096,
  ) {}

  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += this.pieceBytes) this.pieces.push(bytes.slice(at, at + this.pieceBytes));
    if (!this.sending) void this.drain();
  }

  clear(): void {
    this.pieces.length = 0;
  }

  private async drain(): Promise<void> {
    this.sending = true;
    try {
      for (let piece = this.pieces.shift(); piece !== undefined; piece = this.pieces.shift()) await this.send(piece);
    } catch (error) {
      this.pieces.length = 0;
      this.onError(error);
    } finally {
      this.sending = false;
    }
  }
}
