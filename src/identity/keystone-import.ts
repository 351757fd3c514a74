import { sql } from 'kysely';
import { directoryWrite } from './generation.ts';
import type { IdentityTables, Tx, UserRow } from './identity.tables.ts';
import type { IdentityWorld } from './identity.world.ts';
import type { KeystoneRows } from './keystone-rows.ts';

export interface ImportCount {
  readonly what: string;
  readonly found: number;
  /** Here already under the same id, or the same in every way. */
  readonly present: number;
  /** Taken to be what has the same name here: its own id is not kept. */
  readonly merged: number;
  readonly added: number;
}

export interface ImportReport {
  readonly counts: readonly ImportCount[];
  /** Names that are taken here by something else; with any of these nothing is written. */
  readonly conflicts: readonly string[];
  /** References to what is nowhere: they are left out. */
  readonly dangling: readonly string[];
  readonly skipped: readonly string[];
  readonly applied: boolean;
}

export interface ImportOptions {
  readonly apply: boolean;
  /** What has the name of something here is that; without it a taken name is a conflict. */
  readonly merge: boolean;
}

/** Ends the transaction of a dry run: all was tried, nothing stays. */
class RolledBack extends Error {
  readonly report: ImportReport;
  constructor(report: ImportReport) {
    super('rolled back');
    this.report = report;
  }
}

/** Everything in one transaction, in a dry run as well: what it reports has been tried against the database. */
export async function keystoneImport(
  world: IdentityWorld,
  rows: KeystoneRows,
  { apply, merge }: ImportOptions,
): Promise<ImportReport> {
  try {
    return await directoryWrite(world, async (tx) => {
      const run = new ImportRun(tx, merge);
      await importAll(run, rows);
      const isDone = apply && run.conflicts.length === 0;
      const report = { ...run.report(), skipped: rows.skipped, applied: isDone };
      if (!isDone) throw new RolledBack(report);
      return report;
    });
  } catch (error) {
    if (error instanceof RolledBack) return error.report;
    throw error;
  }
}

async function importAll(run: ImportRun, rows: KeystoneRows): Promise<void> {
  const { id } = run;
  const byName = ['domain_id', 'name'] as const;
  const domains = rows.projects.filter(({ is_domain }) => is_domain === 1);
  const projects = rows.projects.filter(({ is_domain }) => is_domain === 0);
  const project = { table: 'identity_project', kind: 'project' } as const;
  await run.things({ ...project, what: 'domains', named: ['domain_id', 'name'] }, domains);
  await run.things({ ...project, what: 'projects', named: byName }, projects, (row) => {
    const parentId = id('project', row.parent_id);
    return { ...row, parent_id: parentId, path: run.pathOf(parentId, row.id) };
  });
  await run.links(
    'project tags',
    'identity_project_tag',
    rows.tags.map((row) => ({ ...row, project_id: id('project', row.project_id) })),
  );
  // A role is its name: policies speak of nothing else.
  await run.things(
    { table: 'identity_role', kind: 'role', what: 'roles', named: byName, merges: true },
    rows.roles.map((row) => ({ ...row, domain_id: id('project', row.domain_id) })),
  );
  await run.links(
    'implied roles',
    'identity_implication',
    rows.implications.map((row) => ({
      prior_role_id: id('role', row.prior_role_id),
      implied_role_id: id('role', row.implied_role_id),
    })),
  );
  await peopleImport(run, rows);
  await secretsImport(run, rows);
}

async function peopleImport(run: ImportRun, rows: KeystoneRows): Promise<void> {
  const { id } = run;
  const byName = ['domain_id', 'name'] as const;
  const inDomain = <Row extends { domain_id: string }>(row: Row): Row => ({
    ...row,
    domain_id: id('project', row.domain_id),
  });
  await run.things(
    { table: 'identity_group', kind: 'group', what: 'groups', named: byName },
    rows.groups.map(inDomain),
  );
  await run.things(
    { table: 'identity_user', kind: 'user', what: 'users', named: byName },
    rows.users.map((row) => ({
      ...inDomain(row),
      default_project_id: id('project', row.default_project_id),
    })),
  );
  await guestsImport(run, rows);
  await run.links(
    'passwords',
    'identity_password',
    rows.passwords.filter(({ user_id }) => run.isNew('user', user_id)),
  );
  await run.links('ids of directories', 'identity_directory_entry', rows.entries.map(inDomain));
  for (const entry of rows.entries) run.know(entry.kind, entry.public_id);
  await run.links(
    'memberships',
    'identity_membership',
    run.whole(
      'membership',
      rows.memberships.map((row) => ({
        group_id: id('group', row.group_id),
        user_id: id('user', row.user_id),
      })),
      (row) => [
        ['group', row.group_id],
        ['user', row.user_id],
      ],
    ),
  );
  await run.links(
    'role assignments',
    'identity_assignment',
    run.whole(
      'assignment',
      rows.assignments.map((row) => ({
        ...row,
        actor_id: id(row.actor_kind, row.actor_id),
        target_id: row.target_kind === 'system' ? row.target_id : id('project', row.target_id),
        role_id: id('role', row.role_id),
      })),
      (row) => [
        [row.actor_kind, row.actor_id],
        ...(row.target_kind === 'system' ? [] : [['project', row.target_id] as const]),
        ['role', row.role_id],
      ],
    ),
  );
}

