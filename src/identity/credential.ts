import { hash } from 'node:crypto';
import { invalid } from '../kernel/errors.ts';
import type { Credential } from './credential.model.ts';
import type { CredentialWanted } from './credential.schema.ts';
import {
  credentialGet as credentialRead,
  credentialInsert,
  credentialList as credentialListRead,
  credentialRemove,
  credentialRowOf,
  credentialUpdate as credentialUpdateRow,
} from './credential.store.ts';
import { expecting, missing } from './failure.ts';
import { directoryWrite } from './generation.ts';
import type { IdentityContext } from './identity.world.ts';
import { equals, listingAnd, listingOf, pageOf, type Page } from './listing.ts';
import { extraOf } from './reply.ts';

const knownAttributes = ['blob', 'type', 'user_id', 'project_id'];

/** The access key is found by its hash: ids appear in logs and links, keys must not. */
export const ec2CredentialId = (access: string): string => hash('sha256', access);

const ownerTarget = (userId: string) => ({ 'target.credential.user_id': userId });

export async function credentialCreate(
  context: IdentityContext,
  wanted: CredentialWanted,
): Promise<Credential> {
  const userId = wanted.user_id ?? context.actor.userId;
  context.authorize('identity:create_credential', ownerTarget(userId));
  const isEc2 = wanted.type.toLowerCase() === 'ec2';
  if (isEc2 && (wanted.project_id ?? null) === null) throw expecting('project_id', 'credential');
  const credential: Credential = {
    id: isEc2 ? ec2CredentialId(accessOf(wanted.blob)) : context.ids.hex(),
    userId,
    projectId: wanted.project_id ?? null,
    type: wanted.type,
    blob: wanted.blob,
    extra: extraOf(wanted, knownAttributes),
  };
  const { world } = context;
  await world.db.write((tx) => credentialInsert(tx, credentialRowOf(world, credential)));
  return credential;
}

interface Ec2Blob {
  readonly access: string;
  readonly secret: string;
  readonly trust_id: string | null;
  readonly app_cred_id: string | null;
  readonly access_token_id: string | null;
}

/** The access key in the blob of an ec2 credential. */
function accessOf(blob: string): string {
  const { access } = blobParse(blob);
  if (typeof access !== 'string') throw expecting('access', 'credential');
  return access;
}

function blobParse(blob: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(blob);
  } catch (cause) {
    throw invalid('Invalid blob in credential', { cause });
  }
  if (typeof value !== 'object' || value === null) throw expecting('blob', 'credential');
  return value as Record<string, unknown>;
}

export async function credentialGet(
  context: IdentityContext,
  id: string,
  rule = 'identity:get_credential',
): Promise<Credential> {
  const { world } = context;
  const credential = await world.db.read((tx) => credentialRead(tx, world, id));
  context.authorize(rule, credential === null ? {} : ownerTarget(credential.userId));
  if (credential === null) throw missing('credential', id);
  return credential;
}

/** Everybody lists; each sees what the rule of a single one shows. */
export async function credentialList(
  context: IdentityContext,
  query: URLSearchParams,
): Promise<Page<Credential>> {
  const { world, actor } = context;
  const own = ownerTarget(actor.userId);
  context.authorize('identity:list_credentials', own);
  const asked = listingOf(query, { user_id: 'text', type: 'text' });
  const seesAll = context.allows('identity:get_credential', {});
  const listing = seesAll ? asked : listingAnd(asked, equals('user_id', actor.userId));
  const found = await world.db.read((tx) => credentialListRead(tx, world, listing));
  return pageOf(found, listing);
}

export async function credentialUpdate(
  context: IdentityContext,
  id: string,
  blob: string,
): Promise<Credential> {
  const { world } = context;
  const held = await credentialGet(context, id, 'identity:update_credential');
  if (held.type.toLowerCase() === 'ec2') ec2UpdateCheck(held.blob, blob);
  const next = { ...held, blob };
  await directoryWrite(world, async (tx) => {
    if ((await credentialRead(tx, world, id)) === null) throw missing('credential', id);
    await credentialUpdateRow(tx, credentialRowOf(world, next));
  });
  return next;
}

/** The access key names the credential, and its delegation bounds it: neither changes. */
function ec2UpdateCheck(held: string, wanted: string): void {
  accessOf(wanted);
  const [before, after] = [blobParse(held), blobParse(wanted)];
  for (const key of ['access', 'trust_id', 'app_cred_id', 'access_token_id']) {
    if ((before[key] ?? null) !== (after[key] ?? null)) {
      throw invalid(`${key} can not be updated for credential`);
    }
  }
}

export async function credentialDelete(context: IdentityContext, id: string): Promise<void> {
  const { world } = context;
  await credentialGet(context, id, 'identity:delete_credential');
  await directoryWrite(world, async (tx) => {
    if ((await credentialRead(tx, world, id)) === null) throw missing('credential', id);
    await credentialRemove(tx, id);
  });
}

export const ec2BlobOf = ({ blob }: Credential): Ec2Blob => {
  const { access, secret, trust_id, app_cred_id, access_token_id } = blobParse(blob);
  const idOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);
  return {
    access: String(access),
    secret: typeof secret === 'string' ? secret : '',
    trust_id: idOf(trust_id),
    app_cred_id: idOf(app_cred_id),
    access_token_id: idOf(access_token_id),
  };
};
