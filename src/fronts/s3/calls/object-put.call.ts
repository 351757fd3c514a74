import { objectPut } from '../../../object/object-put.ts';
import { intakeOpen } from '../body.ts';
import { eventsField } from '../notify.ts';
import {
  withChecksum,
  writeAllow,
  writeGuard,
  writePlan,
  writtenChecksums,
  writtenHeaders,
} from '../object-write.ts';
import type { Reply, Scene } from '../scene.ts';

export async function objectPutCall(scene: Scene): Promise<Reply> {
  const { world, bucket, key } = scene;
  writeAllow(scene);
  const guard = writeGuard(scene);
  const { contentType, facts, writeKey } = await writePlan(scene);
  const intake = await intakeOpen(scene);
  const stored = await objectPut(world, bucket.container, {
    name: key,
    body: intake.body,
    sizeBytes: intake.sizeBytes,
    limitBytes: intake.limitBytes,
    contentType,
    facts,
    hashes: intake.hashes,
    key: writeKey?.key ?? null,
    finish(got) {
      const checksum = intake.finish(got);
      return { facts: withChecksum(facts, checksum && { ...checksum, type: 'FULL_OBJECT' }) };
    },
    ...guard,
    ...eventsField(scene, 's3:ObjectCreated:Put'),
  });
  return {
    status: 200,
    headers: {
      ETag: `"${stored.etag}"`,
      ...writtenHeaders(scene, stored),
      ...writtenChecksums(stored),
    },
  };
}
