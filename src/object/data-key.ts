import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto';
import { forbidden } from '../kernel/errors.ts';
import type { Json, StoredObject } from './object.model.ts';
import type { ObjectWorld } from './object.world.ts';

/** Kept with an object: its data key sealed with the store's, or a mark by which a customer's own key is known again. */
export type Encryption =
  | { readonly kind: 'sse-s3'; readonly sealed: string }
  | { readonly kind: 'sse-c'; readonly mark: string; readonly keyMd5: string };

export const encryptionOf = (value: Json | undefined): Encryption | null =>
  value === undefined || value === null ? null : (value as unknown as Encryption);

const masterKeys = new WeakMap<Buffer, Buffer>();

function masterKey({ settings }: ObjectWorld): Buffer {
  const known = masterKeys.get(settings.secret);
  if (known !== undefined) return known;
  const key = Buffer.from(hkdfSync('sha256', settings.secret, '', 'data keys of objects', 32));
  masterKeys.set(settings.secret, key);
  return key;
}

export function dataKeySeal(world: ObjectWorld, key: Uint8Array): string {
  const nonce = world.ids.secret(12);
  const cipher = createCipheriv('aes-256-gcm', masterKey(world), nonce);
  const sealed = Buffer.concat([cipher.update(key), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64');
}

/** What to read an object with whose encryption is `sse-s3`. */
export function dataKeyOpen(world: ObjectWorld, text: string): Uint8Array {
  const sealed = Buffer.from(text, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', masterKey(world), sealed.subarray(0, 12));
  decipher.setAuthTag(sealed.subarray(12, 28));
  return Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()]);
}

/** The key of an object that the store can read by itself; null: it needs none. */
export function ownKeyOf(world: ObjectWorld, { facts }: StoredObject): Uint8Array | null {
  const encryption = encryptionOf(facts.encryption);
  if (encryption === null) return null;
  if (encryption.kind === 'sse-s3') return dataKeyOpen(world, encryption.sealed);
  throw forbidden('The object is encrypted with a key that only its writer has.');
}

export const customerKeyMark = (world: ObjectWorld, key: Uint8Array): string =>
  createHmac('sha256', masterKey(world)).update(key).digest('base64');
