/** Ethernet, ARP, IPv4, ICMP and UDP: reading and making packets (RFC 826, 791, 792, 768). */

export const ETHERTYPE = { ipv4: 0x0800, arp: 0x0806 } as const;
export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17 } as const;
export const ETHERNET_HEADER = 14;
const IPV4_HEADER = 20;
const UDP_HEADER = 8;
const TTL = 64;
/** Ethernet's shortest frame without its check sequence. */
const MIN_FRAME = 60;

/** A DataView over the bytes themselves. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The Internet checksum of parts, each of an even length but the last (RFC 1071). */
export function checksum(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const p of parts) for (let i = 0; i < p.length; i++) sum += (i & 1) === 0 ? p[i] << 8 : p[i];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

export function ethernet(to: Uint8Array, from: Uint8Array, type: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(Math.max(MIN_FRAME, ETHERNET_HEADER + payload.length));
  frame.set(to, 0);
  frame.set(from, 6);
  viewOf(frame).setUint16(12, type);
  frame.set(payload, ETHERNET_HEADER);
  return frame;
}

export interface Ipv4 {
  readonly protocol: number;
  /** Addresses are 32-bit numbers. */
  readonly source: number;
  readonly target: number;
  readonly header: Uint8Array;
  readonly payload: Uint8Array;
}

/** An unfragmented packet with a right checksum, else null. */
export function parseIpv4(bytes: Uint8Array): Ipv4 | null {
  if (bytes.length < IPV4_HEADER || bytes[0] >>> 4 !== 4) return null;
  const view = viewOf(bytes);
  const headerBytes = (bytes[0] & 15) * 4;
  const total = view.getUint16(2);
  if (headerBytes < IPV4_HEADER || total < headerBytes || total > bytes.length || (view.getUint16(6) & 0x3fff) !== 0) return null;
  const header = bytes.subarray(0, headerBytes);
  if (checksum(header) !== 0) return null;
  return { protocol: bytes[9], source: view.getUint32(12), target: view.getUint32(16), header, payload: bytes.subarray(headerBytes, total) };
}

export function ipv4(source: number, target: number, protocol: number, payload: Uint8Array): Uint8Array {
  const header = new Uint8Array(IPV4_HEADER);
  const view = viewOf(header);
  header[0] = 0x45;
  view.setUint16(2, IPV4_HEADER + payload.length);
  header[8] = TTL;
  header[9] = protocol;
  view.setUint32(12, source);
  view.setUint32(16, target);
  view.setUint16(10, checksum(header));
  return join(header, payload);
}

export interface Udp {
  readonly sourcePort: number;
  readonly targetPort: number;
  readonly payload: Uint8Array;
}

export function parseUdp(bytes: Uint8Array): Udp | null {
  if (bytes.length < UDP_HEADER) return null;
  const view = viewOf(bytes);
  const length = view.getUint16(4);
  if (length < UDP_HEADER || length > bytes.length) return null;
  return { sourcePort: view.getUint16(0), targetPort: view.getUint16(2), payload: bytes.subarray(UDP_HEADER, length) };
}

/** What transport checksums cover besides their own bytes (RFC 768, RFC 9293 §3.1). */
function pseudoHeader(source: number, target: number, protocol: number, length: number): Uint8Array {
  const pseudo = new Uint8Array(12);
  const view = viewOf(pseudo);
  view.setUint32(0, source);
  view.setUint32(4, target);
  pseudo[9] = protocol;
  view.setUint16(10, length);
  return pseudo;
}

const TCP = { header: 20, fin: 1, syn: 2, reset: 4, acknowledge: 16 } as const;

/** The segment that tells a sender that nobody listens (RFC 9293 §3.10.7.1); null for one that is itself a reset. */
export function refuseTcp({ source, target, payload }: Ipv4): Uint8Array | null {
  if (payload.length < TCP.header) return null;
  const from = viewOf(payload);
  const flags = payload[13];
  if ((flags & TCP.reset) !== 0) return null;
  const segment = new Uint8Array(TCP.header);
  const view = viewOf(segment);
  view.setUint16(0, from.getUint16(2));
  view.setUint16(2, from.getUint16(0));
  segment[12] = (TCP.header / 4) << 4;
  if ((flags & TCP.acknowledge) !== 0) {
    view.setUint32(4, from.getUint32(8));
    segment[13] = TCP.reset;
  } else {
    const length = payload.length - (payload[12] >>> 4) * 4 + ((flags & TCP.syn) === 0 ? 0 : 1) + ((flags & TCP.fin) === 0 ? 0 : 1);
    view.setUint32(8, (from.getUint32(4) + length) >>> 0);
    segment[13] = TCP.reset | TCP.acknowledge;
  }
  view.setUint16(16, checksum(pseudoHeader(target, source, PROTOCOL.tcp, TCP.header), segment));
  return segment;
}

export function udp(source: number, sourcePort: number, target: number, targetPort: number, payload: Uint8Array): Uint8Array {
  const header = new Uint8Array(UDP_HEADER);
  const view = viewOf(header);
  view.setUint16(0, sourcePort);
  view.setUint16(2, targetPort);
  view.setUint16(4, UDP_HEADER + payload.length);
  // 0 would say "no checksum" (RFC 768).
  view.setUint16(6, checksum(pseudoHeader(source, target, PROTOCOL.udp, UDP_HEADER + payload.length), header, payload) || 0xffff);
  return ipv4(source, target, PROTOCOL.udp, join(header, payload));
}

/** An ICMP message; `rest` is the header's second doubleword. */
export function icmp(type: number, code: number, rest: number, payload: Uint8Array): Uint8Array {
  const message = new Uint8Array(8 + payload.length);
  const view = viewOf(message);
  message[0] = type;
  message[1] = code;
  view.setUint32(4, rest);
  message.set(payload, 8);
  view.setUint16(2, checksum(message));
  return message;
}

/** `10.0.2.2` as a number. */
export function address(text: string): number {
  return text.split(".").reduce((n, part) => n * 256 + Number(part), 0);
}
