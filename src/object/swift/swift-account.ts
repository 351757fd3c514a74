import { accountCounts, accountDelete, accountGet, accountUpdate } from '../account.ts';
import { containerDelete, containerList } from '../container.ts';
import type { Account, Container, Documents } from '../container.model.ts';
import type { ObjectWorld } from '../object.world.ts';
import { accountAllow } from './access.ts';
import { accountAclParse, accountAclText } from './acl.ts';
import type { Grant } from './authority.model.ts';
import { containerEmpty } from './container-empty.ts';
import { limits, metaMerge } from './limits.ts';
import { listingQuery, listingReply, rowDate, type ListingRow } from './listing.ts';
import { accountQuotaCheck, metaIn } from './quota.ts';
import { rollUp } from './roll-up.ts';
import { refuse, reply, timestampText, type SwiftReply } from './swift.reply.ts';
import type { SwiftRequest } from './swift.request.ts';

/** Metadata that is a secret or a limit: shown to owners only. */
const isPrivate = (name: string): boolean => name.startsWith('temp-url-key');

export const policyName = 'default';

async function accountHeaders(
  world: ObjectWorld,
  account: Account,
  grant: Grant,
): Promise<Record<string, string>> {
  const counts = await accountCounts(world, account.name);
  const policy = `x-account-storage-policy-${policyName}`;
  const headers: Record<string, string> = {
    'x-account-container-count': String(counts.containers),
    'x-account-object-count': String(counts.objects),
    'x-account-bytes-used': String(counts.bytes),
    [`${policy}-container-count`]: String(counts.containers),
    [`${policy}-object-count`]: String(counts.objects),
    [`${policy}-bytes-used`]: String(counts.bytes),
    'accept-ranges': 'bytes',
  };
  const createdUs = account.isStored ? account.createdUs : world.clock.now() * 1000;
  headers['x-timestamp'] = timestampText(createdUs);
  for (const [name, value] of Object.entries(metaIn(account.documents))) {
    if (grant === 'owner' || !isPrivate(name)) headers[`x-account-meta-${name}`] = value;
  }
  const acl = account.documents['swift:acl'] ?? null;
  if (grant === 'owner' && acl !== null) headers['x-account-access-control'] = accountAclText(acl);
  return headers;
}

const nameAllowed = (request: SwiftRequest): void => {
  if (Buffer.byteLength(request.account) > limits.accountNameBytes) {
    throw refuse(
      400,
      `Account name length of ${Buffer.byteLength(request.account)} longer than ${limits.accountNameBytes}`,
    );
  }
};

export async function accountRead(world: ObjectWorld, request: SwiftRequest): Promise<SwiftReply> {
  nameAllowed(request);
  const grant = await accountAllow(request, request.method);
  const query = listingQuery(request);
  const account = await accountGet(world, request.account);
  const headers = await accountHeaders(world, account, grant);
  if (request.method === 'HEAD') {
    return { status: 204, headers: { ...headers, 'content-type': query.contentType } };
  }
  const rows = await rollUp(query, (page) =>
    containerList(world, { account: request.account, ...page }),
  );
  const shown = rows.map((row): ListingRow => ('subdir' in row ? row : containerRow(row)));
  return listingReply({ name: request.account, kind: 'account', rows: shown }, query, headers);
}

const containerRow = ({ name, counts, createdUs }: Container): ListingRow => ({
  name,
  count: counts.objects,
  bytes: counts.bytes + counts.versionBytes,
  last_modified: rowDate(createdUs),
});

/** POST, and PUT by those who act on every account. */
export async function accountWrite(world: ObjectWorld, request: SwiftRequest): Promise<SwiftReply> {
  const { headers, account, method } = request;
  nameAllowed(request);
  const aclText = headers['x-account-access-control'];
  const acl = aclText === undefined ? undefined : accountAclParse(aclText);
  const grant = await accountAllow(request, method);
  accountQuotaCheck(request);
  const { isStored } = await accountGet(world, account);
  await accountUpdate(world, account, (documents): Documents => {
    const meta = metaMerge(metaIn(documents), headers, 'account');
    const { 'swift:acl': _old, ...rest } = documents;
    const keepsAcl = acl === undefined || grant !== 'owner';
    const newAcl = keepsAcl ? documents['swift:acl'] : acl;
    return {
      ...rest,
      meta,
      ...(newAcl !== undefined && newAcl !== null && { 'swift:acl': newAcl }),
    };
  });
  if (method === 'POST') return reply(204);
  return isStored ? reply(202) : reply(201, '');
}

/** By those who act on every account: with everything in it. */
export async function accountRemove(
  world: ObjectWorld,
  request: SwiftRequest,
): Promise<SwiftReply> {
  const { account } = request;
  await accountAllow(request, 'DELETE');
  const { isStored } = await accountGet(world, account);
  const [first] = await containerList(world, { account, limit: 1 });
  if (!isStored && first === undefined) throw refuse(404);
  for (;;) {
    const page = await containerList(world, { account, limit: 100 });
    for (const container of page) {
      await containerEmpty(world, container);
      await containerDelete(world, container);
    }
    if (page.length === 0) break;
  }
  if (isStored) await accountDelete(world, account);
  return reply(204);
}
