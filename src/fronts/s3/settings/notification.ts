import { badArgument, S3Failure } from '../failure.ts';
import {
  childOf,
  childrenOf,
  onlyChildren,
  rootNamed,
  textNeeded,
  textOf,
  type XmlNode,
} from '../wire/xml-read.ts';
import { element, elements, xmlDocument } from '../wire/xml-write.ts';

export interface NotificationRule {
  readonly id: string;
  /** `arn:aws:sns:<region>:<project>:webhook/<url>`: the address that is told. */
  readonly topic: string;
  readonly events: readonly string[];
  readonly prefix: string;
  readonly suffix: string;
}

const eventNames = [
  's3:ObjectCreated:Put',
  's3:ObjectCreated:Post',
  's3:ObjectCreated:Copy',
  's3:ObjectCreated:CompleteMultipartUpload',
  's3:ObjectRemoved:Delete',
  's3:ObjectRemoved:DeleteMarkerCreated',
  's3:LifecycleExpiration:Delete',
  's3:LifecycleExpiration:DeleteMarkerCreated',
] as const;
export type EventName = (typeof eventNames)[number];

const matches = (pattern: string, name: string): boolean =>
  pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;

/** Queues and functions are Amazon's own; a topic whose name is a URL is what can be told here. */
export function notificationParse(bytes: Buffer, idMake: () => string): NotificationRule[] {
  const root = rootNamed(bytes, 'NotificationConfiguration');
  const other = root.children.find(({ name }) => name !== 'TopicConfiguration');
  if (other !== undefined)
    throw new S3Failure('NotImplemented', `${other.name} is not implemented`);
  return childrenOf(root, 'TopicConfiguration').map((node) => ruleParse(node, idMake));
}

function ruleParse(node: XmlNode, idMake: () => string): NotificationRule {
  onlyChildren(node, ['Id', 'Topic', 'Event', 'Filter']);
  const topic = textNeeded(node, 'Topic');
  if (webhookUrlOf(topic) === null) {
    throw badArgument(
      'Topic',
      topic,
      'The ARN could not be validated: arn:aws:sns:REGION:PROJECT:webhook/URL is expected',
    );
  }
  const events = childrenOf(node, 'Event').map(({ text }) => text.trim());
  const unknown = events.find((pattern) => !eventNames.some((name) => matches(pattern, name)));
  if (events.length === 0) throw new S3Failure('MalformedXML');
  if (unknown !== undefined)
    throw badArgument('Event', unknown, 'A specified event is not supported for notifications.');
  const filter = filterParse(childOf(node, 'Filter'));
  return { id: textOf(node, 'Id') ?? idMake(), topic, events, ...filter };
}

function filterParse(node: XmlNode | null): { prefix: string; suffix: string } {
  const found = { prefix: '', suffix: '' };
  const key = node === null ? null : childOf(node, 'S3Key');
  for (const rule of key === null ? [] : childrenOf(key, 'FilterRule')) {
    const name = textNeeded(rule, 'Name').toLowerCase();
    if (name !== 'prefix' && name !== 'suffix')
      throw badArgument(
        'FilterRule.Name',
        name,
        'filter rule name must be either prefix or suffix',
      );
    found[name] = childOf(rule, 'Value')?.text ?? '';
  }
  return found;
}

/** Null: not such a name, or not a URL that can be called. */
export function webhookUrlOf(topic: string): string | null {
  const [, text = ''] = /^arn:aws:sns:[^:]*:[^:]*:webhook\/(https?:\/\/\S+)$/.exec(topic) ?? [];
  const url = URL.parse(text);
  return url === null || url.username !== '' || url.password !== '' ? null : text;
}

export const notificationDocument = (rules: readonly NotificationRule[]): string =>
  xmlDocument('NotificationConfiguration', rules.map(ruleElement).join(''));

function ruleElement({ id, topic, events, prefix, suffix }: NotificationRule): string {
  const filterRules = Object.entries({ prefix, suffix })
    .filter(([, value]) => value !== '')
    .map(
      ([name, value]) =>
        `<FilterRule>${element('Name', name)}${element('Value', value)}</FilterRule>`,
    )
    .join('');
  const filter = filterRules === '' ? '' : `<Filter><S3Key>${filterRules}</S3Key></Filter>`;
  return `<TopicConfiguration>${element('Id', id)}${element('Topic', topic)}${elements('Event', events)}${filter}</TopicConfiguration>`;
}

export const rulesFor = (
  rules: readonly NotificationRule[],
  event: EventName,
  key: string,
): NotificationRule[] =>
  rules.filter(
    ({ events, prefix, suffix }) =>
      events.some((pattern) => matches(pattern, event)) &&
      key.startsWith(prefix) &&
      key.endsWith(suffix),
  );
