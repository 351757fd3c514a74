import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Joined } from '../../src/kernel/joined.ts';

test('who asks in one turn is told one answer, and it is read after all of them asked', async () => {
  const joined = new Joined<number>();
  let value = 1;
  let readings = 0;
  const read = async (): Promise<number> => (readings++, value);
  const first = joined.ask('a', read);
  value = 2;
  const second = joined.ask('a', read);
  const other = joined.ask('b', read);
  assert.deepEqual(await Promise.all([first, second, other]), [2, 2, 2]);
  assert.equal(readings, 2);
  value = 3;
  assert.equal(await joined.ask('a', read), 3, 'what was answered is not kept');
});

test('a reading that fails is told to all who asked, and the next who asks has a new one', async () => {
  const joined = new Joined<number>();
  const failing = async (): Promise<number> => Promise.reject(new Error('no'));
  const asked = [joined.ask('a', failing), joined.ask('a', failing)];
  for (const answer of asked) await assert.rejects(answer, /no/);
  assert.equal(await joined.ask('a', async () => 1), 1);
});
