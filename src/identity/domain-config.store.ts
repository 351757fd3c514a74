import type { Tx } from './identity.tables.ts';

export interface ConfigOption {
  readonly group: string;
  readonly option: string;
  /** JSON, sealed where the option is a secret. */
  readonly value: string;
}

export async function configRead(tx: Tx, domainId: string): Promise<ConfigOption[]> {
  return await tx
    .selectFrom('identity_domain_config')
    .select(['group_name as group', 'option_name as option', 'value'])
    .where('domain_id', '=', domainId)
    .orderBy('group_name')
    .orderBy('option_name')
    .execute();
}

export async function configUpsert(
  tx: Tx,
  domainId: string,
  options: readonly ConfigOption[],
): Promise<void> {
  for (const { group, option, value } of options) {
    await tx
      .insertInto('identity_domain_config')
      .values({ domain_id: domainId, group_name: group, option_name: option, value })
      .onConflict((held) =>
        held.columns(['domain_id', 'group_name', 'option_name']).doUpdateSet({ value }),
      )
      .execute();
  }
}

export async function configRemove(
  tx: Tx,
  domainId: string,
  which: { readonly group?: string | undefined; readonly option?: string | undefined } = {},
): Promise<void> {
  let query = tx.deleteFrom('identity_domain_config').where('domain_id', '=', domainId);
  if (which.group !== undefined) query = query.where('group_name', '=', which.group);
  if (which.option !== undefined) query = query.where('option_name', '=', which.option);
  await query.execute();
}
