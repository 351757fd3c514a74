/**
 * The monitor of one QEMU process: JSON lines over its unix socket. Reference: docs/interop/qmp-spec of QEMU.
 * The monitor takes one client at a time, and events while nobody is connected are lost: whoever connects looks first.
 */
import { connect, type Socket } from 'node:net';

export interface QmpEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** The monitor refused a command. */
export class QmpError extends Error {
  override readonly name = 'QmpError';
  /** `GenericError`, `DeviceNotFound`, ... */
  readonly kind: string;

  constructor(command: string, kind: string, description: string) {
    super(`${command}: ${description}`);
    this.kind = kind;
  }
}

/** The monitor is gone, which nearly always means that the process is. */
export class QmpClosed extends Error {
  override readonly name = 'QmpClosed';
}

export interface Qmp {
  execute<T = unknown>(
    command: string,
    args?: object,
    options?: { timeoutMs?: number },
  ): Promise<T>;
  /** Returns the function that ends the subscription. */
  onEvent(listener: (event: QmpEvent) => void): () => void;
  /** Resolves with the event, or null when it does not come in time. Rejects when the monitor closes. */
  eventWait(
    match: (event: QmpEvent) => boolean,
    options: { timeoutMs: number; signal?: AbortSignal },
  ): Promise<QmpEvent | null>;
  /** Resolves when the connection is gone, whoever ended it. */
  readonly closed: Promise<void>;
  close(): void;
}

interface Waiting {
  readonly command: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

const lineCharsMax = 16 << 20;
const timeoutDefaultMs = 20_000;

/** Connects and leaves the negotiation mode; throws while nobody listens there. */
export async function qmpConnect(path: string, timeoutMs: number = timeoutDefaultMs): Promise<Qmp> {
  const socket = await socketConnect(path);
  const qmp = new QmpConnection(socket);
  try {
    await qmp.negotiate(timeoutMs);
    return qmp;
  } catch (error) {
    qmp.close();
    throw error;
  }
}

const socketConnect = (path: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });

class QmpConnection implements Qmp {
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  #greeted: () => void = () => {};
  readonly #greeting = new Promise<void>((resolve) => (this.#greeted = resolve));
  #rest = '';
  #nextId = 1;
  #isClosed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#isClosed = true;
        for (const { command, reject } of this.#waiting.values()) {
          reject(new QmpClosed(`${command}: the monitor closed`));
        }
        this.#waiting.clear();
        resolve();
      });
    });
    // The 'close' that follows says all there is to say.
    socket.on('error', () => {});
    socket.setEncoding('utf8').on('data', (text: string) => this.#receive(text));
  }

  async negotiate(timeoutMs: number): Promise<void> {
    const limit = AbortSignal.timeout(timeoutMs);
    const late = new Promise<'late'>((resolve) => {
      limit.addEventListener('abort', () => resolve('late'), { once: true });
    });
    const first = await Promise.race([this.#greeting, this.closed.then(() => 'closed'), late]);
    if (first === 'late')
      throw new QmpClosed('the monitor does not greet: another client may hold it');
    await this.execute('qmp_capabilities', {}, { timeoutMs });
  }

  execute<T>(
    command: string,
    args: object = {},
    { timeoutMs = timeoutDefaultMs } = {},
  ): Promise<T> {
    if (this.#isClosed) return Promise.reject(new QmpClosed(`${command}: the monitor closed`));
    const id = this.#nextId++;
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new QmpError(command, 'Timeout', `no answer within ${timeoutMs} ms`));
      }, timeoutMs);
      const settled = (): void => clearTimeout(timer);
      this.#waiting.set(id, {
        command,
        resolve: (value) => (settled(), resolve(value as T)),
        reject: (error) => (settled(), reject(error)),
      });
      this.#socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    });
  }

  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async eventWait(
    match: (event: QmpEvent) => boolean,
    { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal },
  ): Promise<QmpEvent | null> {
    const limit = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]);
    let off = (): void => {};
    const event = new Promise<QmpEvent | null>((resolve) => {
      off = this.onEvent((one) => match(one) && resolve(one));
      if (limit.aborted) resolve(null);
      limit.addEventListener('abort', () => resolve(null), { once: true });
    });
    try {
      const closed = this.closed.then(() => {
        throw new QmpClosed('the monitor closed');
      });
      return await Promise.race([event, closed]);
    } finally {
      off();
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > lineCharsMax) return this.close();
    for (const line of lines) {
      if (line.trim() === '') continue;
      try {
        this.#message(JSON.parse(line) as Record<string, unknown>);
      } catch {
        // Whoever speaks something else there is no monitor of ours.
        return this.close();
      }
    }
  }

  #message(message: Record<string, unknown>): void {
    if ('QMP' in message) return this.#greeted();
    if (typeof message['event'] === 'string') {
      const event: QmpEvent = {
        event: message['event'],
        data: (message['data'] ?? {}) as QmpEvent['data'],
      };
      for (const listener of this.#listeners) listener(event);
      return;
    }
    const waiting = this.#waiting.get(Number(message['id']));
    if (waiting === undefined) return;
    this.#waiting.delete(Number(message['id']));
    if ('error' in message) {
      const { class: kind, desc } = message['error'] as { class: string; desc: string };
      waiting.reject(new QmpError(waiting.command, kind, desc));
    } else {
      waiting.resolve(message['return']);
    }
  }
}
