import { badArgument, S3Failure } from '../failure.ts';
import { childrenOf, onlyChildren, rootNamed, textOf, type XmlNode } from '../wire/xml-read.ts';
import { elementIf, elements, xmlDocument } from '../wire/xml-write.ts';

export interface CorsRule {
  readonly id: string | null;
  readonly origins: readonly string[];
  readonly methods: readonly string[];
  readonly headers: readonly string[];
  readonly exposed: readonly string[];
  readonly maxAgeS: number | null;
}

const methodNames = ['GET', 'PUT', 'HEAD', 'POST', 'DELETE'];
const texts = (node: XmlNode, name: string): string[] =>
  childrenOf(node, name).map(({ text }) => text.trim());

export function corsParse(bytes: Buffer): CorsRule[] {
  const root = rootNamed(bytes, 'CORSConfiguration');
  onlyChildren(root, ['CORSRule']);
  const rules = childrenOf(root, 'CORSRule').map(ruleParse);
  if (rules.length === 0 || rules.length > 100) throw new S3Failure('MalformedXML');
  return rules;
}

function ruleParse(node: XmlNode): CorsRule {
  onlyChildren(node, [
    ...['ID', 'AllowedOrigin', 'AllowedMethod', 'AllowedHeader', 'ExposeHeader', 'MaxAgeSeconds'],
  ]);
  const rule: CorsRule = {
    id: textOf(node, 'ID'),
    origins: texts(node, 'AllowedOrigin'),
    methods: texts(node, 'AllowedMethod'),
    headers: texts(node, 'AllowedHeader'),
    exposed: texts(node, 'ExposeHeader'),
    maxAgeS: ageParse(textOf(node, 'MaxAgeSeconds')),
  };
  if (rule.origins.length === 0 || rule.methods.length === 0) throw new S3Failure('MalformedXML');
  const unknown = rule.methods.find((method) => !methodNames.includes(method));
  if (unknown !== undefined) {
    throw new S3Failure(
      'InvalidRequest',
      `Found unsupported HTTP method in CORS config. Unsupported method is ${unknown}`,
    );
  }
  for (const text of [...rule.origins, ...rule.headers]) {
    if (text.split('*').length > 2) {
      throw new S3Failure(
        'InvalidRequest',
        `AllowedOrigin "${text}" can not have more than one wildcard.`,
      );
    }
  }
  if (rule.exposed.some((text) => text.includes('*'))) {
    throw new S3Failure(
      'InvalidRequest',
      'ExposeHeader contains wildcard. We currently do not support wildcard for ExposeHeader.',
    );
  }
  return rule;
}

function ageParse(text: string | null): number | null {
  if (text === null) return null;
  if (!/^\d{1,9}$/.test(text)) throw new S3Failure('MalformedXML');
  return Number(text);
}

export const corsDocument = (rules: readonly CorsRule[]): string =>
  xmlDocument('CORSConfiguration', rules.map(ruleElement).join(''));

const ruleElement = ({ id, origins, methods, headers, exposed, maxAgeS }: CorsRule): string =>
  `<CORSRule>${elementIf('ID', id)}${elements('AllowedOrigin', origins)}${elements('AllowedMethod', methods)}` +
  `${elements('AllowedHeader', headers)}${elements('ExposeHeader', exposed)}${elementIf('MaxAgeSeconds', maxAgeS)}</CORSRule>`;

export interface CorsAsked {
  readonly origin: string;
  readonly method: string;
  /** What a preflight says the request will carry. */
  readonly headers: readonly string[];
}

/** Null: no rule allows it, and the browser gets no answer. */
export function corsMatch(
  rules: readonly CorsRule[],
  { origin, method, headers }: CorsAsked,
): CorsRule | null {
  return (
    rules.find(
      (rule) =>
        rule.methods.includes(method) &&
        rule.origins.some((pattern) => oneWildcard(pattern, origin)) &&
        headers.every((name) =>
          rule.headers.some((pattern) => oneWildcard(pattern.toLowerCase(), name.toLowerCase())),
        ),
    ) ?? null
  );
}

function oneWildcard(pattern: string, text: string): boolean {
  const [head = '', tail] = pattern.split('*', 2);
  if (tail === undefined) return pattern === text;
  return text.length >= head.length + tail.length && text.startsWith(head) && text.endsWith(tail);
}

export function corsHeaders(
  rule: CorsRule,
  { origin, headers }: CorsAsked,
): Record<string, string> {
  const isForAll = rule.origins.includes('*');
  return {
    'Access-Control-Allow-Origin': isForAll ? '*' : origin,
    'Access-Control-Allow-Methods': rule.methods.join(', '),
    ...(headers.length > 0 && { 'Access-Control-Allow-Headers': headers.join(', ') }),
    ...(rule.exposed.length > 0 && { 'Access-Control-Expose-Headers': rule.exposed.join(', ') }),
    ...(rule.maxAgeS !== null && { 'Access-Control-Max-Age': String(rule.maxAgeS) }),
    ...(!isForAll && { 'Access-Control-Allow-Credentials': 'true' }),
    Vary: 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method',
  };
}

export function corsAskedOf(
  origin: string,
  method: string | undefined,
  headers: string | undefined,
): CorsAsked {
  if (method === undefined || !methodNames.includes(method)) {
    throw badArgument(
      'Access-Control-Request-Method',
      method ?? '',
      'Invalid Access-Control-Request-Method',
    );
  }
  const names = (headers ?? '').split(',').map((name) => name.trim());
  return { origin, method, headers: names.filter((name) => name !== '') };
}
