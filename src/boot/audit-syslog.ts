import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { connect as tcpConnect, isIP, isIPv6, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import type { AuditEvent, AuditSink } from '../kernel/audit.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';

/** Events that wait for a server that is away; what comes when it is full is dropped and counted. */
const queueLimit = 10_000;
const batchLimit = 64;
const connectTimeoutMs = 10_000;
const backOffMaxMs = 30_000;
/** How long the last events may take when this process ends. */
const closeLimitMs = 3_000;
/** RFC 5424, 6.2.1: 13 is the log audit. */
const facility = 13;
const severities = { success: 6, pending: 6, failure: 4 } as const;

export interface SyslogAddress {
  readonly transport: 'udp' | 'tcp' | 'tls';
  readonly host: string;
  readonly port: number;
}

/** `tls://host:6514`; null: it is none. */
export function syslogAddressParse(text: string): SyslogAddress | null {
  const match = /^(udp|tcp|tls):\/\/(?:\[([0-9a-f:]+)\]|([^:/\s[\]]+))(?::(\d{1,5}))?$/i.exec(text);
  const host = match?.[2] ?? match?.[3];
  if (match === null || host === undefined) return null;
  const transport = match[1]?.toLowerCase() as SyslogAddress['transport'];
  const port = Number(match[4] ?? (transport === 'tls' ? 6514 : 514));
  return port > 0 && port < 65_536 ? { transport, host, port } : null;
}

export interface SyslogOptions {
  readonly address: SyslogAddress;
  /** Null: the system's. */
  readonly caFile: string | null;
  readonly hostName: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Sends what it is given to one server, in order; whoever writes never waits. */
export function auditSyslogOpen(options: SyslogOptions): AuditSink & { close(): Promise<void> } {
  const sender = new SyslogSender(options);
  const ended = sender.run();
  return {
    write: (event) => sender.take(syslogMessage(event, options.hostName)),
    close: async () => {
      const limit = new AbortController();
      await Promise.race([sender.end(ended), options.clock.sleep(closeLimitMs, limit.signal)]);
      limit.abort();
      sender.abort();
      await ended;
    },
  };
}

/** RFC 5424; what is said is the event itself, as JSON. */
export function syslogMessage(event: AuditEvent, hostName: string): Buffer {
  const priority = facility * 8 + severities[event.outcome];
  const host = hostName.replace(/[^\x21-\x7e]/g, '-').slice(0, 255) || '-';
  const kind = event.action.replace(/[^\x21-\x7e]/g, '-').slice(0, 32) || '-';
  const head = `<${priority}>1 ${event.eventTime} ${host} welkin ${process.pid} ${kind} -`;
  return Buffer.from(`${head} ${JSON.stringify(event)}`);
}

type Send = (messages: readonly Buffer[]) => Promise<void>;

interface Line {
  readonly send: Send;
  readonly isAlive: () => boolean;
  readonly close: () => void;
}

class SyslogSender {
  readonly #options: SyslogOptions;
  readonly #queue: Buffer[] = [];
  readonly #stop = new AbortController();
  #dropped = 0;
  #isEnding = false;
  #wake: () => void = () => {};

  constructor(options: SyslogOptions) {
    this.#options = options;
  }

  take(message: Buffer): void {
    if (this.#queue.length >= queueLimit) {
      this.#dropped++;
      return;
    }
    this.#queue.push(message);
    this.#wake();
  }

  /** Resolves when everything that waits has been sent. */
  end(ended: Promise<void>): Promise<void> {
    this.#isEnding = true;
    this.#wake();
    return ended;
  }

  abort(): void {
    this.#stop.abort();
    this.#wake();
  }

  async run(): Promise<void> {
    let line = null as Line | null;
    let failures = 0;
    while (!this.#stop.signal.aborted) {
      if (this.#queue.length === 0) {
        if (this.#isEnding) break;
        await this.#woken();
        continue;
      }
      try {
        if (line?.isAlive() !== true) line = await this.#connect();
        const batch = this.#queue.slice(0, batchLimit);
        await line.send(batch);
        this.#queue.splice(0, batch.length);
        if (failures > 0) this.#recovered();
        failures = 0;
      } catch (error) {
        line?.close();
        line = null;
        if (++failures === 1) {
          const reason = error instanceof Error ? error.message : String(error);
          this.#options.log.warning('audit events do not reach syslog', { reason });
        }
        const waitMs = Math.min(100 * 2 ** failures, backOffMaxMs);
        await this.#options.clock.sleep(waitMs, this.#stop.signal);
      }
    }
    line?.close();
    const lost = this.#dropped + this.#queue.length;
    if (lost > 0) this.#options.log.warning('audit events were not sent to syslog', { lost });
  }

  #recovered(): void {
    this.#options.log.info('audit events reach syslog again', { dropped: this.#dropped });
    this.#dropped = 0;
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      if (this.#queue.length > 0 || this.#isEnding || this.#stop.signal.aborted) resolve();
    });
  }

  #connect(): Promise<Line> {
    const { address, caFile } = this.#options;
    if (address.transport === 'udp') return Promise.resolve(datagramLine(address));
    const { host, port } = address;
    if (address.transport === 'tcp') {
      const socket = tcpConnect({ host, port });
      return streamLine(socket, 'connect');
    }
    const socket = tlsConnect({
      host,
      port,
      ...(isIP(host) === 0 && { servername: host }),
      ...(caFile !== null && { ca: readFileSync(caFile, 'utf8') }),
    });
    return streamLine(socket, 'secureConnect');
  }
}

function datagramLine({ host, port }: SyslogAddress): Line {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4').unref();
  socket.on('error', () => {});
  return {
    isAlive: () => true,
    close: () => void socket.close(),
    send: async (messages) => {
      for (const message of messages) {
        await new Promise<void>((resolve, reject) => {
          // Too long for a datagram is cut, as RFC 5426 allows.
          socket.send(message.subarray(0, 60_000), port, host, (error) =>
            error === null ? resolve() : reject(error),
          );
        });
      }
    },
  };
}

function streamLine(socket: Socket, ready: 'connect' | 'secureConnect'): Promise<Line> {
  let isAlive = true;
  let failed: (error: Error) => void = () => {};
  const fail = (error: Error): void => {
    isAlive = false;
    socket.destroy();
    failed(error);
  };
  socket.setTimeout(connectTimeoutMs, () => fail(new Error('the server does not answer')));
  socket.on('error', fail);
  // It says nothing: what comes is the end.
  socket.on('end', () => fail(new Error('the server has closed the connection')));
  socket.on('close', () => fail(new Error('the connection has ended')));
  socket.resume();
  const line: Line = {
    isAlive: () => isAlive,
    close: () => void socket.end(),
    send: (messages) =>
      new Promise((resolve, reject) => {
        failed = reject;
        // RFC 5425, 4.3: each message after its length.
        const frames = messages.flatMap((message) => [Buffer.from(`${message.length} `), message]);
        socket.write(Buffer.concat(frames), (error) =>
          error === null || error === undefined ? resolve() : reject(error),
        );
      }),
  };
  return new Promise((resolve, reject) => {
    failed = reject;
    socket.once(ready, () => {
      socket.setTimeout(0);
      resolve(line);
    });
  });
}

/** Several places for one event. */
export const auditSinks = (sinks: readonly AuditSink[]): AuditSink => ({
  write: (event) => {
    for (const sink of sinks) sink.write(event);
  },
});
