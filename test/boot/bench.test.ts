import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measure, targetRatio } from '../../tools/bench/bench.ts';
import { benchesFind, benchesRun, reportText } from '../../tools/bench/run.ts';

test('a ratio above one means the target is met, whichever way it looks', () => {
  assert.equal(targetRatio(measure('x', 5, 's', { target: { atMost: 10 } })), 2);
  assert.equal(targetRatio(measure('x', 5, '/s', { target: { atLeast: 10 } })), 0.5);
  assert.equal(targetRatio(measure('x', 5, '/s')), null);
});

test('a figure is told as a multiple of each of its references', () => {
  const references = [
    { what: 'that', value: 4 },
    { what: 'this', value: 10 },
  ];
  const measures = [measure('x', 5, 's', { references })];
  const machine = { cpus: 1, cpuModel: '', loadBefore: 0 };
  const text = reportText({ machine, benches: [{ name: 'one', measures, error: '' }] });
  assert.match(text, /1\.25 x that \(4\.00 s\), 0\.500 x this \(10\.0 s\)/);
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
