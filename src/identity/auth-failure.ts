import { Failure } from '../kernel/errors.ts';

/** One answer to everything that is wrong with a log-in; `why` is for the audit trail. */
export const unauthenticated = (why: string, userId?: string): Failure =>
  new Failure('unauthenticated', 'The request you have made requires authentication.', {
    detail: { why, ...(userId !== undefined && { userId }) },
  });
