import type { Tx } from './identity.tables.ts';
import type { IdentityWorld } from './identity.world.ts';
import type { Revocation } from './revocation.model.ts';

/** Inside `directoryWrite` only: it takes the generation of that write. */
export async function revocationInsert(
  tx: Tx,
  { clock, ids, settings }: IdentityWorld,
  revocation: Pick<Revocation, 'kind' | 'subject'>,
): Promise<void> {
  const now = clock.now();
  await tx.deleteFrom('identity_revocation').where('expires_at', '<', now).execute();
  const { generation } = await tx
    .selectFrom('identity_generation')
    .select('generation')
    .executeTakeFirstOrThrow();
  await tx
    .insertInto('identity_revocation')
    .values({
      id: ids.uuid(),
      kind: revocation.kind,
      subject: revocation.subject,
      // A token of this very millisecond was issued before: whoever logs in next does so later.
      issued_before: now + 1,
      revoked_at: now,
      generation,
      expires_at: now + settings.tokenLifeMs + settings.allowExpiredMs,
    })
    .execute();
}

export async function revocationListSince(
  tx: Tx,
  since: { readonly generation: number; readonly nowMs: number },
): Promise<Revocation[]> {
  return await tx
    .selectFrom('identity_revocation')
    .select([
      'kind',
      'subject',
      'issued_before as issuedBeforeMs',
      'revoked_at as revokedAtMs',
      'expires_at as expiresAtMs',
    ])
    .where('generation', '>', since.generation)
    .where('expires_at', '>=', since.nowMs)
    .execute();
}
