import { hash } from 'node:crypto';
import {
  customerKeyMark,
  dataKeyOpen,
  dataKeySeal,
  type Encryption,
} from '../../object/data-key.ts';
import { S3Failure } from './failure.ts';
import { sameText } from './signature/v4.ts';
import type { Bucket, Scene } from './scene.ts';
import { algorithmCheck } from './settings/encryption.ts';

/** What to write with. */
export interface WriteKey {
  readonly key: Uint8Array;
  readonly encryption: Encryption;
}

interface CustomerKey {
  readonly key: Buffer;
  readonly keyMd5: string;
}

const source = 'x-amz-copy-source-server-side-encryption-customer-';
const target = 'x-amz-server-side-encryption-customer-';

/** Null: the request brings no key of its own. */
function customerKeyOf(scene: Scene, prefix: string): CustomerKey | null {
  const [algorithm, text, keyMd5] = ['algorithm', 'key', 'key-md5'].map((name) =>
    scene.header(prefix + name),
  );
  if (algorithm === null && text === null && keyMd5 === null) return null;
  if (!text || !keyMd5 || !algorithm) {
    throw new S3Failure(
      'InvalidArgument',
      'Requests specifying Server Side Encryption with Customer provided keys must provide the client calculated MD5 of the secret key, the key and the algorithm.',
    );
  }
  if (algorithm !== 'AES256') throw new S3Failure('InvalidEncryptionAlgorithmError');
  const { context } = scene;
  // The key itself is in the request: it must not cross a wire in the clear.
  if (context.scheme !== 'https' && !isLoopback(context.remoteAddress)) {
    throw new S3Failure(
      'InvalidRequest',
      'Requests specifying Server Side Encryption with Customer provided keys must be made over a secure connection.',
    );
  }
  const key = Buffer.from(text, 'base64');
  if (key.length !== 32)
    throw new S3Failure(
      'InvalidArgument',
      'The secret key was invalid for the specified algorithm.',
    );
  if (!sameText(hash('md5', key, 'base64'), keyMd5)) {
    throw new S3Failure(
      'InvalidArgument',
      'The calculated MD5 hash of the key did not match the hash that was provided.',
    );
  }
  return { key, keyMd5 };
}

const isLoopback = (address: string): boolean =>
  address === '::1' || /^(::ffff:)?127\./.test(address);

/** How an upload wants to be kept; null: as it comes. */
export function writeKeyOf(scene: Scene, bucket: Bucket): WriteKey | null {
  const { world } = scene;
  const customer = customerKeyOf(scene, target);
  const algorithm = scene.header('x-amz-server-side-encryption');
  if (scene.header('x-amz-server-side-encryption-aws-kms-key-id') !== null)
    algorithmCheck('aws:kms');
  if (customer !== null) {
    if (algorithm !== null)
      throw new S3Failure(
        'InvalidArgument',
        'Server Side Encryption with Customer provided key is incompatible with the encryption method specified',
      );
    const { key, keyMd5 } = customer;
    return { key, encryption: { kind: 'sse-c', mark: customerKeyMark(world, key), keyMd5 } };
  }
  if (algorithm !== null) algorithmCheck(algorithm);
  if (algorithm === null && bucket.document('s3:encryption') === null) return null;
  const key = world.ids.secret(32);
  return { key, encryption: { kind: 'sse-s3', sealed: dataKeySeal(world, key) } };
}

/** The same data key again, for the parts of an upload that began with it. */
export function partKeyOf(scene: Scene, encryption: Encryption | null): Uint8Array | null {
  if (encryption?.kind === 'sse-s3') return dataKeyOpen(scene.world, encryption.sealed);
  return customerKeyChecked(scene, encryption, target);
}

/** What the bytes of an object are read with; null: they are as they came. */
export function readKeyOf(
  scene: Scene,
  encryption: Encryption | null,
  of: 'object' | 'copy source' = 'object',
): Uint8Array | null {
  const prefix = of === 'object' ? target : source;
  if (encryption?.kind !== 'sse-s3') return customerKeyChecked(scene, encryption, prefix);
  // Asked as one that has no key of a customer.
  customerKeyChecked(scene, null, prefix);
  return dataKeyOpen(scene.world, encryption.sealed);
}

function customerKeyChecked(
  scene: Scene,
  encryption: Extract<Encryption, { kind: 'sse-c' }> | null,
  prefix: string,
): Uint8Array | null {
  const customer = customerKeyOf(scene, prefix);
  if (encryption === null) {
    if (customer === null) return null;
    throw new S3Failure(
      'InvalidRequest',
      'The encryption parameters are not applicable to this object.',
    );
  }
  if (customer === null) {
    throw new S3Failure(
      'InvalidRequest',
      'The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.',
    );
  }
  if (!sameText(customerKeyMark(scene.world, customer.key), encryption.mark))
    throw new S3Failure('AccessDenied');
  return customer.key;
}

/** What every answer about such an object says. */
export function encryptionHeaders(encryption: Encryption | null): Record<string, string> {
  if (encryption === null) return {};
  if (encryption.kind === 'sse-s3') return { 'x-amz-server-side-encryption': 'AES256' };
  return {
    'x-amz-server-side-encryption-customer-algorithm': 'AES256',
    'x-amz-server-side-encryption-customer-key-MD5': encryption.keyMd5,
  };
}
