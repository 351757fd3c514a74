import type { Deleted } from '../../object/object-delete.ts';
import type { NewEvent } from '../../object/event.ts';
import type { Json, StoredObject } from '../../object/object.model.ts';
import type { ObjectWorld } from '../../object/object.world.ts';
import type { Bucket, Scene } from './scene.ts';
import { rulesFor, type EventName, type NotificationRule } from './settings/notification.ts';

export const notifyTopic = 's3:notify';

type EventsMake = (object: StoredObject) => readonly NewEvent[];

/** Who did it, as far as the record tells. */
interface Cause {
  readonly principalId: string;
  readonly remoteAddress: string;
  readonly requestId: string;
}

/** What is put into the queue, in the transaction of the change it tells of. Null: nobody wants to know. */
export function eventsOf(scene: Scene, name: EventName): EventsMake | null {
  const { caller, context } = scene;
  const { remoteAddress, requestId } = context;
  const cause = { principalId: caller.owner?.id ?? 'Anonymous', remoteAddress, requestId };
  return eventsMake(scene.world, scene.bucket, name, cause);
}

/** For calls that take `events` or nothing. */
export function eventsField(scene: Scene, name: EventName): { readonly events?: EventsMake } {
  const events = eventsOf(scene, name);
  return events === null ? {} : { events };
}

/** What the rules of a bucket did by themselves. */
export function lifecycleEvents(
  world: ObjectWorld,
  bucket: Bucket,
): ((deleted: Deleted) => readonly NewEvent[]) | null {
  const cause = { principalId: 's3:lifecycle', remoteAddress: '127.0.0.1', requestId: '' };
  const gone = eventsMake(world, bucket, 's3:LifecycleExpiration:Delete', cause);
  const marked = eventsMake(world, bucket, 's3:LifecycleExpiration:DeleteMarkerCreated', cause);
  if (gone === null || marked === null) return null;
  return ({ object, marker }) => {
    if (marker !== null) return marked(marker);
    return object === null ? [] : gone(object);
  };
}

function eventsMake(
  world: ObjectWorld,
  bucket: Bucket,
  name: EventName,
  cause: Cause,
): EventsMake | null {
  const rules = bucket.document<readonly NotificationRule[]>('s3:notification');
  if (rules === null) return null;
  return (object) =>
    rulesFor(rules, name, object.name).map(({ id, topic }) => ({
      topic: notifyTopic,
      value: { target: topic, record: recordOf({ world, bucket, name, cause }, id, object) },
    }));
}

interface Happening {
  readonly world: ObjectWorld;
  readonly bucket: Bucket;
  readonly name: EventName;
  readonly cause: Cause;
}

/** AWS's event message structure, version 2.1. */
function recordOf(
  { world, bucket, name, cause }: Happening,
  ruleId: string,
  object: StoredObject,
): Json {
  const { principalId, remoteAddress, requestId } = cause;
  const isGone = name.includes('Removed') || name.includes('Expiration');
  return {
    eventVersion: '2.1',
    eventSource: 'aws:s3',
    awsRegion: world.settings.region,
    eventTime: new Date(world.clock.now()).toISOString(),
    eventName: name.slice('s3:'.length),
    userIdentity: { principalId },
    requestParameters: { sourceIPAddress: remoteAddress },
    responseElements: { 'x-amz-request-id': requestId, 'x-amz-id-2': requestId },
    s3: {
      s3SchemaVersion: '1.0',
      configurationId: ruleId,
      bucket: {
        name: bucket.name,
        ownerIdentity: { principalId: bucket.owner.id },
        arn: `arn:aws:s3:::${bucket.name}`,
      },
      object: {
        key: encodeURIComponent(object.name).replaceAll('%20', '+'),
        ...(!isGone && { size: object.sizeBytes, eTag: object.etag }),
        ...(object.versionId !== 'null' && { versionId: object.versionId }),
        sequencer: object.seq.toString(16).toUpperCase().padStart(16, '0'),
      },
    },
  };
}
