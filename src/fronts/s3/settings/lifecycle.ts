import { badArgument, S3Failure } from '../failure.ts';
import {
  childOf,
  childrenOf,
  countOf,
  flagOf,
  onlyChildren,
  rootNamed,
  textOf,
  type XmlNode,
} from '../wire/xml-read.ts';
import { element, elementIf, isoMilliseconds, xmlDocument } from '../wire/xml-write.ts';
import { tagElements, tagOf, type Tags } from './tagging.ts';

export interface LifecycleRule {
  readonly id: string;
  readonly isEnabled: boolean;
  /** The older place of the prefix, outside of a filter: shown where it was written. */
  readonly hasFilter: boolean;
  readonly prefix: string;
  readonly tags: Tags;
  readonly largerThan: number | null;
  readonly smallerThan: number | null;
  readonly expireDays: number | null;
  readonly expireAtMs: number | null;
  readonly expiresLoneMarkers: boolean;
  readonly noncurrentDays: number | null;
  readonly noncurrentKept: number | null;
  readonly abortUploadDays: number | null;
}

const dayMs = 86_400_000;
const malformed = (): S3Failure => new S3Failure('MalformedXML');

export function lifecycleParse(bytes: Buffer, idMake: () => string): LifecycleRule[] {
  const root = rootNamed(bytes, 'LifecycleConfiguration');
  onlyChildren(root, ['Rule']);
  const rules = childrenOf(root, 'Rule').map((node) => ruleParse(node, idMake));
  if (rules.length === 0 || rules.length > 1000) throw malformed();
  if (new Set(rules.map(({ id }) => id)).size < rules.length) {
    throw badArgument('ID', '', 'Rule ID must be unique. Found same ID for more than one rule');
  }
  return rules;
}

const ruleElements = [
  ...['ID', 'Prefix', 'Filter', 'Status', 'Expiration', 'NoncurrentVersionExpiration'],
  'AbortIncompleteMultipartUpload',
];

function ruleParse(node: XmlNode, idMake: () => string): LifecycleRule {
  const isTransition = node.children.some(({ name }) => name.endsWith('Transition'));
  // There is one storage class, so nothing can move to another.
  if (isTransition) throw new S3Failure('NotImplemented', 'Transitions are not implemented');
  onlyChildren(node, ruleElements);
  const status = textOf(node, 'Status');
  if (status !== 'Enabled' && status !== 'Disabled') throw malformed();
  const id = textOf(node, 'ID') ?? '';
  if (id.length > 255)
    throw badArgument('ID', id, 'ID length should not exceed allowed limit of 255');
  const filter = filterParse(node);
  const rule: LifecycleRule = {
    id: id === '' ? idMake() : id,
    isEnabled: status === 'Enabled',
    ...filter,
    ...expirationParse(childOf(node, 'Expiration')),
    ...noncurrentParse(childOf(node, 'NoncurrentVersionExpiration')),
    ...abortParse(childOf(node, 'AbortIncompleteMultipartUpload')),
  };
  ruleCheck(rule);
  return rule;
}

function ruleCheck(rule: LifecycleRule): void {
  const { expireDays, expireAtMs, expiresLoneMarkers, noncurrentDays, abortUploadDays } = rule;
  const acts = [expireDays, expireAtMs, noncurrentDays, abortUploadDays].some(
    (part) => part !== null,
  );
  if (!acts && !expiresLoneMarkers) {
    throw new S3Failure('InvalidRequest', 'At least one action needs to be specified in a rule');
  }
  const hasTags = Object.keys(rule.tags).length > 0;
  if (hasTags && (abortUploadDays !== null || expiresLoneMarkers)) {
    throw new S3Failure(
      'InvalidRequest',
      'AbortIncompleteMultipartUpload and ExpiredObjectDeleteMarker cannot be specified with Tags',
    );
  }
  const { largerThan, smallerThan } = rule;
  if (largerThan !== null && smallerThan !== null && largerThan >= smallerThan) {
    throw new S3Failure(
      'InvalidRequest',
      "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.",
    );
  }
}

