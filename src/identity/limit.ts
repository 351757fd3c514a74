import { forbidden, notFound } from '../kernel/errors.ts';
import type { Target } from '../kernel/policy.ts';
import { expecting } from './failure.ts';
import type { Tx } from './identity.tables.ts';
import type { IdentityContext } from './identity.world.ts';
import { limitModels, type Limit, type LimitModel } from './limit.model.ts';
import type { LimitChange, LimitWanted } from './limit.schema.ts';
import {
  limitInsert,
  limitList as listRead,
  limitRemove,
  limitUpdate as updateRow,
  registeredLimitList,
  type LimitFilter,
} from './limit.store.ts';
import type { Project } from './project.model.ts';
import { projectGet, projectListSubtree } from './project.store.ts';
import { placeCheck } from './registered-limit.ts';

export function limitModelGet(context: IdentityContext): { name: LimitModel; description: string } {
  context.authorize('identity:get_limit_model');
  const { limitModel: name } = context.world.settings;
  return { name, description: limitModels[name] };
}

export async function limitsCreate(
  context: IdentityContext,
  wanted: readonly LimitWanted[],
): Promise<Limit[]> {
  context.authorize('identity:create_limits');
  const { world, ids } = context;
  return await world.db.write(async (tx) => {
    const limits: Limit[] = [];
    for (const one of wanted) limits.push(await limitOf(tx, one, ids.hex()));
    // Whole first: a domain and its projects may come in one request, in any order.
    for (const limit of limits) await limitInsert(tx, limit);
    for (const limit of limits) await hierarchyCheck(tx, world.settings.limitModel, limit);
    return limits;
  });
}

async function limitOf(tx: Tx, wanted: LimitWanted, id: string): Promise<Limit> {
  const place = { serviceId: wanted.service_id, regionId: wanted.region_id ?? null };
  await placeCheck(tx, place, 'limit');
  const project = await ownerGet(tx, wanted);
  const { resource_name: resourceName } = wanted;
  const candidates = await registeredLimitList(tx, {
    service_id: place.serviceId,
    resource_name: resourceName,
  });
  const registered = candidates.find(({ regionId }) => regionId === place.regionId);
  if (registered === undefined) {
    throw forbidden('Unable to create a limit that has no corresponding registered limit.');
  }
  return {
    id,
    registeredLimitId: registered.id,
    ...place,
    resourceName,
    projectId: project.id,
    isDomain: project.isDomain,
    resourceLimit: wanted.resource_limit,
    description: wanted.description ?? null,
  };
}

async function ownerGet(tx: Tx, wanted: LimitWanted): Promise<Project> {
  if ('project_id' in wanted) {
    const project = await projectGet(tx, wanted.project_id);
    if (project === null) throw expecting('project_id', 'limit');
    return project;
  }
  const domain = await projectGet(tx, wanted.domain_id);
  if (domain?.isDomain !== true) throw expecting('domain_id', 'limit');
  return domain;
}

/** Strict two levels: what a domain has bounds each of its projects, and no project stands below another. */
async function hierarchyCheck(tx: Tx, model: LimitModel, limit: Limit): Promise<void> {
  if (model === 'flat') return;
  const own = await projectGet(tx, limit.projectId);
  if (own === null) return;
  const of = { registeredLimitId: limit.registeredLimitId };
  if (!limit.isDomain) {
    if (own.parentId !== own.domainId || own.parentId === null) throw unfit(limit);
    const [above] = await listRead(tx, { ...of, projectIds: [own.parentId] });
    const [base] = await registeredLimitList(tx, { id: limit.registeredLimitId });
    const bound = above?.resourceLimit ?? base?.defaultLimit ?? -1;
    if (isMore(limit.resourceLimit, bound)) throw unfit(limit);
    return;
  }
  const projectIds = (await projectListSubtree(tx, own)).map(({ id }) => id);
  const below = await listRead(tx, { ...of, projectIds: projectIds.filter((id) => id !== own.id) });
  if (below.some(({ resourceLimit }) => isMore(resourceLimit, limit.resourceLimit))) {
    throw unfit(limit);
  }
}

/** -1 is no limit: more than anything. */
const isMore = (a: number, b: number): boolean => b !== -1 && (a === -1 || a > b);

const unfit = ({ projectId, isDomain, resourceName, resourceLimit, serviceId, regionId }: Limit) =>
  forbidden(
    `Invalid resource limit: The resource limit (${isDomain ? 'domain_id' : 'project_id'}: ${projectId}, resource_name: ${resourceName}, resource_limit: ${resourceLimit}, service_id: ${serviceId}, region_id: ${regionId ?? 'None'}) doesn't satisfy current hierarchy model..`,
  );

export async function limitGet(context: IdentityContext, id: string): Promise<Limit> {
  const found = await context.world.db.read(async (tx) => {
    const [limit] = await listRead(tx, { id });
    return { limit, project: limit === undefined ? null : await projectGet(tx, limit.projectId) };
  });
  context.authorize('identity:get_limit', limitTarget(found.project));
  if (found.limit === undefined) throw notFound(`Could not find limit for ${id}.`);
  return found.limit;
}

function limitTarget(project: Project | null): Target {
  if (project === null) return {};
  if (project.isDomain) return { 'target.limit.domain.id': project.id };
  return {
    'target.limit.project_id': project.id,
    'target.limit.project.domain_id': project.domainId,
  };
}

/** Everybody lists; each sees what the scope of the token covers. */
export async function limitList(
  context: IdentityContext,
  filter: LimitFilter,
  ownerId: string | null,
): Promise<Limit[]> {
  context.authorize('identity:list_limits');
  const { scope } = context.actor;
  return await context.world.db.read(async (tx) => {
    const visible = await ownersVisible(tx, scope);
    const projectIds =
      ownerId === null ? visible : visible === null || visible.includes(ownerId) ? [ownerId] : [];
    return await listRead(tx, { ...filter, ...(projectIds !== null && { projectIds }) });
  });
}

/** Null: all of them. */
async function ownersVisible(
  tx: Tx,
  scope: IdentityContext['actor']['scope'],
): Promise<string[] | null> {
  switch (scope.kind) {
    case 'system':
      return null;
    case 'project':
      return [scope.projectId];
    case 'unscoped':
      return [];
    case 'domain': {
      const domain = await projectGet(tx, scope.domainId);
      if (domain === null) return [];
      return [domain.id, ...(await projectListSubtree(tx, domain)).map(({ id }) => id)];
    }
  }
}

export async function limitUpdate(
  context: IdentityContext,
  id: string,
  wanted: LimitChange,
): Promise<Limit> {
  context.authorize('identity:update_limit');
  const { world } = context;
  return await world.db.write(async (tx) => {
    const [held] = await listRead(tx, { id });
    if (held === undefined) throw notFound(`Could not find limit for ${id}.`);
    const next: Limit = {
      ...held,
      resourceLimit: wanted.resource_limit ?? held.resourceLimit,
      description: wanted.description === undefined ? held.description : wanted.description,
    };
    await updateRow(tx, next);
    await hierarchyCheck(tx, world.settings.limitModel, next);
    return next;
  });
}

export async function limitDelete(context: IdentityContext, id: string): Promise<void> {
  context.authorize('identity:delete_limit');
  await context.world.db.write(async (tx) => {
    const [held] = await listRead(tx, { id });
    if (held === undefined) throw notFound(`Could not find limit for ${id}.`);
    await limitRemove(tx, id);
  });
}
