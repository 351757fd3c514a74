/**
 * kill -9 and power cuts in every phase of upload, snapshot, staging, import, conversion, copying, deletion and the sweep:
 * no image is active without its exact bytes, no byte is left over. At every step in the long run, else at some.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { storeProgram } from '../support/object-store.ts';
import {
  deathsTry,
  placeMake,
  placeRemove,
  program,
  takenOverCheck,
  type Scenario,
} from './image-crash-run.ts';

const few = process.env['WELKIN_TEST_ALL'] === undefined ? 5 : null;

const [queued, staged] = [
  ['queued', 'active'],
  ['queued', 'uploading', 'active'],
] as const;
const scenarios: readonly Scenario[] = [
  { name: 'upload', ends: queued },
  { name: 'snapshot', ends: queued },
  { name: 'refused', ends: ['queued'] },
  { name: 'stage', ends: staged },
  { name: 'import', ends: staged },
  { name: 'convert', ends: staged },
  { name: 'copy', isActive: true, ends: ['active'] },
  { name: 'delete', isActive: true, ends: ['active', 'deleted'] },
  { name: 'sweep', before: ['upload', 7], ends: queued },
];

describe('the image service dies', { concurrency: 2 }, () => {
  for (const scenario of scenarios) {
    test(`${scenario.name}: killed at its steps`, () => deathsTry(scenario, 'kill', { few }));
    test(`${scenario.name}: the power cut at its steps`, () =>
      deathsTry(scenario, 'power', { few }));
  }

  test('copy into an S3 store outside, in parts: killed at its steps', async () => {
    await using outside = await storeProgram();
    await outside.client.ask({ method: 'PUT', path: '/images' });
    const scenario = { name: 'copy', isActive: true, ends: ['active'] } as const;
    await deathsTry(scenario, 'kill', { few, outsidePort: outside.port });
  });

  test('killed at moments that nobody chose', async () => {
    const ends = ['queued', 'active', 'deleted'] as const;
    const scenario = { name: 'churn', isActive: true, ends } as const;
    const place = await placeMake(scenario, null);
    for (let round = 0; round < (few ?? 12); round++) {
      const child = spawn(process.execPath, [program, place.directory, scenario.name], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      await sleep(1 + ((round * 37) % 120));
      child.kill('SIGKILL');
      await once(child, 'exit');
      await takenOverCheck(place, scenario);
    }
    placeRemove(place);
  });
});
