/** A machine that boots the image: QEMU with its own user-mode network, reachable through a port of the loopback. */
import assert from 'node:assert/strict';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { until } from '../../support/cloud.ts';
import { freePort } from '../../support/free-port.ts';

const execute = promisify(execFile);

export interface MachineWanted {
  readonly imagePath: string;
  /** Files of a config drive by path; without one the guest asks the metadata service. */
  readonly configDrive?: Readonly<Record<string, string>>;
  /** Answers of the metadata service by path; null is 404. */
  readonly service?: (path: string) => string | null;
}

export type Login = { readonly keyPath: string } | { readonly password: string };

export interface Outcome {
  /** 255 is ssh's own: not reachable, or not let in. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Machine {
  readonly process: ChildProcess;
  readonly folder: string;
  console(): string;
  /** Resolves once the console has shown that many matches. */
  consoleShows(pattern: RegExp, count?: number): Promise<void>;
  /** Runs a command as one who logs in, and again while nobody is let in; fails when the command does. */
  ssh(login: Login, command: string): Promise<string>;
  sshOnce(login: Login, command: string): Promise<Outcome>;
  qmp(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** Asks the guest agent. */
  agent(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown>;
}

export async function folderMake(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'wg-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export interface Key {
  readonly path: string;
  readonly publicKey: string;
}

export async function keyMake(folder: string, name: string, type: string): Promise<Key> {
  const path = join(folder, `key-${name}`);
  await execute('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', name, '-f', path]);
  return { path, publicKey: readFileSync(`${path}.pub`, 'utf8') };
}

export async function machineStart(
  t: TestContext,
  folder: string,
  wanted: MachineWanted,
): Promise<Machine> {
  const disk = join(folder, 'disk.qcow2');
  await execute('qemu-img', [
    ...['create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', resolve(wanted.imagePath)],
    ...[disk, '1G'],
  ]);
  const sshPort = await freePort();
  const words = [
    ...machineWords,
    ...[
      '-netdev',
      `user,id=n0,hostfwd=tcp:127.0.0.1:${sshPort}-:22${await serviceWords(t, wanted)}`,
    ],
    ...['-device', 'virtio-net-pci,netdev=n0,bus=rp1,romfile=,rombar=0'],
    ...['-blockdev', `driver=qcow2,node-name=d0,file.driver=file,file.filename=${disk}`],
    ...['-device', 'virtio-blk-pci,drive=d0,bus=rp2,bootindex=1,serial=root-disk'],
    ...(await configDriveWords(folder, wanted)),
    ...[
      '-chardev',
      `file,id=console,path=${folder}/console`,
      '-device',
      'isa-serial,chardev=console',
    ],
    ...['-chardev', `socket,id=agent,path=${folder}/agent,server=on,wait=off`],
    ...['-device', 'virtserialport,chardev=agent,name=org.qemu.guest_agent.0'],
    ...['-qmp', `unix:${folder}/qmp,server=on,wait=off`],
  ];
  const child = spawn('qemu-system-x86_64', words, { stdio: ['ignore', 'ignore', 'inherit'] });
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  await until('the machine', async () => existsSync(`${folder}/qmp`));
  return machineOf(child, folder, sshPort);
}

const machineWords = [
  ...['-machine', 'q35,smm=off', '-accel', 'tcg,thread=multi,tb-size=64', '-cpu', 'Nehalem'],
  ...['-m', '128', '-nodefaults', '-no-user-config', '-display', 'none'],
  ...[1, 2, 3, 4].flatMap((n) => ['-device', `pcie-root-port,id=rp${n},chassis=${n},port=${n}`]),
  ...['-device', 'virtio-rng-pci', '-device', 'virtio-serial-pci'],
];

function machineOf(child: ChildProcess, folder: string, sshPort: number): Machine {
  const console = (): string => {
    const path = `${folder}/console`;
    return existsSync(path) ? readFileSync(path, 'latin1') : '';
  };
  const sshOnce = (login: Login, command: string): Promise<Outcome> =>
    sshRun(folder, sshPort, login, command);
  return {
    process: child,
    folder,
    console,
    sshOnce,
    async consoleShows(pattern, count = 1) {
      const all = new RegExp(pattern, 'g');
      await until(`${pattern} on the console`, async () => {
        assert.equal(child.exitCode, null, `the machine ended:\n${console()}`);
        return [...console().matchAll(all)].length >= count;
      }).catch((error: unknown) => {
        throw new Error(`the console says:\n${console()}`, { cause: error });
      });
    },
    async ssh(login, command) {
      const outcome = await until(`ssh (${command})`, async () => {
        const tried = await sshOnce(login, command);
        return tried.code !== 255 && tried;
      });
      assert.equal(outcome.code, 0, `${command}: ${outcome.stderr}${outcome.stdout}`);
      return outcome.stdout;
    },
    qmp: (command, args = {}) => qmpAsk(`${folder}/qmp`, command, args),
    agent: (command, args = {}) => agentAsk(`${folder}/agent`, command, args),
  };
}

async function sshRun(
  folder: string,
  port: number,
  login: Login,
  command: string,
): Promise<Outcome> {
  const askpass = join(folder, 'askpass');
  await writeFile(askpass, '#!/bin/sh\nprintf "%s\\n" "$GUEST_PASSWORD"\n', { mode: 0o700 });
  const how =
    'keyPath' in login
      ? ['-i', login.keyPath, '-o', 'BatchMode=yes', '-o', 'IdentitiesOnly=yes']
      : ['-o', 'PubkeyAuthentication=no', '-o', 'NumberOfPasswordPrompts=1'];
  const words = [
    ...['-p', String(port), ...how, '-o', 'StrictHostKeyChecking=no', '-o', 'LogLevel=ERROR'],
    ...['-o', 'UserKnownHostsFile=/dev/null', '-o', 'ConnectTimeout=30', 'cirros@127.0.0.1'],
  ];
  const password = 'password' in login ? login.password : '';
  const env = { ...process.env, GUEST_PASSWORD: password, SSH_ASKPASS: askpass };
  try {
    const options = { timeout: 120_000, env: { ...env, SSH_ASKPASS_REQUIRE: 'force' } };
    const { stdout, stderr } = await execute('ssh', [...words, command], options);
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as Partial<Outcome>;
    return { code: code ?? 255, stdout: stdout ?? '', stderr: stderr ?? String(error) };
  }
}

/** A stand-in for the metadata service; each connection of the guest is a relay's standard input and output. */
async function serviceWords(t: TestContext, { service }: MachineWanted): Promise<string> {
  const net = ',net=169.254.169.0/24,host=169.254.169.2,dhcpstart=169.254.169.15';
  if (service === undefined) return '';
  const server = createServer((request, reply) => {
    const body = service(request.url ?? '');
    reply.writeHead(body === null ? 404 : 200).end(body ?? 'not found');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const relay = `${process.execPath} ${import.meta.dirname}/relay.ts ${port}`;
  return `${net},guestfwd=tcp:169.254.169.254:80-cmd:${relay}`;
}

async function configDriveWords(folder: string, wanted: MachineWanted): Promise<string[]> {
  if (wanted.configDrive === undefined) return [];
  const image = join(folder, 'config.iso');
  const files = join(folder, 'config');
  for (const [path, content] of Object.entries(wanted.configDrive)) {
    await mkdir(dirname(join(files, path)), { recursive: true });
    await writeFile(join(files, path), content);
  }
  await execute('genisoimage', ['-quiet', '-R', '-J', '-V', 'config-2', '-o', image, files]);
  return [
    ...[
      '-blockdev',
      `driver=raw,node-name=cd,read-only=on,file.driver=file,file.filename=${image}`,
    ],
    ...['-device', 'virtio-blk-pci,drive=cd,bus=rp3'],
  ];
}

/** QEMU takes one client at a time, so each question is a connection of its own. */
async function qmpAsk(path: string, command: string, args: object): Promise<unknown> {
  return await socketTalk(path, async (say, hear) => {
    const answer = async (): Promise<unknown> => {
      for (;;) {
        const message = await hear();
        assert.ok(!('error' in message), `${command}: ${JSON.stringify(message['error'])}`);
        if ('return' in message) return message['return'];
      }
    };
    say({ execute: 'qmp_capabilities' });
    await answer();
    say({ execute: command, arguments: args });
    return await answer();
  });
}

/** What is said while the guest does not listen is lost: the first question is asked until it is answered. */
async function agentAsk(path: string, command: string, args: object): Promise<unknown> {
  return await socketTalk(path, async (say, hear) => {
    const id = process.hrtime()[1];
    const repeat = setInterval(() => say({ execute: 'guest-sync', arguments: { id } }), 1000);
    try {
      while ((await hear())['return'] !== id);
    } finally {
      clearInterval(repeat);
    }
    say({ execute: command, arguments: args });
    for (;;) {
      const message = await hear();
      assert.ok(!('error' in message), `${command}: ${JSON.stringify(message['error'])}`);
      if (message['return'] !== id) return message['return'];
    }
  });
}

type Message = Record<string, unknown>;

async function socketTalk(
  path: string,
  talk: (say: (message: object) => void, hear: () => Promise<Message>) => Promise<unknown>,
): Promise<unknown> {
  const socket = connect(path);
  await once(socket, 'connect');
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  try {
    return await talk(
      (message) => void socket.write(`${JSON.stringify(message)}\n`),
      async () => {
        const line = await lines.next();
        assert.ok(line.done !== true, `${path} was closed`);
        return JSON.parse(line.value) as Message;
      },
    );
  } finally {
    socket.destroy();
  }
}
