import { execFileSync } from 'node:child_process';
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { isWildcard, ownAddresses } from './addresses.ts';
import type { Configuration } from './configuration.model.ts';
import { fileWrite, folderEnsure } from './files.ts';
import { keyNextEnsure } from './key-ring.ts';
import { controlUid, type Layout } from './layout.ts';

/** Makes what is missing and leaves what is there: it can be repeated after any interruption. */
export function secretsEnsure(layout: Layout, configuration: Configuration): void {
  passwordEnsure(layout.adminPasswordFile);
  passwordEnsure(layout.demoPasswordFile);
  keysEnsure(layout.tokenKeyDir);
  keyNextEnsure(layout.tokenKeyDir);
  keysEnsure(layout.credentialKeyDir);
  authorityEnsure(layout);
  certificateEnsure(layout, configuration);
}

const ofControl = { mode: 0o600, uid: controlUid } as const;

function passwordEnsure(path: string): void {
  if (!existsSync(path)) fileWrite(path, `${randomBytes(18).toString('base64url')}\n`, ofControl);
}

/** Keys are numbered; the highest signs, the others still verify. */
function keysEnsure(folder: string): void {
  folderEnsure(folder, { mode: 0o700, uid: controlUid });
  if (readdirSync(folder).some((name) => /^\d+$/.test(name))) return;
  fileWrite(join(folder, '1'), `${randomBytes(32).toString('base64url')}\n`, ofControl);
}

const authorityDays = 3650;
const certificateDays = 825;
const renewBeforeMs = 30 * 24 * 3600 * 1000;

/** The certificate is written last: when it is there, its key is. */
function authorityEnsure(layout: Layout): void {
  if (certificateRead(layout.caCertificate, layout.caKey) !== null) return;
  scratch(layout, (folder) => {
    const [key, certificate] = [join(folder, 'key'), join(folder, 'crt')];
    const subject = `/CN=Welkin CA ${randomBytes(4).toString('hex')}`;
    openssl(
      `req -x509 ${newKey} -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign`,
      { days: authorityDays, subj: subject, keyout: key, out: certificate },
    );
    fileWrite(layout.caKey, readFileSync(key, 'utf8'), { mode: 0o600 });
    fileWrite(layout.caCertificate, readFileSync(certificate, 'utf8'), { mode: 0o644 });
  });
}

/** Made anew when it expires soon or the API moved to an address that it does not name. */
function certificateEnsure(layout: Layout, configuration: Configuration): void {
  const names = certificateNames(configuration);
  const present = certificateRead(layout.serverCertificate, layout.serverKey);
  const authority = new X509Certificate(readFileSync(layout.caCertificate));
  const isGood =
    present !== null &&
    present.verify(authority.publicKey) &&
    present.validToDate.getTime() - Date.now() > renewBeforeMs &&
    names.every((name) => isNamed(present, name));
  if (isGood) return;
  scratch(layout, (folder) => {
    const [key, request, certificate] = [
      join(folder, 'key'),
      join(folder, 'csr'),
      join(folder, 'crt'),
    ];
    const extensions = join(folder, 'ext');
    fileWrite(extensions, extensionsText(names), { mode: 0o600 });
    openssl(`req ${newKey}`, { subj: '/CN=Welkin API', keyout: key, out: request });
    openssl('x509 -req', {
      in: request,
      out: certificate,
      days: certificateDays,
      CA: layout.caCertificate,
      CAkey: layout.caKey,
      extfile: extensions,
      set_serial: `0x${randomBytes(16).toString('hex')}`,
    });
    fileWrite(layout.serverKey, readFileSync(key, 'utf8'), ofControl);
    fileWrite(layout.serverCertificate, readFileSync(certificate, 'utf8'), ofControl);
  });
}

function certificateNames({ listen, publicUrl, object }: Configuration): string[] {
  const named = [publicUrl, object.publicUrl].map((url) =>
    new URL(url).hostname.replace(/^\[|\]$/g, ''),
  );
  const listening = [listen, object.listen].flatMap(({ host }) =>
    isWildcard(host) ? ownAddresses() : [host],
  );
  return [...new Set(['localhost', '127.0.0.1', hostname(), ...named, ...listening])];
}

function extensionsText(names: readonly string[]): string {
  const alternatives = names.map((name) => `${isIP(name) === 0 ? 'DNS' : 'IP'}:${name}`);
  return [
    'basicConstraints=critical,CA:FALSE',
    'keyUsage=critical,digitalSignature',
    'extendedKeyUsage=serverAuth',
    `subjectAltName=${alternatives.join(',')}`,
    '',
  ].join('\n');
}

const isNamed = (certificate: X509Certificate, name: string): boolean =>
  (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined;

/** Null when the pair is not whole: a file is missing, broken, or of another pair. */
function certificateRead(certificatePath: string, keyPath: string): X509Certificate | null {
  if (!existsSync(certificatePath) || !existsSync(keyPath)) return null;
  try {
    const certificate = new X509Certificate(readFileSync(certificatePath));
    return certificate.checkPrivateKey(createPrivateKey(readFileSync(keyPath)))
      ? certificate
      : null;
  } catch {
    return null;
  }
}

function scratch(layout: Layout, work: (folder: string) => void): void {
  const folder = mkdtempSync(join(layout.runDir, '.tls-'));
  try {
    work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const newKey = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';

function openssl(words: string, options: Readonly<Record<string, string | number>>): void {
  const pairs = Object.entries(options).flatMap(([name, value]) => [`-${name}`, String(value)]);
  execFileSync('openssl', [...words.split(' '), ...pairs], { stdio: ['ignore', 'ignore', 'pipe'] });
}
