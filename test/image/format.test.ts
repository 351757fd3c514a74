import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatJudge, formatRefuse } from '../../src/image/format/format-judge.ts';
import { Failure } from '../../src/kernel/errors.ts';
import {
  descriptor,
  diskBytes,
  edited,
  gpt,
  iso,
  noise,
  qcow2,
  qcow2With,
  qcow2WithSnapshot,
  sourceOf,
  vdi,
  vhdDynamic,
  vhdFixed,
  vhdx,
  vmdk,
  vmdkStream,
} from './format-corpus.ts';

const bare = (diskFormat: string) => ({ diskFormat, containerFormat: 'bare' });

const good: readonly (readonly [string, string, Buffer, number | null])[] = [
  ['a qcow2', 'qcow2', qcow2(), diskBytes],
  ['a qcow2 of version 2', 'qcow2', edited(qcow2(), (c) => c.writeUInt32BE(2, 4)), diskBytes],
  ['a qcow2 with a snapshot', 'qcow2', qcow2WithSnapshot(3 * 65_536, 1), diskBytes],
  ['a qcow2 marked dirty', 'qcow2', edited(qcow2(), (c) => c.writeUInt32BE(1, 76)), diskBytes],
  ['a qcow2 with a list of features', 'qcow2', qcow2With(0x6803f857, 'x'.repeat(48)), diskBytes],
  ['a monolithic VMDK', 'vmdk', vmdk(), diskBytes],
  ['a streamed VMDK', 'vmdk', vmdkStream(), diskBytes],
  ['a fixed VHD', 'vhd', vhdFixed(), diskBytes],
  ['a dynamic VHD', 'vhd', vhdDynamic(), diskBytes],
  ['a VHDX', 'vhdx', vhdx(), diskBytes],
  ['a VDI', 'vdi', vdi(), diskBytes],
  ['an ISO', 'iso', iso(), iso().length],
  ['an ISO with a boot sector', 'iso', edited(iso(), (c) => c.writeUInt16BE(0x55aa, 510)), 65_536],
  ['a raw disk', 'raw', noise(5_000), 5_000],
  ['a raw disk with a partition table', 'raw', gpt(), gpt().length],
  ['a raw disk that is an ISO', 'raw', iso(), iso().length],
  ['an encrypted raw disk', 'raw', Buffer.from('LUKS\xba\xbe rest', 'latin1'), 11],
  ['an empty raw disk', 'raw', Buffer.alloc(0), 0],
  ['a kernel', 'aki', noise(5_000), null],
  ['a disk of a format nobody looks into', 'ploop', noise(5_000), null],
];

for (const [name, diskFormat, bytes, virtualSizeBytes] of good) {
  test(`${name} is let in, and its virtual size is known`, async () => {
    formatRefuse(bare(diskFormat), bytes.subarray(0, 1 << 20));
    assert.deepEqual(await formatJudge(bare(diskFormat), sourceOf(bytes)), { virtualSizeBytes });
  });
}

const q = (edit: (copy: Buffer) => void): Buffer => edited(qcow2(), edit);
const extent = (line: string): Buffer => vmdk(descriptor('monolithicSparse', line));

