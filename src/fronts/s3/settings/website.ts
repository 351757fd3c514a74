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
import { element, elementIf, xmlDocument } from '../wire/xml-write.ts';

export interface Website {
  readonly index: string | null;
  readonly error: string | null;
  readonly redirectAll: { readonly host: string; readonly protocol: string | null } | null;
  readonly rules: readonly RoutingRule[];
}

export interface RoutingRule {
  readonly keyPrefix: string | null;
  readonly errorCode: string | null;
  readonly protocol: string | null;
  readonly host: string | null;
  readonly replacePrefix: string | null;
  readonly replaceKey: string | null;
  readonly status: string | null;
}

const malformed = (): S3Failure => new S3Failure('MalformedXML');

function protocolOf(node: XmlNode): string | null {
  const text = textOf(node, 'Protocol');
  if (text === null || text === 'http' || text === 'https') return text;
  throw new S3Failure(
    'InvalidRequest',
    'Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically.',
  );
}

export function websiteParse(bytes: Buffer): Website {
  const root = rootNamed(bytes, 'WebsiteConfiguration');
  onlyChildren(root, ['IndexDocument', 'ErrorDocument', 'RedirectAllRequestsTo', 'RoutingRules']);
  const all = childOf(root, 'RedirectAllRequestsTo');
  if (all !== null) {
    if (root.children.length > 1) throw malformed();
    return {
      index: null,
      error: null,
      redirectAll: { host: textNeeded(all, 'HostName'), protocol: protocolOf(all) },
      rules: [],
    };
  }
  const [indexNode, errorNode] = [childOf(root, 'IndexDocument'), childOf(root, 'ErrorDocument')];
  const index = indexNode === null ? null : textNeeded(indexNode, 'Suffix');
  if (index === null)
    throw badArgument(
      'IndexDocument',
      'null',
      'A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty',
    );
  if (index === '' || index.includes('/'))
    throw badArgument('IndexDocument', index, 'The IndexDocument Suffix is not well formed');
  const rules = childOf(root, 'RoutingRules');
  const found = rules === null ? [] : childrenOf(rules, 'RoutingRule').map(ruleParse);
  if (found.length > 50) throw malformed();
  return {
    index,
    error: errorNode === null ? null : textNeeded(errorNode, 'Key'),
    redirectAll: null,
    rules: found,
  };
}

function ruleParse(node: XmlNode): RoutingRule {
  onlyChildren(node, ['Condition', 'Redirect']);
  const [condition, redirect] = [childOf(node, 'Condition'), childOf(node, 'Redirect')];
  if (redirect === null || redirect.children.length === 0) throw malformed();
  const rule: RoutingRule = {
    keyPrefix: condition === null ? null : textOf(condition, 'KeyPrefixEquals'),
    errorCode: condition === null ? null : textOf(condition, 'HttpErrorCodeReturnedEquals'),
    protocol: protocolOf(redirect),
    host: textOf(redirect, 'HostName'),
    replacePrefix: textOf(redirect, 'ReplaceKeyPrefixWith'),
    replaceKey: textOf(redirect, 'ReplaceKeyWith'),
    status: textOf(redirect, 'HttpRedirectCode'),
  };
  if (condition !== null && rule.keyPrefix === null && rule.errorCode === null) throw malformed();
  if (rule.replaceKey !== null && rule.replacePrefix !== null) {
    throw new S3Failure(
      'InvalidRequest',
      'You can only define ReplaceKeyPrefix or ReplaceKey but not both.',
    );
  }
  if (rule.errorCode !== null && !/^[45]\d\d$/.test(rule.errorCode)) {
    throw new S3Failure(
      'InvalidRequest',
      'The provided HTTP error code is not valid. Valid codes are 4XX or 5XX.',
    );
  }
  if (rule.status !== null && !/^30[1-8]$/.test(rule.status)) {
    throw new S3Failure(
      'InvalidRequest',
      'The provided HTTP redirect code is not valid. Valid codes are 3XX except 300.',
    );
  }
  return rule;
}

export function websiteDocument({ index, error, redirectAll, rules }: Website): string {
  if (redirectAll !== null) {
    const { host, protocol } = redirectAll;
    return xmlDocument(
      'WebsiteConfiguration',
      `<RedirectAllRequestsTo>${element('HostName', host)}${elementIf('Protocol', protocol)}</RedirectAllRequestsTo>`,
    );
  }
  return xmlDocument(
    'WebsiteConfiguration',
    `<IndexDocument>${elementIf('Suffix', index)}</IndexDocument>` +
      (error === null ? '' : `<ErrorDocument>${element('Key', error)}</ErrorDocument>`) +
      (rules.length === 0 ? '' : `<RoutingRules>${rules.map(ruleElement).join('')}</RoutingRules>`),
  );
}

function ruleElement(rule: RoutingRule): string {
  const { keyPrefix, errorCode, protocol, host, replacePrefix, replaceKey, status } = rule;
  const condition =
    elementIf('KeyPrefixEquals', keyPrefix) + elementIf('HttpErrorCodeReturnedEquals', errorCode);
  const redirect =
    elementIf('Protocol', protocol) +
    elementIf('HostName', host) +
    elementIf('ReplaceKeyPrefixWith', replacePrefix) +
    elementIf('ReplaceKeyWith', replaceKey) +
    elementIf('HttpRedirectCode', status);
  return `<RoutingRule>${condition === '' ? '' : `<Condition>${condition}</Condition>`}<Redirect>${redirect}</Redirect></RoutingRule>`;
}

export interface Redirect {
  readonly status: number;
  readonly location: string;
}

/** Where a visitor is sent; null: the object itself answers. `errorStatus` is null before anything has failed. */
export function redirectOf(
  { redirectAll, rules }: Website,
  asked: {
    readonly key: string;
    readonly errorStatus: number | null;
    readonly scheme: string;
    readonly host: string;
  },
): Redirect | null {
  const { key, errorStatus, scheme, host } = asked;
  const path = (text: string): string => text.split('/').map(encodeURIComponent).join('/');
  if (redirectAll !== null) {
    const { protocol } = redirectAll;
    return { status: 301, location: `${protocol ?? scheme}://${redirectAll.host}/${path(key)}` };
  }
  const rule = rules.find(
    ({ keyPrefix, errorCode }) =>
      (keyPrefix === null || key.startsWith(keyPrefix)) &&
      (errorCode === null ? errorStatus === null : Number(errorCode) === errorStatus),
  );
  if (rule === undefined) return null;
  const { replaceKey, replacePrefix, keyPrefix } = rule;
  const target =
    replaceKey ??
    (replacePrefix === null ? key : replacePrefix + key.slice((keyPrefix ?? '').length));
  return {
    status: Number(rule.status ?? 301),
    location: `${rule.protocol ?? scheme}://${rule.host ?? host}/${path(target)}`,
  };
}
