/** Nearly all that is written; found out in a fraction of the time that looking for what is special takes. */
const plain = /^[\w ./:=+-]*$/;
const special = /[&<>"\ufffe\uffff]|(?![\n\t])\p{Cc}/u;
const specials = /[&<>"\ufffe\uffff]|(?![\n\t])\p{Cc}/gu;
const replacements: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

export function escaped(text: string): string {
  if (plain.test(text) || !special.test(text)) return text;
  // XML 1.0 cannot carry most control characters; S3 writes them as references all the same.
  return text.replace(
    specials,
    (found) => replacements[found] ?? `&#x${found.charCodeAt(0).toString(16)};`,
  );
}

export const element = (name: string, text: string | number | boolean): string =>
  `<${name}>${typeof text === 'string' ? escaped(text) : text}</${name}>`;

/** Nothing where there is nothing to tell. */
export const elementIf = (
  name: string,
  text: string | number | boolean | null | undefined,
): string => (text === null || text === undefined ? '' : element(name, text));

export const elements = (name: string, texts: readonly string[]): string =>
  texts.map((text) => element(name, text)).join('');

export const xmlDeclaration = '<?xml version="1.0" encoding="UTF-8"?>\n';
const namespace = 'http://s3.amazonaws.com/doc/2006-03-01/';

export const xmlDocument = (root: string, content: string): string =>
  `${xmlDeclaration}<${root} xmlns="${namespace}">${content}</${root}>`;

export const isoMilliseconds = (ms: number): string => new Date(ms).toISOString();

/** What happened when: S3 counts whole seconds, as `Last-Modified` does, and shows milliseconds all the same. */
export function isoSeconds(us: number): string {
  const second = Math.floor(us / 1_000_000);
  const day = Math.floor(second / daySeconds);
  // A page of a listing is mostly of a few days.
  if (day !== lastDay) {
    lastDay = day;
    lastDate = new Date(day * daySeconds * 1000).toISOString().slice(0, 11);
  }
  const left = second - day * daySeconds;
  const [hour, minute] = [Math.floor(left / 3600), Math.floor(left / 60) % 60];
  return `${lastDate}${digits[hour]}:${digits[minute]}:${digits[left % 60]}.000Z`;
}

const daySeconds = 86_400;
const digits = Array.from({ length: 60 }, (_, n) => String(n).padStart(2, '0'));
let lastDay = NaN;
let lastDate = '';
