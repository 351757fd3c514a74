import { directoryAsk, directoryDomainIds, directoryOf, readOnly } from './directories.ts';
import { entriesDue, entryGet, entryLoggedIn, type EntryKind } from './directory-entry.store.ts';
import {
  goneHide,
  goneHideOne,
  groupsMirror,
  membershipsMirror,
  usersMirror,
} from './directory-mirror.ts';
import type { Directory, DirectoryGroup, DirectoryUser } from './directory.model.ts';
import type { DirectoryEntryRow } from './identity.tables.ts';
import type { IdentityWorld } from './identity.world.ts';
import type { UserAccount } from './user.model.ts';
import { userGet, userGetByName } from './user.store.ts';

/** How long a list, and how long one user or group, is believed before the directory is asked again. */
const listFreshMs = 60_000;
const entryFreshMs = 300_000;
const dueLimit = 200;

export type DirectoryProof =
  | { readonly user: UserAccount }
  | { readonly why: string; readonly userId: string | undefined };

/** Who logs in with the password of a directory; null: an account of our own, or nobody's. */
export async function directoryLogIn(
  world: IdentityWorld,
  who: { readonly id?: string | undefined; readonly name?: string | undefined },
  given: { readonly domainId: string | null; readonly password: string },
): Promise<DirectoryProof | null> {
  const found = await accountFind(world, who, given.domainId);
  if (found === null) return null;
  const { domainId, asked, userId } = found;
  return await directoryAsk(world, domainId, async (directory) => {
    const proof = await directory.logIn(asked, given.password);
    if ('why' in proof) return { why: proof.why, userId };
    const id = await userMirror(world, domainId, proof.user, proof.groups);
    if (id === null) return { why: 'an account of the cloud has this name', userId };
    const user = await world.db.write(async (tx) => {
      await entryLoggedIn(tx, id, world.clock.now());
      return await userGet(tx, id);
    });
    return user === null ? { why: 'no such user', userId } : { user };
  });
}

async function accountFind(
  world: IdentityWorld,
  { id, name }: { readonly id?: string | undefined; readonly name?: string | undefined },
  domainId: string | null,
) {
  const domainIds = await directoryDomainIds(world);
  if (domainIds.length === 0) return null;
  if (name === undefined) {
    const entry = await world.db.read((tx) => entryGet(tx, id ?? ''));
    if (entry === null || !domainIds.includes(entry.domain_id)) return null;
    return { domainId: entry.domain_id, asked: { localId: entry.local_id }, userId: id };
  }
  if (domainId === null || !domainIds.includes(domainId)) return null;
  const { user, isMirrored } = await world.db.read(async (tx) => {
    const held = await userGetByName(tx, name, domainId);
    return { user: held, isMirrored: held !== null && (await entryGet(tx, held.id)) !== null };
  });
  if (user !== null && !isMirrored) return null;
  return { domainId, asked: { name }, userId: user?.id };
}

async function userMirror(
  world: IdentityWorld,
  domainId: string,
  user: DirectoryUser,
  groups: readonly DirectoryGroup[],
): Promise<string | null> {
  const id = (await usersMirror(world, domainId, [user])).get(user.localId);
  if (id === undefined) return null;
  const groupIds = await groupsMirror(world, domainId, groups);
  await membershipsMirror(world, { userId: id }, [...groupIds.values()]);
  return id;
}

/** Before users of a domain are listed: all of them, or the one of that name. */
export async function directoryListRefresh(
  world: IdentityWorld,
  kind: EntryKind,
  { domainId, name }: { readonly domainId: string | null; readonly name: string | null },
): Promise<void> {
  if (domainId === null || !(await directoryDomainIds(world)).includes(domainId)) return;
  await whenStale(world, `${kind}:${domainId}:${name ?? ''}`, listFreshMs, () =>
    directoryAsk(world, domainId, async (directory) => {
      if (!(await directory.isReadable())) return;
      if (name === null) return await listMirror(world, domainId, kind, directory);
      if (kind === 'user') {
        const user = await directory.userFind(name);
        if (user !== null) await usersMirror(world, domainId, [user]);
      } else {
        const group = await directory.groupFind(name);
        if (group !== null) await groupsMirror(world, domainId, [group]);
      }
    }),
  );
}

