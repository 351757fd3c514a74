/** Asks the host's resolvers what a tenant network does not know itself; bounded in number and time. */
import { createSocket } from 'node:dgram';
import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createConnection, isIP, isIPv6 } from 'node:net';

export interface DnsForward {
  /** The answer as it came, under the id of the question; null when nobody answers in time. */
  ask(query: Uint8Array, transport: 'udp' | 'tcp'): Promise<Uint8Array | null>;
}

export interface DnsForwardOptions {
  readonly resolvers: () => Promise<readonly Resolver[]>;
  readonly timeoutMs: number;
  /** Questions under way at once; more get no answer. */
  readonly asksMax: number;
}

export interface Resolver {
  readonly address: string;
  readonly port: number;
}

export function dnsForwardOpen({ resolvers, timeoutMs, asksMax }: DnsForwardOptions): DnsForward {
  let asks = 0;
  return {
    async ask(query, transport) {
      if (asks >= asksMax) return null;
      asks += 1;
      try {
        for (const resolver of (await resolvers()).slice(0, 3)) {
          const answer = await (transport === 'udp' ? askUdp : askTcp)(query, resolver, timeoutMs);
          if (answer !== null) return answer;
        }
        return null;
      } finally {
        asks -= 1;
      }
    },
  };
}

/** The host's own, read anew each time: they change while we run. */
export async function hostResolvers(): Promise<readonly Resolver[]> {
  const text = await readFile('/etc/resolv.conf', 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    const address = /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? '';
    return isIP(address.split('%')[0] ?? '') === 0 ? [] : [{ address, port: 53 }];
  });
}

/** A port and an id of its own for each question, so that nobody can guess an answer's (RFC 5452). */
function askUdp(
  query: Uint8Array,
  { address, port }: Resolver,
  timeoutMs: number,
): Promise<Uint8Array | null> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    const id = randomInt(0x1_0000);
    let isOpen = true;
    const finish = (answer: Uint8Array | null): void => {
      clearTimeout(timer);
      if (isOpen) socket.close();
      isOpen = false;
      resolve(answer);
    };
    const timer = setTimeout(finish, timeoutMs, null);
    socket.on('error', () => finish(null));
    socket.on('message', (answer) => {
      if (answer.length >= 12 && answer.readUInt16BE(0) === id) finish(withId(answer, idOf(query)));
    });
    socket.on('connect', () => socket.send(withId(query, id)));
    socket.connect(port, address);
  });
}

function askTcp(
  query: Uint8Array,
  { address, port }: Resolver,
  timeoutMs: number,
): Promise<Uint8Array | null> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: address, port });
    let received = Buffer.alloc(0);
    const finish = (answer: Uint8Array | null): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(finish, timeoutMs, null);
    socket.on('error', () => finish(null));
    socket.on('close', () => finish(null));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const message = framed(received);
      if (message !== null) finish(message);
    });
    socket.write(frame(query));
  });
}

/** DNS over TCP puts the length before each message. */
export function frame(message: Uint8Array): Uint8Array {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** The first whole message of a stream, or null while it is incomplete. */
export function framed(stream: Buffer): Uint8Array | null {
  if (stream.length < 2) return null;
  const length = stream.readUInt16BE(0);
  return stream.length < 2 + length ? null : stream.subarray(2, 2 + length);
}

const idOf = (message: Uint8Array): number => Buffer.from(message).readUInt16BE(0);

function withId(message: Uint8Array, id: number): Uint8Array {
  const copy = Buffer.from(message);
  copy.writeUInt16BE(id, 0);
  return copy;
}
