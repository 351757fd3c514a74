/** A running cloud for tests that use it as people do: through the launcher, the network and stock clients. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';

const execute = promisify(execFile);
const launcher = resolve(import.meta.dirname, '../../welkin');

export interface Cloud extends AsyncDisposable {
  readonly stateDir: string;
  readonly apiUrl: string;
  /** Runs `welkin COMMAND` on this cloud; the output, or an error that carries it. */
  welkin(...words: string[]): Promise<string>;
  /** Runs the stock `openstack` client; `as` names a cloud of clouds.yaml. Parsed JSON where the command prints some. */
  // oxlint-disable-next-line typescript/no-explicit-any -- whatever the client prints
  openstack(as: string, ...words: string[]): Promise<any>;
}

/**
 * The cloud that WELKIN_TEST_STATE_DIR names, left running afterwards; else one of its own with a range that no
 * other uses, gone afterwards; always so when it needs more in its `welkin.toml`.
 */
export async function cloudUse(moreToml?: MoreToml): Promise<Cloud> {
  const shared = process.env['WELKIN_TEST_STATE_DIR'];
  if (shared !== undefined && moreToml === undefined)
    return cloudAt(shared, { within: nowhereElse, dispose: async () => {} });
  return cloudStart(mkdtempSync(join(tmpdir(), 'welkin-test-')), nowhereElse, moreToml);
}

/** More of `welkin.toml`; the port is the API's. */
export type MoreToml = (stateDir: string, port: number) => string;

/** The words before every command, which say where it runs. */
export type Within = () => readonly string[];
const nowhereElse: Within = () => [];

/** A cloud in a state directory of its own, gone afterwards. */
export async function cloudStart(
  stateDir: string,
  within: Within = nowhereElse,
  moreToml: MoreToml = () => '',
): Promise<Cloud> {
  const range = 16 + (process.pid % 200);
  const port = await freePort();
  const toml = join(stateDir, 'welkin.toml');
  writeFileSync(
    toml,
    `listen = "127.0.0.1:${port}"\nexternal.cidr = "172.25.${range}.0/24"\n${moreToml(stateDir, port)}`,
  );
  const dispose = async (): Promise<void> => {
    const [down, ...words] = [...within(), launcher, 'down', '--purge', '--yes'];
    spawnSync(down, [...words, '--state-dir', stateDir], { stdio: 'inherit' });
    rmSync(stateDir, { recursive: true, force: true });
  };
  const [file, ...words] = [...within(), launcher, 'up', '--config', toml];
  const up = spawnSync(file, [...words, '--state-dir', stateDir], { encoding: 'utf8' });
  if (up.status !== 0) {
    await dispose();
    throw new Error(`welkin up failed:\n${up.stdout}\n${up.stderr}`);
  }
  return cloudAt(stateDir, { within, dispose });
}

interface CloudPlace {
  readonly within: Within;
  readonly dispose: () => Promise<void>;
}

async function cloudAt(stateDir: string, { within, dispose }: CloudPlace): Promise<Cloud> {
  const openrc = readFileSync(join(stateDir, 'openrc'), 'utf8');
  const authUrl = /OS_AUTH_URL="([^"]+)"/.exec(openrc)?.[1];
  assert(authUrl !== undefined);
  const env = { ...process.env, OS_CLIENT_CONFIG_FILE: join(stateDir, 'clouds.yaml') };
  return {
    stateDir,
    apiUrl: authUrl.replace(/\/identity\/v3$/, ''),
    async welkin(...command) {
      const [file = '', ...words] = [...within(), launcher, ...command];
      const { stdout } = await execute(file, [...words, '--state-dir', stateDir], { env });
      return stdout;
    },
    async openstack(as, ...words) {
      const options = { env, maxBuffer: 64 << 20, timeout: 600_000 };
      try {
        const { stdout } = await execute(
          '/usr/bin/openstack',
          ['--os-cloud', as, ...words],
          options,
        );
        return words.includes('json') ? JSON.parse(stdout) : stdout;
      } catch (error) {
        const { stderr = '', stdout = '' } = error as { stderr?: string; stdout?: string };
        throw new Error(`openstack ${words.join(' ')}: ${stderr}${stdout}`, { cause: error });
      }
    },
    [Symbol.asyncDispose]: dispose,
  };
}

/** The small guest image, built and uploaded once per cloud. */
export async function tinyEnsure(cloud: Cloud): Promise<void> {
  const images = await cloud.openstack('welkin', 'image', 'list', '-f', 'json');
  if (images.some((image: { Name: string }) => image.Name === 'tiny')) return;
  await cloud.welkin('image', 'build', 'tiny');
}

/** Asks until the answer is given; the limit is for a machine under load, not a measurement. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | null | undefined | false>,
  limitMs = 300_000,
): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== false) return answer;
    if (Date.now() > end) throw new Error(`waited ${limitMs / 1000} s in vain for ${what}`);
    await new Promise((done) => setTimeout(done, 500));
  }
}

/** Runs a command in a guest over SSH with a key; retried until the guest lets us in. */
export async function ssh(address: string, keyFile: string, command: string): Promise<string> {
  const words = [
    ...['-i', keyFile, '-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=no'],
    ...['-o', 'UserKnownHostsFile=/dev/null', '-o', 'ConnectTimeout=10', '-o', 'LogLevel=ERROR'],
    ...['-o', 'IdentitiesOnly=yes', `cirros@${address}`, command],
  ];
  let last = '';
  const answer = await until(
    `ssh to ${address} (${command})`,
    async () => {
      try {
        return { stdout: (await execute('ssh', words, { timeout: 60_000 })).stdout };
      } catch (error) {
        last = String((error as { stderr?: string }).stderr);
        return null;
      }
    },
    420_000,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}; ssh said: ${last}`);
  });
  return answer.stdout;
}
