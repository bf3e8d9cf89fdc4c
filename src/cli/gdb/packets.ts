/** GDB's remote protocol on the wire: packets, checksums, acknowledgements, escapes. GDB manual, appendix E "Overview". */

export type Received =
  | { readonly kind: "packet"; readonly bytes: Uint8Array }
  /** A checksum that is wrong, or a packet that is too long. */
  | { readonly kind: "bad" }
  | { readonly kind: "ack" }
  | { readonly kind: "nack" }
  /** Ctrl-C. */
  | { readonly kind: "interrupt" };

/** Bytes of a packet that is accepted, escapes not undone; PacketSize tells GDB of it. */
export const PACKET_BYTES = 0x4000;

const DOLLAR = 0x24;
const HASH = 0x23;
const ESCAPE = 0x7d;
const PLUS = 0x2b;
const MINUS = 0x2d;
const CTRL_C = 3;

const hexDigit = (byte: number): number => {
  const v = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(v) ? -1 : v;
};

/** Takes bytes as they come, in pieces of any size, and whatever garbage. */
export class PacketReader {
  private state: "idle" | "body" | "sum1" | "sum2" = "idle";
  private readonly body = new Uint8Array(2 * PACKET_BYTES);
  private length = 0;
  private overlong = false;
  private sum = 0;
  private first = 0;

  feed(bytes: Uint8Array): Received[] {
    const out: Received[] = [];
    for (const b of bytes) this.take(b, out);
    return out;
  }

  private take(b: number, out: Received[]): void {
    switch (this.state) {
      case "idle":
        if (b === DOLLAR) this.begin();
        else if (b === PLUS) out.push({ kind: "ack" });
        else if (b === MINUS) out.push({ kind: "nack" });
        else if (b === CTRL_C) out.push({ kind: "interrupt" });
        return;
      case "body":
        if (b === HASH) {
          this.state = "sum1";
          return;
        }
        // A new packet's start: the end of the present one got lost.
        if (b === DOLLAR) {
          this.begin();
          return;
        }
        this.sum = (this.sum + b) & 0xff;
        if (this.length < this.body.length) this.body[this.length++] = b;
        else this.overlong = true;
        return;
      case "sum1":
        this.first = hexDigit(b);
        this.state = "sum2";
        return;
      case "sum2": {
        this.state = "idle";
        const second = hexDigit(b);
        if (this.overlong || this.first < 0 || second < 0 || this.first * 16 + second !== this.sum) out.push({ kind: "bad" });
        else out.push({ kind: "packet", bytes: unescape(this.body.subarray(0, this.length)) });
      }
    }
  }

  private begin(): void {
    this.state = "body";
    this.length = this.sum = 0;
    this.overlong = false;
  }
}

function unescape(body: Uint8Array): Uint8Array {
  const out = new Uint8Array(body.length);
  let n = 0;
  for (let i = 0; i < body.length; i++) {
    if (body[i] === ESCAPE && i + 1 < body.length) out[n++] = body[++i] ^ 0x20;
    else out[n++] = body[i];
  }
  return out.slice(0, n);
}

/** `$…#xx` of Latin-1 text. */
export function encodePacket(text: string): Buffer {
  const raw = Buffer.from(text, "latin1");
  const body: number[] = [];
  for (const b of raw) {
    if (b === DOLLAR || b === HASH || b === ESCAPE || b === 0x2a) body.push(ESCAPE, b ^ 0x20);
    else body.push(b);
  }
  const sum = body.reduce((s, b) => (s + b) & 0xff, 0);
  return Buffer.concat([Buffer.of(DOLLAR), Buffer.from(body), Buffer.from(`#${sum.toString(16).padStart(2, "0")}`)]);
}
