import { Failure } from '../kernel/errors.ts';
import { badRequest } from './network.errors.ts';

/** `If-Match: revision_number=N`: the change is refused when the thing has changed since it was read. */
export function revisionAssert(header: string | undefined, revision: number): void {
  if (header === undefined) return;
  const wanted = [...header.matchAll(/revision_number=([^",\s]*)/g)].map(([, text]) => text ?? '');
  const [text] = wanted;
  if (text === undefined) return;
  if (wanted.length > 1) throw badRequest('Multiple revision_number etags are not supported.');
  if (!/^\d+$/.test(text)) {
    throw badRequest('Revision number etag must be in the format of revision_number=<int>');
  }
  if (Number(text) === revision) return;
  throw new Failure(
    'precondition_failed',
    `Constrained to ${text}, but current revision is ${revision}`,
    { type: 'RevisionNumberConstraintFailed' },
  );
}
