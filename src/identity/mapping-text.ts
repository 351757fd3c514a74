/**
 * Several values in one text, as mappings pass them on: the list as Python writes it. JSON's lists of texts read the
 * same.
 */
export const listFormat = (values: readonly string[]): string =>
  `[${values.map(quoted).join(', ')}]`;

function quoted(value: string): string {
  const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
  const text = value
    .replaceAll('\\', '\\\\')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t')
    .replaceAll(quote, `\\${quote}`);
  return `${quote}${text}${quote}`;
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

/** Null for what is no list of texts: it is one value then. */
export function listParse(text: string): string[] | null {
  const body = /^\s*\[(.*)\]\s*$/s.exec(text)?.[1];
  if (body === undefined) return null;
  const values: string[] = [];
  const item = /\s*(?:'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)")\s*(,|$)/sy;
  while (item.lastIndex < body.length && body.slice(item.lastIndex).trim() !== '') {
    const found = item.exec(body);
    if (found === null) return null;
    values.push(unquoted(found[1] ?? found[2] ?? ''));
  }
  return values;
}

const unquoted = (text: string): string =>
  text.replaceAll(
    /\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))/gs,
    (whole, unicode?: string, byte?: string, letter?: string) => {
      const code = unicode ?? byte;
      if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
      if (letter === undefined) return whole;
      return escapes[letter] ?? (/['"\\/]/.test(letter) ? letter : whole);
    },
  );
