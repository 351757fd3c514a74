import type { Actor } from '../kernel/policy.ts';

/** What the object store asks of whoever knows users: the cloud's identity service, or a list on the command line. */
export interface ObjectIdentity {
  /** Who a token speaks for; null when it is worth nothing, or not for this request. */
  tokenActor(token: string, asked: RequestAsked): Promise<Actor | null>;
  /** The secret of an access key and who it acts for; null when there is no such key. */
  accessKeyFind(accessKey: string): Promise<AccessKey | null>;
  /** Names of projects by id; ids that are not there are left out. */
  projectNames(ids: readonly string[]): Promise<ReadonlyMap<string, string>>;
}

/** Application credentials may be good for some requests only. */
export interface RequestAsked {
  readonly method: string;
  /** As the client sent it, without the query. */
  readonly path: string;
  /** X-Service-Token: its roles are in the actor's `serviceRoles`; a bad one spoils the request. */
  readonly serviceToken?: string | null;
}

export interface AccessKey {
  readonly secret: string;
  /** Scoped to the key's project. */
  readonly actor: Actor;
}
