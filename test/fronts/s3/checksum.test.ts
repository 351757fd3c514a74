import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import {
  checksumBytes,
  checksumNames,
  checksumOfParts,
  checksumTypeFor,
  etagOfParts,
  hasherNew,
  type ChecksumName,
} from '../../../src/fronts/s3/checksum/checksum.ts';

function digest(name: ChecksumName, ...pieces: readonly Buffer[]): Buffer {
  const hasher = hasherNew(name);
  for (const piece of pieces) hasher.update(piece);
  return hasher.digest();
}

test('checks over "123456789" are those of the catalogues', () => {
  const text = Buffer.from('123456789');
  assert.equal(digest('CRC32', text).toString('hex'), 'cbf43926');
  assert.equal(digest('CRC32C', text).toString('hex'), 'e3069283');
  assert.equal(digest('CRC64NVME', text).toString('hex'), 'ae8b14860a799888');
});

test('a check does not depend on how the bytes come', () => {
  const bytes = randomBytes(10_007);
  for (const name of checksumNames) {
    const pieces = [bytes.subarray(0, 1), bytes.subarray(1, 4099), bytes.subarray(4099)];
    assert.deepEqual(digest(name, ...pieces), digest(name, bytes), name);
  }
});

test('the check of a whole follows from those of its parts', () => {
  const pieces = [5_000, 5_000, 1, 0, 777].map((size) => randomBytes(size));
  for (const name of ['CRC32', 'CRC32C', 'CRC64NVME'] as const) {
    const parts = pieces.map((piece) => ({
      value: digest(name, piece).toString('base64'),
      sizeBytes: piece.length,
    }));
    const whole = digest(name, ...pieces).toString('base64');
    assert.equal(checksumOfParts(name, 'FULL_OBJECT', parts), whole, name);
  }
});

test('ten thousand parts are put together quickly enough to be done between two requests', () => {
  const value = digest('CRC64NVME', Buffer.from('x')).toString('base64');
  const parts = Array.from({ length: 10_000 }, () => ({ value, sizeBytes: 5 << 20 }));
  const usedBefore = process.cpuUsage();
  checksumOfParts('CRC64NVME', 'FULL_OBJECT', parts);
  const { user } = process.cpuUsage(usedBefore);
  assert.ok(user < 2_000_000, `${user} us`);
});

test('a composite check is one over the checks of the parts', () => {
  const value = digest('SHA256', Buffer.from('a')).toString('base64');
  const parts = [{ value, sizeBytes: 1 }];
  const expected = digest('SHA256', Buffer.from(value, 'base64')).toString('base64');
  assert.equal(checksumOfParts('SHA256', 'COMPOSITE', parts), `${expected}-1`);
  assert.equal(
    etagOfParts(['5d41402abc4b2a76b9719d911017c592', '5d41402abc4b2a76b9719d911017c592']),
    '616b22817b80eed9f65c3aa38cd29054-2',
  );
});

test('a checksum of the wrong length or form is none', () => {
  assert.equal(checksumBytes('CRC32', 'NhCmhg==')?.length, 4);
  for (const text of ['', 'NhCmhg', 'NhCmhg=', 'NhCmhgAA', '!!!!', 'NhCmhg==NhCmhg==']) {
    assert.equal(checksumBytes('CRC32', text), null, text);
  }
});

test('a type that the algorithm cannot have is refused', () => {
  assert.equal(checksumTypeFor('CRC64NVME', null), 'FULL_OBJECT');
  assert.equal(checksumTypeFor('CRC32', null), 'COMPOSITE');
  assert.throws(() => checksumTypeFor('SHA1', 'FULL_OBJECT'));
  assert.throws(() => checksumTypeFor('CRC64NVME', 'COMPOSITE'));
  assert.throws(() => checksumTypeFor('CRC32', 'HALF'));
});
