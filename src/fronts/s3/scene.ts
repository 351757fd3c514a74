import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Container } from '../../object/container.model.ts';
import type { FrontContext } from '../../object/front.ts';
import type { Json } from '../../object/object.model.ts';
import type { ObjectWorld } from '../../object/object.world.ts';
import { S3Failure } from './failure.ts';
import { policyParse, type BucketPolicy } from './policy/document.ts';
import type { Owner, Grant } from './settings/acl.ts';
import {
  accessBlockNone,
  type Ownership,
  type PublicAccessBlock,
} from './settings/access-block.ts';
import { linkHeaders } from './signature/claim.ts';
import type { VerifiedV4 } from './signature/v4.ts';
import type { Address } from './wire/address.ts';
import { queryValue, type QueryPairs } from './wire/uri.ts';

/** Who asks. */
export interface Caller {
  /** The project of the access key, which owns what it makes. Null: nobody in particular. */
  readonly owner: Owner | null;
  readonly account: string | null;
  readonly userId: string;
  readonly userName: string;
  readonly accessKey: string | null;
  readonly canRead: boolean;
  readonly canWrite: boolean;
  readonly signature: {
    readonly version: 2 | 4 | null;
    readonly isQuery: boolean;
    readonly ageMs: number;
  };
}

/** What was promised about the body when it was signed. */
export type Payload =
  | { readonly kind: 'unsigned' }
  | {
      readonly kind: 'sha256';
      /** As it was given: the hash in any case of letters, or something that no body can have. */
      readonly text: string;
    }
  | {
      readonly kind: 'chunked';
      readonly signed: VerifiedV4 | null;
      readonly hasTrailers: boolean;
    };

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | number>>;
  /** An XML document, as text. */
  readonly xml?: string;
  readonly body?: Uint8Array;
  readonly stream?: AsyncIterable<Uint8Array>;
  /** Closed when the answer is sent. */
  readonly opened?: Disposable;
}

/** One request, as far as it is understood before it is known what it asks for. */
export class Scene {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly context: FrontContext;
  readonly world: ObjectWorld;
  readonly query: QueryPairs;
  readonly address: Address;
  readonly caller: Caller;
  readonly payload: Payload;
  readonly nowMs: number;
  /** The request's own, and what a signed link carries in their place. */
  readonly headers: IncomingHttpHeaders;
  /** Set by `allow`: an answer that nobody allowed is a bug. */
  wasAsked = false;
  #bucket: Bucket | null = null;

  constructor(
    http: {
      readonly request: IncomingMessage;
      readonly response: ServerResponse;
      readonly context: FrontContext;
    },
    asked: { readonly query: QueryPairs; readonly address: Address },
    who: {
      readonly caller: Caller;
      readonly payload: Payload;
      readonly headers?: IncomingHttpHeaders;
    },
  ) {
    this.request = http.request;
    this.response = http.response;
    this.context = http.context;
    this.world = http.context.world;
    this.query = asked.query;
    this.address = asked.address;
    this.caller = who.caller;
    this.payload = who.payload;
    this.nowMs = this.world.clock.now();
    const { headers } = http.request;
    const { isQuery, version } = who.caller.signature;
    const { query } = asked;
    this.headers = who.headers ?? (isQuery ? linkHeaders({ headers, query }, version) : headers);
  }

  /** The same request with what a form says in place of headers, by whoever signed the form. */
  withForm(form: {
    readonly headers: IncomingHttpHeaders;
    readonly key: string;
    readonly caller: Caller;
  }): Scene {
    const { headers, key, caller } = form;
    const asked = { query: this.query, address: { ...this.address, key } };
    return new Scene(this, asked, { caller, payload: { kind: 'unsigned' }, headers });
  }

  header(name: string): string | null {
    const value = this.headers[name];
    return value === undefined ? null : String(value);
  }

  param(name: string): string | null {
    return queryValue(this.query, name);
  }

  has(name: string): boolean {
    return this.query.some(([key]) => key === name);
  }

  get bucket(): Bucket {
    if (this.#bucket === null) throw new S3Failure('NoSuchBucket');
    return this.#bucket;
  }
  set bucket(bucket: Bucket) {
    this.#bucket = bucket;
  }
  get hasBucket(): boolean {
    return this.#bucket !== null;
  }

  get key(): string {
    const { key } = this.address;
    if (key === null) throw new S3Failure('MethodNotAllowed');
    return key;
  }

  /** Null: the current version. */
  get versionId(): string | null {
    const text = this.param('versionId');
    if (text === null) return null;
    if (text === 'null' || /^\d{1,16}$/.test(text)) return text;
    throw new S3Failure('InvalidArgument', 'Invalid version id specified', {
      fields: { ArgumentName: 'versionId', ArgumentValue: text },
    });
  }

  /** Who makes something; nobody can own nothing. */
  get maker(): Owner {
    return this.caller.owner ?? anonymousOwner;
  }
}

/** AWS's own name for whoever came without a signature. */
export const anonymousOwner: Owner = {
  id: '65a011a29cdf8ec533ec3d1ccaae921c',
  name: 'anonymous',
};

/** Kinds of documents that the S3 front keeps with a container. */
export type BucketDocument =
  | 's3:owner'
  | 's3:acl'
  | 's3:policy'
  | 's3:cors'
  | 's3:lifecycle'
  | 's3:website'
  | 's3:tags'
  | 's3:access-block'
  | 's3:ownership'
  | 's3:encryption'
  | 's3:object-lock'
  | 's3:notification';

/** A container with what the S3 front keeps about it. */
export class Bucket {
  readonly container: Container;
  readonly name: string;
  readonly owner: Owner;

  constructor(container: Container, resellerPrefix: string) {
    this.container = container;
    this.name = container.name;
    const id = container.account.slice(resellerPrefix.length);
    // Made through Swift, where accounts have no names.
    this.owner = this.document<Owner>('s3:owner') ?? { id, name: id };
  }

  document<T extends object | string>(kind: BucketDocument): T | null {
    const value = this.container.documents[kind];
    return value === undefined || value === null ? null : (value as unknown as T);
  }

  get grants(): readonly Grant[] {
    return (
      this.document<readonly Grant[]>('s3:acl') ?? [
        { user: this.owner, permission: 'FULL_CONTROL' },
      ]
    );
  }

  get accessBlock(): PublicAccessBlock {
    return this.document<PublicAccessBlock>('s3:access-block') ?? accessBlockNone;
  }

  get ownership(): Ownership {
    return this.document<Ownership>('s3:ownership') ?? 'ObjectWriter';
  }

  get hasAcls(): boolean {
    return this.ownership !== 'BucketOwnerEnforced';
  }

  get policy(): BucketPolicy | null {
    const text = this.document<string>('s3:policy');
    return text === null ? null : policyCached(text, this.name);
  }

  get createdMs(): number {
    return Math.floor(this.container.createdUs / 1000);
  }
}

const policies = new Map<string, BucketPolicy>();

function policyCached(text: string, bucket: string): BucketPolicy {
  const name = `${bucket}\0${text}`;
  const known = policies.get(name);
  if (known !== undefined) return known;
  if (policies.size >= 512) policies.clear();
  const policy = policyParse(text, bucket);
  policies.set(name, policy);
  return policy;
}

/** What is kept as a document must be JSON: absent optional fields are left out by writing it. */
export const jsonOf = (value: object | string): Json => value as Json;
