import { argon2, hash as digest, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IdentityWorld } from './identity.world.ts';
import { foreignCheck } from './password-foreign.ts';

const verifiedForMs = 60_000;
const saltBytes = 16;
const tagBytes = 32;

/** Passwords longer than this are refused: hashing them would cost more than it protects. */
export const passwordLengthMax = 4_096;

/** Goes into the digests of verified passwords: lives as long as the process, so a memory dump of another is worth nothing. */
const digestKey = randomBytes(32).toString('base64');

interface Argon2Hash {
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
  readonly salt: Buffer;
  readonly tagBytes: number;
}

/** `$argon2id$v=19$m=..,t=..,p=..$salt$tag`, as every other implementation writes it. */
export async function passwordHash(world: IdentityWorld, password: string): Promise<string> {
  const { memoryKib: memory, passes, parallelism } = world.settings.argon2;
  const salt = world.ids.secret(saltBytes);
  const tag = await derive(world, password, { memory, passes, parallelism, salt, tagBytes });
  const text = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${text(salt)}$${text(tag)}`;
}

/**
 * Without a hash (no such user, or one without a password) it costs the same time and says no. Clients that log in
 * before each call are answered from memory for a minute; a new password has a new hash, so it is never remembered.
 */
export async function passwordVerify(
  world: IdentityWorld,
  hash: string | null,
  password: string,
): Promise<boolean> {
  const { memory, clock } = world;
  if (password.length > passwordLengthMax) return false;
  const key = digest('sha256', `${digestKey}\0${hash ?? ''}\0${password}`, 'base64');
  if ((memory.verified.get(key) ?? 0) > clock.now()) return true;
  if (!(await isRight(world, hash, password))) return false;
  memory.verified.delete(key);
  memory.verified.set(key, clock.now() + verifiedForMs);
  return true;
}

async function isRight(
  world: IdentityWorld,
  hash: string | null,
  password: string,
): Promise<boolean> {
  const foreign = hash === null ? null : foreignCheck(hash);
  if (foreign !== null) return await gated(world, () => foreign(password));
  const stored = hash === null ? null : argon2Parse(hash);
  const { memoryKib, passes, parallelism } = world.settings.argon2;
  const salt = Buffer.alloc(saltBytes);
  const decoy = { memory: memoryKib, passes, parallelism, salt, tagBytes };
  const tag = await derive(world, password, stored ?? decoy);
  return stored !== null && timingSafeEqual(tag, stored.tag);
}

/** Of another Keystone, or with other costs than the configuration says now. */
export function isHashStale({ settings }: IdentityWorld, hash: string): boolean {
  const stored = argon2Parse(hash);
  const { memoryKib, passes, parallelism } = settings.argon2;
  return (
    stored?.memory !== memoryKib || stored.passes !== passes || stored.parallelism !== parallelism
  );
}

/** Few at one time: each costs memory and a core. */
async function gated<T>({ memory, settings }: IdentityWorld, work: () => Promise<T>): Promise<T> {
  await memory.gate.enter(settings.hashConcurrency);
  try {
    return await work();
  } finally {
    memory.gate.leave();
  }
}

function argon2Parse(hash: string): (Argon2Hash & { readonly tag: Buffer }) | null {
  const match =
    /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(hash);
  if (match === null) return null;
  const [, memory, passes, parallelism, salt = '', tagText = ''] = match;
  const tag = Buffer.from(tagText, 'base64');
  return {
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    salt: Buffer.from(salt, 'base64'),
    tag,
    tagBytes: tag.length,
  };
}

async function derive(
  world: IdentityWorld,
  password: string,
  { memory, passes, parallelism, salt, tagBytes: tagLength }: Argon2Hash,
): Promise<Buffer> {
  const parameters = { message: password, nonce: salt, parallelism, tagLength };
  return await gated(
    world,
    () =>
      new Promise((resolve, reject) => {
        argon2('argon2id', { ...parameters, memory, passes }, (error, tag) => {
          if (error === null) resolve(tag);
          else reject(error);
        });
      }),
  );
}