type Filter = Pick<LifecycleRule, 'hasFilter' | 'prefix' | 'tags' | 'largerThan' | 'smallerThan'>;

function filterParse(node: XmlNode): Filter {
  const [filter, prefix] = [childOf(node, 'Filter'), childOf(node, 'Prefix')];
  const none = { tags: {}, largerThan: null, smallerThan: null };
  if (filter === null) {
    if (prefix === null) throw malformed();
    return { hasFilter: false, prefix: prefix.text, ...none };
  }
  if (prefix !== null || filter.children.length > 1) throw malformed();
  const and = childOf(filter, 'And');
  const of = and ?? filter;
  onlyChildren(of, ['Prefix', 'Tag', 'ObjectSizeGreaterThan', 'ObjectSizeLessThan']);
  if (and !== null && and.children.length < 2) throw malformed();
  const tags = childrenOf(of, 'Tag').map(tagOf);
  if (new Set(tags.map(([key]) => key)).size < tags.length) {
    throw new S3Failure('InvalidRequest', 'Duplicate Tag Keys are not allowed.');
  }
  return {
    hasFilter: true,
    prefix: childOf(of, 'Prefix')?.text ?? '',
    tags: Object.fromEntries(tags),
    largerThan: countOf(of, 'ObjectSizeGreaterThan'),
    smallerThan: countOf(of, 'ObjectSizeLessThan'),
  };
}

function daysOf(node: XmlNode, name: string): number | null {
  const days = countOf(node, name);
  if (days === null || days > 0) return days;
  throw badArgument(name, '0', `'${name}' for ${node.name} action must be a positive integer`);
}

function expirationParse(
  node: XmlNode | null,
): Pick<LifecycleRule, 'expireDays' | 'expireAtMs' | 'expiresLoneMarkers'> {
  if (node === null) return { expireDays: null, expireAtMs: null, expiresLoneMarkers: false };
  onlyChildren(node, ['Days', 'Date', 'ExpiredObjectDeleteMarker']);
  if (node.children.length !== 1) throw malformed();
  return {
    expireDays: daysOf(node, 'Days'),
    expireAtMs: midnightParse(textOf(node, 'Date')),
    expiresLoneMarkers: flagOf(node, 'ExpiredObjectDeleteMarker') ?? false,
  };
}

function midnightParse(text: string | null): number | null {
  if (text === null) return null;
  const atMs = Date.parse(text);
  if (Number.isNaN(atMs) || !/^\d{4}-\d\d-\d\d/.test(text)) throw malformed();
  if (atMs % dayMs === 0) return atMs;
  throw badArgument('Date', text, "'Date' must be at midnight GMT");
}

function noncurrentParse(
  node: XmlNode | null,
): Pick<LifecycleRule, 'noncurrentDays' | 'noncurrentKept'> {
  if (node === null) return { noncurrentDays: null, noncurrentKept: null };
  onlyChildren(node, ['NoncurrentDays', 'NewerNoncurrentVersions']);
  const noncurrentDays = daysOf(node, 'NoncurrentDays');
  if (noncurrentDays === null) throw malformed();
  const noncurrentKept = countOf(node, 'NewerNoncurrentVersions');
  if (noncurrentKept !== null && (noncurrentKept < 1 || noncurrentKept > 100)) {
    throw badArgument(
      'NewerNoncurrentVersions',
      String(noncurrentKept),
      "'NewerNoncurrentVersions' must be between 1 and 100",
    );
  }
  return { noncurrentDays, noncurrentKept };
}

function abortParse(node: XmlNode | null): Pick<LifecycleRule, 'abortUploadDays'> {
  if (node === null) return { abortUploadDays: null };
  onlyChildren(node, ['DaysAfterInitiation']);
  const abortUploadDays = daysOf(node, 'DaysAfterInitiation');
  if (abortUploadDays === null) throw malformed();
  return { abortUploadDays };
}

