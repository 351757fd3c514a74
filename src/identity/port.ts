import type { Actor } from '../kernel/policy.ts';
import { isRuleMet } from './application-credential.model.ts';
import { assignmentRoleIds } from './assignment.store.ts';
import type { IdentityWorld } from './identity.world.ts';
import { ancestorIds } from './project.model.ts';
import { endpointFind, projectLimits } from './service-facts.ts';
import { projectGet, projectGetByName, projectListByIds } from './project.store.ts';
import { accessKeyActor, accessKeyGet } from './access-key.ts';
import { actorIn } from './service-role.ts';
import { rolesIn, snapshotGet } from './snapshot.ts';
import { tokenResolve } from './token-state.ts';
import { userGet, userListByIds } from './user.store.ts';

export interface ProjectFacts {
  readonly id: string;
  readonly name: string;
  readonly domainId: string;
  readonly parentId: string | null;
  readonly isEnabled: boolean;
}

export interface UserFacts {
  readonly id: string;
  readonly name: string;
  readonly domainId: string;
  readonly isEnabled: boolean;
}

/** The request that a token came with. */
export interface TokenAsked {
  /** `object-store`, `compute`. */
  readonly serviceType: string;
  readonly method: string;
  readonly path: string;
}

export interface AccessKeyFacts {
  readonly secret: string;
  /** Its scope is the project of the key. */
  readonly actor: Actor;
}

/** What other services may ask of identity. */
export interface IdentityPort {
  /** Null: there is no such project. */
  projectGet(id: string): Promise<ProjectFacts | null>;
  projectFind(name: string, domainId: string): Promise<ProjectFacts | null>;
  /** Names by id; ids that are not there are left out. */
  projectNames(ids: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** From the domain down to the parent: nested quotas walk it. */
  projectAncestorIds(id: string): Promise<readonly string[]>;
  domainName(id: string): Promise<string | null>;
  userGet(id: string): Promise<UserFacts | null>;
  userNames(ids: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Names of the roles in force for a user on a project, implied ones included. */
  roleNames(userId: string, projectId: string): Promise<readonly string[]>;
  /**
   * Who a token speaks for in a service, which holds it to its access rules; null when it is worth nothing (any more), or
   * not for this request.
   */
  tokenActor(token: string, asked: TokenAsked): Promise<Actor | null>;
  /** The secret behind an access key of EC2 or S3, and who signs with it; null when there is nobody (any more). */
  accessKeyGet(access: string, serviceType: string): Promise<AccessKeyFacts | null>;
  /** URL of a service in a region, by its interface (`public`); null: the catalog has none. */
  endpointFind(serviceType: string, region: string, face: string): Promise<string | null>;
  /** The unified limits of a service in force for a project, by resource; what is not registered is not there. */
  projectLimits(
    serviceType: string,
    region: string,
    projectId: string,
  ): Promise<Readonly<Record<string, number>>>;
  /** Called after a project was deleted, in the process that deleted it. */
  onProjectDeleted(listener: (projectId: string) => void): void;
  /** Called whenever tokens may have lost their worth: ask `tokenActor` again for what is long-lived. */
  onRevocation(listener: () => void): void;
}

export function identityPort(world: IdentityWorld): IdentityPort {
  const { db, memory } = world;
  return {
    projectGet: async (id) => projectFacts(await db.read((tx) => projectGet(tx, id))),
    projectFind: async (name, domainId) =>
      projectFacts(await db.read((tx) => projectGetByName(tx, name, domainId))),
    async projectNames(ids) {
      const projects = await db.read((tx) => projectListByIds(tx, ids));
      return new Map(projects.map(({ id, name }) => [id, name]));
    },
    async projectAncestorIds(id) {
      const project = await db.read((tx) => projectGet(tx, id));
      return project === null ? [] : ancestorIds(project);
    },
    async domainName(id) {
      const { domains } = await snapshotGet(world);
      return domains.get(id)?.name ?? null;
    },
    async userGet(id) {
      const user = await db.read((tx) => userGet(tx, id));
      if (user === null) return null;
      const { name, domainId, isEnabled } = user;
      return { id, name, domainId, isEnabled };
    },
    async userNames(ids) {
      const users = await db.read((tx) => userListByIds(tx, ids));
      return new Map(users.map(({ id, name }) => [id, name]));
    },
    async roleNames(userId, projectId) {
      const snapshot = await snapshotGet(world);
      const roleIds = await db.read(async (tx) => {
        const project = await projectGet(tx, projectId);
        if (project === null) return [];
        const target = {
          kind: 'project',
          id: projectId,
          ancestorIds: ancestorIds(project),
        } as const;
        return await assignmentRoleIds(tx, { userId, nowMs: world.clock.now() }, target);
      });
      return rolesIn(snapshot, roleIds).map(({ name }) => name);
    },
    async tokenActor(token, { serviceType, method, path }) {
      const state = await tokenResolve(world, token);
      if (state === null) return null;
      const services = [serviceType];
      const { accessRules } = state;
      const isOpen = accessRules.length === 0 || isRuleMet(accessRules, { services, method, path });
      return isOpen ? actorIn(state, services) : null;
    },
    async accessKeyGet(access, serviceType) {
      const key = await accessKeyGet(world, access);
      return key === null ? null : { secret: key.secret, actor: accessKeyActor(key, serviceType) };
    },
    endpointFind: (serviceType, region, face) => endpointFind(world, { serviceType, region, face }),
    projectLimits: (serviceType, region, projectId) =>
      projectLimits(world, { serviceType, region, projectId }),
    onProjectDeleted: (listener) => void memory.projectListeners.push(listener),
    onRevocation: (listener) => void memory.listeners.push(listener),
  };
}

function projectFacts(project: Awaited<ReturnType<typeof projectGet>>): ProjectFacts | null {
  if (project === null) return null;
  const { id, name, domainId, parentId, isEnabled } = project;
  return { id, name, domainId: domainId ?? id, parentId, isEnabled };
}