const hostile: readonly (readonly [string, string, Buffer, RegExp])[] = [
  ['a qcow2 with a backing file', 'qcow2', q((c) => void c.writeUInt32BE(512, 12)), /backing/],
  [
    'a qcow2 with the length of a backing file',
    'qcow2',
    q((c) => void c.writeUInt32BE(9, 16)),
    /backing/,
  ],
  [
    'a qcow2 with an external data file',
    'qcow2',
    q((c) => void c.writeUInt32BE(4, 76)),
    /data file/,
  ],
  ['a qcow2 that names a data file', 'qcow2', qcow2With(0x44415441, '/etc/shadow'), /data file/],
  ['a qcow2 marked corrupt', 'qcow2', q((c) => void c.writeUInt32BE(2, 76)), /corrupt/],
  ['a qcow2 with an unknown feature', 'qcow2', q((c) => void c.writeUInt32BE(32, 76)), /0x20/],
  ['a qcow2 with a far unknown feature', 'qcow2', q((c) => void c.writeUInt8(128, 72)), /features/],
  ['a qcow2 encrypted with AES', 'qcow2', q((c) => void c.writeUInt32BE(1, 32)), /encrypted/],
  ['a qcow2 encrypted with LUKS', 'qcow2', q((c) => void c.writeUInt32BE(2, 32)), /encrypted/],
  ['a qcow2 with a key header', 'qcow2', qcow2With(0x0537be77, 'x'.repeat(16)), /encrypted/],
  ['a qcow2 of version 4', 'qcow2', q((c) => void c.writeUInt32BE(4, 4)), /version 4/],
  ['a qcow2 with tiny clusters', 'qcow2', q((c) => void c.writeUInt32BE(8, 20)), /clusters/],
  ['a qcow2 with huge clusters', 'qcow2', q((c) => void c.writeUInt32BE(63, 20)), /clusters/],
  ['a qcow2 of 8 EiB', 'qcow2', q((c) => void c.writeUInt8(0x7f, 24)), /absurd/],
  ['a qcow2 with a short L1 table', 'qcow2', q((c) => void c.writeUInt8(1, 27)), /L1 table/],
  ['a qcow2 with an endless L1 table', 'qcow2', q((c) => void c.writeUInt32BE(1 << 30, 36)), /L1/],
  ['a qcow2 whose L1 table is outside', 'qcow2', q((c) => void c.writeUInt8(9, 44)), /L1 table/],
  [
    'a qcow2 whose L2 table is outside',
    'qcow2',
    q((c) => void c.writeUInt8(9, 3 * 65_536 + 4)),
    /L2/,
  ],
  [
    'a qcow2 whose data is outside',
    'qcow2',
    q((c) => void c.writeUInt8(9, 4 * 65_536 + 4)),
    /cut off/,
  ],
  [
    'a qcow2 whose compressed data is outside',
    'qcow2',
    q((c) => void c.writeUInt32BE(0x40000009, 4 * 65_536)),
    /cut off/,
  ],
  ['a qcow2 cut off', 'qcow2', qcow2().subarray(0, 5 * 65_536), /cut off/],
  ['a qcow2 of which only the header is there', 'qcow2', qcow2().subarray(0, 65_536), /outside/],
  ['a qcow2 of 50 bytes', 'qcow2', qcow2().subarray(0, 50), /cut off/],
  ['a qcow2 without refcounts', 'qcow2', q((c) => void c.writeUInt32BE(0, 56)), /refcount/],
  [
    'a qcow2 with endless refcounts',
    'qcow2',
    q((c) => void c.writeUInt32BE(1 << 20, 56)),
    /refcount/,
  ],
  ['a qcow2 whose refcounts are outside', 'qcow2', q((c) => void c.writeUInt8(9, 52)), /refcount/],
  [
    'a qcow2 with an odd refcount width',
    'qcow2',
    q((c) => void c.writeUInt32BE(7, 96)),
    /refcount/,
  ],
  ['a qcow2 with a long header', 'qcow2', q((c) => void c.writeUInt32BE(1 << 20, 100)), /header/],
  ['a qcow2 with a short header', 'qcow2', q((c) => void c.writeUInt32BE(72, 100)), /header/],
  [
    'a qcow2 with an extension beyond its header',
    'qcow2',
    edited(qcow2With(1, ''), (c) => c.writeUInt32BE(70_000, 108)),
    /extension/,
  ],
  [
    'a qcow2 with a snapshot that has its L1 table outside',
    'qcow2',
    qcow2WithSnapshot(1 << 24, 1),
    /snapshot/,
  ],
  [
    'a qcow2 with a snapshot that has an endless L1 table',
    'qcow2',
    qcow2WithSnapshot(0, 1 << 30),
    /snapshot/,
  ],
  [
    'a qcow2 with too many snapshots',
    'qcow2',
    q((c) => void c.writeUInt32BE(1 << 20, 60)),
    /snapshots/,
  ],
  [
    'a qcow2 whose snapshot table is outside',
    'qcow2',
    q((c) => {
      c.writeUInt32BE(1, 60);
      c.writeUInt8(9, 68);
    }),
    /snapshot/,
  ],
  ['a qcow of version 1', 'qcow2', q((c) => void c.writeUInt32BE(1, 4)), /qcow/],
  ['a QED', 'raw', Buffer.from('QED\0 and so on'), /qed/],

  ['a VMDK that is a text', 'vmdk', Buffer.from(descriptor()), /descriptor of other files/],
  ['a VMDK text behind blanks', 'vmdk', Buffer.from(`\n ${descriptor()}`), /descriptor of other/],
  ['a VMDK of ESX', 'vmdk', Buffer.from('COWD'.padEnd(600)), /descriptor of other files/],
  [
    'a VMDK without a descriptor',
    'vmdk',
    edited(vmdk(), (c) => void c.writeUInt8(0, 28)),
    /no descriptor/,
  ],
  [
    'a VMDK with a far descriptor',
    'vmdk',
    edited(vmdk(), (c) => void c.writeUInt8(9, 31)),
    /outside/,
  ],
  ['a VMDK in two files', 'vmdk', vmdk(descriptor('twoGbMaxExtentSparse')), /twoGbMaxExtentSparse/],
  ['a flat VMDK', 'vmdk', vmdk(descriptor('monolithicFlat')), /monolithicFlat/],
  ['a VMDK of no type', 'vmdk', vmdk(descriptor('')), /not allowed/],
  ['a VMDK with a flat extent', 'vmdk', extent('RW 20480 FLAT "/etc/shadow" 0'), /other files/],
  ['a VMDK with a path', 'vmdk', extent('RW 20480 SPARSE "/etc/shadow"'), /other files/],
  ['a VMDK with two extents', 'vmdk', extent('RW 9 SPARSE "a"\nRW 9 SPARSE "b"'), /other files/],
  ['a VMDK with no extent', 'vmdk', extent(''), /other files/],
  ['a VMDK with a parent', 'vmdk', vmdk(descriptor().replace('ffffffff', '12345678')), /parent/],
  [
    'a VMDK with the hint of a parent',
    'vmdk',
    vmdk(`${descriptor()}\nparentFileNameHint="x"`),
    /parent/,
  ],
  [
    'a VMDK whose footer differs',
    'vmdk',
    edited(vmdkStream(), (c) => void c.writeUInt8(9, c.length - 1_024 + 28)),
    /footer/,
  ],
  ['a VMDK of 8 ZiB', 'vmdk', edited(vmdk(), (c) => void c.writeUInt8(0x7f, 19)), /absurd/],

  ['a VHD with a parent', 'vhd', vhdDynamic(4), /parent/],
  ['a VHD of type 7', 'vhd', vhdDynamic(7), /type 7/],
  ['a VHD cut off', 'vhd', vhdDynamic().subarray(0, 2_048), /footer/],
  [
    'a VHD with two different footers',
    'vhd',
    edited(vhdDynamic(), (c) => void c.writeUInt8(1, 30)),
    /differ/,
  ],
  [
    'a VHD without its header',
    'vhd',
    edited(vhdDynamic(), (c) => void c.write('x', 512)),
    /header/,
  ],
  [
    'a VHD with an endless table',
    'vhd',
    edited(vhdDynamic(), (c) => void c.writeUInt8(99, 540)),
    /table/,
  ],
  ['a VHDX with a parent', 'vhdx', vhdx(2), /parent/],
  ['a VHDX cut off', 'vhdx', vhdx().subarray(0, 100 << 10), /region table/],
  [
    'a VHDX without regions',
    'vhdx',
    edited(vhdx(), (c) => void c.writeUInt32LE(0, (192 << 10) + 8)),
    /metadata/,
  ],
  [
    'a VHDX with far metadata',
    'vhdx',
    edited(vhdx(), (c) => void c.writeUInt8(9, (192 << 10) + 37)),
    /outside/,
  ],
  ['a VDI with a parent', 'vdi', vdi(4), /parent/],
  ['a VDI to be undone', 'vdi', vdi(3), /parent/],
  [
    'a VDI with an endless table',
    'vdi',
    edited(vdi(), (c) => c.writeUInt32LE(1 << 30, 384)),
    /table/,
  ],
  ['a VDI of 8 EiB', 'vdi', edited(vdi(), (c) => c.writeUInt8(0x7f, 375)), /absurd/],

  ['a qcow2 said to be raw', 'raw', qcow2(), /does not match/],
  ['a qcow2 said to be a kernel', 'aki', qcow2(), /does not match/],
  ['a VMDK text said to be raw', 'raw', Buffer.from(descriptor()), /does not match/],
  ['a VHD said to be raw', 'raw', vhdFixed(), /does not match/],
  ['a VDI said to be qcow2', 'qcow2', vdi(), /does not match/],
  ['noise said to be qcow2', 'qcow2', noise(100_000), /does not match/],
  ['noise said to be an ISO', 'iso', noise(100_000), /does not match/],
  ['noise said to be a VHD', 'vhd', noise(100_000), /does not match/],
  ['nothing said to be qcow2', 'qcow2', Buffer.alloc(0), /does not match/],
  ['a qcow2 that is an ISO too', 'qcow2', q((c) => void c.write('CD001', 0x8001)), /ambiguous/],
  ['a qcow2 that is a VDI too', 'qcow2', q((c) => c.writeUInt32LE(0xbeda107f, 64)), /ambiguous/],
  [
    'a qcow2 that is a VHD too',
    'qcow2',
    Buffer.concat([qcow2(), vhdFixed().subarray(-512)]),
    /ambiguous/,
  ],
];

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
