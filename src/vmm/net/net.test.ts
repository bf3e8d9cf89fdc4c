/** The switch and the gateway. That Linux takes the gateway's answers is shown by a guest; here are rules and misuse. */
import { beforeEach, expect, it } from "vitest";
import { TimerQueue } from "../../base/clock.ts";
import { restoreSections, saveSection } from "../../base/persist.ts";
import type { FrameSink } from "../../devices/virtio/net.ts";
import { pseudoRandom } from "../../devices/testing/rig.ts";
import { Gateway, NETWORK } from "./gateway.ts";
import { address, checksum, ethernet, ETHERTYPE, icmp, ipv4, parseIpv4, parseUdp, PROTOCOL, refuseTcp, udp, viewOf } from "./packets.ts";
import { EthernetSwitch } from "./switch.ts";

const ME = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56);
const ALL = new Uint8Array(6).fill(0xff);
const MY_ADDRESS = address("10.0.2.15");

let clock: TimerQueue;
let network: EthernetSwitch;
let gateway: Gateway;
let got: Uint8Array[];
let port: FrameSink;
function build(): void {
  network = new EthernetSwitch(clock);
  gateway = new Gateway();
  gateway.connect((receive) => network.attach(receive));
  got = [];
  port = network.attach((f) => got.push(f));
}
beforeEach(() => {
  clock = new TimerQueue();
  build();
});
/** Sends, lets a millisecond pass, and gives the one answer. */
function ask(frame: Uint8Array): Uint8Array {
  got.length = 0;
  port.send(frame);
  expect(got).toEqual([]); // never from within the send
  clock.advanceTo(clock.nowNs() + 1_000_000);
  expect(got.length).toBe(1);
  return got[0];
}
const askIp = (packet: Uint8Array): NonNullable<ReturnType<typeof parseIpv4>> => {
  const answer = parseIpv4(ask(ethernet(ALL, ME, ETHERTYPE.ipv4, packet)).subarray(14));
  if (answer === null) throw new Error("no packet");
  return answer;
};

