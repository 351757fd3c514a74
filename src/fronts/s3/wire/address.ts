import { isIP } from 'node:net';
import { S3Failure } from '../failure.ts';
import { uriDecoded } from './uri.ts';

export interface Address {
  /** Null: the service itself. */
  readonly bucket: string | null;
  /** Null: the bucket itself. */
  readonly key: string | null;
  /** True: the Host header named the bucket. */
  readonly isVirtual: boolean;
}

const keyLimitBytes = 1024;

/** Path style unless the host is a bucket under one of our domains. */
export function addressOf(
  rawPath: string,
  host: string | undefined,
  domains: readonly string[],
): Address {
  const named = hostBucket(host, domains);
  const path = rawPath.startsWith('/') ? rawPath.slice(1) : rawPath;
  if (named !== null) return { bucket: named, key: keyOf(path), isVirtual: true };
  if (path === '') return { bucket: null, key: null, isVirtual: false };
  const slash = path.indexOf('/');
  const bucket = uriDecoded(slash === -1 ? path : path.slice(0, slash));
  return { bucket, key: slash === -1 ? null : keyOf(path.slice(slash + 1)), isVirtual: false };
}

function keyOf(raw: string): string | null {
  if (raw === '') return null;
  return keyCheck(uriDecoded(raw));
}

export function keyCheck(key: string): string {
  const sizeBytes = Buffer.byteLength(key);
  if (sizeBytes > keyLimitBytes) {
    throw new S3Failure('KeyTooLongError', undefined, {
      fields: { Size: String(sizeBytes), MaxSizeAllowed: String(keyLimitBytes) },
    });
  }
  if (key.includes('\0') || !key.isWellFormed()) throw new S3Failure('InvalidURI');
  return key;
}

function hostBucket(host: string | undefined, domains: readonly string[]): string | null {
  if (host === undefined || domains.length === 0) return null;
  const name = host.replace(/:\d+$/, '').toLowerCase();
  const domain = domains.find((suffix) => name.endsWith(`.${suffix}`));
  return domain === undefined ? null : name.slice(0, -domain.length - 1);
}

const namePattern = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

export function isBucketName(name: string): boolean {
  return (
    namePattern.test(name) &&
    !/\.\.|\.-|-\./.test(name) &&
    isIP(name) === 0 &&
    !/^(xn--|sthree-|amzn-s3-demo-)|(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$/.test(name)
  );
}
