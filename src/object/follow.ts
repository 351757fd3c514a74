import type { Container } from './container.model.ts';
import type { NewEvent, QueuedEvent } from './event.ts';

/** Containers that another store follows: what changes in them is queued in the same transaction. */
export const followTopic = 'swift:sync';

/** Where a container's objects are sent; it is complete with both. */
export interface FollowTarget {
  readonly to?: string;
  /** What the other container must know as well. */
  readonly key?: string;
}

export const followOf = ({ documents }: Pick<Container, 'documents'>): FollowTarget =>
  (documents['swift:sync'] ?? {}) as FollowTarget;

/** A name that changed, or all names behind one. */
export type Followed =
  | { readonly containerId: number; readonly name: string; readonly atUs: number }
  | { readonly containerId: number; readonly behind: string; readonly atUs: number };

const isFollowed = (container: Pick<Container, 'documents'>): boolean => {
  const { to = '', key = '' } = followOf(container);
  return to !== '' && key !== '';
};

const eventOf = (value: Followed): NewEvent => ({ topic: followTopic, value: { ...value } });

export const followedOf = ({ value }: QueuedEvent): Followed => value as unknown as Followed;

export const nameEvents = (container: Container, name: string, atUs: number): readonly NewEvent[] =>
  isFollowed(container) ? [eventOf({ containerId: container.id, name, atUs })] : [];

/** For what is there already, once it is followed to another place than before. */
export function walkEvents(
  old: Pick<Container, 'documents'> | null,
  container: Container,
): readonly NewEvent[] {
  if (!isFollowed(container)) return [];
  const isSame =
    old !== null && JSON.stringify(followOf(old)) === JSON.stringify(followOf(container));
  return isSame ? [] : [walkEvent(container.id, '', container.modifiedUs)];
}

export const walkEvent = (containerId: number, behind: string, atUs: number): NewEvent =>
  eventOf({ containerId, behind, atUs });
