import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import {
  keyNextEnsure,
  keyNextWaitMs,
  keysFollow,
  keysRead,
  keysRotate,
} from '../../src/boot/key-ring.ts';
import { tokenDecode, tokenEncode } from '../../src/identity/token.codec.ts';
import type { SecretKey } from '../../src/identity/secret-box.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { silentLog } from '../../src/kernel/log.ts';

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'welkin-keys-'));
  t.after(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, '1'), `${Buffer.alloc(32, 1).toString('base64url')}\n`);
  return dir;
}

const claims = {
  methods: ['password'],
  userId: 'a'.repeat(32),
  scope: { kind: 'unscoped' },
  issuedAtMs: 1,
  expiresAtMs: 2,
  auditIds: [Buffer.alloc(16).toString('base64url')],
  trustId: null,
  applicationCredentialId: null,
  accessTokenId: null,
  assertionId: null,
} as const;
const sign = (keys: readonly SecretKey[]): string => {
  const [key] = keys;
  assert.ok(key);
  return tokenEncode(key, claims, { nowMs: 1, iv: Buffer.alloc(16, 3) });
};
const hour = 3_600_000;

test('tokens of every key verify, in programs that have noticed the rotation and in those that have not', (t) => {
  const dir = folder(t);
  assert.equal(keyNextEnsure(dir), true);
  assert.equal(keyNextEnsure(dir), false);
  const late = keysRead(dir);
  const old = sign(late);
  const { primary } = keysRotate(dir, { nowMs: Date.now(), keepMs: hour });
  assert.equal(primary, 2);
  const noticed = keysRead(dir);
  const fresh = sign(noticed);
  for (const keys of [late, noticed]) {
    for (const token of [old, fresh]) assert.ok(tokenDecode(keys, token));
  }
  assert.notEqual(sign(noticed), sign(late));
});

test('a key comes into force when every program has had the time to look, also right after another one', (t) => {
  const dir = folder(t);
  const nowMs = Date.now();
  assert.ok(keyNextWaitMs(dir, nowMs) > 2_000);
  keysRotate(dir, { nowMs, keepMs: hour });
  assert.ok(keyNextWaitMs(dir, nowMs) > 2_000, 'the next key is as new as the one before it was');
  assert.equal(keyNextWaitMs(dir, nowMs + 60_000), 0);
});

test('a key goes when its successor has signed for longer than a token lives', (t) => {
  const dir = folder(t);
  keyNextEnsure(dir);
  keysRotate(dir, { nowMs: Date.now(), keepMs: hour });
  const twoHoursAgo = (Date.now() - 2 * hour) / 1000;
  utimesSync(join(dir, '2'), twoHoursAgo, twoHoursAgo);
  const { primary, removed, kept } = keysRotate(dir, { nowMs: Date.now(), keepMs: hour });
  assert.deepEqual({ primary, removed, kept }, { primary: 3, removed: [1], kept: [3, 2] });
  assert.deepEqual(readdirSync(dir).toSorted(), ['2', '3', 'next']);
});

test('a rotation that was cut off after its key came into force is finished by the next one', (t) => {
  const dir = folder(t);
  keyNextEnsure(dir);
  const [, next] = keysRead(dir);
  assert.ok(next);
  const text = Buffer.concat([next.signing, next.encryption]).toString('base64url');
  writeFileSync(join(dir, '2'), `${text}\n`);
  assert.equal(keyNextEnsure(dir), true);
  keysRotate(dir, { nowMs: Date.now(), keepMs: hour });
  assert.equal(new Set(keysRead(dir).map(({ signing }) => signing.toString('hex'))).size, 4);
});

test('a running program takes up the keys of the folder by itself', async (t) => {
  const dir = folder(t);
  const keys = keysRead(dir);
  const stop = new AbortController();
  let looked = 0;
  const clock = {
    ...systemClock,
    // The second look comes when the folder has changed.
    async sleep() {
      if (++looked === 1) keyNextEnsure(dir);
      else stop.abort();
    },
  };
  await keysFollow(keys, dir, { clock, log: silentLog, signal: stop.signal });
  assert.equal(keys.length, 2);
});
