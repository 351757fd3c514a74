/** Makes an ext4 file system from a tree, without mounting it and without being root. */
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { commandResult, commandRun } from './command.ts';
import { imageEpochSec, rootUuid } from './constants.ts';
import { baseName, entryMode, parentPath, type Tree, type TreeEntry } from './tree.ts';

export interface Ext4Wanted {
  readonly path: string;
  readonly sizeBytes: number;
  readonly label: string;
  readonly tree: Tree;
}

/** `scratchDir` takes a copy of every file, for debugfs reads them from there. */
export async function ext4Build(wanted: Ext4Wanted, scratchDir: string): Promise<void> {
  const file = await open(wanted.path, 'w');
  await file.truncate(wanted.sizeBytes);
  await file.close();
  // Few inodes: their tables are written when the file system grows. No checksums: an emulated CPU pays for them.
  const shape = '-q -F -b 4096 -I 256 -m 0 -N 2048 -J size=4 -O ^metadata_csum,^64bit,^huge_file';
  const fixed = `hash_seed=${rootUuid},lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0`;
  const names = ['-L', wanted.label, '-U', rootUuid, '-E', fixed];
  await commandRun('mkfs.ext4', [...shape.split(' '), ...names, wanted.path]);
  const script = join(scratchDir, 'debugfs-script');
  await writeFile(script, await debugfsScript(wanted.tree, scratchDir));
  await debugfs(script, wanted.path);
  // Whatever debugfs failed to say shows here: an exit status other than 0 is an error found.
  await commandRun('e2fsck', ['-fn', wanted.path]);
}

async function debugfsScript(tree: Tree, scratchDir: string): Promise<string> {
  const time = `@${imageEpochSec}`;
  const lines = [`set_current_time ${time}`];
  const filesDir = join(scratchDir, 'files');
  await mkdir(filesDir);
  let serial = 0;
  for (const entry of tree.entries()) {
    lines.push(`cd ${parentPath(entry.path)}`);
    lines.push(await debugfsCreate(entry, join(filesDir, String(serial++))));
    const fields: Record<string, string> = { atime: time, ctime: time, mtime: time, crtime: time };
    if (entry.kind !== 'link') {
      Object.assign(fields, {
        mode: `0${entryMode(entry).toString(8)}`,
        uid: String(entry.uid),
        gid: String(entry.gid),
      });
    }
    for (const [field, value] of Object.entries(fields)) {
      lines.push(`set_inode_field ${baseName(entry.path)} ${field} ${value}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

async function debugfsCreate(entry: TreeEntry, scratchFile: string): Promise<string> {
  const name = baseName(entry.path);
  if (entry.kind === 'directory') return `mkdir ${name}`;
  if (entry.kind === 'link') return `symlink ${name} ${entry.target}`;
  await writeFile(scratchFile, entry.content);
  return `write ${scratchFile} ${name}`;
}

/** Debugfs exits with 0 whatever happens: an error is what it prints there besides its version. */
async function debugfs(script: string, image: string): Promise<void> {
  const { stderr } = await commandResult('debugfs', ['-w', '-f', script, image]);
  const complaint = stderr.split('\n').find((line) => line !== '' && !/^debugfs \d/.test(line));
  if (complaint !== undefined) throw new Error(`debugfs: ${complaint}`);
}
