import { createHmac } from 'node:crypto';
import { textEquals } from './access-signature.ts';
import { unauthenticated } from './auth-failure.ts';
import { activeCheck, plainProof, userFind, type Identified } from './auth-method.ts';
import { credentialList } from './credential.store.ts';
import { expecting } from './failure.ts';
import type { IdentityWorld } from './identity.world.ts';
import { equals, listingAnd } from './listing.ts';
import { logInSettle } from './log-in.ts';
import type { AuthWanted } from './token.schema.ts';

const stepMs = 30_000;

/**
 * A one-time password of RFC 6238 (HMAC-SHA1, 6 digits) made from one of the user's `totp` credentials, of this half minute or
 * the one before. Each counts once: who looked over a shoulder comes too late.
 */
export async function totpIdentify(
  world: IdentityWorld,
  wanted: AuthWanted['identity']['totp'],
): Promise<Identified> {
  if (wanted === undefined) throw expecting('user', 'totp');
  const { user: named } = wanted;
  const { passcode } = named;
  const user = await userFind(world, named, 'totp');
  const now = world.clock.now();
  const isRight = user !== null && (await passcodeVerify(world, { userId: user.id, passcode }));
  if (user === null) throw unauthenticated('no such user');
  // Six digits can be guessed: wrong ones count like wrong passwords.
  await logInSettle(world, user, { isRight, why: 'the passcode is wrong' });
  await activeCheck(world, user);
  return {
    user,
    methods: ['totp'],
    expiresAtMs: now + world.settings.tokenLifeMs,
    ...plainProof,
  };
}

async function passcodeVerify(
  world: IdentityWorld,
  { userId, passcode }: { readonly userId: string; readonly passcode: string },
): Promise<boolean> {
  const listing = listingAnd(equals('user_id', userId), equals('type', 'totp'));
  const credentials = await world.db.read((tx) => credentialList(tx, world, listing));
  const step = Math.floor(world.clock.now() / stepMs);
  for (const { id, blob } of credentials) {
    const secret = base32Decode(blob);
    if (secret === null) continue;
    for (const at of [step, step - 1]) {
      if (!textEquals(passcodeOf(secret, at), passcode)) continue;
      const used = `${id}:${at}`;
      if (world.memory.passcodes.get(used) !== undefined) return false;
      world.memory.passcodes.set(used, true);
      return true;
    }
  }
  return false;
}

/** RFC 4226 section 5.3. */
export function passcodeOf(secret: Buffer, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const digest = createHmac('sha1', secret).update(counter).digest();
  const offset = digest.readUInt8(digest.length - 1) & 15;
  const number = (digest.readUInt32BE(offset) & 0x7fff_ffff) % 1_000_000;
  return String(number).padStart(6, '0');
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** Null for what is no base32 (RFC 4648). */
export function base32Decode(text: string): Buffer | null {
  const letters = text.trim().replace(/=+$/, '').toUpperCase();
  if (letters === '' || !/^[A-Z2-7]+$/.test(letters)) return null;
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const letter of letters) {
    held = ((held << 5) | alphabet.indexOf(letter)) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((held >> bits) & 0xff);
  }
  return Buffer.from(bytes);
}
