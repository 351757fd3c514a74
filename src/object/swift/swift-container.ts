import { accountUpdate } from '../account.ts';
import { containerCreate, containerDelete, containerUpdate } from '../container.ts';
import type { Container, Documents, Versioning } from '../container.model.ts';
import type { ObjectWorld } from '../object.world.ts';
import { followOf, type FollowTarget } from '../follow.ts';
import { containerAllow, containerNeed } from './access.ts';
import { aclClean } from './acl.ts';
import { archiveOf, type Archive } from './archive.ts';
import type { Grant } from './authority.model.ts';
import { limits, metaMerge, nameCheck } from './limits.ts';
import { containerQuotaCheck, metaIn } from './quota.ts';
import { policyName } from './swift-account.ts';
import { httpDate, refuse, reply, timestampText, type SwiftReply } from './swift.reply.ts';
import { pathQuote, percentDecodeLax, type Headers } from './place.ts';
import { isTrue, type SwiftRequest } from './swift.request.ts';

export function containerHeaders(container: Container, grant: Grant): Record<string, string> {
  const { documents, counts, createdUs, modifiedUs, versioning } = container;
  const headers: Record<string, string> = {
    'x-container-object-count': String(counts.objects),
    'x-container-bytes-used': String(counts.bytes + counts.versionBytes),
    'x-timestamp': timestampText(createdUs),
    'last-modified': httpDate(modifiedUs),
    'x-storage-policy': policyName,
    'accept-ranges': 'bytes',
  };
  for (const [name, value] of Object.entries(metaIn(documents))) {
    if (grant === 'owner' || !name.startsWith('temp-url-key'))
      headers[`x-container-meta-${name}`] = value;
  }
  const archive = archiveOf(container);
  if (archive !== null) {
    headers[archive.mode === 'stack' ? 'x-versions-location' : 'x-history-location'] = pathQuote(
      archive.location,
    );
  }
  if (versioning !== 'off')
    headers['x-versions-enabled'] = versioning === 'enabled' ? 'True' : 'False';
  if (grant !== 'owner') return headers;
  const { to, key } = container === null ? {} : followOf(container);
  const { 'swift:read': read, 'swift:write': write } = documents;
  if (typeof read === 'string') headers['x-container-read'] = read;
  if (typeof write === 'string') headers['x-container-write'] = write;
  if (to !== undefined) headers['x-container-sync-to'] = to;
  if (key !== undefined) headers['x-container-sync-key'] = key;
  return headers;
}

export async function containerPut(world: ObjectWorld, request: SwiftRequest): Promise<SwiftReply> {
  const { account, container: name, headers } = request;
  const { container: existing, grant } = await containerAllow(world, request, {
    place: request,
    method: 'PUT',
    acl: null,
  });
  if (name === null) throw refuse(400);
  requestCheck(request);
  const before: Documents = existing?.documents ?? {};
  const change = documentsChange(headers, grant, existing);
  const versioning = versioningOf(headers, existing) ?? existing?.versioning ?? 'off';
  await accountUpdate(world, account, (documents) => documents);
  const made = await containerCreate(world, {
    account,
    name,
    documents: change(before),
    versioning,
  });
  if (made.isNew) return reply(201, '', { 'x-storage-policy': policyName });
  const changed = await containerUpdate(world, made.container, ({ documents }) => ({
    documents: change(documents),
    versioning: versioningOf(headers, made.container) ?? made.container.versioning,
  }));
  void changed;
  return reply(202, null, { 'x-storage-policy': policyName });
}

export async function containerPost(
  world: ObjectWorld,
  request: SwiftRequest,
): Promise<SwiftReply> {
  const { headers } = request;
  const { container, grant } = await containerNeed(world, request, {
    place: request,
    method: 'POST',
    acl: null,
  });
  requestCheck(request);
  const versioning = versioningOf(headers, container);
  await containerUpdate(world, container, (fresh) => ({
    documents: documentsChange(headers, grant, fresh)(fresh.documents),
    ...(versioning !== null && { versioning }),
  }));
  return reply(204, null, { 'x-storage-policy': policyName });
}

export async function containerRemove(
  world: ObjectWorld,
  request: SwiftRequest,
): Promise<SwiftReply> {
  const { container } = await containerNeed(world, request, {
    place: request,
    method: 'DELETE',
    acl: null,
  });
  if (container.counts.objects === 0 && container.counts.versions > 0) {
    throw refuse(409, 'Delete all versions before deleting container.');
  }
  await containerDelete(world, container);
  return reply(204);
}

function requestCheck(request: SwiftRequest): void {
  const { headers } = request;
  nameCheck(request);
  containerQuotaCheck(headers);
  const policy = headers['x-storage-policy'];
  if (
    policy !== undefined &&
    policy !== '' &&
    policy.toLowerCase() !== policyName &&
    policy !== '0'
  ) {
    throw refuse(400, `Invalid X-Storage-Policy '${policy}'`);
  }
}

