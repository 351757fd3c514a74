import type { ListingQuery } from './listing.ts';

export interface NamePage {
  readonly prefix: string;
  readonly marker: string;
  readonly endMarker: string;
  readonly isReverse: boolean;
  readonly limit: number;
}

/** A listing by delimiter over a list that knows none: names behind one prefix become one entry. */
export async function rollUp<Row extends { readonly name: string }>(
  { prefix, marker, endMarker, delimiter, isReverse, limit }: ListingQuery,
  list: (page: NamePage) => Promise<readonly Row[]>,
): Promise<(Row | { readonly subdir: string })[]> {
  const rows: (Row | { readonly subdir: string })[] = [];
  let after = marker;
  while (rows.length < limit) {
    const size = limit - rows.length;
    const page = await list({ prefix, marker: after, endMarker, isReverse, limit: size });
    for (const row of page) {
      after = row.name;
      const subdir = subdirOf(row.name, prefix, delimiter);
      const last = rows.at(-1);
      if (subdir === null) rows.push(row);
      else if (subdir !== marker && !(last && 'subdir' in last && last.subdir === subdir)) {
        rows.push({ subdir });
      }
    }
    if (page.length < size) break;
  }
  return rows;
}

function subdirOf(name: string, prefix: string, delimiter: string): string | null {
  if (delimiter === '') return null;
  const at = name.indexOf(delimiter, prefix.length);
  return at < 0 ? null : name.slice(0, at + delimiter.length);
}
