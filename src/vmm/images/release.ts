/** Gives the memory of large arrays back now instead of at some collection. */

/**
 * Sends the buffers to nowhere. (ArrayBuffer.transfer would leave the memory with the browser's own object for what it has
 * handed out.) The arrays are empty afterwards.
 */
export function release(arrays: readonly Uint8Array[]): void {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  for (const { buffer } of arrays) {
    if (buffer instanceof ArrayBuffer && buffer.byteLength > 0) port1.postMessage(null, [buffer]);
  }
  port1.close();
}
