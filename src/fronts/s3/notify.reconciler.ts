import { causesOf } from '../../kernel/errors.ts';
import type { Reconciler } from '../../kernel/reconciler.ts';
import { eventDelay, eventDone, eventsDue, type QueuedEvent } from '../../object/event.ts';
import type { ObjectWorld } from '../../object/object.world.ts';
import { notifyTopic } from './notify.ts';
import { webhookUrlOf } from './settings/notification.ts';

const batchSize = 100;
const answerMs = 10_000;
const delayLeastMs = 5_000;
const delayMostMs = 3_600_000;
/** Whoever does not answer for so long is not told any more. */
const keptMs = 3 * 86_400_000;

interface Notice {
  readonly target: string;
  readonly record: { readonly eventTime: string };
}

/** What the operator lets the store call. */
export const isWebhookAllowed = (url: string, prefixes: readonly string[]): boolean =>
  prefixes.some((prefix) => url.startsWith(prefix));

/**
 * Tells webhooks what happened: at least once, in the order of the queue as far as they answer. One that does not is asked
 * once a run: each time costs seconds, and others wait.
 */
export function notifyReconciler(world: ObjectWorld): Reconciler {
  return {
    name: 's3-notify',
    everyMs: 2_000,
    async run(signal) {
      const silent = new Set<string>();
      while (!signal.aborted) {
        const events = await eventsDue(world, notifyTopic, batchSize);
        for (const event of events) {
          if (signal.aborted) return;
          await eventTell(world, event, { silent, signal });
        }
        if (events.length < batchSize) return;
      }
    },
  };
}

async function eventTell(
  world: ObjectWorld,
  event: QueuedEvent,
  { silent, signal }: { readonly silent: Set<string>; readonly signal: AbortSignal },
): Promise<void> {
  const { target, record } = event.value as unknown as Notice;
  const url = webhookUrlOf(target);
  const ageMs = world.clock.now() - Date.parse(record.eventTime);
  // The list may have become shorter since the rule was written.
  if (url === null || !isWebhookAllowed(url, world.settings.s3.webhookPrefixes) || ageMs > keptMs) {
    world.log.warning('a notification is given up', { target, ageMs });
    return await eventDone(world, event);
  }
  const later = (): Promise<void> =>
    eventDelay(world, event, Math.min(Math.max(ageMs, delayLeastMs), delayMostMs));
  if (silent.has(url)) return later();
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ Records: [record] }),
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerMs)]),
    });
    await answer.body?.cancel();
    if (answer.ok) return await eventDone(world, event);
    throw new Error(`the webhook answered ${answer.status}`);
  } catch (error) {
    if (signal.aborted) return;
    world.log.info('a notification has to wait', { target, causes: causesOf(error) });
    silent.add(url);
    await later();
  }
}
