import { flag } from '../kernel/db.ts';
import {
  entriesGone,
  entriesSeen,
  entryGone,
  entryIds,
  entryListByLocalIds,
  entryUpsert,
  publicIdOf,
  type EntryKind,
} from './directory-entry.store.ts';
import type { DirectoryGroup, DirectoryUser } from './directory.model.ts';
import { directoryWrite } from './generation.ts';
import type { GroupRow, Tx, UserRow } from './identity.tables.ts';
import type { IdentityWorld } from './identity.world.ts';
import { revocationInsert } from './revocation.store.ts';

/** SQL takes a bounded number of values. */
const chunkSize = 300;

interface Thing {
  readonly localId: string;
  readonly name: string;
}

/** How one kind of thing becomes a row. */
interface MirrorKind<Of extends Thing, Row extends { id: string; name: string }> {
  readonly kind: EntryKind;
  readonly byIds: (tx: Tx, ids: readonly string[]) => Promise<Row[]>;
  readonly byNames: (tx: Tx, names: readonly string[], domainId: string) => Promise<Row[]>;
  readonly rowOf: (thing: Of, id: string, domainId: string, nowMs: number) => Row;
  readonly insert: (tx: Tx, row: Row) => Promise<void>;
  readonly update: (tx: Tx, row: Row) => Promise<void>;
  /** True where what tokens of the old row say is not so any more. */
  readonly isEnded: (held: Row, next: Row) => boolean;
}

const userKind: MirrorKind<DirectoryUser, UserRow> = {
  kind: 'user',
  byIds: (tx, ids) => tx.selectFrom('identity_user').selectAll().where('id', 'in', ids).execute(),
  byNames: (tx, names, domainId) =>
    tx
      .selectFrom('identity_user')
      .selectAll()
      .where('name', 'in', names)
      .where('domain_id', '=', domainId)
      .execute(),
  rowOf: (user, id, domainId, nowMs) => ({
    id,
    domain_id: domainId,
    name: user.name,
    enabled: flag(user.isEnabled),
    default_project_id: user.defaultProjectId,
    options: '{}',
    extra: JSON.stringify({
      ...(user.description !== '' && { description: user.description }),
      ...user.extra,
    }),
    created_at: nowMs,
  }),
  async insert(tx, row) {
    await tx.insertInto('identity_user').values(row).execute();
  },
  async update(tx, { id, name, enabled, default_project_id, extra }) {
    await tx
      .updateTable('identity_user')
      .set({ name, enabled, default_project_id, extra })
      .where('id', '=', id)
      .execute();
  },
  isEnded: (held, next) => held.enabled === 1 && next.enabled === 0,
};

const groupKind: MirrorKind<DirectoryGroup, GroupRow> = {
  kind: 'group',
  byIds: (tx, ids) => tx.selectFrom('identity_group').selectAll().where('id', 'in', ids).execute(),
  byNames: (tx, names, domainId) =>
    tx
      .selectFrom('identity_group')
      .selectAll()
      .where('name', 'in', names)
      .where('domain_id', '=', domainId)
      .execute(),
  rowOf: (group, id, domainId) => ({
    id,
    domain_id: domainId,
    name: group.name,
    description: group.description,
    extra: JSON.stringify(group.extra),
  }),
  async insert(tx, row) {
    await tx.insertInto('identity_group').values(row).execute();
  },
  async update(tx, { id, name, description, extra }) {
    await tx
      .updateTable('identity_group')
      .set({ name, description, extra })
      .where('id', '=', id)
      .execute();
  },
  isEnded: () => false,
};

/** Ids here by ids there. Whoever has the name of an account of our own is left out: the account keeps the name. */
export type MirrorIds = ReadonlyMap<string, string>;

export const usersMirror = (
  world: IdentityWorld,
  domainId: string,
  users: readonly DirectoryUser[],
): Promise<MirrorIds> => mirror(world, domainId, userKind, users);

