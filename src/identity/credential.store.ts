import type { Credential } from './credential.model.ts';
import type { CredentialRow, Tx } from './identity.tables.ts';
import type { IdentityWorld } from './identity.world.ts';
import { listingApply, type Listing } from './listing.ts';
import type { Extra } from './project.model.ts';
import { boxOpen, boxSeal } from './secret-box.ts';
import { uniqueStore } from './unique.ts';

/** Blobs are secrets (keys of EC2 and S3, seeds of one-time passwords): sealed in the database. */
export function credentialRowOf(
  { credentialKeys: [key], clock, ids }: IdentityWorld,
  credential: Credential,
): CredentialRow {
  if (key === undefined) throw new Error('there is no key to seal credentials with');
  const sealing = { nowMs: clock.now(), iv: ids.secret(16) };
  return {
    id: credential.id,
    user_id: credential.userId,
    project_id: credential.projectId,
    type: credential.type,
    blob: boxSeal(key, Buffer.from(credential.blob), sealing),
    extra: JSON.stringify(credential.extra),
  };
}

function credentialOf({ credentialKeys }: IdentityWorld, row: CredentialRow): Credential {
  const blob = boxOpen(credentialKeys, row.blob);
  if (blob === null) throw new Error(`credential ${row.id} was sealed with a key that is gone`);
  return {
    id: row.id,
    userId: row.user_id,
    projectId: row.project_id,
    type: row.type,
    blob: blob.toString(),
    extra: JSON.parse(row.extra) as Extra,
  };
}

export async function credentialGet(
  tx: Tx,
  world: IdentityWorld,
  id: string,
): Promise<Credential | null> {
  const row = await tx
    .selectFrom('identity_credential')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  return row === undefined ? null : credentialOf(world, row);
}

export async function credentialList(
  tx: Tx,
  world: IdentityWorld,
  listing: Listing,
): Promise<Credential[]> {
  const query = tx.selectFrom('identity_credential').selectAll();
  const rows = await listingApply(query, listing).execute();
  return rows.map((row) => credentialOf(world, row));
}

export async function credentialInsert(tx: Tx, row: CredentialRow): Promise<void> {
  await uniqueStore(
    tx.insertInto('identity_credential').values(row),
    'credential - Duplicate entry',
  );
}

export async function credentialUpdate(tx: Tx, { id, blob }: CredentialRow): Promise<void> {
  await tx.updateTable('identity_credential').set({ blob }).where('id', '=', id).execute();
}

export async function credentialRemove(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('identity_credential').where('id', '=', id).execute();
}
