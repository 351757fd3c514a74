export type ActorKind = 'user' | 'group';
export type TargetKind = 'project' | 'domain' | 'system';

export const systemTarget = { kind: 'system', id: 'system' } as const;

/** One role, given to a user or a group, on a project, a domain or the system. */
export interface Assignment {
  readonly actorKind: ActorKind;
  readonly actorId: string;
  readonly targetKind: TargetKind;
  readonly targetId: string;
  readonly roleId: string;
  readonly isInherited: boolean;
}

/** Who may hold roles: a user, now, with the groups besides those that he is in for good. */
export interface Holder {
  readonly userId: string;
  /** Some memberships end by themselves. */
  readonly nowMs: number;
  /** Groups that an identity provider told of at the log-in. */
  readonly groupIds?: readonly string[];
}

/** Where a token may be scoped to, with the projects and the domain from which roles are inherited. */
export interface RoleTarget {
  readonly kind: TargetKind;
  readonly id: string;
  readonly ancestorIds: readonly string[];
}
