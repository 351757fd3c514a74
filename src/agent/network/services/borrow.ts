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
  const program = `(${lend.toString()})(${JSON.stringify(wanted)})`;
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
async function lend(wanted: readonly SocketWanted[]): Promise<void> {
  const { createSocket } = process.getBuiltinModule('node:dgram');
  const { createServer } = process.getBuiltinModule('node:net');
  const { once } = process.getBuiltinModule('node:events');
  process.on('message', () => process.exit(0));
  for (const { name, type, address, port, multicast } of wanted) {
    if (type === 'tcp') {
      const server = createServer().listen({ host: address, port });
      await once(server, 'listening');
      process.send?.(name, server);
      continue;
    }
    const socket = createSocket({ type, reuseAddr: true, ipv6Only: type === 'udp6' });
    socket.bind({ port, address, exclusive: true });
    await once(socket, 'listening');
    if (type === 'udp4') socket.setBroadcast(true);
    if (multicast !== undefined) socket.addMembership(multicast.group, multicast.link);
    process.send?.(name, socket);
  }
}
