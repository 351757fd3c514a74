import { forbidden, Failure } from '../kernel/errors.ts';
import { assignmentInsert, assignmentList } from './assignment.store.ts';
import { unauthenticated } from './auth-failure.ts';
import { publicIdOf } from './directory-entry.store.ts';
import { missing } from './failure.ts';
import {
  assertionGet,
  assertionIdOf,
  assertionPut,
  expiringMembershipsSet,
  federatedIdInsert,
  federatedUserFind,
  toldGroupIds,
} from './federated-user.store.ts';
import type { FederatedId, IdentityProvider, Protocol } from './federation.model.ts';
import { directoryWrite } from './generation.ts';
import { groupListByIds, groupList } from './group.store.ts';
import type { Tx } from './identity.tables.ts';
import type { IdentityWorld } from './identity.world.ts';
import { equals, listingAnd } from './listing.ts';
import type { GroupNamed, Mapped } from './mapping-rules.ts';
import { projectNew } from './project.model.ts';
import { projectGetByName, projectInsert } from './project.store.ts';
import { roleList } from './role.store.ts';
import type { Snapshot } from './snapshot.model.ts';
import { snapshotGet } from './snapshot.ts';
import type { User, UserAccount } from './user.model.ts';
import { userGet, userGetByName, userInsert, userUpdate } from './user.store.ts';

/** Somebody of a provider, as the mapping has read him. */
interface Person {
  readonly provider: IdentityProvider;
  readonly remoteId: string | null;
  readonly id: FederatedId;
  readonly name: string;
  readonly email: string | undefined;
  readonly groupIds: readonly string[];
  readonly projects: readonly WantedProject[];
}

interface WantedProject {
  readonly name: string;
  readonly roleIds: readonly string[];
}

export interface FederatedUser {
  readonly user: UserAccount;
  readonly assertionId: string;
}

/**
 * Whoever comes from a provider gets a row like anybody, with the same id at each log-in. Nothing is written when nothing
 * has changed but the time to which memberships last.
 */
export async function federatedUserEnsure(
  world: IdentityWorld,
  { provider, protocol }: { readonly provider: IdentityProvider; readonly protocol: Protocol },
  told: {
    readonly mapped: Mapped;
    readonly remoteUser: string | undefined;
    readonly remoteId: string | null;
  },
): Promise<FederatedUser> {
  const { uniqueId, name } = nameOf(told);
  const snapshot = await snapshotGet(world);
  const { mapped } = told;
  const person = await world.db.read(async (tx) => ({
    provider,
    remoteId: told.remoteId,
    id: { idpId: provider.id, protocolId: protocol.id, uniqueId },
    name,
    email: mapped.user.email,
    groupIds: await groupsFind(tx, snapshot, mapped),
    projects: await projectsWanted(tx, provider, mapped),
  }));
  const seen = await world.db.read((tx) => personSeen(tx, world, person));
  if (seen === null) await personWrite(world, person);
  else if ((provider.authorizationTtlMinutes ?? 0) > 0) {
    const groups = { userId: seen.id, groupIds: person.groupIds };
    const nowMs = world.clock.now();
    await world.db.write((tx) => expiringMembershipsSet(tx, provider, groups, nowMs));
  }
  const found = await world.db.read((tx) => personUser(tx, person));
  if (found === null) throw unauthenticated('the user is gone');
  return { user: found, assertionId: assertionIdOf(assertionOf(person)) };
}

/** Keystone's order: an id alone is the name too, and a name alone is the id; without any it is whom the token names. */
function nameOf({ mapped, remoteUser }: { mapped: Mapped; remoteUser: string | undefined }): {
  uniqueId: string;
  name: string;
} {
  const { id } = mapped.user;
  const name = (mapped.user.name ?? '') === '' ? remoteUser : mapped.user.name;
  const [unique, shown] = [id ?? name, name ?? id];
  if (unique === undefined || unique === '' || shown === undefined) {
    throw unauthenticated('the mapping gives the user neither an id nor a name');
  }
  if (shown.length > 255) throw unauthenticated('the name of the user is too long');
  return { uniqueId: urlQuoted(unique), name: shown };
}

