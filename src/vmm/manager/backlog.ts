/** The last bytes of a terminal, for terminals that are opened later. */

export class Backlog {
  private pieces: Uint8Array[] = [];
  private bytes = 0;

  constructor(public limit: number) {}

  push(piece: Uint8Array): void {
    if (this.limit === 0 || piece.length === 0) return;
    this.pieces.push(piece.slice());
    this.bytes += piece.length;
    while (this.bytes - this.pieces[0].length >= this.limit) {
      this.bytes -= this.pieces[0].length;
      this.pieces.shift();
    }
    // Many small pieces cost more than their bytes.
    if (this.pieces.length > MAX_PIECES) this.pieces = [this.join()];
  }

  /** Everything, at most `limit` bytes; cut at the start of a line where something is missing. */
  take(): Uint8Array {
    const all = this.join();
    if (all.length <= this.limit) return all;
    const cut = all.subarray(all.length - this.limit);
    const line = cut.indexOf(10);
    return line < 0 ? cut : cut.subarray(line + 1);
  }

  private join(): Uint8Array {
    const all = new Uint8Array(this.bytes);
    let at = 0;
    for (const piece of this.pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }

  clear(): void {
    this.pieces = [];
    this.bytes = 0;
  }
}

const MAX_PIECES = 512;
