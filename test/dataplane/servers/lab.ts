/** A host whose agent runs as a program of its own and is spoken to over its socket, as control does. */
import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { ServerActual, ServerWanted } from '../../../src/agent/api.ts';
import { commandRun } from '../../../src/agent/command.ts';
import { agentClientOpen, type AgentConnection } from '../../../src/agent/http/client.ts';
import { serverDocument } from '../../agent/server-documents.ts';
import { guestDisk } from './guest-program.ts';

const waitLimitMs = 120_000;

export interface Lab {
  readonly stateDir: string;
  readonly agent: AgentConnection;
  readonly imageId: string;
  /** Resolves when it serves. */
  start(): Promise<void>;
  kill(): Promise<void>;
  /** Puts a document of the next generation and waits until it is carried out. */
  carryOut(change?: Parameters<typeof serverDocument>[0]): Promise<ServerActual>;
  wanted(change?: Parameters<typeof serverDocument>[0]): ServerWanted;
  actual(match: (actual: ServerActual) => boolean): Promise<ServerActual>;
  console(pattern: RegExp): Promise<string>;
  /** Writes to the serial port of the guest. */
  type(text: string): Promise<void>;
  pid(): number;
  pids(): readonly number[];
}

export interface LabOptions {
  readonly image?: Buffer;
  readonly network?: 'empty' | 'linux';
  /** Makes the state directory a file system of its own of this size. */
  readonly tmpfsMib?: number;
}

let sequence = 0;
const newId = (): string => `01930000-0000-7000-8000-${String(++sequence).padStart(12, '0')}`;

export async function labOpen(t: TestContext, options: LabOptions = {}): Promise<Lab> {
  assert.equal(process.env['WELKIN_OWN_NAMESPACES'], '1', 'run by `npm run dataplane`');
  const stateDir = await mkdtemp(join(tmpdir(), 'wks-'));
  await chmod(stateDir, 0o711);
  if (options.tmpfsMib !== undefined) {
    await commandRun([
      'mount',
      '-t',
      'tmpfs',
      '-o',
      `size=${options.tmpfsMib}m,mode=711`,
      'none',
      stateDir,
    ]);
  }
  const lab = new AgentLab(stateDir, options);
  t.after(async () => {
    await lab.agent.serverDelete(lab.serverId).catch(() => {});
    await lab.kill();
    lab.agent.close();
    if (options.tmpfsMib !== undefined) await commandRun(['umount', '-l', stateDir]);
    await rm(stateDir, { recursive: true, force: true });
  });
  await lab.start();
  await imagePut(lab.agent, lab.imageId, options.image ?? guestDisk());
  return lab;
}

export async function imagePut(
  agent: AgentConnection,
  imageId: string,
  image: Buffer,
): Promise<void> {
  const format = image.toString('latin1', 0, 3) === 'QFI' ? 'qcow2' : 'raw';
  const sha512 = createHash('sha512').update(image).digest('hex');
  const facts = { imageId, format, sizeBytes: image.length, sha512 } as const;
  await agent.imagePut(facts, ReadableStream.from([image]));
}

class AgentLab implements Lab {
  readonly stateDir: string;
  readonly agent: AgentConnection;
  readonly imageId = newId();
  readonly serverId = newId();
  readonly #socketPath: string;
  readonly #network: string;
  #child: ChildProcess | null = null;
  #generation = 0;

  constructor(stateDir: string, { network = 'empty' }: LabOptions) {
    this.stateDir = stateDir;
    this.#network = network;
    this.#socketPath = join(stateDir, 'agent.sock');
    this.agent = agentClientOpen({ socketPath: this.#socketPath });
  }

  async start(): Promise<void> {
    const program = new URL('agent-process.ts', import.meta.url);
    const isTalking = process.env['AGENT_LOG'] === '1';
    this.#child = fork(program, [this.stateDir, this.#socketPath, this.#network], {
      stdio: ['ignore', 'inherit', isTalking ? 'inherit' : 'ignore', 'ipc'],
    });
    const exited = once(this.#child, 'exit').then(() => 'exited');
    const first = await Promise.race([
      once(this.#child, 'message').then(([said]) => String(said)),
      exited,
    ]);
    assert.equal(first, 'ready', 'the agent did not start');
  }

  async kill(): Promise<void> {
    if (this.#child === null || this.#child.exitCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
    this.#child = null;
  }

  wanted(change: Parameters<typeof serverDocument>[0] = {}): ServerWanted {
    this.#generation++;
    const source = { kind: 'image', imageId: this.imageId } as const;
    const disks = [{ id: 'root', source, sizeMib: 64, revision: 1 }];
    return serverDocument({
      id: this.serverId,
      generation: this.#generation,
      ramMib: 64,
      disks,
      ...change,
    });
  }

  async carryOut(change: Parameters<typeof serverDocument>[0] = {}): Promise<ServerActual> {
    const wanted = this.wanted(change);
    await this.agent.serverPut(wanted);
    return this.actual(({ generation }) => generation === wanted.generation);
  }

  async actual(match: (actual: ServerActual) => boolean): Promise<ServerActual> {
    const stop = new AbortController();
    const limit = AbortSignal.any([stop.signal, AbortSignal.timeout(waitLimitMs)]);
    for await (const report of this.agent.watch(limit)) {
      if (report.kind !== 'server' || report.server.id !== this.serverId) continue;
      if (!match(report.server)) continue;
      stop.abort();
      return report.server;
    }
    const last = await this.agent.serverGet(this.serverId);
    throw new Error(`the server stays ${JSON.stringify(last)}`);
  }

  async console(pattern: RegExp): Promise<string> {
    return until(`the console shows ${pattern}`, async () => {
      const text = await this.agent.serverConsole(this.serverId, null);
      return pattern.test(text) ? text : null;
    });
  }

  async type(text: string): Promise<void> {
    const socket = connect(join(this.stateDir, 'servers', this.serverId, 'run', 'serial.sock'));
    await once(socket, 'connect');
    await new Promise<void>((resolve) => socket.end(text, () => resolve()));
    socket.destroy();
  }

  pid(): number {
    const [pid, ...others] = this.pids();
    assert.ok(pid !== undefined && others.length === 0, `one process, not ${this.pids().join()}`);
    return pid;
  }

  pids(): readonly number[] {
    const mark = join(this.stateDir, 'servers', this.serverId);
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && existsSync(`/proc/${name}/cmdline`))
      .filter((name) => cmdlineOf(name).includes(mark))
      .map(Number);
  }
}

function cmdlineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

/** Asks again and again until the answer is not null. */
export async function until<T>(what: string, look: () => Promise<T | null>): Promise<T> {
  const deadline = performance.now() + waitLimitMs;
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    if (performance.now() > deadline) throw new Error(`not within ${waitLimitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