/** As Python quotes for URLs: the ids of imported users follow from it. */
const urlQuoted = (text: string): string =>
  encodeURIComponent(text.toWellFormed())
    .replaceAll(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%2F', '/');

const assertionOf = ({ id, groupIds, remoteId }: Person) => ({
  idpId: id.idpId,
  protocolId: id.protocolId,
  groupIds,
  remoteId,
});

async function groupsFind(tx: Tx, snapshot: Snapshot, mapped: Mapped): Promise<string[]> {
  const held = new Set((await groupListByIds(tx, mapped.groupIds)).map(({ id }) => id));
  const unknown = mapped.groupIds.find((id) => !held.has(id));
  if (unknown !== undefined) {
    throw unauthenticated(`the mapping names a group that is not there: ${unknown}`);
  }
  for (const group of mapped.groups) {
    const domainId = domainIdOf(snapshot, group);
    const named = listingAnd(equals('name', group.name), equals('domain_id', domainId));
    // Providers tell of many groups that mean nothing here.
    const [found] = await groupList(tx, named);
    if (found !== undefined) held.add(found.id);
  }
  return [...held].toSorted();
}

function domainIdOf({ domains }: Snapshot, { domain }: GroupNamed): string {
  if (domain.id !== undefined) return domain.id;
  const found = [...domains.values()].find(({ name }) => name === domain.name);
  if (found === undefined) throw missing('domain', domain.name ?? '');
  return found.id;
}

/** Every role must be there before anything is made. */
async function projectsWanted(
  tx: Tx,
  { id, domainId }: IdentityProvider,
  { projects }: Mapped,
): Promise<WantedProject[]> {
  const roleId = async (name: string): Promise<string> => {
    const [global] = await roleList(tx, equals('name', name), null);
    const [own] = await roleList(tx, equals('name', name), domainId);
    const found = global ?? own;
    if (found !== undefined) return found.id;
    const elsewhere = await tx
      .selectFrom('identity_role')
      .select('id')
      .where('name', '=', name)
      .executeTakeFirst();
    if (elsewhere === undefined) throw missing('role', name);
    throw forbidden(
      `role: ${name} must be within the same domain as the identity provider: ${id}.`,
    );
  };
  const wanted: WantedProject[] = [];
  for (const { name, roles } of projects) {
    if (name.trim() === '' || name.length > 64) {
      throw unauthenticated('the mapping names a project that cannot be');
    }
    wanted.push({ name, roleIds: await Promise.all(roles.map((role) => roleId(role.name))) });
  }
  return wanted;
}

async function personUser(tx: Tx, { id }: Person): Promise<UserAccount | null> {
  const userId = await federatedUserFind(tx, id);
  return userId === null ? null : await userGet(tx, userId);
}

/** Null: something differs from what the provider says now. */
async function personSeen(
  tx: Tx,
  { clock }: IdentityWorld,
  person: Person,
): Promise<UserAccount | null> {
  const user = await personUser(tx, person);
  if (user === null || (await changesOf(tx, user, person)) !== null) return null;
  const { provider, groupIds, projects } = person;
  const assertion = await assertionGet(tx, assertionIdOf(assertionOf(person)));
  if (assertion === null) return null;
  const kept = await toldGroupIds(tx, { userId: user.id, idpId: provider.id }, clock.now());
  const wanted = (provider.authorizationTtlMinutes ?? 0) > 0 ? groupIds : [];
  if (kept.toSorted().join() !== wanted.join()) return null;
  for (const { name, roleIds } of projects) {
    const project = await projectGetByName(tx, name, provider.domainId);
    if (project === null) return null;
    const held = await assignmentList(tx, { actor_id: user.id, target_id: project.id });
    const direct = new Set(held.filter((one) => !one.isInherited).map((one) => one.roleId));
    if (!roleIds.every((roleId) => direct.has(roleId))) return null;
  }
  return user;
}

/** Who has the name already keeps it: the newcomer is called by the id. */
async function freeName(
  tx: Tx,
  { domainId }: IdentityProvider,
  wanted: { readonly id: string; readonly name: string },
): Promise<string> {
  const holder = await userGetByName(tx, wanted.name, domainId);
  return holder === null || holder.id === wanted.id ? wanted.name : wanted.id;
}

async function changesOf(
  tx: Tx,
  user: UserAccount,
  { name, email, provider }: Person,
): Promise<User | null> {
  const shown =
    user.domainId === provider.domainId
      ? await freeName(tx, provider, { id: user.id, name })
      : user.name;
  const isSame = user.name === shown && (email === undefined || user.extra['email'] === email);
  if (isSame) return null;
  const extra = email === undefined ? user.extra : { ...user.extra, email };
  return { ...user, name: shown, extra };
}

async function personWrite(world: IdentityWorld, person: Person): Promise<void> {
  try {
    await directoryWrite(world, (tx) => personApply(tx, world, person));
  } catch (error) {
    // Two log-ins at once: the other one has made the user.
    if (!(error instanceof Failure && error.kind === 'conflict')) throw error;
    await directoryWrite(world, (tx) => personApply(tx, world, person));
  }
}

async function personApply(tx: Tx, world: IdentityWorld, person: Person): Promise<void> {
  const { provider, groupIds, projects } = person;
  const held = await personUser(tx, person);
  const user = held ?? (await personInsert(tx, world, person));
  const changes = await changesOf(tx, user, person);
  if (changes !== null) await userUpdate(tx, changes);
  await assertionPut(tx, assertionOf(person));
  await expiringMembershipsSet(tx, provider, { userId: user.id, groupIds }, world.clock.now());
  for (const { name, roleIds } of projects) {
    const projectId = await projectEnsure(tx, world, { name, domainId: provider.domainId });
    for (const roleId of roleIds) {
      await assignmentInsert(tx, {
        actorKind: 'user',
        actorId: user.id,
        targetKind: 'project',
        targetId: projectId,
        roleId,
        isInherited: false,
      });
    }
  }
}

async function personInsert(
  tx: Tx,
  { clock }: IdentityWorld,
  { id, provider, name, email }: Person,
): Promise<UserAccount> {
  const { domainId } = provider;
  const userId = publicIdOf(domainId, 'user', id.uniqueId);
  if ((await userGet(tx, userId)) !== null) {
    throw unauthenticated('another user of the domain has the id that this one would get', userId);
  }
  const user: User = {
    id: userId,
    domainId,
    name: await freeName(tx, provider, { id: userId, name }),
    isEnabled: true,
    defaultProjectId: null,
    options: {},
    extra: email === undefined ? {} : { email },
    createdAtMs: clock.now(),
  };
  await userInsert(tx, user);
  await federatedIdInsert(tx, userId, id);
  return { ...user, passwordHash: null, passwordExpiresAtMs: null };
}

async function projectEnsure(
  tx: Tx,
  { ids }: IdentityWorld,
  { name, domainId }: { readonly name: string; readonly domainId: string },
): Promise<string> {
  const held = await projectGetByName(tx, name, domainId);
  if (held !== null) return held.id;
  const id = ids.hex();
  await projectInsert(tx, projectNew({ id, name, domainId }));
  return id;
}
