import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const run = (file: string, ...words: string[]): string =>
  execFileSync(file, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: whatever was not synchronised is gone, as after a power cut. */
const plugPull = `
import fcntl, os, struct, sys
request = (2 << 30) | (4 << 16) | (ord('X') << 8) | 125
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), request, struct.pack('I', 2))
`;

export interface TestDisk extends Disposable {
  readonly path: string;
  /** Loses what was not synchronised; every call to the disk fails from then on. */
  powerCut(): void;
  /** As after the next start of the machine. Nobody may have a file open. */
  mountAgain(): void;
}

/** A disk of its own: ext4 in a file. Needs root. */
export function testDisk(sizeMib: number): TestDisk {
  const folder = mkdtempSync(join(tmpdir(), 'welkin-disk-'));
  const [image, path] = [join(folder, 'image'), join(folder, 'disk')];
  writeFileSync(image, '');
  truncateSync(image, sizeMib * 2 ** 20);
  mkdirSync(path);
  run('mkfs.ext4', '-q', image);
  const mount = (): void => void run('mount', '-o', 'loop', image, path);
  mount();
  return {
    path,
    powerCut: () => void run('python3', '-c', plugPull, path),
    mountAgain() {
      run('umount', path);
      mount();
    },
    [Symbol.dispose]() {
      run('umount', path);
      rmSync(folder, { recursive: true });
    },
  };
}
