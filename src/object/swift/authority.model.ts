import type { Headers, Place } from './place.ts';

/** One thing that somebody wants to do. */
export interface Access {
  readonly method: string;
  readonly place: Place;
  /** The container's ACL for this kind of access; null: none, or the container is not there. */
  readonly acl: string | null;
  readonly headers: Headers;
}

/** `owner` also sees and sets what is secret: ACLs, keys, quotas of the container. */
export type Grant = 'owner' | 'allowed' | 'denied';

/** Who asks: the answer may need the account's own ACL. */
export interface Authority {
  /** Nobody: told to log in (401) rather than sent away (403). */
  readonly isAnonymous: boolean;
  /** May act on every account: creates and deletes them, sets their quotas. */
  readonly isReseller: boolean;
  /** For temporary URLs and forms: what they grant is theirs alone, container ACLs add nothing. */
  grant(access: Access): Grant | Promise<Grant>;
}