/** Nobody of a provider becomes somebody who has the same name here, whatever is merged. */
async function guestsImport(run: ImportRun, rows: KeystoneRows): Promise<void> {
  const { id } = run;
  const byName = ['domain_id', 'name'] as const;
  const guests: UserRow[] = [];
  const taken = new Set<string>();
  for (const row of rows.guests) {
    const place = { ...row, domain_id: id('project', row.domain_id) };
    const key = JSON.stringify([place.domain_id, place.name]);
    const isTaken = taken.has(key) || (await run.isTaken('identity_user', place));
    taken.add(key);
    guests.push({ ...place, name: isTaken ? row.id : row.name, default_project_id: null });
  }
  await run.things(
    { table: 'identity_user', kind: 'user', what: 'users of identity providers', named: byName },
    guests,
  );
  const { providers, remoteIds, protocols, mappings, serviceProviders, federatedIds } =
    rows.federation;
  const whole = run.whole(
    'identity provider',
    providers.map((row) => ({ ...row, domain_id: id('project', row.domain_id) })),
    (row) => [['project', row.domain_id]],
  );
  const there = new Set(whole.map((row) => row.id));
  const ofProvider = ({ idp_id }: { readonly idp_id: string }): boolean => there.has(idp_id);
  await run.links('identity providers', 'identity_provider', whole);
  await run.links('remote ids', 'identity_provider_remote_id', remoteIds.filter(ofProvider));
  await run.links('protocols', 'identity_protocol', protocols.filter(ofProvider));
  await run.links('mappings', 'identity_mapping', mappings);
  await run.links('service providers', 'identity_service_provider', serviceProviders);
  await run.links(
    'ids at identity providers',
    'identity_federated_user',
    run.whole(
      'id at an identity provider',
      federatedIds.filter(ofProvider).map((row) => ({ ...row, user_id: id('user', row.user_id) })),
      (row) => [['user', row.user_id]],
    ),
  );
}

async function secretsImport(run: ImportRun, rows: KeystoneRows): Promise<void> {
  const { id } = run;
  const owned = <Row extends { user_id: string }>(row: Row): Row => ({
    ...row,
    user_id: id('user', row.user_id),
  });
  const ofUser = (row: { user_id: string }): readonly Reference[] => [['user', row.user_id]];
  await run.links(
    'credentials',
    'identity_credential',
    run.whole(
      'credential',
      rows.credentials.map((row) => ({
        ...owned(row),
        project_id: id('project', row.project_id),
      })),
      ofUser,
    ),
  );
  await run.links(
    'application credentials',
    'identity_application_credential',
    run.whole(
      'application credential',
      rows.applicationCredentials.map((row) => ({
        ...owned(row),
        project_id: id('project', row.project_id),
        role_ids: JSON.stringify(
          (JSON.parse(row.role_ids) as string[]).map((role) => id('role', role)),
        ),
      })),
      ofUser,
    ),
  );
  await run.links(
    'access rules',
    'identity_access_rule',
    run.whole('access rule', rows.accessRules.map(owned), ofUser),
  );
  await run.links(
    'rules of application credentials',
    'identity_application_credential_rule',
    rows.credentialRules,
  );
}

type Kind = 'project' | 'role' | 'group' | 'user';
type Reference = readonly [kind: Kind, id: string];
type Table = keyof IdentityTables;

interface Thing {
  readonly id: string;
  readonly name: string;
  readonly domain_id: string | null;
}

interface ThingTable {
  readonly table: 'identity_project' | 'identity_role' | 'identity_group' | 'identity_user';
  readonly kind: Kind;
  readonly what: string;
  readonly named: readonly ['domain_id', 'name'];
  readonly merges?: true;
}

class ImportRun {
  readonly #tx: Tx;
  readonly #merge: boolean;
  readonly #counts: ImportCount[] = [];
  /** Ids that stand for others here. */
  readonly #mapped = new Map<string, string>();
  readonly #known = new Set<string>();
  readonly #added = new Set<string>();
  readonly #paths = new Map<string, string>();
  readonly #dangling = new Map<string, number>();
  readonly conflicts: string[] = [];

  constructor(tx: Tx, merge: boolean) {
    this.#tx = tx;
    this.#merge = merge;
  }

