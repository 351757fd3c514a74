/** The Debian packages that the guest is made of, and how they are fetched. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { commandOutput, commandRun } from './command.ts';
import { TinyImageFailed } from './failure.ts';

/** What the guest is made of, beside the kernel. */
const guestPackages = [
  'busybox',
  'busybox-static',
  'dropbear-bin',
  'e2fsprogs',
  'netcat-traditional',
  'libblkid1',
  'libc6',
  'libcom-err2',
  'libcrypt1',
  'libext2fs2',
  'libgmp10',
  'libtomcrypt1',
  'libtommath1',
  'libuuid1',
  'zlib1g',
] as const;

const kernelMetapackage = 'linux-image-cloud-amd64';

interface PackageRecord {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
}

export interface GuestPackages {
  readonly kernelRelease: string;
  /** Folder with the unpacked files of one package. */
  folder(name: (typeof guestPackages)[number] | 'kernel'): string;
}

/** Downloads what the cache lacks, checks every file against apt's signed index, unpacks into `workDir`. */
export async function guestPackagesFetch(
  cacheDir: string,
  workDir: string,
  onProgress: (message: string) => void,
): Promise<GuestPackages> {
  const kernelPackage = await kernelPackageName();
  const records = await packageRecords([kernelPackage, ...guestPackages]);
  for (const record of records) {
    const file = join(cacheDir, packageFileName(record));
    await packageEnsure(record, file, onProgress);
    await commandRun('dpkg-deb', ['-x', file, join(workDir, record.name)]);
  }
  await cacheTrim(
    cacheDir,
    records.map((record) => packageFileName(record)),
  );
  return {
    kernelRelease: kernelPackage.replace('linux-image-', ''),
    folder: (name) => join(workDir, name === 'kernel' ? kernelPackage : name),
  };
}

/** The metapackage depends on the one kernel that the package mirror offers. */
async function kernelPackageName(): Promise<string> {
  const text = await aptShow([kernelMetapackage]).catch(async () => {
    // A machine that was just installed has no package index yet.
    await commandRun('apt-get', ['update', '-q']);
    return aptShow([kernelMetapackage]);
  });
  const name = /^Depends:.*?\b(linux-image-[^ ,]+)/m.exec(text)?.[1];
  if (name === undefined) throw new TinyImageFailed(`package ${kernelMetapackage} names no kernel`);
  return name;
}

async function packageRecords(names: readonly string[]): Promise<PackageRecord[]> {
  const text = await aptShow(names);
  const records = text.split(/\n\n+/).map((paragraph) => {
    const field = (key: string) => new RegExp(`^${key}: (.*)$`, 'm').exec(paragraph)?.[1] ?? '';
    return { name: field('Package'), version: field('Version'), sha256: field('SHA256') };
  });
  return names.map((name) => {
    const record = records.find((each) => each.name === name);
    if (record === undefined || record.sha256 === '') {
      throw new TinyImageFailed(`package ${name} is not offered by the package mirror`);
    }
    return record;
  });
}

async function aptShow(names: readonly string[]): Promise<string> {
  return commandOutput('apt-cache', ['show', '--no-all-versions', ...names]);
}

/** The name that `apt-get download` gives the file; all packages of the guest are of one architecture. */
function packageFileName({ name, version }: PackageRecord): string {
  return `${name}_${version.replaceAll(':', '%3a')}_amd64.deb`;
}

async function packageEnsure(
  record: PackageRecord,
  file: string,
  onProgress: (message: string) => void,
): Promise<void> {
  if ((await sha256(file)) === record.sha256) return;
  onProgress(`download ${record.name} ${record.version}`);
  const downloads = `${file}.download`;
  await rm(downloads, { recursive: true, force: true });
  await mkdir(downloads, { recursive: true });
  // Without this option apt, run as root, would drop to a user that may not write into our folder.
  const options = ['-q', '-o', 'APT::Sandbox::User=root'];
  await commandRun('apt-get', ['download', ...options, `${record.name}=${record.version}`], {
    cwd: downloads,
  });
  const [downloaded] = await readdir(downloads);
  await rename(join(downloads, downloaded ?? ''), file);
  await rm(downloads, { recursive: true });
  if ((await sha256(file)) !== record.sha256) {
    await rm(file);
    throw new TinyImageFailed(
      `package ${record.name} ${record.version} has another checksum than its index`,
    );
  }
}

async function sha256(file: string): Promise<string | null> {
  try {
    return createHash('sha256')
      .update(await readFile(file))
      .digest('hex');
  } catch {
    return null;
  }
}

/** Packages of earlier versions are of no use any more. */
async function cacheTrim(cacheDir: string, keep: readonly string[]): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    if (name.includes('.deb') && !keep.includes(name)) {
      await rm(join(cacheDir, name), { recursive: true });
    }
  }
}
