/**
 * Sockets that live in another network namespace. A socket stays in the namespace it was opened in, but Node cannot
 * enter one; so a short-lived process inside opens all that is asked for, hands them over its IPC channel and ends.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { Socket as UdpSocket } from 'node:dgram';
import { Server as TcpServer } from 'node:net';
import { inNamespace } from '../kernel-state.ts';

export interface SocketWanted {
  readonly name: string;
  readonly type: 'udp4' | 'udp6' | 'tcp';
  readonly address: string;
  readonly port: number;
  readonly multicast?: { readonly group: string; readonly link: string };
}

export interface Borrowed {
  readonly udp: ReadonlyMap<string, UdpSocket>;
  readonly tcp: ReadonlyMap<string, TcpServer>;
}

const timeoutMs = 60_000;

export async function socketsBorrow(
  namespace: string,
  wanted: readonly SocketWanted[],
): Promise<Borrowed> {
  const program = `(${lend.toString()})(${JSON.stringify(wanted)}, ${process.pid})`;
  const [command = '', ...args] = inNamespace(namespace, [process.execPath, '-e', program]);
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { PATH: process.env['PATH'] },
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  return await received(child, wanted);
}

function received(child: ChildProcess, wanted: readonly SocketWanted[]): Promise<Borrowed> {
  const udp = new Map<string, UdpSocket>();
  const tcp = new Map<string, TcpServer>();
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(0, 4096);
  });
  return new Promise((resolve, reject) => {
    child.on('message', (message, handle) => {
      if (typeof message !== 'string') return;
      const name = message;
      if (handle instanceof UdpSocket) udp.set(name, handle);
      else if (handle instanceof TcpServer) tcp.set(name, handle);
      // Two readers of one socket would share its packets: it must be gone before we answer the first.
      if (udp.size + tcp.size === wanted.length) child.send('done');
    });
    child.on('error', reject);
    child.on('close', (exitCode) => {
      if (exitCode === 0 && udp.size + tcp.size === wanted.length) return resolve({ udp, tcp });
      for (const socket of [...udp.values(), ...tcp.values()]) socket.close();
      reject(new Error(`sockets could not be opened: ${stderr.trim() || `exit ${exitCode}`}`));
    });
  });
}

/** Runs inside the namespace, as text: it may use nothing of this file. */
async function lend(wanted: readonly SocketWanted[], agentPid: number): Promise<void> {
  const { createSocket } = process.getBuiltinModule('node:dgram');
  const { createServer } = process.getBuiltinModule('node:net');
  const { once } = process.getBuiltinModule('node:events');
  const { setTimeout: sleep } = process.getBuiltinModule('node:timers/promises');
  process.on('message', () => process.exit(0));
  // When the agent was killed whoever comes next wants these ports. The channel does not always tell: its end goes
  // unnoticed while a socket is on its way through it.
  setInterval(() => process.ppid === agentPid || process.exit(1), 50);
  for (const socket of wanted) {
    const opened = await openPatiently(socket);
    process.send?.(socket.name, opened);
  }

  /** The process that served a killed agent may not have noticed yet. */
  async function openPatiently(socket: SocketWanted): ReturnType<typeof open> {
    for (let tries = 0; ; tries += 1) {
      try {
        return await open(socket);
      } catch (error) {
        if (tries === 50) throw error;
        await sleep(100);
      }
    }
  }

  async function open({
    type,
    address,
    port,
    multicast,
  }: SocketWanted): Promise<TcpServer | UdpSocket> {
    if (type === 'tcp') {
      const server = createServer().listen({ host: address, port });
      await once(server, 'listening');
      return server;
    }
    const socket = createSocket({ type, ipv6Only: type === 'udp6' });
    socket.bind({ port, address, exclusive: true });
    await once(socket, 'listening');
    if (type === 'udp4') socket.setBroadcast(true);
    if (multicast !== undefined) socket.addMembership(multicast.group, multicast.link);
    return socket;
  }
}
