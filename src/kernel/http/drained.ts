import type { ServerResponse } from 'node:http';

/**
 * After a `write` that said no; false: the client left first. `once` of node:events, with a signal for the event that does not
 * come, would make an error for each chunk: that costs a quarter of sending a MiB.
 */
export async function drained(response: ServerResponse): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<void>();
  response.on('drain', resolve).on('close', resolve);
  await promise;
  response.off('drain', resolve).off('close', resolve);
  return !response.destroyed;
}
