import { flag, ReferenceViolation } from '../kernel/db.ts';
import { forbidden } from '../kernel/errors.ts';
import type { AccessRule, ApplicationCredential } from './application-credential.model.ts';
import type { ApplicationCredentialRow, Tx } from './identity.tables.ts';
import { listingApply, type Listing } from './listing.ts';
import { uniqueStore } from './unique.ts';

const credentialOf = (
  row: ApplicationCredentialRow,
  accessRules: readonly AccessRule[],
): ApplicationCredential => ({
  id: row.id,
  userId: row.user_id,
  projectId: row.project_id,
  name: row.name,
  description: row.description,
  secretHash: row.secret_hash,
  expiresAtUs: row.expires_at_us,
  isUnrestricted: row.unrestricted === 1,
  roleIds: JSON.parse(row.role_ids) as string[],
  accessRules,
});

async function rulesOf(
  tx: Tx,
  credentialIds: readonly string[],
): Promise<Map<string, AccessRule[]>> {
  const rules = new Map<string, AccessRule[]>(credentialIds.map((id) => [id, []]));
  if (credentialIds.length === 0) return rules;
  const rows = await tx
    .selectFrom('identity_application_credential_rule as bound')
    .innerJoin('identity_access_rule as rule', 'rule.id', 'bound.rule_id')
    .select(['bound.credential_id', 'rule.id', 'rule.service', 'rule.method', 'rule.path'])
    .where('bound.credential_id', 'in', credentialIds)
    .orderBy('rule.id')
    .execute();
  for (const { credential_id, ...rule } of rows) rules.get(credential_id)?.push(rule);
  return rules;
}

export async function applicationCredentialGet(
  tx: Tx,
  id: string,
): Promise<ApplicationCredential | null> {
  const row = await tx
    .selectFrom('identity_application_credential')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  if (row === undefined) return null;
  return credentialOf(row, (await rulesOf(tx, [id])).get(id) ?? []);
}

export async function applicationCredentialList(
  tx: Tx,
  listing: Listing,
): Promise<ApplicationCredential[]> {
  const query = tx.selectFrom('identity_application_credential').selectAll();
  const rows = await listingApply(query, listing).execute();
  const rules = await rulesOf(
    tx,
    rows.map(({ id }) => id),
  );
  return rows.map((row) => credentialOf(row, rules.get(row.id) ?? []));
}

export async function applicationCredentialInsert(
  tx: Tx,
  credential: ApplicationCredential,
): Promise<void> {
  await uniqueStore(
    tx.insertInto('identity_application_credential').values({
      id: credential.id,
      user_id: credential.userId,
      project_id: credential.projectId,
      name: credential.name,
      description: credential.description,
      secret_hash: credential.secretHash,
      expires_at_us: credential.expiresAtUs,
      unrestricted: flag(credential.isUnrestricted),
      role_ids: JSON.stringify(credential.roleIds),
    }),
    `application_credential - Duplicate entry found with name ${credential.name}`,
  );
  for (const { id } of credential.accessRules) {
    await tx
      .insertInto('identity_application_credential_rule')
      .values({ credential_id: credential.id, rule_id: id })
      .onConflict((again) => again.doNothing())
      .execute();
  }
}

export async function applicationCredentialRemove(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('identity_application_credential').where('id', '=', id).execute();
}

export async function applicationCredentialRemoveOf(
  tx: Tx,
  column: 'user_id' | 'project_id',
  id: string,
): Promise<void> {
  await tx.deleteFrom('identity_application_credential').where(column, '=', id).execute();
  if (column === 'user_id') {
    await tx.deleteFrom('identity_access_rule').where('user_id', '=', id).execute();
  }
}

/** The user's rule of that id. */
export async function accessRuleGet(
  tx: Tx,
  userId: string,
  id: string,
): Promise<AccessRule | null> {
  const row = await tx
    .selectFrom('identity_access_rule')
    .select(['id', 'service', 'method', 'path'])
    .where('user_id', '=', userId)
    .where('id', '=', id)
    .executeTakeFirst();
  return row ?? null;
}

/** The same rule is kept once for a user. */
export async function accessRuleEnsure(
  tx: Tx,
  userId: string,
  rule: AccessRule,
): Promise<AccessRule> {
  const { service, method, path } = rule;
  const held = await tx
    .selectFrom('identity_access_rule')
    .select(['id', 'service', 'method', 'path'])
    .where('user_id', '=', userId)
    .where('service', '=', service)
    .where('method', '=', method)
    .where('path', '=', path)
    .executeTakeFirst();
  if (held !== undefined) return held;
  await tx
    .insertInto('identity_access_rule')
    .values({ ...rule, user_id: userId })
    .execute();
  return rule;
}

export async function accessRuleList(
  tx: Tx,
  userId: string,
  listing: Listing,
): Promise<AccessRule[]> {
  const query = tx
    .selectFrom('identity_access_rule')
    .select(['id', 'service', 'method', 'path'])
    .where('user_id', '=', userId);
  return await listingApply(query, listing).execute();
}

/** False: there is no such rule of the user. */
export async function accessRuleRemove(tx: Tx, userId: string, id: string): Promise<boolean> {
  try {
    const { numDeletedRows } = await tx
      .deleteFrom('identity_access_rule')
      .where('user_id', '=', userId)
      .where('id', '=', id)
      .executeTakeFirst();
    return numDeletedRows > 0n;
  } catch (error) {
    if (!(error instanceof ReferenceViolation)) throw error;
    throw forbidden('The access rule is in use by an application credential.', { cause: error });
  }
}
