import { forbidden, notFound } from '../kernel/errors.ts';
import { missing } from './failure.ts';
import { directoryWrite } from './generation.ts';
import type { Tx } from './identity.tables.ts';
import type { IdentityContext } from './identity.world.ts';
import type { Role } from './role.model.ts';
import {
  implicationInsert,
  implicationList,
  implicationRemove,
  roleGet,
  roleList,
  type Implication,
} from './role.store.ts';
import { everything } from './listing.ts';

export interface Inference {
  readonly prior: Role;
  readonly implied: readonly Role[];
}

/** A role that implied admin would hand out the cloud by a side door. */
const neverImplied = ['admin'];

async function pairRead(
  tx: Tx,
  { priorId, impliedId }: Implication,
): Promise<{ prior: Role; implied: Role }> {
  const prior = await roleGet(tx, priorId);
  if (prior === null) throw missing('role', priorId);
  const implied = await roleGet(tx, impliedId);
  if (implied === null) throw missing('role', impliedId);
  return { prior, implied };
}

export async function implicationCreate(
  context: IdentityContext,
  pair: Implication,
): Promise<Inference> {
  context.authorize('identity:create_implied_role');
  return await directoryWrite(context.world, async (tx) => {
    const { prior, implied } = await pairRead(tx, pair);
    if (neverImplied.includes(implied.name)) {
      throw forbidden(`${implied.id} cannot be an implied roles.`);
    }
    if (prior.domainId === null && implied.domainId !== null) {
      throw forbidden('Global role cannot imply a domain-specific role.');
    }
    await implicationInsert(tx, pair);
    return { prior, implied: [implied] };
  });
}

export async function implicationGet(
  context: IdentityContext,
  pair: Implication,
  rule: string,
): Promise<Inference> {
  context.authorize(rule);
  return await context.world.db.read(async (tx) => {
    const { prior, implied } = await pairRead(tx, pair);
    const known = await implicationList(tx, pair.priorId);
    if (!known.some(({ impliedId }) => impliedId === pair.impliedId)) throw noImplication(pair);
    return { prior, implied: [implied] };
  });
}

export async function implicationDelete(
  context: IdentityContext,
  pair: Implication,
): Promise<void> {
  context.authorize('identity:delete_implied_role');
  await directoryWrite(context.world, async (tx) => {
    if (!(await implicationRemove(tx, pair))) throw noImplication(pair);
  });
}

const noImplication = ({ priorId, impliedId }: Implication) =>
  notFound(`${priorId} does not imply ${impliedId}.`);

export async function inferenceOf(context: IdentityContext, roleId: string): Promise<Inference> {
  context.authorize('identity:list_implied_roles');
  return await context.world.db.read(async (tx) => {
    const prior = await roleGet(tx, roleId);
    if (prior === null) throw missing('role', roleId);
    const implied: Role[] = [];
    for (const { impliedId } of await implicationList(tx, roleId)) {
      const role = await roleGet(tx, impliedId);
      if (role !== null) implied.push(role);
    }
    return { prior, implied };
  });
}

/** Each global role that implies any, with what it implies directly. */
export async function inferenceList(context: IdentityContext): Promise<Inference[]> {
  context.authorize('identity:list_role_inference_rules');
  const { implications, roles } = await context.world.db.read(async (tx) => ({
    implications: await implicationList(tx),
    roles: new Map(
      (await roleList(tx, everything, null)).map((role): [string, Role] => [role.id, role]),
    ),
  }));
  const byPrior = Map.groupBy(implications, ({ priorId }) => priorId);
  return [...byPrior].flatMap(([priorId, pairs]) => {
    const prior = roles.get(priorId);
    const implied = pairs.flatMap(({ impliedId }) => roles.get(impliedId) ?? []);
    return prior === undefined ? [] : [{ prior, implied }];
  });
}
