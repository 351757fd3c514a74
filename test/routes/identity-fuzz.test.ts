import { test } from 'node:test';
import { fuzzEveryRoute } from '../identity/fuzz.ts';

test('thousands of requests to identity make no fault of ours', () => fuzzEveryRoute(15));
