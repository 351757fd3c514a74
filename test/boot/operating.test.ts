import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import type { TSchema } from 'typebox';
import { ConfigurationSchema } from '../../src/boot/configuration.schema.ts';
import { allowedText } from '../../src/kernel/config.ts';

interface Annotated {
  readonly properties?: Readonly<Record<string, TSchema>>;
  readonly patternProperties?: Readonly<Record<string, TSchema>>;
  readonly default?: unknown;
  readonly description?: string;
}

const path = 'docs/operating.md';
const between = /(<!-- made from src\/boot\/configuration\.ts [^\n]*\n)[^]*?(<!-- end -->)/;

function rowsOf(schema: TSchema, prefix: string): string[] {
  return Object.entries((schema as Annotated).properties ?? {}).flatMap(([name, value]) => {
    const { properties, patternProperties, description = '', ...rest } = value as Annotated;
    const key = `${prefix}${name}`;
    const [each] = Object.values(patternProperties ?? {});
    if (each !== undefined)
      return rowsOf(each, `${key}.${key === 'directory' ? 'DOMAIN' : 'NAME'}.`);
    const standard = rest.default === undefined ? '' : `\`${JSON.stringify(rest.default)}\``;
    if (properties !== undefined) return rowsOf(value, `${key}.`);
    const allowed = allowedText(value).replaceAll('|', '\\|');
    return [`| \`${key}\` | ${standard} | ${description} | ${allowed} |`];
  });
}

test('the manual has every key of the configuration with its default and what is allowed', () => {
  const rows = rowsOf(ConfigurationSchema, '');
  const table = `\n| key | default | | allowed |\n|---|---|---|---|\n${rows.join('\n')}\n\n`;
  const text = readFileSync(path, 'utf8');
  const expected = text.replace(between, (_, head: string, end: string) => head + table + end);
  if (process.env['UPDATE_EXPECTED'] === '1') writeFileSync(path, expected);
  else assert.equal(text, expected);
});