export const lifecycleDocument = (rules: readonly LifecycleRule[]): string =>
  xmlDocument('LifecycleConfiguration', rules.map(ruleElement).join(''));

function ruleElement(rule: LifecycleRule): string {
  const { expireDays, expireAtMs, expiresLoneMarkers, noncurrentDays, abortUploadDays } = rule;
  const expiration =
    elementIf('Days', expireDays) +
    elementIf('Date', expireAtMs === null ? null : isoMilliseconds(expireAtMs)) +
    (expiresLoneMarkers ? element('ExpiredObjectDeleteMarker', true) : '');
  const noncurrent =
    noncurrentDays === null
      ? ''
      : `<NoncurrentVersionExpiration>${element('NoncurrentDays', noncurrentDays)}${elementIf('NewerNoncurrentVersions', rule.noncurrentKept)}</NoncurrentVersionExpiration>`;
  const abort =
    abortUploadDays === null
      ? ''
      : `<AbortIncompleteMultipartUpload>${element('DaysAfterInitiation', abortUploadDays)}</AbortIncompleteMultipartUpload>`;
  return (
    `<Rule>${element('ID', rule.id)}${rule.hasFilter ? filterElement(rule) : element('Prefix', rule.prefix)}` +
    `${element('Status', rule.isEnabled ? 'Enabled' : 'Disabled')}` +
    `${expiration === '' ? '' : `<Expiration>${expiration}</Expiration>`}${noncurrent}${abort}</Rule>`
  );
}

function filterElement({ prefix, tags, largerThan, smallerThan }: LifecycleRule): string {
  const parts = [
    prefix === '' ? '' : element('Prefix', prefix),
    ...Object.entries(tags).map(([key, value]) => tagElements({ [key]: value })),
    elementIf('ObjectSizeGreaterThan', largerThan),
    elementIf('ObjectSizeLessThan', smallerThan),
  ].filter((part) => part !== '');
  if (parts.length === 0) return `<Filter>${element('Prefix', '')}</Filter>`;
  const inner = parts.join('');
  return `<Filter>${parts.length === 1 ? inner : `<And>${inner}</And>`}</Filter>`;
}

/** What a rule looks at. */
export interface LifecycleObject {
  readonly name: string;
  readonly sizeBytes: number;
  readonly tags: Tags;
}

export function ruleMatches(
  rule: LifecycleRule,
  { name, sizeBytes, tags }: LifecycleObject,
): boolean {
  return (
    rule.isEnabled &&
    name.startsWith(rule.prefix) &&
    Object.entries(rule.tags).every(([key, value]) => tags[key] === value) &&
    (rule.largerThan === null || sizeBytes > rule.largerThan) &&
    (rule.smallerThan === null || sizeBytes < rule.smallerThan)
  );
}

/** Days are counted from the midnight that follows; a shorter `lengthMs` makes days pass quickly for tests. */
export const daysAfter = (sinceMs: number, days: number, lengthMs: number): number =>
  Math.ceil((sinceMs + days * lengthMs) / lengthMs) * lengthMs;

export interface Expiry {
  readonly atMs: number;
  readonly ruleId: string;
}

/** When a current object goes, by the rule that acts first; null: it stays. */
export function expiryOf(
  rules: readonly LifecycleRule[],
  object: LifecycleObject & { readonly modifiedMs: number },
  lengthMs: number,
): Expiry | null {
  let first: Expiry | null = null;
  for (const rule of rules) {
    if (!ruleMatches(rule, object)) continue;
    const atMs =
      rule.expireDays === null
        ? rule.expireAtMs
        : daysAfter(object.modifiedMs, rule.expireDays, lengthMs);
    if (atMs !== null && (first === null || atMs < first.atMs)) first = { atMs, ruleId: rule.id };
  }
  return first;
}
