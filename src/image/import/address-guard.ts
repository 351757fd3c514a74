import { lookup as systemLookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { invalid, type Failure } from '../../kernel/errors.ts';

export interface DownloadRules {
  readonly ports: readonly number[];
  /** Ranges that may be asked although they are nobody's on the internet: `10.1.0.0/16`, `fd00::/8`. */
  readonly allow: readonly string[];
  /** A download that takes longer is given up. */
  readonly limitMs: number;
  /** How long the other side may send nothing. */
  readonly stallMs: number;
}

export interface Address {
  readonly address: string;
  readonly family: 4 | 6;
}

/** What is not the internet (IANA's special-purpose registries): there stand machines that trust whoever can reach them. */
const special: readonly string[] = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/128',
  '::1/128',
  '100::/64',
  '2001::/23',
  '2001:db8::/32',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
];

/** IPv6 addresses that stand for an IPv4 one: mapped, NAT64, compatible, and 6to4. */
const wrapped = [
  { prefix: '::ffff:0:0/96', at: 12 },
  { prefix: '64:ff9b::/96', at: 12 },
  { prefix: '::/96', at: 12 },
  { prefix: '2002::/16', at: 2 },
] as const;

export const blockListOf = (ranges: readonly string[]): BlockList => {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = '', length = ''] = range.split('/');
    list.addSubnet(network, Number(length), familyOf(network));
  }
  return list;
};
const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

const specialList = blockListOf(special);
const wrappedLists = wrapped.map(({ prefix, at }) => ({ list: blockListOf([prefix]), at }));

export function addressIsAllowed(address: string, rules: DownloadRules): boolean {
  const family = familyOf(address);
  if (blockListOf(rules.allow).check(address, family)) return true;
  if (specialList.check(address, family)) return false;
  if (family === 'ipv4') return true;
  const inner = wrappedLists.find(({ list }) => list.check(address, 'ipv6'));
  return inner === undefined || addressIsAllowed(ipv4Within(address, inner.at), rules);
}

function ipv4Within(address: string, at: number): string {
  const [head = '', tail = ''] = address.split('::');
  const bytes = (text: string): number[] =>
    text
      .split(':')
      .filter(Boolean)
      .flatMap((group) =>
        group.includes('.')
          ? group.split('.').map(Number)
          : [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255],
      );
  const [first, last] = [bytes(head), bytes(tail)];
  const all = [...first, ...Array<number>(16 - first.length - last.length).fill(0), ...last];
  return all.slice(at, at + 4).join('.');
}

export const uriRefused = (uri: string): Failure =>
  invalid(`URI for web-download does not pass filtering: ${uri}`);

/** What can be told without asking anybody; a password in it would be shown to whoever sees the task. */
export function uriParse(text: unknown, rules: DownloadRules): URL {
  if (typeof text !== 'string' || !URL.canParse(text)) throw uriRefused(String(text));
  const uri = new URL(text);
  const port = uri.port === '' ? (uri.protocol === 'https:' ? 443 : 80) : Number(uri.port);
  const isHttp = uri.protocol === 'http:' || uri.protocol === 'https:';
  if (uri.username !== '' || uri.password !== '') throw uriRefused(uri.host);
  if (!isHttp || uri.hostname === '' || !rules.ports.includes(port)) throw uriRefused(text);
  const literal = uri.hostname.replace(/^\[|\]$/g, '');
  if (isIP(literal) !== 0 && !addressIsAllowed(literal, rules)) throw uriRefused(text);
  return uri;
}

/**
 * The address to connect to, resolved once: a name that resolves to another address afterwards changes nothing. One
 * forbidden address among several refuses the name.
 */
export async function addressResolve(
  uri: URL,
  rules: DownloadRules,
  lookup: (name: string) => Promise<readonly Address[]> = namesLookup,
): Promise<Address> {
  const addresses = await lookup(uri.hostname.replace(/^\[|\]$/g, ''));
  const [first] = addresses;
  if (first === undefined || !addresses.every(({ address }) => addressIsAllowed(address, rules))) {
    throw uriRefused(uri.host);
  }
  return first;
}

async function namesLookup(name: string): Promise<readonly Address[]> {
  const found = await systemLookup(name, { all: true, verbatim: true });
  return found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }));
}
