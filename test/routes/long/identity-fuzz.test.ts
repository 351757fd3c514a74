import { test } from 'node:test';
import { fuzzEveryRoute } from '../../identity/fuzz.ts';

test('a hundred thousand requests to identity make no fault of ours', () => fuzzEveryRoute(450));
