/** The bootable disk: a partition table, a small FAT partition with boot loader and kernel, the root file system. */
import { open, readFile, truncate, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

import { commandRun } from './command.ts';
import { diskSignature, mib, sectorBytes } from './constants.ts';
import { guestFile } from './guest-files.ts';

const bootStartBytes = mib;

export interface BootFiles {
  readonly kernelPath: string;
  readonly initramfs: Uint8Array;
}

/** The FAT partition; its size follows from what goes in, with room for the boot loader and FAT16's minimum. */
export async function bootPartitionBuild(files: BootFiles, workDir: string): Promise<string> {
  const path = join(workDir, 'boot.fat');
  const initramfsPath = join(workDir, 'initramfs');
  const settingsPath = join(workDir, 'syslinux.cfg');
  await writeFile(initramfsPath, files.initramfs);
  await writeFile(settingsPath, await guestFile('syslinux.cfg'));
  const kernelBytes = (await readFile(files.kernelPath)).byteLength;
  const sizeMib = Math.max(17, Math.ceil((kernelBytes + files.initramfs.byteLength) / mib) + 2);

  await writeFile(path, '');
  await truncate(path, sizeMib * mib);
  // The boot sector must know where on the disk the partition begins (-h).
  const shape = `-F 16 -s 8 --invariant -n WELKINBOOT -h ${bootStartBytes / sectorBytes}`;
  await commandRun('mkfs.fat', [...shape.split(' '), path]);
  await commandRun('syslinux', ['--install', path]);
  await commandRun('mcopy', ['-i', path, files.kernelPath, '::vmlinuz']);
  await commandRun('mcopy', ['-i', path, initramfsPath, '::initramfs']);
  await commandRun('mcopy', ['-i', path, settingsPath, '::syslinux.cfg']);
  return path;
}

export interface DiskWanted {
  readonly path: string;
  readonly bootPath: string;
  readonly rootPath: string;
  /** What the firmware runs: it starts the active partition. */
  readonly bootCode: Uint8Array;
}

/** Boot partition first, root last: the one that can grow has the free space behind it. */
export async function diskBuild(wanted: DiskWanted): Promise<number> {
  const boot = await readFile(wanted.bootPath);
  const root = await readFile(wanted.rootPath);
  const rootStartBytes = bootStartBytes + boot.byteLength;
  const sizeBytes = rootStartBytes + root.byteLength;

  const table = Buffer.alloc(sectorBytes);
  table.set(wanted.bootCode.subarray(0, 440));
  table.writeUInt32LE(diskSignature, 440);
  partitionWrite(table, 0, { active: true, type: 0x06, startBytes: bootStartBytes, bytes: boot });
  partitionWrite(table, 1, { active: false, type: 0x83, startBytes: rootStartBytes, bytes: root });
  table.writeUInt16LE(0xaa55, 510);

  const disk = await open(wanted.path, 'w');
  try {
    await disk.truncate(sizeBytes);
    await disk.write(table, 0, table.byteLength, 0);
    await sparseWrite(disk, boot, bootStartBytes);
    await sparseWrite(disk, root, rootStartBytes);
  } finally {
    await disk.close();
  }
  return sizeBytes;
}

interface Partition {
  readonly active: boolean;
  readonly type: number;
  readonly startBytes: number;
  readonly bytes: Uint8Array;
}

function partitionWrite(table: Buffer, index: number, partition: Partition): void {
  const at = 446 + index * 16;
  table.writeUInt8(partition.active ? 0x80 : 0, at);
  // Cylinders, heads and sectors end before any disk of today: all ones say that only the sector numbers count.
  table.writeUIntLE(0xfffffe, at + 1, 3);
  table.writeUInt8(partition.type, at + 4);
  table.writeUIntLE(0xfffffe, at + 5, 3);
  table.writeUInt32LE(partition.startBytes / sectorBytes, at + 8);
  table.writeUInt32LE(partition.bytes.byteLength / sectorBytes, at + 12);
}

async function sparseWrite(disk: FileHandle, bytes: Buffer, offset: number): Promise<void> {
  const zeros = Buffer.alloc(mib);
  for (let at = 0; at < bytes.byteLength; at += mib) {
    const chunk = bytes.subarray(at, at + mib);
    if (!chunk.equals(zeros.subarray(0, chunk.byteLength))) {
      await disk.write(chunk, 0, chunk.byteLength, offset + at);
    }
  }
}
