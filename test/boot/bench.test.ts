import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measure, referenceRatio, targetRatio } from '../../tools/bench/bench.ts';
import { benchesFind, benchesRun, reportText } from '../../tools/bench/run.ts';

test('a ratio above one means the target is met, whichever way it looks', () => {
  assert.equal(targetRatio(measure('x', 5, 's', { target: { atMost: 10 } })), 2);
  assert.equal(targetRatio(measure('x', 5, '/s', { target: { atLeast: 10 } })), 0.5);
  assert.equal(targetRatio(measure('x', 5, '/s')), null);
  assert.equal(referenceRatio(measure('x', 5, 's', { reference: { what: 'y', value: 4 } })), 1.25);
});

test('a bench that fails is told in its place and holds up no other', async () => {
  const report = await benchesRun(
    [
      { name: 'broken', about: '', run: async () => Promise.reject(new Error('no power')) },
      { name: 'good', about: '', run: async () => [measure('speed', 1234.5, '/s')] },
    ],
    () => {},
  );
  const text = reportText(report);
  assert.match(text, /broken +FAILED +Error: no power/);
  assert.match(text, /good: speed +1235 \/s/);
});

test('every bench of the project can be loaded and has a name of its own', async () => {
  const names = (await benchesFind('tools/bench')).map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.includes('start'));
});
