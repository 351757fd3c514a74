import { notFound } from '../kernel/errors.ts';
import { endpointGet, endpointList, regionGet, serviceGet } from './catalog.store.ts';
import { missing } from './failure.ts';
import type { EndpointRow, Tx } from './identity.tables.ts';
import type { IdentityContext } from './identity.world.ts';
import { everything } from './listing.ts';
import {
  associationGet,
  associationRemove,
  associationSet,
  type PolicySubject,
} from './policy-association.store.ts';
import type { PolicyDocument } from './policy-document.schema.ts';
import { policyGet } from './policy-document.store.ts';

export type SubjectKind = 'endpoint' | 'service' | 'region_and_service';

export interface Association {
  readonly policyId: string;
  readonly kind: SubjectKind;
  readonly subject: PolicySubject;
}

async function partsCheck(tx: Tx, { policyId, subject }: Association): Promise<void> {
  const { endpointId, serviceId, regionId } = subject;
  if ((await policyGet(tx, policyId)) === null) throw missing('policy', policyId);
  if (endpointId !== null && (await endpointGet(tx, endpointId)) === null) {
    throw missing('endpoint', endpointId);
  }
  if (serviceId !== null && (await serviceGet(tx, serviceId)) === null) {
    throw missing('service', serviceId);
  }
  if (regionId !== null && (await regionGet(tx, regionId)) === null) {
    throw missing('region', regionId);
  }
}

/** The newest association replaces the one before. */
export async function associationCreate(
  context: IdentityContext,
  association: Association,
): Promise<void> {
  context.authorize(`identity:create_policy_association_for_${association.kind}`);
  await context.world.db.write(async (tx) => {
    await partsCheck(tx, association);
    await associationSet(tx, association.policyId, association.subject);
  });
}

export async function associationCheck(
  context: IdentityContext,
  association: Association,
): Promise<void> {
  context.authorize(`identity:check_policy_association_for_${association.kind}`);
  const policyId = await context.world.db.read(async (tx) => {
    await partsCheck(tx, association);
    return await associationGet(tx, association.subject);
  });
  if (policyId !== association.policyId) throw notFound('Could not find policy association.');
}

export async function associationDelete(
  context: IdentityContext,
  association: Association,
): Promise<void> {
  context.authorize(`identity:delete_policy_association_for_${association.kind}`);
  await context.world.db.write(async (tx) => {
    await partsCheck(tx, association);
    await associationRemove(tx, association.policyId, association.subject);
  });
}

/** The endpoint's own, else that of its service in its region or the nearest above, else that of its service. */
async function policyIdOf(
  tx: Tx,
  { id, service_id: serviceId, region_id }: EndpointRow,
): Promise<string | null> {
  const none = { endpointId: null, serviceId: null, regionId: null };
  const own = await associationGet(tx, { ...none, endpointId: id });
  if (own !== null) return own;
  const seen = new Set<string>();
  for (let regionId = region_id; regionId !== null && !seen.has(regionId);) {
    const found = await associationGet(tx, { ...none, serviceId, regionId });
    if (found !== null) return found;
    seen.add(regionId);
    regionId = (await regionGet(tx, regionId))?.parent_region_id ?? null;
  }
  return await associationGet(tx, { ...none, serviceId });
}

export async function policyOfEndpoint(
  context: IdentityContext,
  endpointId: string,
): Promise<PolicyDocument> {
  context.authorize('identity:get_policy_for_endpoint');
  const found = await context.world.db.read(async (tx) => {
    const endpoint = await endpointGet(tx, endpointId);
    if (endpoint === null) throw missing('endpoint', endpointId);
    const policyId = await policyIdOf(tx, endpoint);
    return policyId === null ? null : await policyGet(tx, policyId);
  });
  if (found === null) throw notFound(`No policy is associated with endpoint ${endpointId}.`);
  return found;
}

export async function endpointsOfPolicy(
  context: IdentityContext,
  policyId: string,
): Promise<EndpointRow[]> {
  context.authorize('identity:list_endpoints_for_policy');
  return await context.world.db.read(async (tx) => {
    if ((await policyGet(tx, policyId)) === null) throw missing('policy', policyId);
    const found: EndpointRow[] = [];
    for (const endpoint of await endpointList(tx, everything)) {
      if ((await policyIdOf(tx, endpoint)) === policyId) found.push(endpoint);
    }
    return found;
  });
}
