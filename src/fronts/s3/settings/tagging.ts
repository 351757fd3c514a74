import { S3Failure } from '../failure.ts';
import {
  childrenOf,
  childOf,
  onlyChildren,
  rootNamed,
  textNeeded,
  type XmlNode,
} from '../wire/xml-read.ts';
import { element, xmlDocument } from '../wire/xml-write.ts';
import { queryParse } from '../wire/uri.ts';

export type Tags = Readonly<Record<string, string>>;

export const objectTagLimit = 10;
export const bucketTagLimit = 50;
const allowed = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

export function tagsParse(bytes: Buffer, limit: number): Tags {
  const root = rootNamed(bytes, 'Tagging');
  const set = childOf(root, 'TagSet');
  if (set === null) throw new S3Failure('MalformedXML');
  onlyChildren(set, ['Tag']);
  return tagsChecked(childrenOf(set, 'Tag').map(tagOf), limit);
}

export const tagOf = (node: XmlNode): readonly [string, string] => [
  textNeeded(node, 'Key'),
  childOf(node, 'Value')?.text ?? '',
];

/** `x-amz-tagging: a=b&c=d`. */
export const tagsOfHeader = (text: string): Tags => tagsChecked(queryParse(text), objectTagLimit);

function tagsChecked(pairs: readonly (readonly [string, string])[], limit: number): Tags {
  if (pairs.length > limit) {
    throw limit === objectTagLimit
      ? new S3Failure('BadRequest', 'Object tags cannot be greater than 10')
      : new S3Failure('BadRequest', 'Bucket tag count cannot be greater than 50');
  }
  const tags = new Map<string, string>();
  for (const [key, value] of pairs) {
    if (key === '' || Array.from(key).length > 128 || !allowed.test(key)) {
      throw new S3Failure('InvalidTag', 'The TagKey you have provided is invalid', {
        fields: { TagKey: key },
      });
    }
    if (Array.from(value).length > 256 || !allowed.test(value)) {
      throw new S3Failure('InvalidTag', 'The TagValue you have provided is invalid', {
        fields: { TagKey: key, TagValue: value },
      });
    }
    if (key.toLowerCase().startsWith('aws:')) {
      throw new S3Failure('InvalidTag', 'System tags cannot be added/updated by requester');
    }
    if (tags.has(key)) {
      throw new S3Failure('InvalidTag', 'Cannot provide multiple Tags with the same key', {
        fields: { TagKey: key },
      });
    }
    tags.set(key, value);
  }
  return Object.fromEntries(tags);
}

export const tagsDocument = (tags: Tags): string =>
  xmlDocument('Tagging', `<TagSet>${tagElements(tags)}</TagSet>`);

export const tagElements = (tags: Tags): string =>
  Object.entries(tags)
    .map(([key, value]) => `<Tag>${element('Key', key)}${element('Value', value)}</Tag>`)
    .join('');
