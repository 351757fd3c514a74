import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { conflict, Failure } from '../../src/kernel/errors.ts';
import { accountCounts } from '../../src/object/account.ts';
import {
  containerDelete,
  containerFresh,
  containerGet,
  containerList,
  containerUpdate,
} from '../../src/object/container.ts';
import { objectCopy } from '../../src/object/object-copy.ts';
import { objectDelete } from '../../src/object/object-delete.ts';
import { markerGet, objectGet, objectOpen, objectParts } from '../../src/object/object-get.ts';
import {
  entryName,
  objectList,
  versionList,
  type ObjectList,
} from '../../src/object/object-list.ts';
import { objectUpdate } from '../../src/object/object-update.ts';
import { noFacts } from '../../src/object/object.model.ts';
import type { ObjectWorld } from '../../src/object/object.world.ts';
import type { Container } from '../../src/object/container.model.ts';
import { versionPromote } from '../../src/object/version.ts';
import { partPut, uploadComplete, uploadCreate, uploadGet } from '../../src/object/upload.ts';
import { containerMake, put, type StoreOptions, type TestStore } from './world.ts';

async function text(
  world: ObjectWorld,
  container: Container,
  name: string,
  range: { first: number; last: number } | null = null,
): Promise<string | null> {
  using opened = await objectOpen(world, container, name);
  if (opened === null) return null;
  const streamed = Buffer.concat(await Array.fromAsync(opened.read(range))).toString();
  assert.equal(Buffer.from(await opened.readWhole(range)).toString(), streamed);
  return streamed;
}

const failsWith = (type: string) => (error: unknown) =>
  error instanceof Failure && error.type === type;

