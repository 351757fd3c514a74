import type { IncomingMessage } from 'node:http';
import type { Failure } from '../errors.ts';
import type { Actor } from '../policy.ts';
import type { Version } from '../version.ts';
import type { Endpoint, Reply } from './endpoint.ts';

/** One published API: its endpoints under its mounts, and what is peculiar to its tongue. */
export interface Api<World> {
  /** The service type, for logs, audit and OpenAPI: `compute`. */
  readonly name: string;
  /** URL prefixes, e.g. `/compute`; `` is the root of the listener. */
  readonly mounts: readonly string[];
  readonly endpoints: readonly Endpoint<World>[];
  readonly world: World;
  readonly microversions?: Microversions;
  /** An older path under which the same endpoints are served; negotiation and links keep to the path as it came. */
  readonly alias?: { readonly path: string; readonly of: string };
  /** True: a path with a slash at its end is another path (Glance: an image without an id, not the list). */
  readonly isSlashStrict?: boolean;
  /** The error envelope of this API; total over all kinds. */
  failureReply(failure: Failure, facts: FailureFacts): Reply;
  /** Headers that every answer of this API carries. */
  replyHeaders?(facts: { readonly requestId: string }): Record<string, string>;
}

export interface FailureFacts {
  readonly requestId: string;
  /** 500 for what is no Failure: the text then says nothing of the cause. */
  readonly isBug: boolean;
  readonly version: Version | null;
}

export interface Microversions {
  /** Word before the number in `OpenStack-API-Version`. */
  readonly serviceType: string;
  readonly min: Version;
  readonly max: Version;
  /** Older header of the same meaning, e.g. `x-openstack-nova-api-version`. */
  readonly legacyHeader?: string;
  /** Paths below the mount for which versions are negotiated; discovery documents are not. */
  readonly applies: (path: string) => boolean;
}

/** Turns the tokens of a request into an actor; null when there is none or it is not valid. */
export type Authenticate = (request: IncomingMessage) => Promise<Actor | null>;
