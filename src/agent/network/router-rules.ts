/**
 * A router's address translation and its wall towards the outside. Whole tables are replaced in one transaction;
 * connections that are translated already go on, whatever the tables say now.
 */
import type { RouterGateway, RouterWanted } from '../api.ts';
import { addressVersion } from './addresses.ts';
import { chainText, mapText, tableReplace } from './nft-text.ts';
import { routerGateway } from './names.ts';

export function routerRules(router: RouterWanted): string {
  return translation(router) + wall;
}

/** Mark of what came in from outside: in the last hook the kernel no longer tells. */
const fromOutside = 1;

function translation({ gateway, floatingIps }: RouterWanted): string {
  const into = floatingIps.map(({ address, fixedAddress }) => `${address} : ${fixedAddress}`);
  const outOf = floatingIps.map(({ address, fixedAddress }) => `${fixedAddress} : ${address}`);
  return tableReplace('ip', 'translation', [
    ...mapText('floating_in', 'type ipv4_addr : ipv4_addr', into),
    ...mapText('floating_out', 'type ipv4_addr : ipv4_addr', outOf),
    ...chainText('origin', [
      'type filter hook prerouting priority -150;',
      `iifname "${routerGateway}" meta mark set ${fromOutside}`,
    ]),
    ...chainText('incoming', [
      'type nat hook prerouting priority -100;',
      'dnat to ip daddr map @floating_in',
    ]),
    // A map without the address leaves its statement undone, and the next one gets the packet.
    ...chainText('outgoing', [
      'type nat hook postrouting priority 100;',
      `ct status dnat meta mark != ${fromOutside} jump hairpin`,
      `oifname "${routerGateway}" snat to ip saddr map @floating_out`,
      ...shared(gateway),
    ]),
    // Both ends are inside: the answer has to come back through here.
    ...chainText('hairpin', ['snat to ip saddr map @floating_out', 'masquerade']),
  ]);
}

function shared(gateway: RouterGateway | null): string[] {
  const address = gatewayAddress(gateway);
  return gateway?.snat === true && address !== null
    ? [`oifname "${routerGateway}" snat to ${address}`]
    : [];
}

/** The address that guests without one of their own share. */
export function gatewayAddress(gateway: RouterGateway | null): string | null {
  const addresses = gateway?.addresses.map((address) => address.split('/')[0] ?? '') ?? [];
  return addresses.find((address) => addressVersion(address) === 4) ?? null;
}

const wall = tableReplace('inet', 'wall', [
  ...chainText('forward', [
    'type filter hook forward priority 0; policy accept;',
    'tcp flags syn / syn,rst tcp option maxseg size set rt mtu',
    // Metadata is answered in the guest's own network; nothing of that range is routed anywhere.
    'ip daddr 169.254.0.0/16 drop',
    // What connection tracking cannot place would leave with an inner address.
    `oifname "${routerGateway}" meta nfproto ipv4 ct state invalid drop`,
    `iifname "${routerGateway}" ct state established,related accept`,
    `iifname "${routerGateway}" meta nfproto ipv4 ct status & dnat == 0 drop`,
  ]),
  ...chainText('input', [
    'type filter hook input priority 0; policy drop;',
    'iifname "lo" accept',
    'ct state established,related accept',
    'icmp type echo-request accept',
    'icmpv6 type { echo-request, nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, mld-listener-query } accept',
  ]),
]);
