import { S3Failure } from '../failure.ts';

/** One element: its text, or its children in order. Names come without their prefix. */
export interface XmlNode {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: XmlNode[];
  text: string;
}

const depthLimit = 16;
const nodeLimit = 60_000;
const namePattern = /^[A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?$/;
const attributePattern = /\s+([A-Za-z_:][\w.:-]*)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/y;
const entities: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  amp: '&',
  quot: '"',
  apos: "'",
};

const malformed = (why: string): S3Failure =>
  new S3Failure('MalformedXML', undefined, { cause: new Error(why) });

/**
 * The few things of XML that S3 clients send. A document type is refused as such (it is where entity bombs and
 * outside files come from), and depth and number of elements are bounded, so that no body costs more than its length.
 */
export function xmlParse(bytes: Buffer): XmlNode {
  const text = decoded(bytes);
  const reader = new Reader(text);
  const root = reader.document();
  if (root === null) throw malformed('there is no element');
  return root;
}

function decoded(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new S3Failure('MalformedXML', undefined, { cause });
  }
}

class Reader {
  readonly #text: string;
  #at = 0;
  #nodes = 0;
  readonly #open: XmlNode[] = [];
  #root: XmlNode | null = null;

  constructor(text: string) {
    this.#text = text;
  }

  document(): XmlNode | null {
    const text = this.#text;
    while (this.#at < text.length) {
      const next = text.indexOf('<', this.#at);
      this.#textUntil(next === -1 ? text.length : next);
      if (next === -1) break;
      this.#markup();
    }
    if (this.#open.length > 0) throw malformed('an element is not closed');
    return this.#root;
  }

  #textUntil(end: number): void {
    if (end === this.#at) return;
    const raw = this.#text.slice(this.#at, end);
    this.#at = end;
    const current = this.#open.at(-1);
    if (current === undefined) {
      if (raw.trim() !== '') throw malformed('text outside of the root');
      return;
    }
    current.text += unescaped(raw);
  }

  #markup(): void {
    const text = this.#text;
    if (text.startsWith('<?', this.#at)) return this.#skip('?>');
    if (text.startsWith('<!--', this.#at)) return this.#skip('-->');
    if (text.startsWith('<![CDATA[', this.#at)) return this.#cdata();
    if (text.startsWith('<!', this.#at)) throw malformed('a document type is not allowed');
    if (text.startsWith('</', this.#at)) return this.#close();
    this.#element();
  }

  #skip(end: string): void {
    const at = this.#text.indexOf(end, this.#at + 2);
    if (at === -1) throw malformed(`${end} is missing`);
    this.#at = at + end.length;
  }

  #cdata(): void {
    const current = this.#open.at(-1);
    const end = this.#text.indexOf(']]>', this.#at);
    if (current === undefined || end === -1) throw malformed('a CDATA section is out of place');
    current.text += this.#text.slice(this.#at + 9, end);
    this.#at = end + 3;
  }

  #close(): void {
    const end = this.#text.indexOf('>', this.#at);
    const name = localName(this.#text.slice(this.#at + 2, end === -1 ? undefined : end).trimEnd());
    if (end === -1 || this.#open.pop()?.name !== name) throw malformed(`</${name}> closes nothing`);
    this.#at = end + 1;
  }

  #element(): void {
    const text = this.#text;
    let at = this.#at + 1;
    while (at < text.length && !/[\s/>]/.test(text[at] ?? '')) at++;
    const name = text.slice(this.#at + 1, at);
    if (!namePattern.test(name)) throw malformed('an element has no valid name');
    const attributes: Record<string, string> = Object.create(null) as Record<string, string>;
    attributePattern.lastIndex = at;
    for (let found = attributePattern.exec(text); found !== null;) {
      attributes[found[1] ?? ''] = unescaped(found[2] ?? found[3] ?? '');
      at = attributePattern.lastIndex;
      found = attributePattern.exec(text);
    }
    while (/\s/.test(text[at] ?? '')) at++;
    const isEmpty = text[at] === '/';
    if (isEmpty) at++;
    if (text[at] !== '>') throw malformed(`<${name} is not well-formed`);
    this.#at = at + 1;
    this.#push({ name: localName(name), attributes, children: [], text: '' }, isEmpty);
  }

  #push(node: XmlNode, isEmpty: boolean): void {
    if (++this.#nodes > nodeLimit) throw malformed('too many elements');
    const parent = this.#open.at(-1);
    if (parent !== undefined) parent.children.push(node);
    else if (this.#root !== null) throw malformed('there are two roots');
    else this.#root = node;
    if (isEmpty) return;
    if (this.#open.length >= depthLimit) throw malformed('elements are nested too deeply');
    this.#open.push(node);
  }
}

const localName = (name: string): string => name.slice(name.indexOf(':') + 1);

function unescaped(raw: string): string {
  if (!raw.includes('&')) return raw;
  return raw.replace(/&([^;&]{0,10})(;?)/g, (_, name: string, end: string) => {
    const known = entities[name];
    if (end === ';' && known !== undefined && Object.hasOwn(entities, name)) return known;
    const [, hex, decimal] = /^#(?:x([0-9a-fA-F]+)|([0-9]+))$/.exec(name) ?? [];
    const point = hex === undefined ? Number(decimal ?? NaN) : parseInt(hex, 16);
    const isCharacter =
      end === ';' && point > 0 && point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff);
    if (!isCharacter) throw malformed('an entity is not known');
    return String.fromCodePoint(point);
  });
}

export const childOf = (node: XmlNode, name: string): XmlNode | null =>
  node.children.find((child) => child.name === name) ?? null;

export const childrenOf = (node: XmlNode, name: string): XmlNode[] =>
  node.children.filter((child) => child.name === name);

/** Null: there is no such element. White space around the text is not part of it. */
export const textOf = (node: XmlNode, name: string): string | null =>
  childOf(node, name)?.text.trim() ?? null;

export function textNeeded(node: XmlNode, name: string): string {
  const text = textOf(node, name);
  if (text === null) throw malformed(`<${name}> is missing in <${node.name}>`);
  return text;
}

/** Elements that nobody reads would be settings that are silently ignored. */
export function onlyChildren(node: XmlNode, names: readonly string[]): void {
  const other = node.children.find(({ name }) => !names.includes(name));
  if (other !== undefined) throw malformed(`<${other.name}> is not expected in <${node.name}>`);
}

export function rootNamed(bytes: Buffer, name: string): XmlNode {
  const root = xmlParse(bytes);
  if (root.name !== name) throw malformed(`<${name}> is expected`);
  return root;
}

export function flagOf(node: XmlNode, name: string): boolean | null {
  const text = textOf(node, name);
  if (text === null) return null;
  if (text !== 'true' && text !== 'false') throw malformed(`<${name}> is neither true nor false`);
  return text === 'true';
}

export function countOf(node: XmlNode, name: string): number | null {
  const text = textOf(node, name);
  if (text === null) return null;
  if (!/^\d{1,10}$/.test(text)) throw malformed(`<${name}> is no number`);
  return Number(text);
}
