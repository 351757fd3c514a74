/** Building blocks of nft scripts. */
import { cidrHas, cidrParse, cidrText, addressText } from './addresses.ts';

/**
 * Replaces a whole table in one transaction: the empty declaration makes the deletion of a table that is not there
 * no error.
 */
export function tableReplace(family: string, name: string, body: readonly string[]): string {
  const table = `table ${family} ${name}`;
  return [table, `delete ${table}`, `${table} {`, ...body.map((line) => `  ${line}`), '}', ''].join(
    '\n',
  );
}

export function chainText(name: string, lines: readonly string[]): string[] {
  return [`chain ${name} {`, ...lines.map((line) => `  ${line}`), '}'];
}

/** A set or map; `properties` are its type and flags. */
export function setText(name: string, properties: string, elements: readonly string[]): string[] {
  return collectionText('set', name, properties, elements);
}

export function mapText(name: string, properties: string, elements: readonly string[]): string[] {
  return collectionText('map', name, properties, elements);
}

function collectionText(
  keyword: 'set' | 'map',
  name: string,
  properties: string,
  elements: readonly string[],
): string[] {
  const lines = [`${keyword} ${name} {`, `  ${properties}`];
  if (elements.length > 0) lines.push(`  elements = { ${[...new Set(elements)].join(', ')} }`);
  return [...lines, '}'];
}

/** The kernel refuses intervals that overlap: what another network of the list contains is left out. */
export function cidrsDisjoint(texts: readonly string[]): string[] {
  const cidrs = texts.map(cidrParse).toSorted((a, b) => a.prefix - b.prefix);
  const kept: typeof cidrs = [];
  for (const cidr of cidrs) {
    const address = addressText(cidr.version, cidr.network);
    if (!kept.some((other) => cidrHas(other, address))) kept.push(cidr);
  }
  return kept.map(cidrText);
}
