/** External networks in the kernel: a bridge each, in the host's own namespace, through which floating addresses are reached. */
import type { ExternalWanted } from '../api.ts';
import { addressCanonical } from './addresses.ts';
import { ipBatch, linkDelete, linksRead, type Link } from './kernel-state.ts';
import type { Names } from './names.ts';

export async function externalApply(external: ExternalWanted, names: Names): Promise<void> {
  const name = names.externalBridge(external.id);
  const links = await linksRead(null);
  await ipBatch(null, externalPlan(external, name, links.get(name)));
}

/** Pure: lines for `ip -batch`. */
export function externalPlan(
  external: ExternalWanted,
  name: string,
  link: Link | undefined,
): string[] {
  const lines: string[] = [];
  if (link === undefined)
    lines.push(
      // Without an address of its own a bridge takes that of whichever port is there, and changes it.
      `link add ${name} address ${macOf(external.id)} type bridge forward_delay 0 stp_state 0 mcast_snooping 0`,
      `link set ${name} addrgenmode none`,
    );
  if (link?.mtu !== external.mtu) lines.push(`link set ${name} mtu ${external.mtu}`);
  const wanted = new Set(external.hostAddresses.map(withLength));
  const actual = new Set(link?.addresses ?? []);
  lines.push(
    ...[...actual.difference(wanted)].map((address) => `addr del ${address} dev ${name}`),
    ...[...wanted.difference(actual)].map(
      (address) => `addr add ${address} dev ${name}${address.includes(':') ? ' nodad' : ''}`,
    ),
  );
  if (link?.up !== true) lines.push(`link set ${name} up`);
  return lines;
}

export async function externalRemove(id: string, names: Names): Promise<void> {
  await linkDelete(null, names.externalBridge(id));
}

function withLength(text: string): string {
  const [address = '', length = address.includes(':') ? '128' : '32'] = text.split('/');
  return `${addressCanonical(address)}/${length}`;
}

/** A MAC of the kind everyone may choose, from the random end of the id. */
const macOf = (id: string): string => ['02', ...(id.slice(-10).match(/../g) ?? [])].join(':');
