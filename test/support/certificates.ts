import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface TestCertificates {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** A CA of its own and a certificate for addresses and names, in a folder. */
export function certificatesMake(dir: string, names: readonly string[]): TestCertificates {
  const at = (name: string): string => join(dir, name);
  const openssl = (...argv: string[]): void =>
    void execFileSync('openssl', argv, { stdio: ['ignore', 'ignore', 'pipe'] });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    ...['req', '-x509', ...key, '-subj', '/CN=Test CA', '-days', '30'],
    ...['-keyout', at('ca.key'), '-out', at('ca.pem')],
  );
  openssl(
    'req',
    ...key,
    '-subj',
    `/CN=${names[0]}`,
    '-keyout',
    at('srv.key'),
    '-out',
    at('srv.csr'),
  );
  const alternatives = names.map((name) => `${/^[\d.]+$/.test(name) ? 'IP' : 'DNS'}:${name}`);
  writeFileSync(at('ext'), `subjectAltName=${alternatives.join(',')}\n`);
  openssl(
    ...['x509', '-req', '-in', at('srv.csr'), '-CA', at('ca.pem'), '-CAkey', at('ca.key')],
    ...['-CAcreateserial', '-days', '30', '-extfile', at('ext'), '-out', at('srv.pem')],
  );
  return { ca: at('ca.pem'), certificate: at('srv.pem'), key: at('srv.key') };
}