/** `X-Versions-Enabled`; null: not asked. */
function versioningOf(headers: Headers, container: Container | null): Versioning | null {
  const wanted = headers['x-versions-enabled'];
  if (wanted === undefined || wanted === '') return null;
  const keepsArchive = container !== null && archiveOf(container) !== null;
  if (keepsArchive || headers['x-versions-location'] || headers['x-history-location']) {
    throw refuse(
      400,
      'Cannot enable object versioning on a container that is already using the legacy versioned writes feature.',
    );
  }
  if (container !== null && followOf(container).to !== undefined) {
    throw refuse(
      400,
      'Cannot enable object versioning on a container configured as source of container syncing.',
    );
  }
  if (isTrue(wanted)) return 'enabled';
  return container === null || container.versioning === 'off' ? 'off' : 'suspended';
}

/** What the headers of PUT and POST make of a container's documents. */
function documentsChange(
  headers: Headers,
  grant: Grant,
  container: Container | null,
): (documents: Documents) => Documents {
  const archive = archiveChange(headers, container);
  const sync = syncChange(headers);
  const acls = (['read', 'write'] as const).map(
    (kind) => [kind, aclChange(headers, kind)] as const,
  );
  return (documents) => {
    const changed: Record<string, Documents[string]> = {
      ...documents,
      meta: metaMerge(metaIn(documents), headers, 'container'),
    };
    const put = (name: string, value: Documents[string] | null | undefined): void => {
      if (value === undefined) return;
      if (value === null || value === '') delete changed[name];
      else changed[name] = value;
    };
    put('swift:archive', archive as Documents[string] | null | undefined);
    if (grant !== 'owner') return changed;
    for (const [kind, text] of acls) put(`swift:${kind}`, text);
    if (sync !== undefined) {
      const { to, key } = { ...(documents['swift:sync'] as FollowTarget | undefined), ...sync };
      put('swift:sync', to || key ? { ...(to && { to }), ...(key && { key }) } : null);
    }
    return changed;
  };
}

function aclChange(headers: Headers, kind: 'read' | 'write'): string | undefined {
  const text = headers[`x-container-${kind}`];
  if (text !== undefined) return aclClean(text, kind === 'write');
  return headers[`x-remove-container-${kind}`] === undefined ? undefined : '';
}

function syncChange(headers: Headers): FollowTarget | undefined {
  const { 'x-container-sync-to': to, 'x-container-sync-key': key } = headers;
  const removed =
    'x-remove-container-sync-to' in headers || 'x-remove-container-sync-key' in headers;
  if (to === undefined && key === undefined && !removed) return undefined;
  if (to) syncTargetCheck(to);
  return {
    ...(to !== undefined && { to }),
    ...(key !== undefined && { key }),
    ...('x-remove-container-sync-to' in headers && { to: '' }),
    ...('x-remove-container-sync-key' in headers && { key: '' }),
  };
}

function syncTargetCheck(to: string): void {
  const isRealm = /^\/\/[^/]+\/[^/]+\/[^/]+\/[^/]+$/.test(to);
  const url = URL.parse(to);
  const isUrl =
    url !== null && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '';
  if (!isRealm && !(isUrl && /^\/v1(\.0)?\/[^/]+\/[^/]+$/.test(url.pathname))) {
    throw refuse(400, `Invalid path in X-Container-Sync-To: '${to}'`);
  }
}

/** Undefined: nothing is said; null: no more. */
function archiveChange(headers: Headers, container: Container | null): Archive | null | undefined {
  const wanted = [
    ['stack', headers['x-versions-location']],
    ['history', headers['x-history-location']],
  ] as const;
  const named = wanted.filter(([, location]) => location !== undefined && location !== '');
  if (named.length > 1) {
    throw refuse(400, 'Only one of X-Versions-Location or X-History-Location may be specified');
  }
  const [first] = named;
  if (first === undefined) {
    const isRemoved =
      wanted.some(([, location]) => location === '') ||
      'x-remove-versions-location' in headers ||
      'x-remove-history-location' in headers;
    return isRemoved ? null : undefined;
  }
  if (container !== null && container.versioning !== 'off') {
    throw refuse(
      400,
      'Cannot enable legacy versioned writes on a container that is already using object versioning.',
    );
  }
  const [mode, text = ''] = first;
  const location = percentDecodeLax(text) ?? '';
  if (location.includes('/')) throw refuse(412, 'Container name cannot contain slashes');
  if (Buffer.byteLength(location) > limits.containerNameBytes) throw refuse(400);
  return { mode, location };
}
