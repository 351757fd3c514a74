import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { bufferPagesShared } from '../../src/kernel/buffer-pages.ts';
import { hashingOpen, threadsWorthBytes, type Algorithm } from '../../src/image/hashing.ts';
import { Failure } from '../../src/kernel/errors.ts';
import { imageBytes, imageServe, octets, until, type ImageServer } from './world.ts';

const both = ['md5', 'sha512'] as const;
const hashOf = (name: string, bytes: Uint8Array): string =>
  createHash(name).update(bytes).digest('hex');

function sharedRandom(bytes: number): Buffer {
  const buffer = bufferPagesShared(bytes);
  randomBytes(bytes).copy(buffer);
  return buffer;
}

/** As the kernel counts them. */
const threadCount = (): number =>
  readdirSync('/proc/self/task').filter((task) => {
    try {
      return readFileSync(`/proc/self/task/${task}/comm`, 'latin1').startsWith('hash-');
    } catch {
      return false;
    }
  }).length;

test('threads make the hashes that this thread would make, of many streams at once', async () => {
  const streams = Array.from({ length: 5 }, () =>
    Array.from({ length: 4 }, () => sharedRandom(50_000)),
  );
  const found = await Promise.all(
    streams.map(async (chunks) => {
      const hashing = hashingOpen(both, true);
      await Promise.all(chunks.map((chunk) => hashing.update(chunk)));
      const hashes = await hashing.digest();
      hashing.close();
      return hashes;
    }),
  );
  for (const [index, chunks] of streams.entries()) {
    const whole = Buffer.concat(chunks);
    const expected = { md5: hashOf('md5', whole), sha512: hashOf('sha512', whole) };
    assert.deepEqual(found[index], expected);
    const own = hashingOpen(both, false);
    await own.update(whole);
    assert.deepEqual(await own.digest(), expected);
  }
});

test('who gives up does not disturb the others, and threads end with their last user', async () => {
  const [stays, leaves] = [hashingOpen(both, true), hashingOpen(['sha512'], true)];
  const chunk = sharedRandom(1_000_000);
  const left = leaves.update(chunk);
  leaves.close();
  await left;
  await stays.update(chunk);
  assert.deepEqual(await stays.digest(), {
    md5: hashOf('md5', chunk),
    sha512: hashOf('sha512', chunk),
  });
  await until(() => threadCount() === 2);
  stays.close();
  await until(() => threadCount() === 0);
});

test('a thread that fails is a failure of the hashes, not of the program', async () => {
  const hashing = hashingOpen(['no-such-hash' as Algorithm], true);
  const isUnavailable = (error: unknown) =>
    error instanceof Failure && error.kind === 'unavailable';
  await assert.rejects(hashing.update(sharedRandom(10)), isUnavailable);
  await assert.rejects(hashing.digest(), isUnavailable);
  hashing.close();
});

/** In pieces that are no multiple of anything; says how much it is only when asked to. */
const put = ({ url }: ImageServer, id: string, bytes: Buffer, isAnnounced: boolean) =>
  fetch(`${url}/image/v2/images/${id}/file`, {
    method: 'PUT',
    headers: { 'X-Auth-Token': 'a', ...octets },
    ...(isAnnounced
      ? { body: bytes as unknown as string }
      : {
          body: ReadableStream.from(
            (function* () {
              for (let at = 0; at < bytes.length; at += 700_001)
                yield bytes.subarray(at, at + 700_001);
            })(),
          ),
          duplex: 'half',
        }),
  });

test('a large upload has its exact bytes and hashes, whether its size is known before or not', async () => {
  await using server = await imageServe();
  const bytes = randomBytes(threadsWorthBytes + 12_345);
  for (const isAnnounced of [true, false]) {
    const id = await server.create();
    assert.equal((await put(server, id, bytes, isAnnounced)).status, 204);
    const { json } = await server.call('GET', `/image/v2/images/${id}`);
    assert.equal(json.status, 'active');
    assert.equal(json.size, bytes.length);
    assert.equal(json.checksum, hashOf('md5', bytes));
    assert.equal(json.os_hash_value, hashOf('sha512', bytes));
    assert.ok((await imageBytes(server, id)).equals(bytes));
  }
});

test('a large upload that breaks off ends its threads and leaves no byte', async () => {
  await using server = await imageServe();
  const id = await server.create();
  const broken = fetch(`${server.url}/image/v2/images/${id}/file`, {
    method: 'PUT',
    headers: { 'X-Auth-Token': 'a', ...octets },
    body: new ReadableStream({
      async start(controller) {
        controller.enqueue(randomBytes(3_000_000));
        await until(() => threadCount() > 0);
        controller.error(new Error('the client is gone'));
      },
    }),
    duplex: 'half',
  });
  await assert.rejects(broken);
  await server.house.settled();
  assert.deepEqual(server.house.files(), []);
  assert.equal((await server.call('GET', `/image/v2/images/${id}`)).json.status, 'queued');
  await until(() => threadCount() === 0);
});
