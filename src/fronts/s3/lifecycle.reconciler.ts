import { causesOf, Failure } from '../../kernel/errors.ts';
import type { Reconciler } from '../../kernel/reconciler.ts';
import { containerWalk } from '../../object/container.ts';
import type { Container } from '../../object/container.model.ts';
import { objectDelete } from '../../object/object-delete.ts';
import { entryName, objectList, versionList } from '../../object/object-list.ts';
import type { ListedVersion, StoredObject } from '../../object/object.model.ts';
import type { ObjectWorld } from '../../object/object.world.ts';
import { uploadAbort, uploadList } from '../../object/upload.ts';
import { lifecycleEvents } from './notify.ts';
import { Bucket } from './scene.ts';
import { daysAfter, expiryOf, ruleMatches, type LifecycleRule } from './settings/lifecycle.ts';

const pageSize = 1000;
/** Deletions that wait for one commit together. */
const together = 50;
const hourMs = 3_600_000;

interface Sweep {
  readonly world: ObjectWorld;
  readonly bucket: Bucket;
  readonly rules: readonly LifecycleRule[];
  readonly dayMs: number;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

/** Carries out what the owners of buckets have said about the age of things. */
export function lifecycleReconciler(world: ObjectWorld): Reconciler {
  const { dayMs } = world.settings.s3;
  return {
    name: 's3-lifecycle',
    everyMs: Math.min(hourMs, Math.max(dayMs / 4, 500)),
    async run(signal) {
      for await (const container of containerWalk(world)) {
        if (signal.aborted) return;
        const sweep = sweepOf(world, container, signal);
        if (sweep === null) continue;
        // One bucket that cannot be swept keeps no other waiting.
        await bucketSweep(sweep).catch((error: unknown) =>
          world.log.warning('the rules of a bucket could not be carried out', {
            bucket: container.name,
            causes: causesOf(error),
          }),
        );
      }
    },
  };
}

function sweepOf(world: ObjectWorld, container: Container, signal: AbortSignal): Sweep | null {
  const bucket = new Bucket(container, world.settings.resellerPrefix);
  const rules = bucket.document<readonly LifecycleRule[]>('s3:lifecycle');
  if (rules === null) return null;
  const { dayMs } = world.settings.s3;
  return { world, bucket, rules, dayMs, nowMs: world.clock.now(), signal };
}

async function bucketSweep(sweep: Sweep): Promise<void> {
  const { rules, bucket } = sweep;
  const active = rules.filter(({ isEnabled }) => isEnabled);
  if (active.some((rule) => rule.expireDays !== null || rule.expireAtMs !== null)) {
    await currentSweep(sweep);
  }
  const looksBack = active.some(
    (rule) => rule.noncurrentDays !== null || rule.expiresLoneMarkers || rule.expireDays !== null,
  );
  if (looksBack && bucket.container.versioning !== 'off') await versionsSweep(sweep);
  if (active.some(({ abortUploadDays }) => abortUploadDays !== null)) await uploadsSweep(sweep);
}

const msOf = (us: number): number => Math.floor(us / 1000);

async function currentSweep({ world, bucket, rules, dayMs, nowMs, signal }: Sweep): Promise<void> {
  const { container } = bucket;
  for (let marker = ''; !signal.aborted;) {
    const page = await objectList(world, container, { marker, limit: pageSize });
    const due = page.entries.flatMap((entry) => {
      if (entry.kind === 'prefix') return [];
      const { name, sizeBytes, facts, modifiedUs } = entry.object;
      const seen = { name, sizeBytes, tags: facts.tags ?? {}, modifiedMs: msOf(modifiedUs) };
      const expiry = expiryOf(rules, seen, dayMs);
      return expiry !== null && expiry.atMs <= nowMs ? [entry.object] : [];
    });
    await inGroups(due, async ({ name, seq, modifiedUs }) => {
      const marks = lifecycleEvents(world, bucket);
      await objectDelete(world, container, {
        name,
        // Whoever wrote it anew meanwhile has given it new time.
        guard: (current) => {
          if (current?.seq !== seq || current.modifiedUs !== modifiedUs) throw new Replaced();
        },
        ...(marks !== null && { events: marks }),
      });
    });
    const last = page.entries.at(-1);
    if (!page.isTruncated || last === undefined) return;
    marker = entryName(last);
  }
}

class Replaced extends Error {
  override readonly name = 'Replaced';
}

async function inGroups<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += together) {
    await Promise.all(
      items.slice(at, at + together).map(async (item) => {
        try {
          await act(item);
        } catch (error) {
          const isLocked = error instanceof Failure && error.type === 'ObjectLocked';
          if (!isLocked && !(error instanceof Replaced)) throw error;
        }
      }),
    );
  }
}