export const groupsMirror = (
  world: IdentityWorld,
  domainId: string,
  groups: readonly DirectoryGroup[],
): Promise<MirrorIds> => mirror(world, domainId, groupKind, groups);

async function mirror<Of extends Thing, Row extends { id: string; name: string }>(
  world: IdentityWorld,
  domainId: string,
  kind: MirrorKind<Of, Row>,
  things: readonly Of[],
): Promise<MirrorIds> {
  const ids = new Map<string, string>();
  for (let at = 0; at < things.length; at += chunkSize) {
    const some = things.slice(at, at + chunkSize);
    const nowMs = world.clock.now();
    const work = async (tx: Tx): Promise<Plan<Row>> => {
      const plan = await planMake(tx, { domainId, kind, things: some, nowMs });
      await planApply(tx, plan, { world, domainId, kind, nowMs });
      return plan;
    };
    const seen = await world.db.read((tx) => planMake(tx, { domainId, kind, things: some, nowMs }));
    // Tokens cannot depend on somebody who has never been here.
    const isOld = seen.updates.length + seen.freed.length + seen.returned > 0;
    const done = isOld ? await directoryWrite(world, work) : await world.db.write(work);
    for (const [localId, id] of done.ids) ids.set(localId, id);
  }
  return ids;
}

interface Plan<Row> {
  readonly ids: ReadonlyMap<string, string>;
  readonly inserts: readonly { readonly row: Row; readonly localId: string }[];
  readonly updates: readonly { readonly row: Row; readonly held: Row }[];
  /** Rows of the directory's that have a name which another one has now. */
  readonly freed: readonly Row[];
  readonly entries: readonly { readonly id: string; readonly localId: string }[];
  /** How many were gone and are there again. */
  readonly returned: number;
}

async function planMake<Of extends Thing, Row extends { id: string; name: string }>(
  tx: Tx,
  asked: {
    readonly domainId: string;
    readonly kind: MirrorKind<Of, Row>;
    readonly things: readonly Of[];
    readonly nowMs: number;
  },
): Promise<Plan<Row>> {
  const { domainId, kind, things, nowMs } = asked;
  const localIds = things.map(({ localId }) => localId);
  const entries = await entryListByLocalIds(tx, { domainId, kind: kind.kind }, localIds);
  const known = new Map(entries.map((entry) => [entry.local_id, entry.public_id]));
  const idOf = ({ localId }: Of): string =>
    known.get(localId) ?? publicIdOf(domainId, kind.kind, localId);
  const rows = await kind.byIds(tx, things.map(idOf));
  const held = new Map(rows.map((row) => [row.id, row]));
  const names = things.map(({ name }) => name);
  const holders = new Map((await kind.byNames(tx, names, domainId)).map((row) => [row.name, row]));
  const mirrored = await entryIds(
    tx,
    [...holders.values()].map(({ id }) => id),
  );
  const ids = new Map<string, string>();
  const [inserts, updates, freed]: [
    { row: Row; localId: string }[],
    { row: Row; held: Row }[],
    Row[],
  ] = [[], [], []];
  const taken = new Set<string>();
  for (const thing of things) {
    const id = idOf(thing);
    const holder = holders.get(thing.name);
    const isOther = holder !== undefined && holder.id !== id;
    if (taken.has(thing.name) || (isOther && !mirrored.has(holder.id))) continue;
    taken.add(thing.name);
    if (isOther) freed.push(holder);
    ids.set(thing.localId, id);
    const row = kind.rowOf(thing, id, domainId, nowMs);
    const old = held.get(id);
    if (old === undefined) inserts.push({ row, localId: thing.localId });
    else if (!isSame(old, row)) updates.push({ row, held: old });
  }
  const seen = [...ids].map(([localId, id]) => ({ localId, id }));
  return {
    ids,
    inserts,
    updates,
    freed,
    entries: seen,
    returned: entries.filter((e) => e.gone === 1).length,
  };
}

