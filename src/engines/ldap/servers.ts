import type { SrvRecord } from 'node:dns';
import { isIP } from 'node:net';
import { DirectoryUnavailable } from '../../identity/directory.model.ts';
import type { LdapSettings } from './options.ts';

export interface LdapServer {
  readonly url: string;
  readonly startTls: boolean;
}

/** Asks DNS for the servers of a service; rejects where there are none. */
export type SrvResolve = (name: string) => Promise<readonly SrvRecord[]>;

/** In the order in which they are to be tried. */
export async function serversFind(
  { urls, dnsDomain, startTls }: LdapSettings,
  resolve: SrvResolve,
): Promise<LdapServer[]> {
  if (urls.length > 0) {
    return urls.map((url) => {
      const { protocol, hostname } = new URL(url);
      return { url, startTls: protocol === 'ldap:' && (startTls ?? !isThisMachine(hostname)) };
    });
  }
  if (dnsDomain === null) {
    throw new DirectoryUnavailable(
      'its configuration has no url, and its base no DC to find one by',
    );
  }
  for (const name of [`_ldap._tcp.dc._msdcs.${dnsDomain}`, `_ldap._tcp.${dnsDomain}`]) {
    const records = await resolve(name).catch(() => []);
    if (records.length > 0) {
      return inOrder(records).map(({ name: host, port }) => ({
        url: `ldap://${isIP(host) === 6 ? `[${host}]` : host}:${port}`,
        startTls: startTls ?? true,
      }));
    }
  }
  throw new DirectoryUnavailable(`DNS knows no LDAP server of ${dnsDomain}`);
}

/** RFC 2782, without the dice: of one priority the heavier first. */
const inOrder = (records: readonly SrvRecord[]): SrvRecord[] =>
  records.toSorted((a, b) => a.priority - b.priority || b.weight - a.weight);

const isThisMachine = (host: string): boolean =>
  host === 'localhost' || host === '[::1]' || host.startsWith('127.');
