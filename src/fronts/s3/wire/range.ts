/** Inclusive, cut to the object. */
export interface Range {
  readonly first: number;
  readonly last: number;
}

/**
 * Null: the header asks for nothing that S3 understands (several ranges, another unit), and the whole object answers.
 * `unsatisfiable`: nothing of what is asked for is there.
 */
export function rangeParse(
  header: string | null,
  sizeBytes: number,
): Range | 'unsatisfiable' | null {
  const [, from = '', to = ''] = /^bytes=\s*(\d*)\s*-\s*(\d*)\s*$/i.exec(header ?? '') ?? [];
  if (from === '' && to === '') return null;
  if (from === '') {
    const length = Math.min(Number(to), sizeBytes);
    return length === 0 ? 'unsatisfiable' : { first: sizeBytes - length, last: sizeBytes - 1 };
  }
  const first = Number(from);
  if (to !== '' && Number(to) < first) return null;
  if (first >= sizeBytes) return 'unsatisfiable';
  return { first, last: to === '' ? sizeBytes - 1 : Math.min(Number(to), sizeBytes - 1) };
}
