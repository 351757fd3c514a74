import { createHash, hash } from 'node:crypto';
import { S3Failure } from '../failure.ts';
import { crc32cNew, crc32New, crc64nvmeNew, crcCombine } from './crc.ts';

export const checksumNames = ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const;
export type ChecksumName = (typeof checksumNames)[number];
export type ChecksumType = 'FULL_OBJECT' | 'COMPOSITE';

export interface Checksum {
  readonly name: ChecksumName;
  readonly type: ChecksumType;
  /** Base64; composite ones end in `-<number of parts>`. */
  readonly value: string;
}

export interface Hasher {
  update(bytes: Buffer): void;
  digest(): Buffer;
}

const lengths: Readonly<Record<ChecksumName, number>> = {
  CRC32: 4,
  CRC32C: 4,
  CRC64NVME: 8,
  SHA1: 20,
  SHA256: 32,
};

export const checksumHeader = (name: ChecksumName): string =>
  `x-amz-checksum-${name.toLowerCase()}`;
export const checksumElement = (name: ChecksumName): string => `Checksum${name}`;

export const checksumNameOf = (text: string): ChecksumName | null =>
  checksumNames.find((name) => name === text.toUpperCase()) ?? null;

export function hasherNew(name: ChecksumName): Hasher {
  switch (name) {
    case 'CRC32':
      return crc32New();
    case 'CRC32C':
      return crc32cNew();
    case 'CRC64NVME':
      return crc64nvmeNew();
    case 'SHA1':
    case 'SHA256':
      return shaNew(name);
  }
}

function shaNew(name: 'SHA1' | 'SHA256'): Hasher {
  const sha = createHash(name);
  return {
    update: (bytes) => void sha.update(bytes),
    digest: () => sha.digest(),
  };
}

/** Null: the text is no checksum of this kind. */
export function checksumBytes(name: ChecksumName, text: string): Buffer | null {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return null;
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === lengths[name] && bytes.toString('base64') === text ? bytes : null;
}

export function checksumCheck(name: ChecksumName, text: string): string {
  if (checksumBytes(name, text) === null) {
    throw new S3Failure('InvalidRequest', `Value for ${checksumHeader(name)} header is invalid.`);
  }
  return text;
}

/** What an upload may ask for: checks that cannot be put together from parts are made over the parts' values. */
export function checksumTypeFor(name: ChecksumName, wanted: string | null): ChecksumType {
  const natural = name === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE';
  if (wanted === null) return natural;
  const isKnown = wanted === 'FULL_OBJECT' || wanted === 'COMPOSITE';
  const isImpossible =
    (wanted === 'FULL_OBJECT' && name.startsWith('SHA')) ||
    (wanted === 'COMPOSITE' && name === 'CRC64NVME');
  if (!isKnown || isImpossible) {
    throw new S3Failure(
      'InvalidRequest',
      `The ${wanted} checksum type cannot be used with the ${name.toLowerCase()} checksum algorithm.`,
    );
  }
  return wanted;
}

export interface PartChecksum {
  readonly value: string;
  readonly sizeBytes: number;
}

export function checksumOfParts(
  name: ChecksumName,
  type: ChecksumType,
  parts: readonly PartChecksum[],
): string {
  const digests = parts.map(({ value, sizeBytes }) => ({
    digest: Buffer.from(value, 'base64'),
    sizeBytes,
  }));
  if (type === 'FULL_OBJECT') {
    if (name === 'SHA1' || name === 'SHA256') throw new Error('such parts cannot be put together');
    return crcCombine(name, digests).toString('base64');
  }
  const hasher = hasherNew(name);
  for (const { digest } of digests) hasher.update(digest);
  return `${hasher.digest().toString('base64')}-${parts.length}`;
}

/** The entity tag of an upload in parts: the MD5 of the parts' MD5s, and their number. */
export const etagOfParts = (etags: readonly string[]): string =>
  `${hash('md5', Buffer.from(etags.join(''), 'hex'))}-${etags.length}`;