async function listMirror(
  world: IdentityWorld,
  domainId: string,
  kind: EntryKind,
  directory: Directory,
): Promise<void> {
  const startedMs = world.clock.now();
  if (kind === 'user') {
    for await (const page of directory.userPages()) await usersMirror(world, domainId, page);
  } else {
    for await (const page of directory.groupPages()) await groupsMirror(world, domainId, page);
  }
  await goneHide(world, { domainId, kind, startedMs });
}

/** Before one user or group is shown. */
export const directoryEntryRefresh = (world: IdentityWorld, publicId: string): Promise<void> =>
  withEntry(world, publicId, entryFreshMs, (directory, entry) =>
    entryMirror(world, directory, entry),
  );

/** Before the groups of a user, or the users of a group, are shown. */
export const directoryMembersRefresh = (world: IdentityWorld, publicId: string): Promise<void> =>
  withEntry(world, publicId, listFreshMs, async (directory, entry) => {
    const { domain_id: domainId, local_id: localId } = entry;
    if (entry.kind === 'user') {
      await entryMirror(world, directory, entry);
      return;
    }
    const group = await directory.groupGet(localId);
    if (group === null) return;
    const members = await usersMirror(world, domainId, await directory.membersOf(group));
    await membershipsMirror(world, { groupId: publicId }, [...members.values()]);
  });

async function withEntry(
  world: IdentityWorld,
  publicId: string,
  freshMs: number,
  work: (directory: Directory, entry: DirectoryEntryRow) => Promise<void>,
): Promise<void> {
  if ((await directoryDomainIds(world)).length === 0) return;
  const entry = await world.db.read((tx) => entryGet(tx, publicId));
  if (entry === null) return;
  await whenStale(world, `${freshMs}:${publicId}`, freshMs, () =>
    directoryAsk(world, entry.domain_id, async (directory) => {
      if (await directory.isReadable()) await work(directory, entry);
    }),
  );
}

async function entryMirror(
  world: IdentityWorld,
  directory: Directory,
  { public_id: publicId, domain_id: domainId, local_id: localId, kind }: DirectoryEntryRow,
): Promise<void> {
  if (kind === 'group') {
    const group = await directory.groupGet(localId);
    if (group === null) await goneHideOne(world, publicId);
    else await groupsMirror(world, domainId, [group]);
    return;
  }
  const user = await directory.userGet(localId);
  if (user === null) await goneHideOne(world, publicId);
  else await userMirror(world, domainId, user, await directory.groupsOf(user));
}

async function whenStale(
  world: IdentityWorld,
  key: string,
  freshMs: number,
  work: () => Promise<unknown>,
): Promise<void> {
  const { fresh } = world.directories;
  if ((fresh.get(key) ?? 0) > world.clock.now()) return;
  await work();
  fresh.set(key, world.clock.now() + freshMs);
}

/** Nothing of a directory is written; `ids` are users and groups, domains are where new ones would be. */
export async function directoryReadOnlyCheck(
  world: IdentityWorld,
  { ids = [], domainId }: { readonly ids?: readonly string[]; readonly domainId?: string },
): Promise<void> {
  const domains = new Set(await directoryDomainIds(world));
  if (domains.size === 0) return;
  if (domainId !== undefined && domains.has(domainId)) throw readOnly();
  for (const id of ids) {
    const entry = await world.db.read((tx) => entryGet(tx, id));
    if (entry !== null && domains.has(entry.domain_id)) throw readOnly();
  }
}

/** Who has logged in lately is looked at again: disabled, gone, or in other groups since, and tokens know it. */
export async function directoryUsersFollow(world: IdentityWorld): Promise<void> {
  const nowMs = world.clock.now();
  for (const domainId of await directoryDomainIds(world)) {
    const due = await world.db.read((tx) =>
      entriesDue(tx, {
        domainId,
        seenBeforeMs: nowMs - entryFreshMs,
        loggedInSinceMs: nowMs - Math.max(world.settings.tokenLifeMs, 86_400_000),
        limit: dueLimit,
      }),
    );
    if (due.length === 0) continue;
    try {
      const directory = await directoryOf(world, domainId);
      if (directory === null || !(await directory.isReadable())) continue;
      for (const entry of due) await entryMirror(world, directory, entry);
    } catch (error) {
      // The others are looked at all the same; the next round asks this one again.
      if (!(error instanceof Error && error.name === 'DirectoryUnavailable')) throw error;
    }
  }
}
