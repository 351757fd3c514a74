import { accountCounts, accountGet } from '../account.ts';
import type { Container, Documents } from '../container.model.ts';
import type { Guard } from '../object-put.ts';
import type { ObjectWorld } from '../object.world.ts';
import { refuse } from './swift.reply.ts';
import type { Headers } from './place.ts';
import type { SwiftRequest } from './swift.request.ts';

export const metaIn = (documents: Documents): Readonly<Record<string, string>> =>
  (documents['meta'] ?? {}) as Readonly<Record<string, string>>;

/** New quotas must be numbers. */
export function containerQuotaCheck(headers: Headers): void {
  for (const [name, what] of [
    ['quota-bytes', 'bytes'],
    ['quota-count', 'count'],
  ] as const) {
    const value = headers[`x-container-meta-${name}`];
    if (value && !/^\d+$/.test(value)) throw refuse(400, `Invalid ${what} quota.`);
  }
}

/** Only those who act on every account set what an account may hold. */
export function accountQuotaCheck({ authority, headers }: SwiftRequest): void {
  const { 'x-remove-account-meta-quota-bytes': removed } = headers;
  const value = removed ? '0' : headers['x-account-meta-quota-bytes'];
  if (value === undefined) return;
  if (!authority.isReseller) throw refuse(403);
  if (value !== '' && !/^\d+$/.test(value)) throw refuse(400);
}

const isNumber = (text: string | undefined): text is string =>
  text !== undefined && /^\d+$/.test(text);

const exceeded = (): Error => refuse(413, 'Upload exceeds quota.');

function containerFits({ documents, counts }: Container, sizeBytes: number): boolean {
  const { 'quota-bytes': bytes, 'quota-count': count } = metaIn(documents);
  const usedBytes = counts.bytes + counts.versionBytes;
  if (isNumber(bytes) && Number(bytes) < usedBytes + sizeBytes) return false;
  return !isNumber(count) || Number(count) >= counts.objects + 1;
}

/**
 * Refuses what is announced to be too large before its bytes come, and gives the guard that counts what did come, in the
 * transaction that adds it.
 */
export async function quotaGuard(
  world: ObjectWorld,
  container: Container,
  sizeBytes: number | null,
): Promise<(receivedBytes: number) => Guard> {
  if (!containerFits(container, sizeBytes ?? 0)) throw exceeded();
  const account = await accountGet(world, container.account);
  const quota = metaIn(account.documents)['quota-bytes'];
  if (isNumber(quota)) {
    const { bytes } = await accountCounts(world, container.account);
    if (Number(quota) < bytes + (sizeBytes ?? 0)) throw exceeded();
  }
  return (receivedBytes) => (_current, fresh) => {
    if (!containerFits(fresh, receivedBytes)) throw exceeded();
  };
}
