import type { Context } from '../kernel/context.ts';
import { UniqueViolation } from '../kernel/db.ts';
import { conflict, notFound, type Failure } from '../kernel/errors.ts';
import type { ComputeWorld } from './compute.world.ts';
import type { Flavor } from './flavor.model.ts';
import {
  flavorAccessInsert,
  flavorAccessRemove,
  flavorAccessSelect,
  flavorDescribe,
  flavorFind,
  flavorInsert,
  flavorRemove,
  flavorSelect,
  flavorSpecRemove,
  flavorSpecsSet,
  type FlavorPage,
} from './flavor.store.ts';

type FlavorContext = Context<ComputeWorld>;

export const flavorMissing = (id: string): Failure => notFound(`Flavor ${id} could not be found.`);

/** Administrators see every flavor; others the public ones and those they were given access to. */
const viewer = ({ actor }: FlavorContext): string | null => {
  if (actor.roles.includes('admin')) return null;
  return actor.scope.kind === 'project' ? actor.scope.projectId : '';
};

export async function flavorGet(context: FlavorContext, id: string): Promise<Flavor> {
  const flavor = await context.world.region.read((tx) => flavorFind(tx, id, viewer(context)));
  if (flavor === null) throw flavorMissing(id);
  return flavor;
}

export async function flavorList(
  context: FlavorContext,
  page: FlavorPage,
): Promise<Flavor[] | null> {
  return context.world.region.read((tx) => flavorSelect(tx, page, viewer(context)));
}

export async function flavorCreate(context: FlavorContext, flavor: Flavor): Promise<void> {
  context.authorize('os_compute_api:os-flavor-manage:create');
  const { region } = context.world;
  try {
    await region.write((tx) => flavorInsert(tx, flavor, context.clock.now()));
  } catch (error) {
    if (!(error instanceof UniqueViolation)) throw error;
    const sameId = await region.read((tx) => flavorFind(tx, flavor.id, null));
    throw conflict(
      sameId === null
        ? `Flavor with name ${flavor.name} already exists.`
        : `Flavor with ID ${flavor.id} already exists.`,
      { cause: error },
    );
  }
}

export async function flavorUpdate(
  context: FlavorContext,
  id: string,
  description: string | null,
): Promise<Flavor> {
  context.authorize('os_compute_api:os-flavor-manage:update');
  await context.world.region.write((tx) =>
    flavorDescribe(tx, id, description, context.clock.now()),
  );
  return flavorGet(context, id);
}

export async function flavorDelete(context: FlavorContext, id: string): Promise<void> {
  context.authorize('os_compute_api:os-flavor-manage:delete');
  if (!(await context.world.region.write((tx) => flavorRemove(tx, id)))) throw flavorMissing(id);
}

export async function flavorSpecsCreate(
  context: FlavorContext,
  id: string,
  specs: Readonly<Record<string, string>>,
): Promise<void> {
  await flavorGet(context, id);
  await context.world.region.write((tx) => flavorSpecsSet(tx, id, specs));
}

export const flavorSpecMissing = (id: string, key: string): Failure =>
  notFound(`Flavor ${id} has no extra specs with key ${key}.`);

export async function flavorSpecDelete(
  context: FlavorContext,
  id: string,
  key: string,
): Promise<void> {
  context.authorize('os_compute_api:os-flavor-extra-specs:delete');
  await flavorGet(context, id);
  if (!(await context.world.region.write((tx) => flavorSpecRemove(tx, id, key)))) {
    throw flavorSpecMissing(id, key);
  }
}

export async function flavorAccessList(context: FlavorContext, id: string): Promise<string[]> {
  context.authorize('os_compute_api:os-flavor-access');
  const flavor = await flavorGet(context, id);
  if (flavor.isPublic) throw notFound('Access list not available for public flavors.');
  return context.world.region.read((tx) => flavorAccessSelect(tx, id));
}

/** Answers the access list as it is afterwards. */
export async function flavorAccessChange(
  context: FlavorContext,
  id: string,
  projectId: string,
  isGiven: boolean,
): Promise<string[]> {
  const rule = isGiven ? 'add' : 'remove';
  context.authorize(`os_compute_api:os-flavor-access:${rule}_tenant_access`);
  const flavor = await flavorGet(context, id);
  if (isGiven && flavor.isPublic) {
    throw conflict('Can not add access to a public flavor.');
  }
  const { region } = context.world;
  if (!isGiven) {
    const removed = await region.write((tx) => flavorAccessRemove(tx, id, projectId));
    if (!removed) {
      throw notFound(`Flavor access not found for ${id} / ${projectId} combination.`);
    }
    return region.read((tx) => flavorAccessSelect(tx, id));
  }
  try {
    await region.write((tx) => flavorAccessInsert(tx, id, projectId));
  } catch (error) {
    if (!(error instanceof UniqueViolation)) throw error;
    throw conflict(
      `Flavor access already exists for flavor ${id} and project ${projectId} combination.`,
      {
        cause: error,
      },
    );
  }
  return region.read((tx) => flavorAccessSelect(tx, id));
}
