/** Who else may use a network: the rows behind `shared` and `router:external`, one by one. */
import type { Static } from 'typebox';
import { sql, type SqlBool } from 'kysely';
import { flag } from '../kernel/db.ts';
import { conflict } from '../kernel/errors.ts';
import { Type } from '../kernel/type.ts';
import {
  authorizeWish,
  ofProject,
  projectFor,
  resourceFind,
  text,
  viewerOf,
  type Act,
  type Collection,
  type Loaded,
} from './collection.ts';
import {
  createEndpoint,
  deleteEndpoint,
  readEndpoints,
  updateEndpoint,
  type Columns,
} from './collection.routes.ts';
import { Name, ownership, viewOf, wishOf } from './collection.schema.ts';
import { networks } from './network.collection.ts';
import { invalidInput } from './network.errors.ts';
import { networkGet, networkPortsOther, shareInsert } from './network.store.ts';
import type { NetworkShareTable } from './network.tables.ts';
import type { Work } from './network.world.ts';
import { quotaTake } from './quota.store.ts';

const Action = Type.Union([Type.Literal('access_as_shared'), Type.Literal('access_as_external')]);

const PolicyView = viewOf({
  id: Type.String(),
  project_id: Type.String(),
  tenant_id: Type.String(),
  object_type: Type.Literal('network'),
  object_id: Type.String(),
  action: Action,
  target_tenant: Type.String(),
});
type PolicyView = Static<typeof PolicyView>;

const PolicyWish = wishOf({
  ...ownership,
  object_type: Name,
  object_id: Name,
  action: Name,
  target_tenant: Type.String({ minLength: 1, maxLength: 255 }),
});
const PolicyChange = wishOf({
  target_tenant: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
});

const policies: Collection<NetworkShareTable, PolicyView> = {
  name: 'rbac_policy',
  plural: 'rbac_policies',
  path: 'rbac-policies',
  table: 'network_share',
  schema: PolicyView,
  isTaggable: false,
  attributes: {
    id: text('id'),
    project_id: text('project_id'),
    tenant_id: text('project_id'),
    object_id: text('network_id'),
    action: text('action'),
    target_tenant: text('target_project'),
    object_type: {
      where: (values) => (values.includes('network') ? sql<SqlBool>`1 = 1` : sql<SqlBool>`1 = 0`),
    },
  },
  visible: ofProject,
  load: async (_, rows) => rows.map(policyLoaded),
};

const policyLoaded = (row: NetworkShareTable): Loaded<NetworkShareTable, PolicyView> => ({
  row,
  view: {
    id: row.id,
    project_id: row.project_id,
    tenant_id: row.project_id,
    object_type: 'network',
    object_id: row.network_id,
    action: row.action,
    target_tenant: row.target_project,
  },
  target: {
    project_id: row.project_id,
    tenant_id: row.project_id,
    target_tenant: row.target_project,
  },
});

/** For everybody (`*`) only administrators open or close a network. */
const guards = { target_tenant: undefined } as const;

async function policyCreate(act: Act, wish: Static<typeof PolicyWish>): Promise<string> {
  const { context, work } = act;
  const projectId = projectFor(context, wish);
  const target = {
    project_id: projectId,
    tenant_id: projectId,
    target_tenant: wish.target_tenant,
  };
  authorizeWish(context, 'create', 'rbac_policy', { wish, guards, target });
  if (wish.object_type !== 'network') {
    throw invalidInput(`Invalid object_type '${wish.object_type}': only 'network' is supported`);
  }
  const { action } = wish;
  if (action !== 'access_as_shared' && action !== 'access_as_external') {
    throw invalidInput(
      `Invalid action '${action}' for object type 'network'. Valid actions: access_as_shared, access_as_external`,
    );
  }
  const found = await resourceFind(act, networks, wish.object_id);
  if (found.row.project_id !== projectId && !viewerOf(context).seesAll) {
    throw invalidInput('Only admins can manipulate policies on networks they do not own');
  }
  if (action === 'access_as_external') {
    context.authorize('update_network:router:external', found.target);
  }
  await quotaTake(work.tx, work.world, 'rbac_policy', projectId);
  const same = await work.tx
    .selectFrom('network_share')
    .select('id')
    .where('network_id', '=', wish.object_id)
    .where('action', '=', action)
    .where('target_project', '=', wish.target_tenant)
    .executeTakeFirst();
  if (same !== undefined) throw policyDouble();
  const id = await shareInsert(work, {
    network_id: wish.object_id,
    project_id: projectId,
    action,
    target_project: wish.target_tenant,
  });
  await externalFollow(work, wish.object_id);
  return id;
}

