import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatJudge, formatRefuse } from '../../src/image/format/format-judge.ts';
import { Failure } from '../../src/kernel/errors.ts';
import { edited, noise, qcow2, sourceOf } from './format-corpus.ts';
import { good, hostile } from './hostile-corpus.ts';

const q = (edit: (copy: Buffer) => void): Buffer => edited(qcow2(), edit);
const bare = (diskFormat: string) => ({ diskFormat, containerFormat: 'bare' });

for (const [name, diskFormat, bytes, virtualSizeBytes] of good) {
  test(`${name} is let in, and its virtual size is known`, async () => {
    formatRefuse(bare(diskFormat), bytes.subarray(0, 1 << 20));
    assert.deepEqual(await formatJudge(bare(diskFormat), sourceOf(bytes)), { virtualSizeBytes });
  });
}

for (const [name, diskFormat, bytes, message] of hostile) {
  test(`${name} is refused`, async () => {
    await assert.rejects(formatJudge(bare(diskFormat), sourceOf(bytes)), (error) => {
      assert.ok(error instanceof Failure, String(error));
      assert.equal(error.kind, 'unsupported_media');
      assert.match(error.message, message);
      return true;
    });
  });
}

test('what the first megabyte gives away is refused before the rest is sent', () => {
  const head = noise(1 << 20);
  assert.throws(() => formatRefuse(bare('qcow2'), head), /does not match/);
  assert.throws(() => formatRefuse(bare('raw'), qcow2()), /does not match/);
  assert.throws(
    () =>
      formatRefuse(
        bare('qcow2'),
        q((c) => void c.writeUInt32BE(512, 12)),
      ),
    /backing/,
  );
});

test('an archive is not held against its disk format, but an unsafe disk is refused in any wrapping', async () => {
  const ova = { diskFormat: 'vmdk', containerFormat: 'ova' };
  assert.deepEqual(await formatJudge(ova, sourceOf(noise(5_000))), { virtualSizeBytes: null });
  const backed = q((c) => void c.writeUInt32BE(512, 12));
  await assert.rejects(formatJudge(ova, sourceOf(backed)), /backing/);
});

for (const [name, bytes] of good.map(([label, , content]) => [label, content] as const)) {
  if (bytes.length === 0 || bytes.length > 4 << 20) continue;
  test(`${name} with bytes changed at random is let in or refused, nothing else`, async () => {
    const change = fc.record({
      at: fc.oneof(
        fc.integer({ min: 0, max: Math.min(bytes.length, 600) - 1 }),
        fc.integer({ min: 0, max: bytes.length - 1 }),
      ),
      value: fc.integer({ min: 0, max: 255 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 0, max: bytes.length }),
        fc.constantFrom('raw', 'qcow2', 'vmdk', 'vhd', 'vhdx', 'vdi', 'iso'),
        async (changes, length, diskFormat) => {
          const broken = edited(bytes, (copy) => {
            for (const { at, value } of changes) copy[at] = value;
          }).subarray(0, length);
          try {
            formatRefuse(bare(diskFormat), broken.subarray(0, 1 << 20));
            await formatJudge(bare(diskFormat), sourceOf(broken));
          } catch (error) {
            assert.ok(error instanceof Failure, String(error));
          }
        },
      ),
      { numRuns: 60 },
    );
  });
}
