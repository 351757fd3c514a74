/**
 * The contract over HTTP, as control calls it. Every call has a deadline; a call that never reached the agent, or whose
 * connection broke, is made again for a short while, because every call can be repeated: an agent that is restarted is
 * no failure of a request.
 */
import { once } from 'node:events';
import {
  Agent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { Agent as TlsAgent, request as httpsRequest } from 'node:https';
import { systemClock, type Clock } from '../../kernel/clock.ts';
import { Failure, unavailable } from '../../kernel/errors.ts';
import {
  agentPaths,
  type AgentClient,
  type HostFacts,
  type ImageCopy,
  type ImageFacts,
  type Report,
  type ServerActual,
  type ServerDiagnostics,
  type SnapshotActual,
} from '../api.ts';
import { failureOf, heartbeatMs } from './wire.ts';

export type AgentAddress =
  | { readonly socketPath: string }
  | {
      /** `https://host:port` */
      readonly url: string;
      readonly tls: { readonly key: string; readonly cert: string; readonly ca: string };
    };

export type AgentConnection = AgentClient & { close(): void };

/** How long a call is repeated while the agent cannot be reached. */
const retryLimitMs = 5000;
const deadlines = { quick: 15_000, document: 120_000, removal: 180_000 } as const;
/** A transfer that stands still this long is broken. */
const idleLimitMs = 60_000;

export function agentClientOpen(
  address: AgentAddress,
  clock: Clock = systemClock,
): AgentConnection {
  return new HttpAgent(address, clock);
}

interface CallOptions {
  readonly body?: unknown;
  readonly deadlineMs?: number;
}

class HttpAgent implements AgentConnection {
  readonly #open: (options: RequestOptions) => ClientRequest;
  readonly #agent: Agent;
  readonly #clock: Clock;

  constructor(address: AgentAddress, clock: Clock) {
    this.#clock = clock;
    const keep = { keepAlive: true, maxFreeSockets: 16 };
    if ('socketPath' in address) {
      this.#agent = new Agent(keep);
      const fixed = { socketPath: address.socketPath, host: 'agent', agent: this.#agent };
      this.#open = (options) => httpRequest({ ...fixed, ...options });
    } else {
      const { hostname, port } = new URL(address.url);
      this.#agent = new TlsAgent({ ...keep, ...address.tls });
      const fixed = { hostname, port, agent: this.#agent };
      this.#open = (options) => httpsRequest({ ...fixed, ...options });
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  hostGet: AgentClient['hostGet'] = () => this.#call<HostFacts>('GET', agentPaths.host);

  async *watch(signal: AbortSignal): AsyncGenerator<Report> {
    if (signal.aborted) return;
    const response = await this.#response('GET', agentPaths.watch, {
      idleMs: 3 * heartbeatMs,
      signal,
    });
    if (response === null) return;
    let rest = '';
    response.setEncoding('utf8');
    try {
      for await (const text of response) {
        const lines = (rest + String(text)).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) if (line !== '') yield JSON.parse(line) as Report;
      }
    } catch (error) {
      if (signal.aborted) return;
      throw unreachable(error);
    } finally {
      response.destroy();
    }
  }

  externalPut: AgentClient['externalPut'] = (wanted, digest) =>
    this.#documentPut(agentPaths.externals, wanted, digest);
  externalDelete: AgentClient['externalDelete'] = (id) => this.#delete(agentPaths.externals, id);
  networkPut: AgentClient['networkPut'] = (wanted, digest) =>
    this.#documentPut(agentPaths.networks, wanted, digest);
  networkDelete: AgentClient['networkDelete'] = (id) => this.#delete(agentPaths.networks, id);
  routerPut: AgentClient['routerPut'] = (wanted, digest) =>
    this.#documentPut(agentPaths.routers, wanted, digest);
  routerDelete: AgentClient['routerDelete'] = (id) => this.#delete(agentPaths.routers, id);

  imageList: AgentClient['imageList'] = () => this.#call<ImageCopy[]>('GET', agentPaths.images);

  imageGet: AgentClient['imageGet'] = (id) =>
    orNull(this.#call<ImageFacts>('GET', pathOf(agentPaths.images, id)));

  imagePut: AgentClient['imagePut'] = async ({ imageId, format, sizeBytes, sha512 }, bytes) => {
    const query = new URLSearchParams({ format, sizeBytes: String(sizeBytes), sha512 });
    const path = `${pathOf(agentPaths.images, imageId)}?${query.toString()}`;
    const response = await this.#response('PUT', path, { bytes, sizeBytes, idleMs: idleLimitMs });
    response?.resume();
  };

  imageDelete: AgentClient['imageDelete'] = async (id) => {
    const path = pathOf(agentPaths.images, id);
    return (await this.#call<{ isDeleted: boolean }>('DELETE', path)).isDeleted;
  };

  serverPut: AgentClient['serverPut'] = (wanted) =>
    this.#call<ServerActual>('PUT', pathOf(agentPaths.servers, wanted.id), { body: wanted });

  serverGet: AgentClient['serverGet'] = (id) =>
    orNull(this.#call<ServerActual>('GET', pathOf(agentPaths.servers, id)));

  serverDelete: AgentClient['serverDelete'] = (id) => this.#delete(agentPaths.servers, id);

  serverConsole: AgentClient['serverConsole'] = async (id, lines) => {
    const query = lines === null ? '' : `?lines=${lines}`;
    const path = `${pathOf(agentPaths.servers, id)}/console${query}`;
    return (await this.#call<{ text: string }>('GET', path)).text;
  };

  serverDiagnostics: AgentClient['serverDiagnostics'] = (id) =>
    this.#call<ServerDiagnostics>('GET', `${pathOf(agentPaths.servers, id)}/diagnostics`);

  serverPasswordSet: AgentClient['serverPasswordSet'] = async (id, username, password) => {
    const path = `${pathOf(agentPaths.servers, id)}/password`;
    await this.#call('PUT', path, { body: { username, password }, deadlineMs: 30_000 });
  };

  serverPasswordRead: AgentClient['serverPasswordRead'] = async (id) => {
    const path = `${pathOf(agentPaths.servers, id)}/password`;
    return (await this.#call<{ password: string }>('GET', path)).password;
  };

  serverPasswordClear: AgentClient['serverPasswordClear'] = async (id) => {
    await this.#call('DELETE', `${pathOf(agentPaths.servers, id)}/password`);
  };

  snapshotPut: AgentClient['snapshotPut'] = (id, wanted) =>
    this.#call<SnapshotActual>('PUT', pathOf(agentPaths.snapshots, id), { body: wanted });

  snapshotGet: AgentClient['snapshotGet'] = (id) =>
    orNull(this.#call<SnapshotActual>('GET', pathOf(agentPaths.snapshots, id)));

  async *snapshotRead(id: string): AsyncGenerator<Uint8Array> {
    const path = `${pathOf(agentPaths.snapshots, id)}/bytes`;
    const response = await this.#response('GET', path, { idleMs: idleLimitMs });
    if (response === null) return;
    try {
      for await (const chunk of response) yield chunk as Buffer;
    } catch (error) {
      throw unreachable(error);
    }
  }

  snapshotDelete: AgentClient['snapshotDelete'] = (id) => this.#delete(agentPaths.snapshots, id);

  async #documentPut(path: string, wanted: { id: string }, digest: string): Promise<void> {
    const query = new URLSearchParams({ digest });
    const deadlineMs = deadlines.document;
    await this.#call('PUT', `${pathOf(path, wanted.id)}?${query.toString()}`, {
      body: wanted,
      deadlineMs,
    });
  }

  async #delete(path: string, id: string): Promise<void> {
    await this.#call('DELETE', pathOf(path, id), { deadlineMs: deadlines.removal });
  }

  async #call<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
    const started = this.#clock.now();
    for (let waitMs = 50; ; waitMs = Math.min(2 * waitMs, 1000)) {
      try {
        return await this.#callOnce<T>(method, path, options);
      } catch (error) {
        if (error instanceof Failure) throw error;
        if (this.#clock.now() - started + waitMs > retryLimitMs) throw unreachable(error);
      }
      await this.#clock.sleep(waitMs);
    }
  }

  /** Throws a `Failure` for what the agent said, and anything else for what happened on the way. */
  async #callOnce<T>(
    method: string,
    path: string,
    { body, deadlineMs = deadlines.quick }: CallOptions,
  ): Promise<T> {
    const deadline = AbortSignal.timeout(deadlineMs);
    const text = body === undefined ? null : JSON.stringify(body);
    try {
      const headers =
        text === null
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
      const request = this.#open({ method, path, headers, signal: deadline });
      request.end(text ?? undefined);
      const response = await responseOf(request);
      const answer = await textRead(response);
      if (response.statusCode !== 200) throw failureOf(answer, response.statusCode ?? 0);
      return (answer === '' ? undefined : JSON.parse(answer)) as T;
    } catch (error) {
      if (!deadline.aborted) throw error;
      throw new Failure('unavailable', `The agent did not answer within ${deadlineMs} ms.`, {
        cause: error,
      });
    }
  }

  /** A call whose answer or body is a stream; made once. Null: the signal ended it. */
  async #response(
    method: string,
    path: string,
    { bytes, sizeBytes, idleMs, signal }: StreamOptions,
  ): Promise<IncomingMessage | null> {
    try {
      const headers = sizeBytes === undefined ? {} : { 'content-length': sizeBytes };
      const request = this.#open({ method, path, headers, ...(signal && { signal }) });
      request.setTimeout(idleMs, () => request.destroy(new Error(`nothing came for ${idleMs} ms`)));
      const answered = responseOf(request);
      answered.catch(() => {});
      if (bytes === undefined) request.end();
      else await bytesSend(request, bytes, answered);
      const response = await answered;
      if (response.statusCode === 200) return response;
      throw failureOf(await textRead(response), response.statusCode ?? 0);
    } catch (error) {
      if (signal?.aborted === true) return null;
      throw error instanceof Failure ? error : unreachable(error);
    }
  }
}

interface StreamOptions {
  readonly bytes?: AsyncIterable<Uint8Array>;
  readonly sizeBytes?: number;
  readonly idleMs: number;
  readonly signal?: AbortSignal;
}

/** An agent that answers before it has everything refuses the rest. */
async function bytesSend(
  request: ClientRequest,
  bytes: AsyncIterable<Uint8Array>,
  answered: Promise<IncomingMessage>,
): Promise<void> {
  const isOver = answered.then(
    () => true,
    () => true,
  );
  try {
    for await (const chunk of bytes) {
      if (request.write(chunk)) continue;
      if ((await Promise.race([isOver, once(request, 'drain').then(() => false)])) === true) return;
    }
    request.end();
  } catch (error) {
    request.destroy();
    throw error;
  }
}

const responseOf = (request: ClientRequest): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    request.once('response', resolve);
    request.on('error', reject);
  });

async function textRead(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

const pathOf = (path: string, id: string): string => `${path}/${encodeURIComponent(id)}`;

const unreachable = (cause: unknown): Failure =>
  unavailable('The agent of the host cannot be reached.', { type: 'unreachable', cause });

async function orNull<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof Failure && error.kind === 'not_found') return null;
    throw error;
  }
}
