import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { tinyImageBuild, type TinyImage } from '../../guestimage/build.ts';
import { TinyImageFailed } from '../../guestimage/failure.ts';
import { cloudStartedOrFail, stateDirOf } from '../cloud.ts';
import {
  exitCodes,
  isSet,
  textOf,
  UserError,
  type Command,
  type CommandInput,
} from '../command.ts';
import { folderEnsure } from '../files.ts';
import { imageUpload } from '../image-upload.ts';
import { rootCheck } from '../root-check.ts';

export const imageCommand: Command = {
  name: 'image',
  usage: `welkin image build tiny - make the small guest image from Debian packages and upload it as "tiny"

  --state-dir DIR     the cloud to upload it to (default /var/lib/welkin)
  --output FILE       write the qcow2 file and upload nothing
  --user NAME         the account to log in with (default cirros; its password is gocubsgo)
  --json              print the result as JSON

examples:
  welkin image build tiny
  welkin image build tiny --output tiny.qcow2`,
  options: {
    'state-dir': { type: 'string', default: '/var/lib/welkin' },
    output: { type: 'string' },
    user: { type: 'string', default: 'cirros' },
    json: { type: 'boolean' },
  },
  words: ['build', 'tiny'],
  async run(input) {
    const [verb, name] = input.positionals;
    if (verb !== 'build' || name !== 'tiny')
      throw new UserError(
        'the one image there is to build: welkin image build tiny',
        exitCodes.usage,
      );
    const output = textOf(input, 'output');
    return output === undefined ? buildAndUpload(input) : buildFile(input, resolve(output));
  },
};

async function buildFile(input: CommandInput, outputPath: string): Promise<number> {
  const cacheDir = mkdtempSync(join(tmpdir(), 'welkin-image-'));
  try {
    const image = await build(input, outputPath, cacheDir);
    chmodSync(outputPath, 0o644);
    report(input, `${outputPath} is ready`, image);
    return exitCodes.ok;
  } finally {
    rmSync(cacheDir, { recursive: true, force: true });
  }
}

async function buildAndUpload(input: CommandInput): Promise<number> {
  rootCheck();
  const cloud = cloudStartedOrFail(stateDirOf(input));
  const cacheDir = join(cloud.layout.stateDir, 'cache', 'image');
  folderEnsure(join(cloud.layout.stateDir, 'cache'), { mode: 0o700 });
  const path = join(cacheDir, 'tiny.qcow2');
  const image = await build(input, path, cacheDir);
  const user = textOf(input, 'user') ?? 'cirros';
  const uploaded = await imageUpload(cloud, {
    name: 'tiny',
    ...image,
    properties: { os_distro: 'welkin-tiny', os_admin_user: user },
  });
  rmSync(path, { force: true });
  report(input, `image tiny is ${uploaded.isNew ? 'uploaded' : 'there already'}`, {
    ...image,
    id: uploaded.id,
  });
  return exitCodes.ok;
}

async function build(
  input: CommandInput,
  outputPath: string,
  cacheDir: string,
): Promise<TinyImage> {
  const user = textOf(input, 'user') ?? 'cirros';
  const onProgress = (message: string): void => console.error(`welkin: ${message}`);
  try {
    return await tinyImageBuild({ outputPath, cacheDir, user, onProgress });
  } catch (error) {
    if (error instanceof TinyImageFailed) throw new UserError(error.message);
    throw error;
  }
}

function report(input: CommandInput, text: string, image: TinyImage & { id?: string }): void {
  const { path, ...facts } = image;
  if (isSet(input, 'json')) {
    console.log(JSON.stringify(image.id === undefined ? { path, ...facts } : facts));
    return;
  }
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  console.log(
    `${text} (${mib(image.sizeBytes)}, as a disk ${mib(image.virtualSizeBytes)}, sha512 ${image.sha512.slice(0, 16)}…)`,
  );
}
