import { xmlEscape } from './swift.reply.ts';
import type { SwiftRequest } from './swift.request.ts';
import { acceptBest } from './negotiate.ts';

/** A path, quoted, and what went wrong with it. */
export type Problem = readonly [path: string, reason: string];

const types = ['text/plain', 'application/json', 'application/xml', 'text/xml'] as const;
export type BulkType = (typeof types)[number];

export const bulkType = ({ headers }: SwiftRequest): BulkType =>
  acceptBest(headers['accept'], types) ?? 'text/plain';

/** The sum of a bulk operation in the format the client likes. */
export function bulkBody(
  type: BulkType,
  facts: Readonly<Record<string, string | number>>,
  problems: readonly Problem[],
  root: 'upload' | 'delete' | 'extract',
): string {
  if (type === 'application/json') return JSON.stringify({ ...facts, Errors: problems });
  const sorted = Object.entries(facts).toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (type.endsWith('/xml')) {
    const tags = sorted.map(([name, value]) => {
      const tag = name.toLowerCase().replaceAll(' ', '_');
      return `<${tag}>${xmlEscape(String(value))}</${tag}>\n`;
    });
    const errors = problems.map(
      ([name, status]) =>
        `<object><name>${xmlEscape(name)}</name><status>${xmlEscape(status)}</status></object>\n`,
    );
    return `<${root}>\n${tags.join('')}<errors>\n${errors.join('')}</errors>\n</${root}>\n`;
  }
  const lines = sorted.map(([name, value]) => `${name}: ${value}\n`);
  return `${lines.join('')}Errors:\n${problems.map((problem) => `${problem.join(', ')}\n`).join('')}`;
}