/** Versions of one name, newest first, as far as they were seen. */
interface NameSeen {
  name: string;
  /** When the version before (a newer one) came: since then the next one is not current. */
  sinceMs: number;
  noncurrent: number;
  versions: number;
  loneMarker: ListedVersion | null;
}

async function versionsSweep(sweep: Sweep): Promise<void> {
  const { world, bucket, signal } = sweep;
  let marker = '';
  let versionMarker = '';
  const seen: NameSeen = { name: '', sinceMs: 0, noncurrent: 0, versions: 0, loneMarker: null };
  while (!signal.aborted) {
    const page = await versionList(world, bucket.container, {
      marker,
      ...(versionMarker !== '' && { versionMarker }),
      limit: pageSize,
    });
    const due: StoredObject[] = [];
    for (const entry of page.entries) {
      if (entry.kind === 'prefix') continue;
      const { version } = entry;
      if (version.name !== seen.name) {
        due.push(...loneMarkerDue(sweep, seen));
        Object.assign(seen, {
          name: version.name,
          sinceMs: 0,
          noncurrent: 0,
          versions: 0,
          loneMarker: null,
        });
      }
      seen.versions++;
      if (version.isLatest && version.isMarker) seen.loneMarker = version;
      if (!version.isLatest) {
        if (noncurrentIsDue(sweep, version, seen)) due.push(version);
        seen.noncurrent++;
      }
      seen.sinceMs = msOf(version.seq);
      [marker, versionMarker] = [version.name, version.versionId];
    }
    if (!page.isTruncated) due.push(...loneMarkerDue(sweep, seen));
    await inGroups(due, async ({ name, versionId }) => {
      await objectDelete(world, bucket.container, { name, versionId });
    });
    if (!page.isTruncated || page.entries.length === 0) return;
  }
}

function noncurrentIsDue(
  { rules, dayMs, nowMs }: Sweep,
  version: ListedVersion,
  seen: NameSeen,
): boolean {
  const { name, sizeBytes, facts } = version;
  const object = { name, sizeBytes, tags: facts.tags ?? {} };
  return rules.some(
    (rule) =>
      rule.noncurrentDays !== null &&
      ruleMatches(rule, object) &&
      seen.noncurrent >= (rule.noncurrentKept ?? 0) &&
      daysAfter(seen.sinceMs, rule.noncurrentDays, dayMs) <= nowMs,
  );
}

/** A delete marker with nothing behind it hides nothing. */
function loneMarkerDue({ rules, dayMs, nowMs }: Sweep, seen: NameSeen): ListedVersion[] {
  const { loneMarker, versions } = seen;
  if (loneMarker === null || versions > 1) return [];
  const object = { name: loneMarker.name, sizeBytes: 0, tags: {} };
  const isDue = rules.some(
    (rule) =>
      ruleMatches({ ...rule, largerThan: null, smallerThan: null }, object) &&
      (rule.expiresLoneMarkers ||
        (rule.expireDays !== null &&
          daysAfter(msOf(loneMarker.seq), rule.expireDays, dayMs) <= nowMs)),
  );
  return isDue ? [loneMarker] : [];
}

async function uploadsSweep({ world, bucket, rules, dayMs, nowMs, signal }: Sweep): Promise<void> {
  for (let after: { name: string; id: string } | null = null; !signal.aborted;) {
    const page = await uploadList(world, bucket.container, {
      ...(after !== null && { after }),
      limit: pageSize,
    });
    const due = page.filter(({ name, createdUs }) =>
      rules.some(
        ({ isEnabled, prefix, abortUploadDays }) =>
          isEnabled &&
          abortUploadDays !== null &&
          name.startsWith(prefix) &&
          daysAfter(msOf(createdUs), abortUploadDays, dayMs) <= nowMs,
      ),
    );
    await inGroups(due, (upload) => uploadAbort(world, upload));
    const last = page.at(-1);
    if (page.length < pageSize || last === undefined) return;
    after = { name: last.name, id: last.id };
  }
}
