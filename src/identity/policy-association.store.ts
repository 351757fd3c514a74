import type { Tx } from './identity.tables.ts';

/** An endpoint, a service, or a service in a region. */
export interface PolicySubject {
  readonly endpointId: string | null;
  readonly serviceId: string | null;
  readonly regionId: string | null;
}

const columnsOf = ({ endpointId, serviceId, regionId }: PolicySubject) =>
  [
    ['endpoint_id', endpointId],
    ['service_id', serviceId],
    ['region_id', regionId],
  ] as const;

/** The id of the policy; null where there is none. */
export async function associationGet(tx: Tx, subject: PolicySubject): Promise<string | null> {
  let query = tx.selectFrom('identity_policy_association').select('policy_id');
  for (const [column, value] of columnsOf(subject)) {
    query = value === null ? query.where(column, 'is', null) : query.where(column, '=', value);
  }
  return (await query.executeTakeFirst())?.policy_id ?? null;
}

export async function associationSet(
  tx: Tx,
  policyId: string,
  subject: PolicySubject,
): Promise<void> {
  const held = await associationGet(tx, subject);
  if (held !== null) await associationRemove(tx, held, subject);
  const { endpointId, serviceId, regionId } = subject;
  await tx
    .insertInto('identity_policy_association')
    .values({
      policy_id: policyId,
      endpoint_id: endpointId,
      service_id: serviceId,
      region_id: regionId,
    })
    .execute();
}

export async function associationRemove(
  tx: Tx,
  policyId: string,
  subject: PolicySubject,
): Promise<void> {
  let query = tx.deleteFrom('identity_policy_association').where('policy_id', '=', policyId);
  for (const [column, value] of columnsOf(subject)) {
    query = value === null ? query.where(column, 'is', null) : query.where(column, '=', value);
  }
  await query.execute();
}
