import { test } from 'node:test';
import { fuzzEveryRoute } from './fuzz.ts';

test('no body, path or query makes a fault of ours', () => fuzzEveryRoute(2));
