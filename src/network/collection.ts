/**
 * What all resources of the API have in common: how they are found, filtered, sorted, shown and guarded. A resource is
 * described once, as a `Collection`; its routes are made of it by `collection.routes.ts`.
 */
import type { TSchema } from 'typebox';
import { sql, type RawBuilder, type SqlBool } from 'kysely';
import type { Context } from '../kernel/context.ts';
import type { Target } from '../kernel/policy.ts';
import { badRequest, missingOf, type ResourceName } from './network.errors.ts';
import type { NetworkTables } from './network.tables.ts';
import type { NetworkTx, NetworkWorld, Work } from './network.world.ts';

export type NetworkContext = Context<NetworkWorld>;
export type Condition = RawBuilder<SqlBool>;

/** One request inside one transaction. */
export interface Act {
  readonly context: NetworkContext;
  readonly work: Work;
}

/** Who looks: project scope, and whether projects matter at all. */
export interface Viewer {
  readonly projectId: string | null;
  readonly seesAll: boolean;
}

export interface Attribute {
  readonly column?: string;
  readonly as?: 'text' | 'flag' | 'integer' | 'time';
  /** Where no column says it: the condition that these values (any of them) ask for. Rows are called `t`. */
  readonly where?: (values: readonly string[], viewer: Viewer) => Condition;
  readonly isSortKey?: boolean;
}

export interface Loaded<Row, View> {
  readonly row: Row;
  readonly view: View;
  /** What policy rules are asked about. */
  readonly target: Target;
}

/** The least that a row must have to be found. */
export interface Identified {
  readonly id: string;
}

export interface Collection<Row extends Identified, View extends object> {
  /** Key of one in bodies, and the word in policy rules. */
  readonly name: ResourceName;
  readonly plural: string;
  /** Below `/v2.0/`. */
  readonly path: string;
  readonly table: keyof NetworkTables;
  readonly schema: TSchema;
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** Attributes shown only to those whom `get_<name>:<attribute>` allows. */
  readonly hidden?: readonly string[];
  readonly isTaggable: boolean;
  /** Rows that this project may be allowed to see; policy decides on each of them afterwards. */
  readonly visible: (projectId: string) => Condition;
  readonly load: (
    tx: NetworkTx,
    rows: readonly Row[],
    viewer: Viewer,
  ) => Promise<Loaded<Row, View>[]>;
}

export const ofProject = (projectId: string): Condition =>
  sql<SqlBool>`t.project_id = ${projectId}`;

/** `id` and what every resource has. */
export const standardAttributes: Readonly<Record<string, Attribute>> = {
  id: { column: 'id', as: 'text', isSortKey: true },
  project_id: { column: 'project_id', as: 'text', isSortKey: true },
  tenant_id: { column: 'project_id', as: 'text', isSortKey: true },
  description: { column: 'description', as: 'text' },
  revision_number: { column: 'revision', as: 'integer' },
  created_at: { column: 'created_at', as: 'time', isSortKey: true },
  updated_at: { column: 'updated_at', as: 'time', isSortKey: true },
  changed_since: {
    where: ([since = '']) => {
      const time = Date.parse(since);
      if (Number.isNaN(time)) throw badRequest(`Invalid value for changed_since: ${since}.`);
      return sql<SqlBool>`t.updated_at >= ${time}`;
    },
  },
};

export const text = (column: string, isSortKey = true): Attribute => ({
  column,
  as: 'text',
  isSortKey,
});
export const flagged = (column: string): Attribute => ({ column, as: 'flag', isSortKey: true });
export const integer = (column: string): Attribute => ({ column, as: 'integer', isSortKey: true });

export function viewerOf(context: NetworkContext): Viewer {
  const { scope } = context.actor;
  return {
    projectId: scope.kind === 'project' ? scope.projectId : null,
    seesAll:
      context.allows('context_is_admin') ||
      context.allows('context_is_advsvc') ||
      context.allows('service_api'),
  };
}

/** The one with this id, if the actor may know of it. */
export async function resourceFind<Row extends Identified, View extends object>(
  { context, work: { tx } }: { context: NetworkContext; work: { tx: NetworkTx } },
  collection: Collection<Row, View>,
  id: string,
): Promise<Loaded<Row, View>> {
  const { rows } = await sql<Row>`SELECT t.* FROM ${sql.table(collection.table)} AS t
    WHERE t.id = ${id}`.execute(tx);
  const [found] = await collection.load(tx, rows, viewerOf(context));
  if (found === undefined || !context.allows(`get_${collection.name}`, found.target)) {
    throw missingOf(collection.name, id);
  }
  return found;
}

/** Without what the actor may not see, and with nothing but `fields` where any were asked for. */
export function viewShown<Row extends Identified, View extends object>(
  context: NetworkContext,
  { name, hidden = [] }: Collection<Row, View>,
  { view, target }: Loaded<Row, View>,
  fields: readonly string[] = [],
): Partial<View> {
  const shown = Object.entries(view).filter(
    ([key]) =>
      (fields.length === 0 || fields.includes(key)) &&
      (!hidden.includes(key) || context.allows(`get_${name}:${key}`, target)),
  );
  return Object.fromEntries(shown) as Partial<View>;
}

/** Asks `create_<name>` or `update_<name>`, and the rule of every guarded attribute that was given. */
export function authorizeWish(
  context: NetworkContext,
  verb: 'create' | 'update',
  name: ResourceName,
  {
    wish,
    guards,
    target,
  }: {
    readonly wish: Readonly<Record<string, unknown>>;
    /** Attribute to its default: giving the default at creation asks for nothing. */
    readonly guards: Readonly<Record<string, unknown>>;
    readonly target: Target;
  },
): void {
  context.authorize(`${verb}_${name}`, target);
  for (const [attribute, usual] of Object.entries(guards)) {
    const value = wish[attribute];
    if (value === undefined || (verb === 'create' && value === usual)) continue;
    context.authorize(`${verb}_${name}:${attribute}`, target);
  }
}

/** The project that a new thing is for: the actor's own, or another that only an administrator may name. */
export function projectFor(
  context: NetworkContext,
  { project_id, tenant_id }: { readonly project_id?: string; readonly tenant_id?: string },
): string {
  const { scope } = context.actor;
  const own = scope.kind === 'project' ? scope.projectId : null;
  const named = project_id ?? tenant_id ?? own;
  if (named === null) {
    throw badRequest('Running without keystone AuthN requires that tenant_id is specified');
  }
  if (named !== own && !viewerOf(context).seesAll) {
    throw badRequest(
      "Specifying 'project_id' or 'tenant_id' other than the authenticated project in request requires admin privileges",
    );
  }
  return named;
}
