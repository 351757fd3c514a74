import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  timingSafeEqual,
  type BinaryLike,
} from 'node:crypto';

/** 16 bytes to sign with, 16 to encrypt with: the layout of a Fernet key. */
export interface SecretKey {
  readonly signing: Buffer;
  readonly encryption: Buffer;
}

export function secretKey(bytes: Buffer): SecretKey {
  if (bytes.length !== 32) throw new Error('a secret key has 32 bytes');
  return { signing: bytes.subarray(0, 16), encryption: bytes.subarray(16) };
}

const versionByte = 0x80;
const headBytes = 1 + 8 + 16;
const macBytes = 32;

export interface Sealing {
  readonly nowMs: number;
  /** 16 random bytes, never used twice. */
  readonly iv: Buffer;
}

/** A Fernet token: version, time, IV, AES-128-CBC, and HMAC-SHA256 over all of it; base64url without padding. */
export function boxSeal(key: SecretKey, secret: BinaryLike, { nowMs, iv }: Sealing): string {
  const cipher = createCipheriv('aes-128-cbc', key.encryption, iv);
  const [first, last] = [cipher.update(secret as Buffer), cipher.final()];
  const signedBytes = headBytes + first.length + last.length;
  const box = Buffer.alloc(signedBytes + macBytes);
  box.writeUInt8(versionByte, 0);
  // Seconds fit into six of the eight bytes.
  box.writeUIntBE(Math.floor(nowMs / 1000), 3, 6);
  iv.copy(box, 9);
  first.copy(box, headBytes);
  last.copy(box, headBytes + first.length);
  macOf(key, box.subarray(0, signedBytes)).copy(box, signedBytes);
  return box.toString('base64url');
}

/** Null: not sealed with any of these keys, or not whole. */
export function boxOpen(keys: readonly SecretKey[], text: string): Buffer | null {
  // Node's decoder skips what is not base64: junk in the middle must not pass for the same token.
  if (!/^[\w-]+={0,2}$/.test(text)) return null;
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length < headBytes + 16 + macBytes || bytes[0] !== versionByte) return null;
  const signed = bytes.subarray(0, -macBytes);
  const mac = bytes.subarray(-macBytes);
  const key = keys.find((candidate) => timingSafeEqual(macOf(candidate, signed), mac));
  if (key === undefined) return null;
  const decipher = createDecipheriv('aes-128-cbc', key.encryption, signed.subarray(9, headBytes));
  return Buffer.concat([decipher.update(signed.subarray(headBytes)), decipher.final()]);
}

const macOf = ({ signing }: SecretKey, signed: Buffer): Buffer =>
  createHmac('sha256', signing).update(signed).digest();
