import type { IncomingMessage, ServerResponse } from 'node:http';
import { auditEvent, type AuditRecord, type AuditSink } from '../audit.ts';
import type { Clock } from '../clock.ts';
import type { Context } from '../context.ts';
import { Failure } from '../errors.ts';
import type { Ids } from '../ids.ts';
import type { Log } from '../log.ts';
import type { Actor, Policy, Target } from '../policy.ts';
import { version, versionCompare, type Version } from '../version.ts';
import type { Api } from './api.ts';
import type { Endpoint } from './endpoint.ts';
import type { Routing } from './routing.ts';

// What lives as long as one request is of a class wherever it has a getter. Of an object literal with a getter V8 makes
// a hidden class each time, in the old generation, which holds the request until the next full collection: it cost a
// seventh of the processor time of every request.

const noVersion: Version = { major: 0, minor: 0 };

export interface Mounted {
  readonly api: Api<unknown>;
  readonly mount: string;
  readonly routing: Routing;
}

/** What is known of a request while it is answered: an error needs all of it. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly requestId: string;
  readonly mounted: Mounted;
  /** Below the mount. */
  readonly path: string;
  readonly query: URLSearchParams;
  version: Version;
  actor: Actor | null = null;
  endpoint: Endpoint<unknown> | null = null;
  params: Readonly<Record<string, string>> = {};
  /** True once the policy was asked. */
  isAsked = false;
  abort: AbortController | null = null;
  /** An event says who logged in or could not: that the request made a token says no more. */
  isLogInTold = false;
  readonly #serverLog: Log;
  #log: Log | null = null;

  constructor(
    { ids, log }: { readonly ids: Ids; readonly log: Log },
    mounts: readonly Mounted[],
    request: IncomingMessage,
  ) {
    const [rawPath = '/', rawQuery = ''] = (request.url ?? '/').split('?', 2);
    const found = mounts.find(
      ({ mount }) => rawPath === mount || rawPath.startsWith(`${mount}/`) || mount === '',
    );
    // Without an API at the root, any of them may say that there is nothing here.
    const mounted = found ?? mounts.at(-1);
    if (mounted === undefined) throw new Error('a server needs an API to serve');
    this.request = request;
    this.requestId = `req-${ids.uuid()}`;
    this.mounted = mounted;
    this.path = found === undefined ? '/-' : rawPath.slice(mounted.mount.length) || '/';
    this.query = new URLSearchParams(rawQuery);
    this.version = mounted.api.microversions?.min ?? noVersion;
    this.#serverLog = log;
  }

  /** Made when first asked for: few requests have more to say than the line at their end. */
  get log(): Log {
    const { requestId, mounted } = this;
    return (this.#log ??= this.#serverLog.with({ requestId, api: mounted.api.name }));
  }
}

interface Around {
  readonly policy: Policy;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly ids: Ids;
}

/** The context of one request. Others may be derived from it: what changes is kept in the exchange. */
export class RequestContext implements Context<unknown> {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly requestId: string;
  readonly version: Version;
  readonly baseUrl: string;
  readonly remoteAddress: string;
  private readonly around: Around;
  private readonly exchange: Exchange;
  private readonly response: ServerResponse;

  constructor(around: Around, exchange: Exchange, response: ServerResponse, baseUrl: string) {
    this.clock = around.clock;
    this.ids = around.ids;
    this.requestId = exchange.requestId;
    this.version = exchange.version;
    this.baseUrl = baseUrl;
    this.remoteAddress = exchange.request.socket.remoteAddress ?? '';
    this.around = around;
    this.exchange = exchange;
    this.response = response;
  }

  get world(): unknown {
    return this.exchange.mounted.api.world;
  }

  get log(): Log {
    return this.exchange.log;
  }

  get globalRequestId(): string | null {
    const text = String(this.exchange.request.headers['x-openstack-request-id'] ?? '');
    return /^req-[0-9a-f-]{36}$/.test(text) ? text : null;
  }

  get actor(): Actor {
    const { actor } = this.exchange;
    if (actor === null) {
      throw new Failure('unauthenticated', 'The request you have made requires authentication.');
    }
    return actor;
  }

  get isAnonymous(): boolean {
    return this.exchange.actor === null;
  }

  /** Made when first asked for: most requests are answered before anybody could leave. */
  get signal(): AbortSignal {
    return (this.exchange.abort ??= abortOnClose(this.response)).signal;
  }

  since(text: string): boolean {
    return versionCompare(this.version, version(text)) >= 0;
  }

  authorize(rule: string, target: Target = {}): void {
    this.exchange.isAsked = true;
    this.around.policy.enforce(rule, this.actor, target);
  }

  allows(rule: string, target: Target = {}): boolean {
    this.exchange.isAsked = true;
    return this.around.policy.allows(rule, this.actor, target);
  }

  audit(
    partial: Pick<AuditRecord, 'action' | 'outcome' | 'target' | 'reason'> & {
      actor?: Actor | null;
    },
  ): void {
    const { request, actor, mounted } = this.exchange;
    if (partial.action === 'authenticate') this.exchange.isLogInTold = true;
    const { audit, clock, ids } = this.around;
    const userAgent = request.headers['user-agent'];
    const record: AuditRecord = {
      actor,
      service: mounted.api.name,
      requestId: this.requestId,
      remoteAddress: this.remoteAddress,
      ...(userAgent !== undefined && { userAgent }),
      ...partial,
    };
    audit.write(auditEvent(record, ids.uuid(), new Date(clock.now()).toISOString()));
  }
}

function abortOnClose(response: ServerResponse): AbortController {
  const abort = new AbortController();
  if (response.closed) abort.abort();
  else response.once('close', () => abort.abort());
  return abort;
}
