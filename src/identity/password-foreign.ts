import { pbkdf2, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { compare } from 'bcryptjs';

const pbkdf2Async = promisify(pbkdf2);
const scryptAsync = promisify<string, Buffer, number, object, Buffer>(scrypt);

/** More than any Keystone was ever configured to, and less than what would stop this machine. */
const roundsMax = 10_000_000;
const bcryptCostMax = 15;
const scryptMemoryMax = 512 << 20;

type Check = (password: string) => Promise<boolean>;

/** How a password is held against a hash of an imported Keystone (the notation of passlib); null: no such hash. */
export function foreignCheck(hash: string): Check | null {
  return bcryptCheck(hash) ?? pbkdf2Check(hash) ?? scryptCheck(hash);
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