async function planApply<Of extends Thing, Row extends { id: string; name: string }>(
  tx: Tx,
  plan: Plan<Row>,
  at: {
    readonly world: IdentityWorld;
    readonly domainId: string;
    readonly kind: MirrorKind<Of, Row>;
    readonly nowMs: number;
  },
): Promise<void> {
  const { world, domainId, kind, nowMs } = at;
  // Nobody else is called by an id; whoever this is gets the name that the directory has when it is read next.
  for (const row of plan.freed) await kind.update(tx, { ...row, name: row.id });
  for (const { row, held } of plan.updates) {
    await kind.update(tx, row);
    if (kind.isEnded(held, row))
      await revocationInsert(tx, world, { kind: 'user', subject: row.id });
  }
  for (const { row } of plan.inserts) await kind.insert(tx, row);
  const fresh = new Set(plan.inserts.map(({ localId }) => localId));
  const isWhole = plan.returned > 0;
  for (const { id, localId } of plan.entries) {
    if (!isWhole && !fresh.has(localId)) continue;
    await entryUpsert(tx, {
      public_id: id,
      domain_id: domainId,
      kind: kind.kind,
      local_id: localId,
      seen_at: nowMs,
    });
  }
  const old = plan.entries.filter(({ localId }) => !fresh.has(localId)).map(({ id }) => id);
  if (old.length > 0) await entriesSeen(tx, old, nowMs);
}

/** When it was made and what an administrator has set are ours. */
function isSame<Row extends object>(held: Row, next: Row): boolean {
  const old = held as Readonly<Record<string, unknown>>;
  return Object.entries(next).every(
    ([key, value]) => key === 'created_at' || key === 'options' || old[key] === value,
  );
}

/** What a full reading since `startedMs` has not met is hidden, and what it was given is kept for its return. */
export async function goneHide(
  world: IdentityWorld,
  which: { readonly domainId: string; readonly kind: EntryKind; readonly startedMs: number },
): Promise<void> {
  const { domainId, kind, startedMs } = which;
  await directoryWrite(world, (tx) =>
    entriesGone(tx, { domainId, kind, notSeenSinceMs: startedMs }),
  );
}

export async function goneHideOne(world: IdentityWorld, publicId: string): Promise<void> {
  await directoryWrite(world, async (tx) => {
    await entryGone(tx, publicId);
    await revocationInsert(tx, world, { kind: 'user', subject: publicId });
  });
}

/** The groups of a user, or the users of a group, as the directory has them; others are not touched. */
export async function membershipsMirror(
  world: IdentityWorld,
  of: { readonly userId: string } | { readonly groupId: string },
  otherIds: readonly string[],
): Promise<void> {
  const [own, other, id] =
    'userId' in of
      ? (['user_id', 'group_id', of.userId] as const)
      : (['group_id', 'user_id', of.groupId] as const);
  const differ = async (tx: Tx): Promise<{ added: string[]; removed: string[] }> => {
    const rows = await tx
      .selectFrom('identity_membership')
      .select([`${other} as id`])
      .where(own, '=', id)
      .where(other, 'in', (eb) => eb.selectFrom('identity_directory_entry').select('public_id'))
      .execute();
    const held = new Set(rows.map((row) => row.id));
    const wanted = new Set(otherIds);
    return {
      added: otherIds.filter((one) => !held.has(one)),
      removed: [...held].filter((one) => !wanted.has(one)),
    };
  };
  const seen = await world.db.read(differ);
  if (seen.added.length + seen.removed.length === 0) return;
  await directoryWrite(world, async (tx) => {
    const { added, removed } = await differ(tx);
    for (const one of added) {
      await tx
        .insertInto('identity_membership')
        .values(own === 'user_id' ? { user_id: id, group_id: one } : { group_id: id, user_id: one })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    }
    for (const one of removed) {
      await tx
        .deleteFrom('identity_membership')
        .where(own, '=', id)
        .where(other, '=', one)
        .execute();
    }
  });
}
