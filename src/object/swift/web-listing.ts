import { xmlEscape } from './swift.reply.ts';
import { pathQuote } from './place.ts';

export type WebRow =
  | { readonly subdir: string }
  | {
      readonly name: string;
      readonly bytes: number;
      readonly content_type: string;
      readonly last_modified: string;
    };

export interface WebListing {
  readonly title: string;
  readonly prefix: string;
  readonly rows: readonly WebRow[];
  /** Address of a style sheet; null: a plain one of our own. */
  readonly css: string | null;
}

const ownStyle = `<style type="text/css">
h1 {font-size: 1em; font-weight: bold;}
th {text-align: left; padding: 0px 1em 0px 1em;}
td {padding: 0px 1em 0px 1em;}
a {text-decoration: none;}
</style>`;

const units = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi'] as const;

/** `1.5Mi` would be `2Mi`: whole numbers are enough for a page. */
export function sizeText(bytes: number): string {
  let [size, unit] = [bytes, 0];
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${Math.round(size)}${units[unit] ?? ''}`;
}

const cells = (href: string, text: string, size: string, date: string): string =>
  `<td class="colname"><a href="${xmlEscape(href)}">${xmlEscape(text)}</a></td>` +
  `<td class="colsize">${size}</td><td class="coldate">${date}</td>`;

function rowHtml(row: WebRow, prefix: string): string {
  if ('subdir' in row) {
    const name = row.subdir.slice(prefix.length);
    return `<tr class="item subdir">${cells(pathQuote(name), name, '&nbsp;', '&nbsp;')}</tr>`;
  }
  const name = row.name.slice(prefix.length);
  const kinds = row.content_type.split(';')[0]?.split('/') ?? [];
  const classes = kinds.map((_kind, at) => `type-${kinds.slice(0, at + 1).join('-')}`).join(' ');
  const date = `${row.last_modified.slice(0, 10)} ${row.last_modified.slice(11, 19)}`;
  return `<tr class="item ${xmlEscape(classes)}">${cells(pathQuote(name), name, sizeText(row.bytes), date)}</tr>`;
}

export function webListing({ title, prefix, rows, css }: WebListing): string {
  const style =
    css === null ? ownStyle : `<link rel="stylesheet" type="text/css" href="${xmlEscape(css)}" />`;
  const parent =
    prefix === ''
      ? ''
      : `<tr id="parent" class="item">${cells('../', '../', '&nbsp;', '&nbsp;')}</tr>\n`;
  // What stands for the folder itself is not in it.
  const shown = rows.filter((row) => 'subdir' in row || row.name !== prefix);
  return `<!DOCTYPE html>
<html>
<head>
<title>Listing of ${xmlEscape(title)}</title>
${style}
</head>
<body>
<h1 id="title">Listing of ${xmlEscape(title)}</h1>
<table id="listing">
<tr id="heading"><th class="colname">Name</th><th class="colsize">Size</th><th class="coldate">Date</th></tr>
${parent}${shown.map((row) => rowHtml(row, prefix)).join('\n')}
</table>
</body>
</html>
`;
}