  /** What an id of Keystone is here. */
  id = <Id extends string | null>(kind: Kind, id: Id): Id =>
    id === null ? id : ((this.#mapped.get(`${kind}:${id}`) ?? id) as Id);

  isNew = (kind: Kind, id: string): boolean => this.#added.has(`${kind}:${id}`);
  know = (kind: Kind, id: string): void => void this.#known.add(`${kind}:${id}`);
  pathOf = (parentId: string | null, id: string): string =>
    `${this.#paths.get(parentId ?? '') ?? ''}${id}/`;

  /** What has a name of its own in its domain. */
  async things<Row extends Thing>(
    { table, kind, what, merges }: ThingTable,
    rows: readonly Row[],
    finish: (row: Row) => Row = (row) => row,
  ): Promise<void> {
    let [present, merged, added] = [0, 0, 0];
    for (const wanted of rows) {
      const row = { ...wanted, domain_id: this.id('project', wanted.domain_id) };
      const held = await this.#held(table, row);
      const other = held === undefined ? await this.#namesake(table, row) : undefined;
      const found = held ?? other;
      if (other !== undefined && merges !== true && !this.#merge) {
        this.conflicts.push(`${what}: ${row.name} is ${other.id} here and ${row.id} there`);
      }
      if (found === undefined) {
        const finished = finish(row);
        await this.#insert(table, [finished]);
        this.#added.add(`${kind}:${row.id}`);
        this.#place(finished);
        added++;
      } else {
        this.#mapped.set(`${kind}:${row.id}`, found.id);
        this.#place(found);
        if (held === undefined) merged++;
        else present++;
      }
      this.know(kind, found?.id ?? row.id);
    }
    this.#counts.push({ what, found: rows.length, present, merged, added });
  }

  /** What is only what it ties together: once is enough. */
  async links<Name extends Table>(
    what: string,
    table: Name,
    rows: readonly IdentityTables[Name][],
  ): Promise<void> {
    let added = 0;
    for (let at = 0; at < rows.length; at += 100) {
      added += await this.#insert(table, rows.slice(at, at + 100));
    }
    this.#counts.push({ what, found: rows.length, present: rows.length - added, merged: 0, added });
  }

  /** Whether something else has the name here. */
  async isTaken(table: ThingTable['table'], thing: Thing): Promise<boolean> {
    const other = await this.#namesake(table, thing);
    return other !== undefined && other.id !== thing.id;
  }

  /** Without those that speak of what is nowhere. */
  whole<Row>(what: string, rows: readonly Row[], of: (row: Row) => readonly Reference[]): Row[] {
    return rows.filter((row) => {
      const lost = of(row).find(([kind, id]) => !this.#known.has(`${kind}:${id}`));
      if (lost !== undefined) {
        const text = `${what} with a ${lost[0]} that is not there`;
        this.#dangling.set(text, (this.#dangling.get(text) ?? 0) + 1);
      }
      return lost === undefined;
    });
  }

  report(): Pick<ImportReport, 'counts' | 'conflicts' | 'dangling'> {
    const dangling = [...this.#dangling].map(([text, count]) => `${count} x ${text}`);
    return { counts: this.#counts, conflicts: this.conflicts, dangling };
  }

  #place({ id, path }: { readonly id: string; readonly path?: unknown }): void {
    if (typeof path === 'string') this.#paths.set(id, path);
  }

  async #held(table: ThingTable['table'], { id }: Thing): Promise<Held | undefined> {
    const { rows } = await sql<Held>`SELECT * FROM ${sql.table(table)} WHERE id = ${id}`.execute(
      this.#tx,
    );
    return rows[0];
  }

  async #namesake(
    table: ThingTable['table'],
    { name, domain_id }: Thing,
  ): Promise<Held | undefined> {
    const inDomain = domain_id === null ? sql`domain_id IS NULL` : sql`domain_id = ${domain_id}`;
    const { rows } =
      await sql<Held>`SELECT * FROM ${sql.table(table)} WHERE name = ${name} AND ${inDomain}`.execute(
        this.#tx,
      );
    return rows[0];
  }

  async #insert<Name extends Table>(table: Name, rows: readonly object[]): Promise<number> {
    const [first] = rows;
    if (first === undefined) return 0;
    const columns = Object.keys(first).filter(
      (name) => (first as Record<string, unknown>)[name] !== undefined,
    );
    const values = rows.map(
      (row) => sql`(${sql.join(columns.map((name) => (row as Record<string, unknown>)[name]))})`,
    );
    const { numAffectedRows } =
      await sql`INSERT INTO ${sql.table(table)} (${sql.join(columns.map((name) => sql.ref(name)))}) VALUES ${sql.join(values)} ON CONFLICT DO NOTHING`.execute(
        this.#tx,
      );
    return Number(numAffectedRows ?? 0n);
  }
}

interface Held {
  readonly id: string;
  readonly path?: string;
}
