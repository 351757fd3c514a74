import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stepNext, type ServerSeen, type ServerStep } from '../../src/agent/server/converge.ts';
import { serverDocument, type RunState } from './server-documents.ts';

const absent: ServerSeen = {
  process: null,
  incarnation: 1,
  isEnded: false,
  isMemorySaved: false,
  areDisksBuilt: true,
  areNicsPlugged: true,
};
const running: ServerSeen = { ...absent, process: 'running' };
const paused: ServerSeen = { ...absent, process: 'paused' };
const saved: ServerSeen = { ...absent, isMemorySaved: true };
const ended: ServerSeen = { ...absent, isEnded: true };

const step = (state: RunState, incarnation: number, seen: ServerSeen): ServerStep =>
  stepNext(serverDocument({ run: { state, incarnation } }), seen);

const rows: readonly [title: string, RunState, number, ServerSeen, ServerStep][] = [
  [
    'disks come before the first process',
    'running',
    1,
    { ...absent, areDisksBuilt: false },
    'disks',
  ],
  [
    'a stopped server has its disks built too',
    'stopped',
    1,
    { ...absent, areDisksBuilt: false },
    'disks',
  ],
  ['a server without process is started', 'running', 1, absent, 'start'],
  ['a paused server is started too', 'paused', 1, absent, 'start'],
  ['what ended by itself is not started again', 'running', 1, ended, 'done'],
  ['what ended by itself starts in a new incarnation', 'running', 2, ended, 'start'],
  ['a new incarnation ends the older process first', 'running', 2, running, 'power-off'],
  ['a paused process is let run', 'running', 1, paused, 'continue'],
  ['a running process is paused', 'paused', 1, running, 'pause'],
  [
    'interfaces follow while the guest runs',
    'running',
    1,
    { ...running, areNicsPlugged: false },
    'nics',
  ],
  [
    'disks do not change under a process',
    'running',
    1,
    { ...running, areDisksBuilt: false },
    'done',
  ],
  ['a running process is suspended', 'suspended', 1, running, 'suspend'],
  ['a paused process is suspended', 'suspended', 1, paused, 'suspend'],
  ['a suspended server stays so', 'suspended', 1, saved, 'done'],
  ['a suspended server resumes', 'running', 1, saved, 'resume'],
  ['a reboot of a suspended server forgets its memory', 'running', 2, saved, 'memory-drop'],
  ['a stop of a suspended server forgets its memory', 'stopped', 1, saved, 'memory-drop'],
  [
    'a saved memory keeps the disks as they were',
    'running',
    1,
    { ...saved, areDisksBuilt: false },
    'resume',
  ],
  ['a server without process cannot be suspended', 'suspended', 1, absent, 'done'],
  ['a running process is stopped', 'stopped', 1, running, 'power-off'],
  ['a stopped server stays so', 'stopped', 1, absent, 'done'],
];

for (const [title, state, incarnation, seen, expected] of rows) {
  test(title, () => assert.equal(step(state, incarnation, seen), expected));
}

const stateAfter: Record<Exclude<ServerStep, 'done'>, (seen: ServerSeen) => Partial<ServerSeen>> = {
  'power-off': () => ({ process: null }),
  suspend: () => ({ process: null, isMemorySaved: true }),
  nics: () => ({ areNicsPlugged: true }),
  pause: () => ({ process: 'paused' }),
  continue: () => ({ process: 'running' }),
  'memory-drop': () => ({ isMemorySaved: false }),
  disks: () => ({ areDisksBuilt: true }),
  resume: () => ({ process: 'paused', isMemorySaved: false }),
  start: () => ({ process: 'running', incarnation: 2, isEnded: false }),
};

test('from every state every wanted state is reached in a few steps', () => {
  const bools = [true, false];
  for (const state of ['running', 'paused', 'suspended', 'stopped'] as const)
    for (const process of ['running', 'paused', null] as const)
      for (const incarnation of [0, 1, 2])
        for (const isEnded of bools)
          for (const isMemorySaved of process === null ? bools : [false])
            for (const areDisksBuilt of bools)
              for (const areNicsPlugged of bools) {
                let seen: ServerSeen = {
                  process,
                  incarnation,
                  isEnded,
                  isMemorySaved,
                  areDisksBuilt,
                  areNicsPlugged,
                };
                const path: ServerStep[] = [];
                for (;;) {
                  const next = step(state, 2, seen);
                  if (next === 'done') break;
                  path.push(next);
                  assert.ok(
                    path.length < 7,
                    `${state} from ${JSON.stringify(seen)}: ${path.join(' ')}`,
                  );
                  seen = { ...seen, ...stateAfter[next](seen) };
                }
              }
});
