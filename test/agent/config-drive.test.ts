import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isoImage } from '../../src/agent/storage/config-drive.ts';

const sectorSize = 2048;

/** Reads the tree of the descriptor at this sector, as a kernel would: names by what the descriptor says they are. */
function isoRead(
  image: Buffer,
  descriptorSector: number,
): { label: string; files: Map<string, Buffer> } {
  const descriptor = image.subarray(
    descriptorSector * sectorSize,
    (descriptorSector + 1) * sectorSize,
  );
  assert.equal(descriptor.toString('latin1', 1, 6), 'CD001');
  const isJoliet = descriptor[0] === 2;
  const text = (bytes: Buffer): string =>
    isJoliet ? Buffer.from(bytes).swap16().toString('utf16le') : bytes.toString('latin1');
  assert.equal(descriptor.readUInt32LE(80) * sectorSize, image.length);
  const files = new Map<string, Buffer>();
  const walk = (sector: number, sizeBytes: number, path: string): void => {
    const list = image.subarray(sector * sectorSize, sector * sectorSize + sizeBytes);
    for (let at = 0; at < sizeBytes;) {
      const length = list[at] ?? 0;
      if (length === 0) {
        at = Math.ceil((at + 1) / sectorSize) * sectorSize;
        continue;
      }
      const entry = list.subarray(at, at + length);
      at += length;
      const identifier = entry.subarray(33, 33 + (entry[32] ?? 0));
      const first = entry.readUInt32LE(2);
      const bytes = entry.readUInt32LE(10);
      assert.equal(entry.readUInt32BE(6), first);
      if (identifier.length === 1 && (identifier[0] ?? 2) < 2) continue;
      const name = text(identifier).replace(/;1$/, '');
      if (((entry[25] ?? 0) & 2) !== 0) walk(first, bytes, `${path}${name}/`);
      else files.set(path + name, image.subarray(first * sectorSize, first * sectorSize + bytes));
    }
  };
  walk(descriptor.readUInt32LE(158), descriptor.readUInt32LE(166), '');
  return { label: text(descriptor.subarray(40, 72)).trim(), files };
}

function assertHolds(image: Buffer, wanted: ReadonlyMap<string, Uint8Array>): void {
  for (const sector of [16, 17]) {
    const { label, files } = isoRead(image, sector);
    assert.equal(label, 'config-2');
    assert.deepEqual([...files.keys()].toSorted(), [...wanted.keys()].toSorted());
    for (const [path, body] of wanted) assert.ok(files.get(path)?.equals(Buffer.from(body)), path);
  }
}

test('both trees of the drive lead to every file and its bytes', () => {
  const files = new Map<string, Uint8Array>([
    ['openstack/latest/meta_data.json', Buffer.from('{}')],
    ['openstack/latest/user_data', Buffer.alloc(65_536, 'u')],
    ['openstack/2018-08-27/meta_data.json', Buffer.alloc(2048, 'm')],
    ['ec2/latest/meta-data.json', Buffer.from('')],
    ['top', Buffer.from('at the root')],
  ]);
  assertHolds(isoImage('config-2', files), files);
});

test('a directory may be longer than a sector', () => {
  const files = new Map(
    Array.from({ length: 200 }, (_, n) => [`many/file-${n}`, Buffer.from(String(n))] as const),
  );
  assertHolds(isoImage('config-2', files), files);
});

test('any set of files comes out as it went in', () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9_.-]{0,20}$/);
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
  const body = fc.uint8Array({ maxLength: 5000 });
  fc.assert(
    fc.property(fc.array(fc.tuple(path, body), { maxLength: 20 }), (entries) => {
      const files = new Map(entries);
      const isAmbiguous = [...files.keys()].some((one) =>
        [...files.keys()].some((other) => other.startsWith(`${one}/`)),
      );
      fc.pre(!isAmbiguous);
      assertHolds(isoImage('config-2', files), files);
    }),
    { numRuns: 100 },
  );
});
