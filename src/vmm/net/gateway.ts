/**
 * The small gateway of an isolated network, with the addresses of QEMU's user network: answers ARP, DHCP (RFC 2131), ICMP echo and DNS
 * (RFC 1035) for names of its own. There is no way out: what is for elsewhere is answered as unreachable.
 */
import type { Persistent, StateFields, StateReader } from "../../base/persist.ts";
import type { FrameSink } from "../../devices/virtio/net.ts";
import { address, ethernet, ETHERNET_HEADER, ETHERTYPE, icmp, ipv4, join, parseIpv4, parseUdp, PROTOCOL, refuseTcp, udp, viewOf, type Ipv4 } from "./packets.ts";

export const NETWORK = { base: address("10.0.2.0"), mask: address("255.255.255.0"), gateway: address("10.0.2.2"), dns: address("10.0.2.3"), firstLease: 15, lastLease: 254 } as const;
const MAC = Uint8Array.of(0x52, 0x55, 10, 0, 2, 2);
const BROADCAST = 0xffff_ffff;
const OWN = [NETWORK.gateway, NETWORK.dns] as readonly number[];

const PORT = { dns: 53, dhcpServer: 67, dhcpClient: 68 } as const;
const ICMP = { echoReply: 0, unreachable: 3, echo: 8 } as const;
const UNREACHABLE = { network: 0, protocol: 2, port: 3 } as const;

const DHCP = { bootp: 236, cookie: 0x6382_5363, minimum: 300 } as const;
const MESSAGE = { discover: 1, offer: 2, request: 3, acknowledge: 5, refuse: 6, inform: 8 } as const;
const OPTION = { mask: 1, router: 3, dns: 6, domain: 15, requested: 50, lease: 51, message: 53, server: 54, end: 255, pad: 0 } as const;
const LEASE_SECONDS = 86_400;
const DOMAIN = "tabvisor.internal";

/** Names that we answer for, without the domain. */
const HOSTS: Readonly<Record<string, number>> = { gateway: NETWORK.gateway, host: NETWORK.gateway, dns: NETWORK.dns };
const DNS = { a: 1, in: 1, response: 0x8000, authoritative: 0x0400, recursionDesired: 0x0100, recursionAvailable: 0x80, formatError: 1, noName: 3, notImplemented: 4 } as const;

export class Gateway implements Persistent {
  readonly sectionName = "net.gateway";
  readonly sectionVersion = 1;
  /** Last byte of the address by MAC, in hexadecimal. */
  private readonly leases = new Map<string, number>();
  private port: FrameSink | null = null;

  /** Plugs into a switch: `attach` is its method. */
  connect(attach: (receive: (frame: Uint8Array) => void) => FrameSink): void {
    this.port = attach((frame) => this.receive(frame));
  }

  private receive(frame: Uint8Array): void {
    const type = viewOf(frame).getUint16(12);
    const payload = frame.subarray(ETHERNET_HEADER);
    const sender = frame.slice(6, 12);
    if (type === ETHERTYPE.arp) this.arp(payload, sender);
    else if (type === ETHERTYPE.ipv4) {
      const packet = parseIpv4(payload);
      if (packet !== null) this.ip(packet, sender);
    }
  }

  private send(to: Uint8Array, type: number, payload: Uint8Array): void {
    this.port?.send(ethernet(to, MAC, type, payload));
  }

  private arp(request: Uint8Array, sender: Uint8Array): void {
    if (request.length < 28) return;
    const view = viewOf(request);
    // Ethernet and IPv4, a request, for an address of ours.
    if (view.getUint32(0) !== 0x0001_0800 || view.getUint32(4) !== 0x0604_0001 || !OWN.includes(view.getUint32(24))) return;
    const reply = request.slice(0, 28);
    reply[7] = 2;
    reply.set(request.subarray(24, 28), 14);
    reply.set(MAC, 8);
    reply.set(request.subarray(8, 18), 18);
    this.send(sender, ETHERTYPE.arp, reply);
  }

