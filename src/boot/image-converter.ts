import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import type { Conversion, Converter } from '../image/image.world.ts';
import { causesOf, Failure } from '../kernel/errors.ts';
import type { Log } from '../kernel/log.ts';

const memoryBytes = 1 << 30;
const stackBytes = 1 << 20;
const cpuSec = 3_600;
const spareBytes = 64 << 20;

/** qemu-img's names. */
const formats: Readonly<Record<string, string>> = {
  raw: 'raw',
  qcow2: 'qcow2',
  vmdk: 'vmdk',
  vhd: 'vpc',
  vhdx: 'vhdx',
  vdi: 'vdi',
};

/**
 * On a slow disk qemu-img writes with up to 64 threads. The C library would set aside 8 MiB of addresses for the stack
 * of each and 128 MiB for each of many arenas: more than the limit, for a disk of a few MiB.
 */
const surroundings = {
  PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
  MALLOC_ARENA_MAX: '1',
};

/** Inside: the cloud's own folder is empty, and the two files are all that is open. */
const script = 'mount -t tmpfs -o size=4k none "$0" && exec qemu-img "$@"';

/**
 * Runs `qemu-img` where a hole in it leads nowhere: as the account of control, without network, without the files of
 * the cloud, with limits on memory, CPU time and the size of what it writes; one at a time.
 */
export function imageConverter(
  format: Converter['format'],
  { stateDir, log }: { readonly stateDir: string; readonly log: Log },
): Converter {
  let last: Promise<unknown> = Promise.resolve();
  return {
    format,
    async convert(conversion, signal, progress) {
      const work = last.then(() =>
        convert(conversion, { format, stateDir, log, signal, progress }),
      );
      last = work.catch(() => {});
      await work;
    },
  };
}

interface Run {
  readonly format: string;
  readonly stateDir: string;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly progress: (percent: number) => void;
}

async function convert(conversion: Conversion, run: Run): Promise<void> {
  const { signal } = run;
  if (signal.aborted) throw new Failure('unavailable', 'The conversion was interrupted.');
  const sourceFormat = formats[conversion.sourceFormat];
  if (sourceFormat === undefined) {
    throw new Failure(
      'invalid',
      `Images of the format ${conversion.sourceFormat} are not converted.`,
    );
  }
  await using source = await open(conversion.sourcePath, 'r');
  await using target = await open(conversion.targetPath, 'w+', 0o600);
  const words = argv(conversion, sourceFormat, run);
  const child = spawn('prlimit', words, {
    stdio: ['ignore', 'pipe', 'pipe', source.fd, target.fd],
    env: surroundings,
  });
  const stop = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', stop, { once: true });
  let complaint = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    if (complaint.length < 2_000) complaint += chunk.toString();
  });
  child.stdout?.on('data', (chunk: Buffer) => {
    const percent = /\((\d+(?:\.\d+)?)\/100%\)\s*$/.exec(chunk.toString())?.[1];
    if (percent !== undefined) run.progress(Number(percent));
  });
  try {
    const [code, killedBy] = (await once(child, 'close')) as [number | null, string | null];
    if (code === 0) return;
    throw conversionFailed(run, { code, killedBy, complaint });
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    run.log.error('qemu-img could not be run', { causes: causesOf(cause) });
    throw new Failure('invalid', 'Images cannot be converted on this machine.', { cause });
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function argv(
  { virtualSizeBytes }: Conversion,
  sourceFormat: string,
  { format, stateDir }: Run,
): string[] {
  const fileBytes = Math.ceil(virtualSizeBytes * 1.1) + spareBytes;
  return [
    `--as=${memoryBytes}`,
    `--stack=${stackBytes}`,
    `--cpu=${cpuSec}`,
    `--fsize=${fileBytes}`,
    '--nofile=64',
    '--core=0',
    ...['unshare', '--user', '--map-root-user', '--mount', '--net', '--ipc', '--pid', '--fork'],
    ...['--kill-child=KILL', 'sh', '-c', script, stateDir],
    ...['convert', '-p', '-f', sourceFormat, '-O', format, '/dev/fd/3', '/dev/fd/4'],
  ];
}

/** 128 + a signal is how the processes between hand it on. */
function conversionFailed(
  { log, signal }: Run,
  end: {
    readonly code: number | null;
    readonly killedBy: string | null;
    readonly complaint: string;
  },
): Failure {
  if (signal.aborted) return new Failure('unavailable', 'The conversion was interrupted.');
  log.warning('an image was not converted', { ...end });
  const isOverLimit = end.killedBy !== null || (end.code ?? 0) > 128;
  const why = isOverLimit
    ? 'it took more time or space than an image may take'
    : (end.complaint.split('\n').find((line) => line.startsWith('qemu-img:')) ?? 'it is damaged');
  return new Failure('invalid', `The image could not be converted: ${why.slice(0, 300)}`);
}
