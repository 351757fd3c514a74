import { createHash, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { invalid } from '../kernel/errors.ts';

export interface Keypair {
  readonly number: number;
  readonly userId: string;
  readonly name: string;
  readonly type: 'ssh' | 'x509';
  readonly publicKey: string;
  /** MD5 of the key's bytes with colons for SSH, SHA-1 of the certificate for X.509. */
  readonly fingerprint: string;
  readonly createdAt: number;
}

const colons = (hex: string): string => hex.match(/../g)?.join(':') ?? '';

/** Throws `invalid` for what is no public key of the type. */
export function fingerprintOf(type: Keypair['type'], publicKey: string): string {
  return type === 'ssh' ? sshFingerprint(publicKey) : certificateFingerprint(publicKey);
}

/** RFC 4253 6.6: the blob begins with the name of its own algorithm, which must be the one in front. */
function sshFingerprint(publicKey: string): string {
  const [algorithm = '', base64 = ''] = publicKey.trim().split(/\s+/);
  const blob = Buffer.from(base64, 'base64');
  const nameLength = blob.length >= 4 ? blob.readUInt32BE(0) : 0;
  const named = blob.subarray(4, 4 + nameLength).toString('latin1');
  if (
    /\n/.test(publicKey.trim()) ||
    algorithm === '' ||
    named !== algorithm ||
    blob.length <= 4 + nameLength
  ) {
    throw invalid('Keypair data is invalid: failed to generate fingerprint');
  }
  return colons(createHash('md5').update(blob).digest('hex'));
}

function certificateFingerprint(publicKey: string): string {
  const base64 = /-----BEGIN CERTIFICATE-----([\s\S]+?)-----END CERTIFICATE-----/.exec(
    publicKey,
  )?.[1];
  if (base64 === undefined) {
    throw invalid('Keypair data is invalid: failed to generate X509 fingerprint.');
  }
  const bytes = Buffer.from(base64, 'base64');
  return colons(createHash('sha1').update(bytes).digest('hex'));
}

/** Before 2.92 the cloud makes a key for those who bring none; the private half is shown once and kept nowhere. */
export async function sshKeyGenerate(): Promise<{ publicKey: string; privateKey: string }> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  return {
    publicKey: `${sshPublicKey(createPublicKey(privateKey))} Generated-by-Nova`,
    privateKey: privateKey.export({ type: 'pkcs1', format: 'pem' }),
  };
}

/** RFC 4253 6.6: string "ssh-rsa", mpint e, mpint n. */
function sshPublicKey(key: KeyObject): string {
  const { e = '', n = '' } = key.export({ format: 'jwk' });
  const field = (bytes: Buffer): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const number = (base64url: string): Buffer => {
    const bytes = Buffer.from(base64url, 'base64url');
    // A set top bit would make the number negative.
    return field((bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes);
  };
  const blob = Buffer.concat([field(Buffer.from('ssh-rsa')), number(e), number(n)]);
  return `ssh-rsa ${blob.toString('base64')}`;
}