const policyDouble = () =>
  conflict('An RBAC policy already exists with those values.', { type: 'DuplicatePolicy' });

async function policyUpdate(
  { context, work }: Act,
  { row, target }: Loaded<NetworkShareTable, PolicyView>,
  wish: Static<typeof PolicyChange>,
): Promise<Columns<NetworkShareTable>> {
  const wanted = wish.target_tenant ?? row.target_project;
  authorizeWish(context, 'update', 'rbac_policy', {
    wish,
    guards,
    target: { ...target, target_tenant: wanted },
  });
  if (wanted === row.target_project) return {};
  const same = await work.tx
    .selectFrom('network_share')
    .select('id')
    .where('network_id', '=', row.network_id)
    .where('action', '=', row.action)
    .where('target_project', '=', wanted)
    .executeTakeFirst();
  if (same !== undefined) throw policyDouble();
  await unusedCheck(work, row, wanted);
  return { target_project: wanted };
}

async function policyDelete(
  { work }: Act,
  { row }: Loaded<NetworkShareTable, PolicyView>,
): Promise<void> {
  await unusedCheck(work, row, null);
  await work.tx.deleteFrom('network_share').where('id', '=', row.id).execute();
  await externalFollow(work, row.network_id);
}

/** Without the row (or with another target in its place), nobody may be left on the network without a right to it. */
async function unusedCheck(
  { tx }: Work,
  row: NetworkShareTable,
  instead: string | null,
): Promise<void> {
  const others = await tx
    .selectFrom('network_share')
    .select('target_project')
    .where('network_id', '=', row.network_id)
    .where('action', '=', row.action)
    .where('id', '!=', row.id)
    .execute();
  const open = new Set([...others.map((one) => one.target_project), ...(instead ? [instead] : [])]);
  if (open.has('*')) return;
  const users =
    row.action === 'access_as_shared'
      ? await sharedUsers(tx, row.network_id)
      : await externalUsers(tx, row.network_id);
  const isLeft = users.some(
    (project) =>
      !open.has(project) && (row.target_project === '*' || row.target_project === project),
  );
  if (!isLeft) return;
  throw conflict(
    `RBAC policy on object ${row.network_id} cannot be removed because other objects depend on it.`,
    { type: 'RbacPolicyInUse' },
  );
}

/** Projects other than the network's own that have ports on it. */
async function sharedUsers(tx: Work['tx'], networkId: string): Promise<string[]> {
  const rows = await tx
    .selectFrom('port')
    .innerJoin('network', 'network.id', 'port.network_id')
    .select('port.project_id')
    .distinct()
    .where('port.network_id', '=', networkId)
    .where('port.project_id', '!=', '')
    .whereRef('port.project_id', '!=', 'network.project_id')
    .execute();
  return rows.map(({ project_id }) => project_id);
}

/** Projects other than the network's own whose routers or floating IPs are on it. */
async function externalUsers(tx: Work['tx'], networkId: string): Promise<string[]> {
  const { rows } = await sql<{ project_id: string }>`
    SELECT r.project_id FROM router AS r JOIN port AS p ON p.id = r.gateway_port_id
      JOIN network AS n ON n.id = p.network_id
      WHERE p.network_id = ${networkId} AND r.project_id != n.project_id
    UNION SELECT f.project_id FROM floating_ip AS f JOIN network AS n ON n.id = f.floating_network_id
      WHERE f.floating_network_id = ${networkId} AND f.project_id != n.project_id`.execute(tx);
  return rows.map(({ project_id }) => project_id);
}

/** A network is external while it is so for anybody. */
async function externalFollow({ tx }: Work, networkId: string): Promise<void> {
  const open = await tx
    .selectFrom('network_share')
    .select('id')
    .where('network_id', '=', networkId)
    .where('action', '=', 'access_as_external')
    .executeTakeFirst();
  const network = await networkGet(tx, networkId);
  if (network === undefined || (network.is_external === 1) === (open !== undefined)) return;
  const owners = ['network:router_gateway', 'network:floatingip'];
  if (open === undefined && (await networkPortsOther(tx, networkId, owners))) {
    throw conflict(
      `External network ${networkId} cannot be updated to be made non-external, since it has existing gateway ports.`,
      { type: 'ExternalNetworkInUse' },
    );
  }
  await tx
    .updateTable('network')
    .set({ is_external: flag(open !== undefined) })
    .where('id', '=', networkId)
    .execute();
}

export const rbacPolicyRoutes = [
  ...readEndpoints(policies),
  createEndpoint(policies, PolicyWish, policyCreate),
  updateEndpoint(policies, PolicyChange, policyUpdate),
  deleteEndpoint(policies, policyDelete),
];
