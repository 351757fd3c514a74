import { Failure } from '../../kernel/errors.ts';

const fullCodes: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
/** SQLITE_FULL. */
const databaseFull = 13;

/** `no_capacity`, type `DiskFull`: 507 in Swift, `QuotaExceeded` in S3. */
export const diskFull = (cause?: unknown): Failure =>
  new Failure('no_capacity', 'The object store is full.', { type: 'DiskFull', cause });

/** An error of the file system or of the database as the failure it is. */
export function fullDiskOf(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const isFull =
    ('code' in error && fullCodes.has(error.code)) ||
    ('errcode' in error && error.errcode === databaseFull);
  return isFull ? diskFull(error) : error;
}
