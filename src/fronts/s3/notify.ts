import type { NewEvent } from '../../object/event.ts';
import type { StoredObject } from '../../object/object.model.ts';
import { rulesFor, type EventName, type NotificationRule } from './settings/notification.ts';
import type { Scene } from './scene.ts';

export const notifyTopic = 's3:notify';

/** What is put into the queue, in the transaction of the change it tells of. */
export function eventsOf(
  scene: Scene,
  name: EventName,
):
  | ((
      object: Pick<StoredObject, 'name' | 'versionId' | 'seq'> & Partial<StoredObject>,
    ) => readonly NewEvent[])
  | null {
  const { bucket, world, caller, context } = scene;
  const rules = bucket.document<readonly NotificationRule[]>('s3:notification');
  if (rules === null) return null;
  return (object) =>
    rulesFor(rules, name, object.name).map(({ id, topic }) => ({
      topic: notifyTopic,
      value: {
        target: topic,
        record: {
          eventVersion: '2.1',
          eventSource: 'aws:s3',
          awsRegion: world.settings.region,
          eventTime: new Date(scene.nowMs).toISOString(),
          eventName: name.slice('s3:'.length),
          userIdentity: { principalId: caller.owner?.id ?? 'Anonymous' },
          requestParameters: { sourceIPAddress: context.remoteAddress },
          responseElements: {
            'x-amz-request-id': context.requestId,
            'x-amz-id-2': context.requestId,
          },
          s3: {
            s3SchemaVersion: '1.0',
            configurationId: id,
            bucket: {
              name: bucket.name,
              ownerIdentity: { principalId: bucket.owner.id },
              arn: `arn:aws:s3:::${bucket.name}`,
            },
            object: {
              key: encodeURIComponent(object.name).replaceAll('%20', '+'),
              ...(object.sizeBytes !== undefined && { size: object.sizeBytes }),
              ...(object.etag !== undefined && { eTag: object.etag }),
              ...(object.versionId !== 'null' && { versionId: object.versionId }),
              sequencer: object.seq.toString(16).toUpperCase().padStart(16, '0'),
            },
          },
        },
      },
    }));
}

/** For calls that take `events` or nothing. */
export function eventsField(
  scene: Scene,
  name: EventName,
): { readonly events?: (object: StoredObject) => readonly NewEvent[] } {
  const events = eventsOf(scene, name);
  return events === null ? {} : { events };
}
