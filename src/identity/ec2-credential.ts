import { ec2CredentialId } from './credential.ts';
import type { Credential } from './credential.model.ts';
import {
  credentialGet,
  credentialInsert,
  credentialList,
  credentialRemove,
  credentialRowOf,
} from './credential.store.ts';
import { missing } from './failure.ts';
import { directoryWrite } from './generation.ts';
import type { IdentityContext } from './identity.world.ts';
import { equals, listingAnd } from './listing.ts';
import { projectGet } from './project.store.ts';
import { userGet } from './user.store.ts';

const ownerTarget = (userId: string) => ({
  'target.credential.user_id': userId,
  user_id: userId,
});

export async function ec2Create(
  context: IdentityContext,
  userId: string,
  projectId: string,
): Promise<Credential> {
  const { world, ids } = context;
  context.authorize('identity:ec2_create_credential', ownerTarget(userId));
  const access = ids.hex();
  const credential: Credential = {
    id: ec2CredentialId(access),
    userId,
    projectId,
    type: 'ec2',
    blob: JSON.stringify({ access, secret: ids.secret(16).toString('hex'), trust_id: null }),
    extra: {},
  };
  await world.db.write(async (tx) => {
    if ((await userGet(tx, userId)) === null) throw missing('user', userId);
    if ((await projectGet(tx, projectId)) === null) throw missing('project', projectId);
    await credentialInsert(tx, credentialRowOf(world, credential));
  });
  return credential;
}

export async function ec2List(context: IdentityContext, userId: string): Promise<Credential[]> {
  const { world } = context;
  context.authorize('identity:ec2_list_credentials', ownerTarget(userId));
  const listing = listingAnd(equals('user_id', userId), equals('type', 'ec2'));
  return await world.db.read(async (tx) => {
    if ((await userGet(tx, userId)) === null) throw missing('user', userId);
    return await credentialList(tx, world, listing);
  });
}

/** The rule is asked about the owner of the key, not about the user in the path; keys cannot be guessed, so 404 tells nothing. */
export async function ec2Get(
  context: IdentityContext,
  { userId, access }: { readonly userId: string; readonly access: string },
  rule = 'identity:ec2_get_credential',
): Promise<Credential> {
  const { world } = context;
  const id = ec2CredentialId(access);
  const found = await world.db.read((tx) => credentialGet(tx, world, id));
  if (found?.type !== 'ec2') throw missing('credential', access);
  context.authorize(rule, ownerTarget(found.userId));
  if (found.userId !== userId) throw missing('credential', access);
  return found;
}

export async function ec2Delete(
  context: IdentityContext,
  key: { readonly userId: string; readonly access: string },
): Promise<void> {
  const { id } = await ec2Get(context, key, 'identity:ec2_delete_credential');
  await directoryWrite(context.world, (tx) => credentialRemove(tx, id));
}