/** What holds whichever database the store is kept in. */
export function objectDatabaseSuite(
  database: string,
  open: (options?: StoreOptions) => Promise<TestStore>,
): void {
  test(`${database}: what was put is read back, whole and in ranges, and counted exactly`, async () => {
    await using store = await open();
    const { world } = store;
    const container = await containerMake(world, 'c');
    const big = Buffer.alloc((3 << 20) + 5, 'abcdefg');
    const stored = await put(world, container, 'big', big);
    assert.equal(stored.etag, createHash('md5').update(big).digest('hex'));
    await put(world, container, 'empty', '');
    await put(world, container, 'small', 'hello');
    await put(world, container, 'small', 'hello again');
    assert.equal(await text(world, container, 'big'), big.toString());
    const range = { first: (1 << 20) - 3, last: (2 << 20) + 1 };
    const part = big.subarray(range.first, range.last + 1).toString();
    assert.equal(await text(world, container, 'big', range), part);
    assert.equal(await text(world, container, 'empty'), '');
    assert.equal(await text(world, container, 'small'), 'hello again');
    assert.equal(await text(world, container, 'none'), null);
    const { counts } = await containerFresh(world, container);
    assert.deepEqual([counts.objects, counts.bytes], [3, big.length + 11]);
    await objectDelete(world, container, { name: 'big' });
    assert.deepEqual(await accountCounts(world, 'AUTH_a'), {
      containers: 1,
      objects: 2,
      bytes: 11,
    });
  });

  test(`${database}: a guard decides inside the transaction, and what it refuses changes nothing`, async () => {
    await using store = await open();
    const { world } = store;
    const container = await containerMake(world, 'c');
    const onlyNew = {
      guard: (current: unknown) => {
        if (current !== null) throw conflict('taken', { type: 'Taken' });
      },
    };
    const writes = ['a', 'b', 'c'].map((body) => put(world, container, 'x', body, onlyNew));
    const results = await Promise.allSettled(writes);
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
    assert.equal((await containerFresh(world, container)).counts.objects, 1);
  });

  test(`${database}: a body of another length than announced, or that breaks off, leaves nothing`, async () => {
    await using store = await open();
    const { world } = store;
    const container = await containerMake(world, 'c');
    await assert.rejects(
      put(world, container, 'x', 'abc', { sizeBytes: 4 }),
      failsWith('IncompleteBody'),
    );
    async function* broken(): AsyncIterable<Uint8Array> {
      yield Buffer.alloc(70_000);
      throw new Error('gone');
    }
    await assert.rejects(put(world, container, 'x', '', { body: broken() }), /gone/);
    await assert.rejects(
      put(world, container, 'x', 'abcdef', { limitBytes: 5 }),
      failsWith('EntityTooLarge'),
    );
    assert.equal(await objectGet(world, container, 'x'), null);
  });

  test(`${database}: versions: kept, listed newest first, deleted for good, and the one before becomes current`, async () => {
    await using store = await open();
    const { world } = store;
    const container = await containerMake(world, 'c');
    await put(world, container, 'x', 'plain');
    await containerUpdate(world, container, () => ({ versioning: 'enabled' }));
    const second = await put(world, container, 'x', 'second');
    const { marker } = await objectDelete(world, container, { name: 'x' });
    assert.equal(await text(world, container, 'x'), null);
    assert.equal((await markerGet(world, container, 'x'))?.versionId, marker?.versionId);
    const { entries } = await versionList(world, container, { limit: 10 });
    const shown = entries.map((entry) =>
      entry.kind === 'version'
        ? [entry.version.versionId, entry.version.isMarker, entry.version.isLatest]
        : [],
    );
    assert.deepEqual(shown, [
      [marker?.versionId, true, true],
      [second.versionId, false, false],
      ['null', false, false],
    ]);
    await objectDelete(world, container, { name: 'x', versionId: marker?.versionId ?? '' });
    assert.equal(await text(world, container, 'x'), 'second');
    await objectDelete(world, container, { name: 'x', versionId: second.versionId });
    assert.equal(await text(world, container, 'x'), 'plain');
    await containerUpdate(world, container, () => ({ versioning: 'suspended' }));
    await put(world, container, 'x', 'over');
    const { counts } = await containerFresh(world, container);
    assert.deepEqual(counts, { objects: 1, bytes: 4, versions: 0, versionBytes: 0 });
    await assert.rejects(containerDelete(world, container), failsWith('ContainerNotEmpty'));
  });

  test(`${database}: a locked version is not deleted, by whomever`, async () => {
    await using store = await open();
    const { world } = store;
    const container = await containerMake(world, 'c', 'enabled');
    const untilMs = world.clock.now() + 1000;
    const lock = { mode: 'GOVERNANCE', untilMs } as const;
    const { versionId } = await put(world, container, 'x', 'a', { facts: { ...noFacts, lock } });
    const remove = (bypassesGovernance: boolean) =>
      objectDelete(world, container, { name: 'x', versionId, bypassesGovernance });
    await assert.rejects(remove(false), failsWith('ObjectLocked'));
    await objectUpdate(world, container, {
      name: 'x',
      change: ({ facts }) => ({ facts: { ...facts, legalHold: true } }),
    });
    await assert.rejects(remove(true), failsWith('ObjectLocked'));
    await objectUpdate(world, container, {
      name: 'x',
      change: ({ facts }) => ({ facts: { ...facts, legalHold: false } }),
    });
    store.pass(2000);
    assert.equal((await remove(false)).object?.versionId, versionId);
  });

  test(`${database}: listings: the order of bytes, rolled up, paged both ways without a gap or a double`, async () => {
    await using store = await open();
    const { world } = store;
    const container = await containerMake(world, 'c');
    const names = ['a', 'a/1', 'a/2', 'b', 'b/1/x', 'b/2', 'é', '\u{10000}', '\uffee', 'z'];
    for (const name of names) await put(world, container, name, name);
    const sorted = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const paged = async (list: Omit<ObjectList, 'limit'>, limit: number): Promise<string[]> => {
      const all: string[] = [];
      for (let marker = list.marker; ;) {
        const from = marker === undefined ? {} : { marker };
        const page = await objectList(world, container, { ...list, ...from, limit });
        all.push(...page.entries.map(entryName));
        if (!page.isTruncated) return all;
        marker = all.at(-1) ?? '';
      }
    };
    for (const limit of [1, 2, 3, 100]) {
      assert.deepEqual(await paged({}, limit), sorted);
      assert.deepEqual(await paged({ isReverse: true }, limit), sorted.toReversed());
      const rolled = ['a', 'a/', 'b', 'b/', 'z', 'é', '\uffee', '\u{10000}'];
      assert.deepEqual(await paged({ delimiter: '/' }, limit), rolled);
      assert.deepEqual(
        await paged({ delimiter: '/', isReverse: true }, limit),
        rolled.toReversed(),
      );
      assert.deepEqual(await paged({ delimiter: '/', prefix: 'b/' }, limit), ['b/1/', 'b/2']);
      assert.deepEqual(await paged({ marker: 'a/1', endMarker: 'b/2' }, limit), [
        'a/2',
        'b',
        'b/1/x',
      ]);
    }
  });

  test(`${database}: parts become one object without being copied, and a part can be found in it`, async () => {
    await using store = await open();
    const { world } = store;
    const container = await containerMake(world, 'c');
    const create = { name: 'x', contentType: 'text/plain', facts: noFacts };
    const upload = await uploadCreate(world, container, create);
    for (const [number, body] of [
      [2, 'two'],
      [1, 'wrong'],
      [1, 'one-'],
      [5, '-five'],
      [7, 'dropped'],
    ] as const) {
      await partPut(world, upload, { number, body: Buffer.from(body), sizeBytes: null });
    }
    const stored = await uploadComplete(world, container, upload, { numbers: [1, 2, 5] });
    assert.match(stored.etag, /^[0-9a-f]{32}-3$/);
    assert.equal(await text(world, container, 'x'), 'one-two-five');
    assert.equal(await text(world, container, 'x', { first: 3, last: 8 }), '-two-f');
    const parts = await objectParts(world, stored);
    assert.deepEqual(
      parts.map(({ number, offset, sizeBytes }) => [number, offset, sizeBytes]),
      [
        [1, 0, 4],
        [2, 4, 3],
        [5, 7, 5],
      ],
    );
    assert.equal(await uploadGet(world, container, upload.id), null);
  });

  test(`${database}: a copy stays when its source goes, in this container and in another`, async () => {
    await using store = await open({ shardCount: 3 });
    const { world } = store;
    const containers = await Promise.all(
      ['a', 'b', 'c', 'd', 'e'].map((n) => containerMake(world, n)),
    );
    const [first] = containers;
    assert.ok(first);
    await put(world, first, 'x', 'bytes');
    {
      using source = await objectOpen(world, first, 'x');
      assert.ok(source);
      for (const target of containers) {
        await objectCopy(world, target, {
          source,
          name: 'y',
          contentType: 'text/html',
          facts: { headers: {}, meta: { color: 'red' } },
        });
      }
    }
    await objectDelete(world, first, { name: 'x' });
    for (const target of containers) assert.equal(await text(world, target, 'y'), 'bytes');
  });

  test(`${database}: encrypted bytes are read with their key, in ranges too, and are not the plain ones`, async () => {
    await using store = await open();
    const { world } = store;
    const container = await containerMake(world, 'c');
    const key = Buffer.alloc(32, 9);
    const plain = Buffer.alloc((1 << 20) + 100, '0123456789');
    await put(world, container, 'x', plain, { key });
    using opened = await objectOpen(world, container, 'x');
    assert.ok(opened);
    const range = { first: 1048570, last: 1048600 };
    const got = Buffer.concat(await Array.fromAsync(opened.read(range, key)));
    assert.deepEqual(got, plain.subarray(range.first, range.last + 1));
    assert.notDeepEqual(Buffer.from(await opened.readWhole(range)), got);
  });

  test(`${database}: an expired object is not there, whether or not it was reclaimed`, async () => {
    await using store = await open();
    const { world } = store;
    const container = await containerMake(world, 'c');
    await put(world, container, 'x', 'a', { expiresAtMs: world.clock.now() + 10 });
    assert.equal(await text(world, container, 'x'), 'a');
    store.pass(10);
    assert.equal(await text(world, container, 'x'), null);
    assert.deepEqual((await objectList(world, container, { limit: 5 })).entries, []);
  });

  test(`${database}: containers of an account are listed across shards in one order`, async () => {
    await using store = await open({ shardCount: 3 });
    const { world } = store;
    for (const name of ['b', 'a', 'd', 'c', 'ab']) await containerMake(world, name);
    const list = async (more: object): Promise<string[]> =>
      (await containerList(world, { account: 'AUTH_a', limit: 3, ...more })).map(
        ({ name }) => name,
      );
    assert.deepEqual(await list({}), ['a', 'ab', 'b']);
    assert.deepEqual(await list({ marker: 'b' }), ['c', 'd']);
    assert.deepEqual(await list({ prefix: 'a' }), ['a', 'ab']);
    assert.deepEqual(await list({ isReverse: true, marker: 'c' }), ['b', 'ab', 'a']);
    const container = await containerGet(world, 'AUTH_a', 'd');
    assert.ok(container);
    await containerDelete(world, container);
    assert.equal(await containerGet(world, 'AUTH_a', 'd'), null);
  });

  test(`${database}: an older version can be made the current one as it is, and the next write comes after all`, async () => {
    await using store = await open();
    const { world } = store;
    const container = await containerMake(world, 'c', 'enabled');
    const first = await put(world, container, 'x', 'first');
    const second = await put(world, container, 'x', 'second');
    const latest = async (): Promise<(string | undefined)[]> =>
      (await versionList(world, container, { limit: 9 })).entries.flatMap((entry) =>
        entry.kind === 'version' && entry.version.isLatest ? [entry.version.versionId] : [],
      );
    await versionPromote(world, container, { name: 'x', versionId: first.versionId });
    assert.equal(await text(world, container, 'x'), 'first');
    assert.deepEqual(await latest(), [first.versionId]);
    const third = await put(world, container, 'x', 'third');
    assert.ok(third.seq > second.seq);
    assert.deepEqual(await latest(), [third.versionId]);
    const { counts } = await containerFresh(world, container);
    assert.deepEqual([counts.objects, counts.versions], [1, 2]);
  });
}
