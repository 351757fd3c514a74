/** The frames that no guard may let through, and how a capture tells that one did. */
import { linkLocalOf } from '../../src/agent/network/addresses.ts';
import * as raw from './frames.ts';

const marker = Buffer.from('HOSTILE!');
const fence = Buffer.from('HONEST!!');

export interface Station {
  readonly mac: string;
  readonly ip4: string;
  readonly ip6: string;
}

/** Of tcpdump -xx: a hostile frame is in it. */
export const isMarked = (capture: string): boolean =>
  capture
    .replaceAll(/\n\s*0x[0-9a-f]+:\s*/g, '')
    .replaceAll(/\s/g, '')
    .includes(marker.toString('hex'));

/** Frames of one sender keep their order: when this one is there, those before it would be. */
export const honestFrame = (
  hostile: Pick<Station, 'mac' | 'ip4'>,
  victim: Pick<Station, 'mac' | 'ip4'>,
): Buffer =>
  raw.frame(
    { from: hostile.mac, to: victim.mac },
    0x0800,
    raw.ip4({ from: hostile.ip4, to: victim.ip4 }, 17, raw.udp(4000, 4000, fence)),
  );
/** What tcpdump -xx writes of it, across two of its lines. */
export const fencePattern = /484f 4e45 5354\n\s*0x0030:\s+2121/;

/** What a guest may not send. In both networks the gateway is `.1` and `fd00:1::1`, the DHCP server `.2`. */
export function hostileFrames(hostile: Station, victim: Station): Record<string, Buffer> {
  const me = hostile.mac;
  const foreign = '02:00:00:00:00:99';
  const toVictim = { from: me, to: victim.mac };
  const toAll = { from: me, to: raw.everybody };
  const honest4 = { from: hostile.ip4, to: victim.ip4 };
  const mine6 = linkLocalOf(me);
  const datagram = raw.udp(4000, 4000, marker);
  const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, marker]);
  const claim = (ip: string, mac = me): Buffer =>
    padded(raw.frame(toAll, 0x0806, raw.arp(2, { mac, ip }, { mac: raw.everybody, ip })));
  const multicast6 = (packet: Buffer): Buffer =>
    raw.frame({ from: me, to: '33:33:00:00:00:01' }, 0x86dd, packet);
  const six = (from: string): Buffer =>
    raw.frame(toVictim, 0x86dd, raw.udp6({ from, to: victim.ip6 }, 4000, 4000, marker));
  return {
    'foreign MAC': raw.frame(
      { ...toVictim, from: foreign },
      0x0800,
      raw.ip4(honest4, 17, datagram),
    ),
    "victim's MAC": raw.frame(
      { from: victim.mac, to: raw.everybody },
      0x0800,
      raw.ip4(honest4, 17, datagram),
    ),
    'foreign address': raw.frame(
      toVictim,
      0x0800,
      raw.ip4({ ...honest4, from: '10.0.0.99' }, 17, datagram),
    ),
    "gateway's address": raw.frame(
      toVictim,
      0x0800,
      raw.ip4({ ...honest4, from: '10.0.0.1' }, 17, datagram),
    ),
    'no address': raw.frame(
      toVictim,
      0x0800,
      raw.ip4({ ...honest4, from: '0.0.0.0' }, 17, datagram),
    ),
    "metadata service's address": raw.frame(
      toVictim,
      0x0800,
      raw.ip4({ ...honest4, from: '169.254.169.254' }, 17, datagram),
    ),
    'ARP for the gateway': claim('10.0.0.1'),
    'ARP for the victim': claim(victim.ip4),
    'ARP for the DHCP server': claim('10.0.0.2'),
    'ARP for the metadata service': claim('169.254.169.254'),
    "ARP with the victim's MAC inside": claim(hostile.ip4, victim.mac),
    'DHCP offer': raw.frame(
      toAll,
      0x0800,
      raw.ip4({ from: hostile.ip4, to: '255.255.255.255' }, 17, raw.udp(67, 68, marker)),
    ),
    'DHCPv6 reply': raw.frame(
      toVictim,
      0x86dd,
      raw.udp6({ from: mine6, to: linkLocalOf(victim.mac) }, 547, 546, marker),
    ),
    'router advertisement': multicast6(raw.routerAdvert(mine6, marker)),
    'neighbour advertisement for the gateway': multicast6(
      raw.neighborAdvert(mine6, { ip: 'fd00:1::1', mac: me }, marker),
    ),
    'neighbour advertisement for the victim': multicast6(
      raw.neighborAdvert(hostile.ip6, { ip: victim.ip6, mac: me }, marker),
    ),
    'ICMPv6 redirect': raw.frame(
      toVictim,
      0x86dd,
      raw.icmp6({ from: mine6, to: victim.ip6 }, 137, Buffer.concat([Buffer.alloc(36), marker])),
    ),
    'foreign IPv6 address': six('fd00:1::99'),
    'foreign link-local address': six('fe80::99'),
    'no IPv6 address': six('::'),
    'VLAN tag': raw.frame(
      toVictim,
      0x8100,
      Buffer.concat([Buffer.from([0, 5, 8, 0]), raw.ip4(honest4, 17, datagram)]),
    ),
    'two VLAN tags': raw.frame(
      toVictim,
      0x88a8,
      Buffer.concat([Buffer.from([0, 5, 0x81, 0, 0, 5, 8, 0]), raw.ip4(honest4, 17, datagram)]),
    ),
    'other protocol': raw.frame(toVictim, 0x88b5, Buffer.concat([Buffer.alloc(40), marker])),
    'spanning tree': raw.frame(
      { from: me, to: '01:80:c2:00:00:00' },
      0x0027,
      Buffer.concat([Buffer.from([0x42, 0x42, 3]), Buffer.alloc(36), marker]),
    ),
  };
}
