import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../support/free-port.ts';

/** A store of its own, started as a user would, and a folder for what clients leave behind. */
export interface ClientStore extends AsyncDisposable {
  readonly url: string;
  readonly host: string;
  readonly accessKey: string;
  readonly secret: string;
  readonly folder: string;
  /** Runs a client; throws with what it printed when it fails. */
  run(argv: readonly string[], env?: Readonly<Record<string, string>>): Promise<string>;
}

const startMs = 120_000;
const clientMs = 20 * 60_000;

export async function clientStore(): Promise<ClientStore> {
  const folder = mkdtempSync(join(tmpdir(), 'welkin-clients-'));
  const port = await freePort();
  const [accessKey, secret] = ['AKCLIENT', 'secret-of-client'];
  const program = spawn(
    process.execPath,
    [
      ...[
        'src/main.ts',
        'object',
        '--data',
        join(folder, 'store'),
        '--listen',
        `127.0.0.1:${port}`,
      ],
      ...['--s3-key', `${accessKey}:${secret}`, '--s3-domain', 'localhost'],
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const started = Promise.race([
    once(program.stdout, 'data'),
    once(program, 'exit').then(() => {
      throw new Error('the store did not start');
    }),
  ]);
  await Promise.race([
    started,
    new Promise((_resolve, reject) => {
      setTimeout(() => reject(new Error('the store does not start')), startMs).unref();
    }),
  ]);
  const execute = promisify(execFile);
  const home = join(folder, 'home');
  return {
    url: `http://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    accessKey,
    secret,
    folder,
    async run(argv, env = {}) {
      const [command = '', ...args] = argv;
      const { stdout, stderr } = await execute(command, args, {
        timeout: clientMs,
        maxBuffer: 64 << 20,
        env: {
          PATH: '/usr/local/bin:/usr/bin:/bin',
          HOME: home,
          AWS_ACCESS_KEY_ID: accessKey,
          AWS_SECRET_ACCESS_KEY: secret,
          AWS_DEFAULT_REGION: 'us-east-1',
          AWS_EC2_METADATA_DISABLED: 'true',
          LC_ALL: 'C.UTF-8',
          ...env,
        },
      });
      return stdout + stderr;
    },
    async [Symbol.asyncDispose]() {
      program.kill('SIGTERM');
      if (program.exitCode === null) await once(program, 'exit');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