it("checksums as RFC 1071 §3 does its example", () => {
  expect(checksum(Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7))).toBe(~0xddf2 & 0xffff);
});
it("ARP for the gateway's addresses only", () => {
  const request = (target: string): Uint8Array => {
    const arp = new Uint8Array(28);
    arp.set([0, 1, 8, 0, 6, 4, 0, 1, ...ME, 10, 0, 2, 15, 0, 0, 0, 0, 0, 0, ...target.split(".").map(Number)]);
    return ethernet(ALL, ME, ETHERTYPE.arp, arp);
  };
  const reply = ask(request("10.0.2.2"));
  expect([...reply.subarray(0, 6), ...reply.subarray(20, 22)]).toEqual([...ME, 0, 2]);
  expect([...reply.subarray(28, 42)]).toEqual([10, 0, 2, 2, ...ME, 10, 0, 2, 15]);
  got.length = 0;
  port.send(request("10.0.2.99"));
  clock.advanceTo(clock.nowNs() + 1_000_000);
  expect(got).toEqual([]);
});
it("echo, unreachable networks, closed ports", () => {
  const echo = icmp(8, 0, 0x1234_0001, Uint8Array.of(1, 2, 3));
  const reply = askIp(ipv4(MY_ADDRESS, NETWORK.gateway, PROTOCOL.icmp, echo));
  expect([reply.source, reply.payload[0], viewOf(reply.payload).getUint32(4), [...reply.payload.subarray(8)]]).toEqual([NETWORK.gateway, 0, 0x1234_0001, [1, 2, 3]]);
  expect(checksum(reply.payload)).toBe(0);
  expect([...askIp(ipv4(MY_ADDRESS, address("8.8.8.8"), PROTOCOL.icmp, echo)).payload.subarray(0, 2)]).toEqual([3, 0]);
  expect([...askIp(udp(MY_ADDRESS, 5000, NETWORK.gateway, 9, new Uint8Array(4))).payload.subarray(0, 2)]).toEqual([3, 3]);
  const syn = new Uint8Array(20);
  syn.set([0xc0, 0, 0, 80, 0, 0, 0, 9, 0, 0, 0, 0, 0x50, 2]);
  const reset = askIp(ipv4(MY_ADDRESS, NETWORK.gateway, PROTOCOL.tcp, syn)).payload;
  expect([viewOf(reset).getUint16(0), viewOf(reset).getUint16(2), viewOf(reset).getUint32(8), reset[13]]).toEqual([80, 0xc000, 10, 0x14]);
  expect(refuseTcp({ protocol: 6, source: 1, target: 2, header: syn, payload: reset })).toBe(null);
});
it("DHCP: an offer, the address acknowledged, another refused; the same one again after a snapshot", () => {
  const request = (message: number, wanted: number | null): Uint8Array => {
    const bootp = new Uint8Array(300);
    bootp.set([1, 1, 6, 0, 1, 2, 3, 4]);
    bootp.set(ME, 28);
    bootp.set([0x63, 0x82, 0x53, 0x63, 53, 1, message, ...(wanted === null ? [] : [50, 4, 10, 0, 2, wanted]), 255], 236);
    return udp(0, 68, 0xffff_ffff, 67, bootp);
  };
  const answer = (message: number, wanted: number | null): [number, number] => {
    const reply = parseUdp(askIp(request(message, wanted)).payload);
    expect([reply?.sourcePort, reply?.targetPort, reply?.payload[0], reply?.payload[7]]).toEqual([67, 68, 2, 4]);
    return [reply?.payload[242] ?? 0, reply?.payload[19] ?? 0];
  };
  expect(answer(1, null)).toEqual([2, 15]);
  expect(answer(3, 15)).toEqual([5, 15]);
  expect(answer(3, 99)).toEqual([6, 0]);
  const sections = [network, gateway].map(saveSection);
  build();
  restoreSections([network, gateway], sections);
  expect(answer(3, 15)).toEqual([5, 15]);
});
it("DNS: a name of its own, another, another type, and what is malformed", () => {
  const query = (name: string, type = 1): number[] => [0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...name.split(".").flatMap((l) => [l.length, ...[...l].map((c) => c.charCodeAt(0))]), 0, 0, type, 0, 1];
  const resolve = (bytes: number[]): [number, number, number] => {
    const reply = parseUdp(askIp(udp(MY_ADDRESS, 4000, NETWORK.dns, 53, Uint8Array.from(bytes))).payload)?.payload ?? new Uint8Array(12);
    expect([reply[0], reply[1], reply[2] & 0x80]).toEqual([0xab, 0xcd, 0x80]);
    return [reply[3] & 15, reply[7], viewOf(reply).getUint32(reply.length - 4)];
  };
  expect(resolve(query("Gateway.tabvisor.internal"))).toEqual([0, 1, NETWORK.gateway]);
  expect(resolve(query("gateway", 28)).slice(0, 2)).toEqual([0, 0]);
  expect(resolve(query("example.org")).slice(0, 2)).toEqual([3, 0]);
  expect(resolve(query("constructor")).slice(0, 2)).toEqual([3, 0]);
  expect(resolve([...query("x").slice(0, 12), 0xc0, 12])[0]).toBe(1);
});
it("frames under way survive a snapshot; known addresses are not flooded", () => {
  const third: Uint8Array[] = [];
  network.attach((f) => third.push(f));
  const echo = ethernet(ALL, ME, ETHERTYPE.ipv4, ipv4(MY_ADDRESS, NETWORK.gateway, PROTOCOL.icmp, icmp(8, 0, 1, new Uint8Array(0))));
  port.send(echo);
  const sections = [network, gateway].map(saveSection);
  clock = new TimerQueue();
  build();
  const copied: Uint8Array[] = [];
  network.attach((f) => copied.push(f));
  restoreSections([network, gateway], sections);
  clock.advanceTo(1_000_000);
  expect(got.length).toBe(1);
  // The broadcast went everywhere, the answer to the one who asked.
  expect(copied.length).toBe(1);
});
it("no frame hurts", () => {
  const random = pseudoRandom(7);
  for (let i = 0; i < 20_000; i++) {
    const payload = Uint8Array.from({ length: random() % 400 }, random);
    const kind = random() % 6;
    const target = (random() & 1) !== 0 ? NETWORK.gateway : NETWORK.dns;
    if (kind === 0) port.send(payload);
    else if (kind === 1) port.send(ethernet(ALL, ME, ETHERTYPE.arp, payload));
    else if (kind === 2) port.send(ethernet(ALL, ME, ETHERTYPE.ipv4, payload));
    else if (kind === 3) port.send(ethernet(ALL, ME, ETHERTYPE.ipv4, udp(MY_ADDRESS, 9, target, random() % 80, payload)));
    else if (kind === 4) port.send(ethernet(ALL, ME, ETHERTYPE.ipv4, ipv4(MY_ADDRESS, target, random() % 20, payload)));
    else {
      const bootp = new Uint8Array(240 + payload.length);
      bootp[0] = 1;
      bootp.set([0x63, 0x82, 0x53, 0x63], 236);
      bootp.set(payload, 240);
      port.send(ethernet(ALL, ME, ETHERTYPE.ipv4, udp(0, 68, 0xffff_ffff, 67, bootp)));
    }
    clock.advanceTo(clock.nowNs() + 50_000);
  }
});
