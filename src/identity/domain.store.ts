import type { Tx } from './identity.tables.ts';

/** Users, groups and roles of a domain, with what was given to them. */
export async function domainContentsRemove(tx: Tx, domainId: string): Promise<void> {
  const users = tx.selectFrom('identity_user').select('id').where('domain_id', '=', domainId);
  const groups = tx.selectFrom('identity_group').select('id').where('domain_id', '=', domainId);
  await tx
    .deleteFrom('identity_assignment')
    .where((eb) => eb.or([eb('actor_id', 'in', users), eb('actor_id', 'in', groups)]))
    .execute();
  await tx.deleteFrom('identity_membership').where('user_id', 'in', users).execute();
  await tx.deleteFrom('identity_credential').where('user_id', 'in', users).execute();
  await tx.deleteFrom('identity_application_credential').where('user_id', 'in', users).execute();
  await tx.deleteFrom('identity_access_rule').where('user_id', 'in', users).execute();
  await tx
    .deleteFrom('identity_trust')
    .where((eb) => eb.or([eb('trustor_id', 'in', users), eb('trustee_id', 'in', users)]))
    .execute();
  await tx.deleteFrom('identity_user').where('domain_id', '=', domainId).execute();
  await tx.deleteFrom('identity_group').where('domain_id', '=', domainId).execute();
  await tx.deleteFrom('identity_role').where('domain_id', '=', domainId).execute();
}