  private ip(packet: Ipv4, sender: Uint8Array): void {
    const { source, target, protocol, payload } = packet;
    const datagram = protocol === PROTOCOL.udp ? parseUdp(payload) : null;
    if (datagram !== null && datagram.targetPort === PORT.dhcpServer && (target === BROADCAST || target === NETWORK.gateway)) {
      this.dhcp(datagram.payload, sender);
      return;
    }
    const toNetwork = ((target ^ NETWORK.base) & NETWORK.mask) === 0;
    // Broadcasts, groups, and packets for a neighbour that the switch does not know.
    if (target === BROADCAST || target >>> 28 === 0xe || (toNetwork && !OWN.includes(target))) return;
    const answer = (from: number, message: Uint8Array): void => this.send(sender, ETHERTYPE.ipv4, ipv4(from, source, PROTOCOL.icmp, message));
    const refuse = (from: number, code: number): void => {
      // Never about an ICMP error (RFC 1122 §3.2.2).
      if (protocol !== PROTOCOL.icmp || payload[0] === ICMP.echo) answer(from, icmp(ICMP.unreachable, code, 0, join(packet.header, payload.subarray(0, 8))));
    };
    if (!toNetwork) refuse(NETWORK.gateway, UNREACHABLE.network);
    else if (protocol === PROTOCOL.icmp) {
      if (payload.length >= 8 && payload[0] === ICMP.echo) answer(target, icmp(ICMP.echoReply, 0, viewOf(payload).getUint32(4), payload.subarray(8)));
    } else if (datagram !== null && datagram.targetPort === PORT.dns) {
      const reply = answerDns(datagram.payload);
      if (reply !== null) this.send(sender, ETHERTYPE.ipv4, udp(target, PORT.dns, source, datagram.sourcePort, reply));
    } else if (protocol === PROTOCOL.tcp) {
      const reset = refuseTcp(packet);
      if (reset !== null) this.send(sender, ETHERTYPE.ipv4, ipv4(target, source, PROTOCOL.tcp, reset));
    } else refuse(target, protocol === PROTOCOL.udp ? UNREACHABLE.port : UNREACHABLE.protocol);
  }

  /** The client's address, the same each time; null when all are given away. */
  private lease(mac: Uint8Array): number | null {
    const key = [...mac].map((b) => b.toString(16).padStart(2, "0")).join(":");
    let host = this.leases.get(key);
    if (host === undefined) {
      host = NETWORK.firstLease + this.leases.size;
      if (host > NETWORK.lastLease) return null;
      this.leases.set(key, host);
    }
    return NETWORK.base + host;
  }

  private dhcp(request: Uint8Array, sender: Uint8Array): void {
    if (request.length < DHCP.bootp + 4 || request[0] !== 1 || viewOf(request).getUint32(DHCP.bootp) !== DHCP.cookie) return;
    const options = parseOptions(request.subarray(DHCP.bootp + 4));
    const kind = options.get(OPTION.message)?.[0];
    const number = (option: number): number | null => {
      const value = options.get(option);
      return value?.length === 4 ? viewOf(value).getUint32(0) : null;
    };
    const server = number(OPTION.server);
    if (server !== null && server !== NETWORK.gateway) return;
    const mac = request.slice(28, 34);
    const yours = this.lease(mac);
    if (yours === null) return;
    let type: number;
    if (kind === MESSAGE.discover) type = MESSAGE.offer;
    else if (kind === MESSAGE.inform) type = MESSAGE.acknowledge;
    else if (kind === MESSAGE.request) {
      const wanted = number(OPTION.requested) ?? viewOf(request).getUint32(12);
      type = wanted === yours ? MESSAGE.acknowledge : MESSAGE.refuse;
    } else return;
    const reply = dhcpReply(request, type, yours);
    const from = NETWORK.gateway;
    // To everybody's address, as the client has none yet, and to its MAC (RFC 2131 §4.1).
    this.send(sender, ETHERTYPE.ipv4, udp(from, PORT.dhcpServer, BROADCAST, PORT.dhcpClient, reply));
  }

  save(): StateFields {
    return { leases: [...this.leases].map(([mac, host]) => ({ mac, host })) };
  }
  restore(r: StateReader): void {
    this.leases.clear();
    for (const l of r.recordList("leases")) this.leases.set(l.string("mac"), l.int("host", NETWORK.firstLease, NETWORK.lastLease));
  }
}

