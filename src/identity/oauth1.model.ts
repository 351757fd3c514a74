import type { Extra } from './project.model.ts';

/** A program that users may lend roles to (RFC 5849 calls it a client). */
export interface Consumer {
  readonly id: string;
  readonly description: string | null;
  readonly secret: string;
  readonly extra: Extra;
}

/** Asked for by a consumer, then authorized by a user, then exchanged for an access token. */
export interface RequestToken {
  readonly id: string;
  readonly secret: string;
  readonly consumerId: string;
  readonly projectId: string;
  /** Null until somebody has authorized it. */
  readonly userId: string | null;
  readonly roleIds: readonly string[];
  readonly verifier: string | null;
  readonly expiresAtMs: number;
}

/** Lets a consumer log in to one project with some of the roles of a user. */
export interface AccessToken {
  readonly id: string;
  readonly secret: string;
  readonly consumerId: string;
  readonly projectId: string;
  readonly userId: string;
  readonly roleIds: readonly string[];
  readonly expiresAtMs: number;
}
