import { createHash, createHmac, pbkdf2, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { compare } from 'bcryptjs';
import { sha512Crypt } from './password-sha512-crypt.ts';

const pbkdf2Async = promisify(pbkdf2);
const scryptAsync = promisify<string, Buffer, number, object, Buffer>(scrypt);

/** More than any Keystone was ever configured to, and less than what would stop this machine. */
const roundsMax = 10_000_000;
const bcryptCostMax = 15;
const scryptMemoryMax = 512 << 20;
const sha512RoundsMax = 2_000_000;

type Check = (password: string) => Promise<boolean>;

/** How a password is held against a hash of an imported Keystone (the notation of passlib); null: no such hash. */
export function foreignCheck(hash: string): Check | null {
  return (
    bcryptCheck(hash) ??
    pbkdf2Check(hash) ??
    scryptCheck(hash) ??
    bcryptSha256Check(hash) ??
    sha512CryptCheck(hash)
  );
}

/** Keystone's usual one. The library takes the first 72 bytes, as all do; it works in slices, so that others are served between. */
function bcryptCheck(hash: string): Check | null {
  const [, cost] = /^\$2[aby]\$(\d\d)\$[\w./]{53}$/.exec(hash) ?? [];
  if (cost === undefined || Number(cost) > bcryptCostMax) return null;
  return (password) => compare(password, hash);
}

/** passlib writes a dot where base64 has a plus, and no padding. */
const bytesOf = (text: string): Buffer => Buffer.from(text.replaceAll('.', '+'), 'base64');

const isSame = (a: Buffer, b: Buffer): boolean => a.length === b.length && timingSafeEqual(a, b);

function pbkdf2Check(hash: string): Check | null {
  const match = /^\$pbkdf2-sha512\$(\d{1,8})\$([\w./+]+)\$([\w./+]+)$/.exec(hash);
  if (match === null) return null;
  const [, rounds = '', salt = '', digest = ''] = match;
  const wanted = bytesOf(digest);
  if (Number(rounds) < 1 || Number(rounds) > roundsMax) return null;
  return async (password) =>
    isSame(
      await pbkdf2Async(password, bytesOf(salt), Number(rounds), wanted.length, 'sha512'),
      wanted,
    );
}

function scryptCheck(hash: string): Check | null {
  const match = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([\w./+]*)\$([\w./+]+)$/.exec(
    hash,
  );
  if (match === null) return null;
  const [, ln = '', r = '', p = '', salt = '', digest = ''] = match;
  const wanted = bytesOf(digest);
  const cost = { N: 2 ** Number(ln), r: Number(r), p: Number(p) };
  const memory = 128 * cost.N * cost.r;
  if (memory > scryptMemoryMax) return null;
  return async (password) =>
    isSame(
      await scryptAsync(password, bytesOf(salt), wanted.length, {
        ...cost,
        maxmem: 2 * memory + (1 << 20),
      }),
      wanted,
    );
}

/** bcrypt of a digest, so that no byte of a long password is lost; the older notation has no key for the digest. */
function bcryptSha256Check(hash: string): Check | null {
  const match =
    /^\$bcrypt-sha256\$(?:v=2,t=(2b),r=(\d{1,2})|(2[ab]),(\d{1,2}))\$([\w./]{22})\$([\w./]{31})$/.exec(
      hash,
    );
  if (match === null) return null;
  const [, keyedKind, keyedCost, plainKind = '', plainCost = '', salt = '', digest = ''] = match;
  const cost = keyedCost ?? plainCost;
  if (Number(cost) > bcryptCostMax) return null;
  const inner = `$${keyedKind ?? plainKind}$${cost.padStart(2, '0')}$${salt}${digest}`;
  return (password) => {
    const summed = keyedKind === undefined ? createHash('sha256') : createHmac('sha256', salt);
    return compare(summed.update(password).digest('base64'), inner);
  };
}

function sha512CryptCheck(hash: string): Check | null {
  const match = /^\$6\$(?:rounds=(\d{4,7})\$)?([^$\s]{0,16})\$([\w./]{86})$/.exec(hash);
  if (match === null) return null;
  const [, roundsText = '5000', salt = '', wanted = ''] = match;
  const rounds = Number(roundsText);
  if (rounds > sha512RoundsMax) return null;
  return async (password) =>
    isSame(Buffer.from(await sha512Crypt(password, { salt, rounds })), Buffer.from(wanted));
}