/** Options up to the end mark; a length that runs over is the end too. */
function parseOptions(bytes: Uint8Array): Map<number, Uint8Array> {
  const options = new Map<number, Uint8Array>();
  for (let at = 0; at < bytes.length && bytes[at] !== OPTION.end; ) {
    if (bytes[at] === OPTION.pad) {
      at++;
      continue;
    }
    const length = bytes[at + 1];
    if (length === undefined || at + 2 + length > bytes.length) break;
    options.set(bytes[at], bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return options;
}

function dhcpReply(request: Uint8Array, type: number, yours: number): Uint8Array {
  const reply = new Uint8Array(DHCP.minimum);
  const view = viewOf(reply);
  reply.set(request.subarray(0, DHCP.bootp).subarray(0, 44));
  reply[0] = 2;
  view.setUint32(12, 0);
  const refused = type === MESSAGE.refuse;
  view.setUint32(16, refused ? 0 : yours);
  view.setUint32(20, refused ? 0 : NETWORK.gateway);
  view.setUint32(DHCP.bootp, DHCP.cookie);
  let at = DHCP.bootp + 4;
  const option = (code: number, ...value: number[]): void => {
    reply.set([code, value.length, ...value], at);
    at += 2 + value.length;
  };
  const long = (n: number): number[] => [n >>> 24, (n >>> 16) & 0xff, (n >>> 8) & 0xff, n & 0xff];
  option(OPTION.message, type);
  option(OPTION.server, ...long(NETWORK.gateway));
  if (!refused) {
    option(OPTION.lease, ...long(LEASE_SECONDS));
    option(OPTION.mask, ...long(NETWORK.mask));
    option(OPTION.router, ...long(NETWORK.gateway));
    option(OPTION.dns, ...long(NETWORK.dns));
    option(OPTION.domain, ...[...DOMAIN].map((c) => c.charCodeAt(0)));
  }
  reply[at] = OPTION.end;
  return reply;
}

function shortName(name: string): string {
  return name.endsWith(`.${DOMAIN}`) ? name.slice(0, -DOMAIN.length - 1) : name;
}

/** The answer to a query of one question; null for what is no query. */
function answerDns(query: Uint8Array): Uint8Array | null {
  if (query.length < 12 || (query[2] & 0x80) !== 0) return null;
  const view = viewOf(query);
  const flags = DNS.response | DNS.authoritative | DNS.recursionAvailable | (view.getUint16(2) & DNS.recursionDesired);
  const finish = (code: number, question: Uint8Array, record: Uint8Array | null): Uint8Array => {
    const header = new Uint8Array(12);
    const h = viewOf(header);
    h.setUint16(0, view.getUint16(0));
    h.setUint16(2, flags | code);
    h.setUint16(4, question.length > 0 ? 1 : 0);
    h.setUint16(6, record === null ? 0 : 1);
    return join(header, question, record ?? new Uint8Array(0));
  };
  if (((query[2] >>> 3) & 15) !== 0) return finish(DNS.notImplemented, new Uint8Array(0), null);
  const labels: string[] = [];
  let at = 12;
  for (; at < query.length && query[at] !== 0 && query[at] < 64 && labels.length < 128; at += 1 + query[at]) {
    labels.push(String.fromCharCode(...query.subarray(at + 1, at + 1 + query[at])).toLowerCase());
  }
  if (view.getUint16(4) !== 1 || query[at] !== 0 || at + 5 > query.length) return finish(DNS.formatError, new Uint8Array(0), null);
  const question = query.subarray(12, at + 5);
  const [type, kind] = [view.getUint16(at + 1), view.getUint16(at + 3)];
  const name = labels.join(".");
  const host = Object.hasOwn(HOSTS, shortName(name)) ? HOSTS[shortName(name)] : undefined;
  if (host === undefined) return finish(DNS.noName, question, null);
  if (type !== DNS.a || kind !== DNS.in) return finish(0, question, null);
  const record = new Uint8Array(16);
  const r = viewOf(record);
  r.setUint16(0, 0xc00c); // the question's name
  r.setUint16(2, DNS.a);
  r.setUint16(4, DNS.in);
  r.setUint32(6, LEASE_SECONDS);
  r.setUint16(10, 4);
  r.setUint32(12, host);
  return finish(0, question, record);
}
